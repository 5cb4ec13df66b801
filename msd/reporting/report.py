"""Stage `report`: the whole study on one HTML page that needs no network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from msd.errors import UserError
from msd.reporting.comparisons import metric_title, titles
from msd.reporting.page import LAST_FIGURE, group, page_figure, page_table, paragraphs, sections
from msd.reporting.page_lineage import as_script, page_lineage
from msd.reporting.render import number
from msd.reporting.results import read_json

if TYPE_CHECKING:
    from msd.job import Job


def report(job: Job) -> dict[str, float]:
    """Write report.html from tables, figures, captions, cells, sources, records, the study file and the citation."""
    by_path = {path: read_json(path) for path in job.inputs["tables"]}
    tables = {table["name"]: table for table in by_path.values()}
    if "main" not in tables:
        raise UserError("the report job needs the table main.json among its inputs")
    figures = [page_figure(Path(path), tables["main"]) for path in job.inputs["figures"]]
    groups = group(figures, {Path(path).stem: paragraphs(Path(path)) for path in job.inputs["captions"]})
    lineage = page_lineage(by_path, job.inputs["figures"], declared=job.inputs["records"])
    page = _template().render(
        params=job.params,
        titles=titles(job.params),
        sections=sections({name: page_table(table) for name, table in tables.items()}, groups),
        rule_graph=groups.get(LAST_FIGURE),
        samples=tables["main"]["samples"],
        cells=[read_json(path) for path in job.inputs["cells"]],
        sources=[read_json(path) for path in job.inputs["sources"]],
        environment=read_json(job.inputs["environment"]),
        study=Path(job.inputs["study"]).read_text(encoding="utf-8"),
        citation=_citation(job.inputs["citation"]),
        lineage=Markup(as_script(lineage)),  # noqa: S704 - JSON without any `<`
        problems=lineage["problems"],
    )
    Path(job.outputs["report"]).write_text(page, encoding="utf-8")
    return {"tables": float(len(tables)), "figures": float(len(figures)), "bytes": float(len(page.encode()))}


def _template() -> Any:
    environment = Environment(loader=PackageLoader("msd.reporting"), autoescape=True, undefined=StrictUndefined)
    environment.globals.update(number=number, metric_title=metric_title)
    return environment.get_template("report.html.j2")


def _citation(path: str) -> dict[str, Any]:
    """CITATION.cff with its authors as printed."""
    content: dict[str, Any] = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    for work in (content, *content["references"]):
        work["authors"] = [
            f"{author['given-names']} {author['family-names']}" if "family-names" in author else author["name"]
            for author in work["authors"]
        ]
    return content
