"""Jobs of stages that a test defines, run in the working folder by the real job runner."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msd.job import Job
from msd.lineage.record import seal
from msd.running.run_job import run


def run_job(
    rule: str, folder: str, inputs: list[str] | dict[str, str], params: dict[str, Any] | None = None, **files: str
) -> None:
    """Run a job that writes `files`, by name, and its record into results/`folder`."""
    outputs = {name: f"results/{folder}/{file}" for name, file in {**files, "record": "record.json"}.items()}
    named = inputs if isinstance(inputs, dict) else {"all": inputs}
    run(Job(rule, params or {}, named, outputs, ["msd.errors"]))


def edit_record(path: str | Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Make a record what another machine or another version could have written."""
    content = json.loads(Path(path).read_text())
    change(content)
    Path(path).write_text(json.dumps(content | {"seal": seal(content)}))
