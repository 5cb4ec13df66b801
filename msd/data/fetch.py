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
    from msd.job import Job


def fetch(job: Job) -> dict[str, float]:
    """Fetch the files of `params.sources` to `outputs.files` (the same order) and write `outputs.source`."""
    sources, targets = job.params["sources"], [Path(path) for path in job.outputs["files"]]
    if [source["file"] for source in sources] != [target.name for target in targets]:
        raise UserError(
            f"fetch {job.params['name']}: the sources give {[source['file'] for source in sources]}, "
            f"the job wants {[target.name for target in targets]}"
        )
    licence = job.params["licence"]
    print(f"{job.params['name']}: licence {licence['name']} ({licence.get('url') or licence.get('text')})",
          file=sys.stderr)  # fmt: skip
    files = [obtain(source, target) for source, target in zip(sources, targets, strict=True)]
    content = {
        "name": job.params["name"],
        "licence": licence,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "files": files,
    }
    path = Path(job.outputs["source"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return {"files": float(len(files)), "bytes": float(sum(file["bytes"] for file in files))}
