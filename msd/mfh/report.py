"""Stage `mfh_report`: the study of the Modality Focusing Hypothesis on one HTML page that needs no network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msd.mfh.cells import Check
from msd.mfh.figures import FIGURES
from msd.report.page import data_uri, template
from msd.system.text_file import read_json
from msd.tables.render import grid, notes
from msd.tables.table import read_table

if TYPE_CHECKING:
    from msd.job import Job
    from msd.mfh.study import ReportParams


def report(job: Job[ReportParams]) -> dict[str, float]:
    """Write report.html from the tables' JSON, the figures' SVG, their captions, the study file and a record."""
    tables = [read_table(path) for path in job.inputs["tables"]]
    figures = map(Path, job.inputs["figures"])
    pictures = {path.stem.replace("-", "_"): data_uri(path.read_text(encoding="utf-8")) for path in figures}
    page = template("mfh.html.j2", figures=FIGURES).render(
        params=job.params,
        parts=[(table, grid(table), notes(table), pictures.get(table.name)) for table in tables],
        captions=[" ".join(Path(path).read_text(encoding="utf-8").split()) for path in job.inputs["captions"]],
        checks=[(table.name, Check(**check)) for table in tables for check in table.more["checks"]],
        titles={table.name: table.caption.partition(":")[0] for table in tables},
        study=Path(job.inputs["study"]).read_text(encoding="utf-8"),
        environment=read_json(job.inputs["environment"]),
    )
    Path(job.outputs["report"]).write_text(page, encoding="utf-8")
    return {"bytes": float(len(page.encode()))}
