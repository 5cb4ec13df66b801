"""What every test starts from."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from msd.system.processor import settle_arithmetic

if TYPE_CHECKING:
    from synthetic_jobs import FakeStudy

settle_arithmetic()  # torch is not imported yet; each job does the same
os.environ |= {f"GIT_{role}_NAME": "t" for role in ("AUTHOR", "COMMITTER")}
os.environ |= {f"GIT_{role}_EMAIL": "t@example.org" for role in ("AUTHOR", "COMMITTER")}

PROJECT = Path(__file__).resolve().parents[1]
WORDS = ["red", "blue", "cat", "dog", "a", "the"]


@pytest.fixture(autouse=True)
def _plain_process() -> Iterator[None]:
    """Stages flush denormals, demand deterministic kernels and listen to signals; tests share one process."""
    listening = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in listening.items():
        signal.signal(number, handler)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_flush_denormal(False)
        torch.use_deterministic_algorithms(False)


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small_files() -> Callable[[], AbstractContextManager[None]]:
    """In a block, no file may be larger than 16 KiB: what a full disk does, and any account can ask for."""

    @contextmanager
    def limited() -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # an import would leave half of its bytecode
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**14, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            sys.dont_write_bytecode = kept

    return limited


@pytest.fixture
def fresh_project(working_folder: Path) -> Path:
    """The project without results, as working folder; its config/ and workflow/ are copies."""
    for name in ("msd", "profiles", "Snakefile", "CITATION.cff"):
        (working_folder / name).symlink_to(PROJECT / name)
    for name in ("config", "workflow"):
        shutil.copytree(PROJECT / name, working_folder / name)
    return working_folder


@pytest.fixture(scope="session")
def write_tokenizer() -> Callable[[Path], None]:
    """A function that writes a tokenizer.json of a few words."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing

    def write(path: Path) -> None:
        pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
        tokenizer = Tokenizer(WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
        tokenizer.normalizer = BertNormalizer()
        tokenizer.pre_tokenizer = BertPreTokenizer()
        ends = [("[CLS]", 2), ("[SEP]", 3)]
        tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
        tokenizer.save(str(path))

    return write


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of the shared study go to one process: it takes half a minute to make."""
    for item in items:
        if "fake_study" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("synthetic study"))


@pytest.fixture(scope="session")
def fake_study(tmp_path_factory: pytest.TempPathFactory) -> FakeStudy:
    """A small synthetic study whose cells are collected; tests must not change its files."""
    from synthetic_jobs import collected_study

    return collected_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def reported_study(fake_study: FakeStudy) -> FakeStudy:
    """The shared study with its tables, figures and report."""
    from synthetic_jobs import make_report

    return make_report(fake_study)


@pytest.fixture
def in_study(reported_study: FakeStudy, monkeypatch: pytest.MonkeyPatch) -> FakeStudy:
    """The shared study as working directory."""
    monkeypatch.chdir(reported_study.root)
    return reported_study


@pytest.fixture
def new_study(working_folder: Path) -> Callable[..., FakeStudy]:
    """A study of the test's own, not collected, that it may change; by default the dataset `match` alone."""
    from synthetic_jobs import FakeStudy

    def write(**changed: Any) -> FakeStudy:
        settings: dict[str, Any] = {"samples": {"val": 20, "test": 30}, "datasets": ("match",)}
        return FakeStudy(working_folder, **settings | changed).write()

    return write
