"""Faults of files and of settings, and what their user is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from msd.errors import UserError


@contextmanager
def one_sentence(match: str) -> Iterator[None]:
    """What is inside raises a UserError of one line that has `match`."""
    with pytest.raises(UserError, match=match) as caught:
        yield
    assert "\n" not in str(caught.value)


def changed_yaml(source: Path | str, target: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """`target`, to which the content of a YAML file is written after `change` was made to it."""
    content = yaml.safe_load(Path(source).read_text())
    change(content)
    target.write_text(yaml.safe_dump(content, sort_keys=False))
    return target
