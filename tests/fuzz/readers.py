"""Damaged files for every reader of outside files: each is read, or refused in one sentence that is always the same.

`make fuzz` reads 10,000 folders; `python tests/fuzz/readers.py --only nyu-depth:17` repeats one. It stops with status 1
where a reader raises something else than UserError, opens a file outside its folder, unpickles what is no array, takes
values that are not finite or labels that are none, or needs more than a minute.
"""

import argparse
import builtins
import contextlib
import json
import re
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from damage import OUTSIDE, damaged
from folders import RNG
from targets import TARGETS

from msd.errors import UserError

NAME = re.compile(r"\b[A-Z]\w*(Error|Exception|Warning)\b|Traceback|0x[0-9a-f]{6}|\n")
OWN = ("concurrent.futures.process", "scipy.io.matlab._miobase", "numpy._core.multiarray")
ARRAYS = (("numpy", "ndarray"), ("numpy", "dtype"))
opened: list[str] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Notes every file that is opened below a folder that no reader was given, and every class that is unpickled."""
    if event == "open" and OUTSIDE in str(arguments[0]):
        opened.append(str(arguments[0]))
    if event == "pickle.find_class" and not _is_own(*arguments[:2]):
        opened.append(f"pickle of {arguments[:2]}")


def _is_own(module: str, name: str) -> bool:
    """Whether a process of ours sends a result, of arrays maybe, or an error."""
    is_error = module == "builtins" and issubclass(getattr(builtins, name, int), Exception)
    return is_error or module in OWN or (module, name) in ARRAYS


@contextlib.contextmanager
def at_most(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {seconds} seconds")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def outcome(read: Any, folder: Path) -> str:
    """What a reader says of a folder: "read" and its findings, or its sentence; AssertionError for anything else."""
    opened.clear()
    try:
        with at_most(60), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            findings = read(folder)
        sentence = f"read: {json.dumps(findings, ensure_ascii=False, default=str)}"
        assert not NAME.search(sentence), sentence
    except UserError as error:
        sentence = str(error)
        assert not NAME.search(sentence), sentence
    assert not opened, opened
    return sentence


def case(target: str, number: int, *, seed: int = 0) -> str:
    """Read one damaged folder twice; its sentence, or AssertionError."""
    make, read, _ = TARGETS[target]
    rng = np.random.default_rng([seed, number, zlib.crc32(target.encode())])
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top, "data")
        if target not in wholes:
            wholes[target] = Path(tempfile.mkdtemp())
            RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state
            make(wholes[target])
        shutil.copytree(wholes[target], folder)
        for name in ("a", "a.npy"):
            Path(top, OUTSIDE).mkdir(exist_ok=True)
            Path(top, OUTSIDE, name).write_bytes(b"secret")
        what = damaged(folder, rng)
        try:
            first = outcome(read, folder)
            if number % 10 == 0:
                assert outcome(read, folder) == first, f"two sentences: {first}"
        except Exception as error:
            raise AssertionError(f"{target}:{number} ({what}): {type(error).__name__}: {error}") from error
        assert sorted(path.name for path in Path(top).iterdir()) == ["data", OUTSIDE]
        return first


wholes: dict[str, Path] = {}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="target, or target:case")
    options = parser.parse_args()
    sys.addaudithook(watch)
    chosen, _, single = (options.only or "").partition(":")
    total = sum(share for name, (*_, share) in TARGETS.items() if chosen in ("", name))
    failures, outcomes = 0, Counter[tuple[str, bool]]()
    for name, (*_, share) in TARGETS.items():
        if chosen not in ("", name):
            continue
        numbers = [int(single)] if single else range(-(-options.cases * share // total))
        for number in numbers:
            try:
                sentence = case(name, number, seed=options.seed)
                outcomes[name, sentence.startswith("read: ")] += 1
                if single:
                    print(sentence)
            except AssertionError as error:
                failures += 1
                print(error, flush=True)
                if single:
                    traceback.print_exc()
        print(f"{name}: {outcomes[name, True]} read, {outcomes[name, False]} refused in a sentence", flush=True)
    print(f"{sum(outcomes.values()) + failures} cases, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
