"""Raw files of data sets in the published layouts, for a test to change, and how it prepares them or a user's own."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import own_table_files
import published_memes
import pytest
import snli_ve_files

Files = dict[str, bytes]
PREPARED: dict[str, Callable[..., Any]] = {
    "hateful_memes": published_memes.prepared,
    "own_table": own_table_files.prepared,
    "snli_ve": snli_ve_files.prepared,
}


@pytest.fixture
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Any]:
    """A function that prepares raw files of the data set that a test's module is named after, as `PREPARED` says."""
    name = request.module.__name__.removeprefix("test_").removesuffix("_faults")
    return partial(PREPARED[name], tmp_path)


@pytest.fixture
def second_phase() -> Files:
    """The zip of the second phase of Hateful Memes."""
    return published_memes.published(published_memes.SECOND_PHASE, unlabelled=("test_unseen",))


@pytest.fixture
def published() -> Files:
    """All raw files of SNLI-VE."""
    return snli_ve_files.published_files()


@pytest.fixture
def ready_made() -> Files:
    """The official files of SNLI-VE with the pictures."""
    return snli_ve_files.ready_made_files()
