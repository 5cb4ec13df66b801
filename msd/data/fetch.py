"""Stage `fetch`: bring the raw files of a dataset or an encoder here, verified, with their licence on record."""

from __future__ import annotations

import datetime
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from msd.data.sources import obtain
from msd.errors import UserError

if TYPE_CHECKING:
    from msd.config.contracts.data import FetchParams, Licence
    from msd.job import Job


def fetch(job: Job[FetchParams]) -> dict[str, float]:
    """Fetch the files of `params.sources` to `outputs.files` (the same order) and write `outputs.source`."""
    params, targets = job.params, [Path(path) for path in job.outputs["files"]]
    given, wanted = [source.name for source in params.sources], [target.name for target in targets]
    if given != wanted:
        raise UserError(f"fetch {params.name}: the sources give {given}, the job wants {wanted}")
    print(f"{params.name}: licence {params.licence.name} ({params.licence.terms})", file=sys.stderr)
    if variables := unset(params.licence):
        raise UserError(f"{params.name}: {not_set(variables[0], params.licence)}")
    sources = [source.model_dump(exclude_none=True) for source in params.sources]
    files = [
        obtain(source, target, owner=params.name, terms=params.licence.terms)
        for source, target in zip(sources, targets, strict=True)
    ]
    content = {
        "name": params.name,
        "licence": params.licence.model_dump(exclude_none=True),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "files": files,
    }
    path = Path(job.outputs["source"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return {"files": float(len(files)), "bytes": float(sum(file["bytes"] for file in files))}


def unset(licence: Licence) -> list[str]:
    """The variables of the environment that a licence's data needs and that have no value."""
    return [name for name in licence.environment or [] if not os.environ.get(name)]


def not_set(variable: str, licence: Licence) -> str:
    """What to do about a variable without a value."""
    return f"the variable {variable} of the environment is not set; give it the value that came with {licence.terms}"
