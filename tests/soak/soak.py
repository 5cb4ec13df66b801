"""Random small studies through the real workflow, with arithmetic for models: are the tables what they must be?

    make soak                                        500 studies; CASES=… and SEED=… choose others
    python tests/soak/soak.py --seed 0 --only 17     one of them again

Each study is planned, run, and run again with nothing to do. Then files get lost, the study is changed, or two calls
run at once; each time the same command has to end in the tables that the study's YAML alone says (expected.py), in the
same bytes where nothing was changed, with every record in order.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from calls import PROJECT, SERVER, planned, snakemake, success
from expected import expected_cells, expected_jobs
from random_study import edited, random_study
from stand_ins import CLIENT, serve

from msd.lineage.audit import audit
from msd.running.frozen import freeze, package_digest

STUDY = "soak.yaml"
RUN = ("--configfile", STUDY, "--cores", "2", "--max-jobs-per-timespan", "100/1s")
UNLIKE = ("logs", "benchmarks", "jobs", "scratch")
"""Folders of what no two runs need to have alike."""
SOCKET = "stand-ins"
ENDING = ".snakemake/locks/"
REFUSALS = ("cannot be locked", "a concurrent process has deleted it", ENDING)
"""What a call says that met another one: at its lock; before it, while it looked at the files; and, with a traceback of
Snakemake's, where the other one ended just then, for the end of a call removes the folder of all locks."""


@contextlib.contextmanager
def project() -> Iterator[Path]:
    """A folder with the project, and a server of its jobs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "project")
        folder.mkdir()
        for each in ("msd", "config", "workflow", "profiles", "Snakefile", "CITATION.cff"):
            (folder / each).symlink_to(PROJECT / each)
        server = multiprocessing.get_context("fork").Process(target=serve, args=(f"{folder}/{SOCKET}",))
        server.start()
        try:
            yield folder
        finally:
            server.terminate()
            server.join()


def case(number: int, *, seed: int, folder: Path) -> str:
    """Run one study through everything; what was done, AssertionError where something is not as it must be."""
    random = Random(f"{seed} {number}")
    study = random_study(random)
    shutil.rmtree(folder / "results", ignore_errors=True)
    shutil.rmtree(folder / ".snakemake", ignore_errors=True)
    with contextlib.chdir(folder):  # the copy of the package that jobs run
        (freeze(package_digest()) / "__main__.py").write_text(CLIENT.format(address=f"{folder}/{SOCKET}"))
    write(study, folder)
    plan = planned(success(*RUN, "--dry-run", folder=folder))
    trainings = sum(message.startswith("Train ") for message in plan)
    assert trainings == expected_jobs(study), f"{trainings} trainings are planned, not {expected_jobs(study)}"
    success(*RUN, folder=folder)
    done = []
    for happened in sorted(random.sample([lose, call_twice, change], 2), key=lambda each: each is change):
        check(study, folder)
        before = made(folder)
        study, what = happened(study, folder, random)
        success(*RUN, folder=folder)
        if happened is not change:
            after = made(folder)
            unlike = sorted(path for path in before | after if before.get(path) != after.get(path))
            assert not unlike, f"after {what}: {unlike[:5]}"
        done.append(what)
    check(study, folder)
    return f"{len(plan)} jobs, {'; '.join(done)}"


def write(study: dict[str, Any], folder: Path) -> None:
    (folder / STUDY).write_text(yaml.safe_dump(study, sort_keys=False))


def check(study: dict[str, Any], folder: Path) -> None:
    """The tables are those of the study, nothing is left to do, and every record is in order."""
    tables = sorted((folder / "results/soak/tables").glob("*.json"))
    content = json.loads(next(path for path in tables if path.name not in ("metrics.json", "record.json")).read_text())
    assert content["cells"] == expected_cells(study), f"{content['cells']} are not {expected_cells(study)}"
    left = planned(success(*RUN, "--dry-run", folder=folder))
    assert left == [], f"left to do: {left}"
    with contextlib.chdir(folder):
        report = audit(Path("results"))
    assert report.status == 0, str(report)


def made(folder: Path) -> dict[str, bytes | None]:
    """path -> content of all that a study made; None for a record, which has its times."""
    files = [path for path in (folder / "results").rglob("*") if path.is_file() and ".hashes" not in path.name]
    kept = {path.relative_to(folder).as_posix(): path for path in files if not {*UNLIKE} & {*path.parts}}
    return {name: None if path.name == "record.json" else path.read_bytes() for name, path in sorted(kept.items())}


def lose(study: dict[str, Any], folder: Path, random: Random) -> tuple[dict[str, Any], str]:
    """Delete a few files of all kinds, or a folder with all that is in it."""
    files = list(made(folder))
    if random.random() < 0.3:
        lost = [Path(random.choice(files)).parent.as_posix()]
        shutil.rmtree(folder / lost[0])
    else:
        lost = random.sample(files, random.randint(1, 4))
        for file in lost:
            (folder / file).unlink()
    return study, f"lost {', '.join(lost)}"


def change(study: dict[str, Any], folder: Path, random: Random) -> tuple[dict[str, Any], str]:
    """Change something in the study: at last, for what it leaves of the former one nothing makes again once lost."""
    other = edited(study, random)
    write(other, folder)
    return other, f"changed {[key for key in other if other[key] != study[key]]}"


def call_twice(study: dict[str, Any], folder: Path, random: Random) -> tuple[dict[str, Any], str]:
    """Lose something, then call Snakemake twice at once: each call succeeds, or says that the other one is there."""
    _, what = lose(study, folder, random)
    with ThreadPoolExecutor(2) as pool:
        calls = list(pool.map(lambda _: snakemake(*RUN, folder=folder), range(2)))
    for call in calls:
        said = call.stdout + call.stderr
        assert call.returncode == 0 or any(refusal in said for refusal in REFUSALS), said
        assert "Traceback" not in said or ENDING in said, said
    assert any(call.returncode == 0 for call in calls)
    return study, f"two calls after {what}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="number of one case")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    SERVER.set_forkserver_preload(["__main__", "snakemake.cli", "torch", "msd.studies"])  # one code for all its calls
    numbers = range(options.first, options.first + options.cases) if options.only is None else [options.only]
    failures = 0
    with project() as folder:
        for number in numbers:
            started = time.perf_counter()
            try:
                said = case(number, seed=options.seed, folder=folder)
            except Exception as error:  # any fault is a failure of this case, and the others still run
                failures += 1
                said = f"FAILED: {error}\n  again: python tests/soak/soak.py --seed {options.seed} --only {number}"
                if options.only is not None:
                    traceback.print_exc()
            print(f"{number}: {said} ({time.perf_counter() - started:.0f} s)", flush=True)
    print(f"{len(numbers)} studies, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
