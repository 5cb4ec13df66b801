"""Stage `resolve`: the study with every file it names merged in, as one YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from msd.config.contracts.tables import ResolveParams
    from msd.job import Job


def resolve(job: Job[ResolveParams]) -> dict[str, float]:
    """Write the job's parameters, which are the whole resolved study, to outputs["study"]."""
    text = yaml.safe_dump(job.params.root, sort_keys=False, allow_unicode=True, width=120)
    Path(job.outputs["study"]).write_text(text, encoding="utf-8")
    return {}
