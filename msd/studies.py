"""Any study file: the key `kind` says which model reads it, a study without one is of MSD."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msd.config.study import Study, load_study
from msd.config.yaml_file import read_yaml
from msd.errors import UserError, nearest
from msd.mfh.study import MfhStudy, load_mfh_study

AnyStudy = Study | MfhStudy
KINDS = ("mfh",)


def open_study(path: str | Path, overrides: dict[str, Any] | None = None) -> AnyStudy:
    """Read, validate and check a study file; `overrides` replace its top-level keys.

    Raises:
        UserError: one sentence that names file, line, key and the nearest valid name.
    """
    kind = {**read_yaml(path), **(overrides or {})}.get("kind")
    if kind is None:
        return load_study(path, overrides)
    if kind not in KINDS:
        raise UserError(f"{path}: there is no kind of study {kind!r}{nearest(str(kind), list(KINDS))}")
    return load_mfh_study(path, overrides)
