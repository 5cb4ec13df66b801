"""One run for all tests of this folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shades import Made, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, write_tokenizer: Callable[[Path], None]) -> Iterator[Made]:
    """A run and its export, in the current folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("project"))
        yield make(write_tokenizer)
