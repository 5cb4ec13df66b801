"""Run one stage as a recorded job, and find a cell of the table that one made."""

from typing import Any

from msd.job import Job
from msd.running.run_job import run


def run_stage(rule: str, params: Any, inputs: dict[str, Any], folder: str, **files: str | list[str]) -> dict[str, Any]:
    """Outputs by name, as run by the workflow: `files` and the job's metrics and record, all in `folder`."""
    named = {"metrics": "metrics.json", "record": "record.json"} | files
    outputs = {
        name: f"{folder}/{file}" if isinstance(file, str) else [f"{folder}/{one}" for one in file]
        for name, file in named.items()
    }
    run(Job(rule, params, inputs, outputs))
    return outputs


def cell_of(table: dict[str, Any], **entries: object) -> dict[str, Any]:
    """The one cell of a table's JSON that has these entries."""
    [cell] = [cell for cell in table["cells"] if entries.items() <= cell.items()]
    return cell
