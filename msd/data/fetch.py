"""Stage `fetch`: bring the raw files of a dataset or an encoder here, verified, with their licence on record."""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from msd.data.sources import obtain
from msd.errors import UserError

if TYPE_CHECKING:
    from msd.config.contracts.data import FetchParams
    from msd.job import Job


def fetch(job: Job[FetchParams]) -> dict[str, float]:
    """Fetch the files of `params.sources` to `outputs.files` (the same order) and write `outputs.source`."""
    params, targets = job.params, [Path(path) for path in job.outputs["files"]]
    given, wanted = [source.file for source in params.sources], [target.name for target in targets]
    if given != wanted:
        raise UserError(f"fetch {params.name}: the sources give {given}, the job wants {wanted}")
    terms = params.licence.url or params.licence.text
    print(f"{params.name}: licence {params.licence.name} ({terms})", file=sys.stderr)
    sources = [source.model_dump(exclude_none=True) for source in params.sources]
    brought = Path(params.data_root) / params.name
    files = [obtain(source, target, brought=brought) for source, target in zip(sources, targets, strict=True)]
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
