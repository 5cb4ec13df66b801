"""Stage `report`: the whole study on one HTML page that needs no network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import yaml
from markupsafe import Markup

from msd.errors import UserError
from msd.measure.metric import METRICS
from msd.report.glance import glance
from msd.report.page import LAST_FIGURE, group, page_figure, page_table, paragraphs, sections, template
from msd.report.page_lineage import as_script, page_lineage
from msd.report.registered import registration
from msd.report.rule_graph import rule_graph, rule_graph_figure
from msd.report.style import SETTINGS, save
from msd.system.text_file import read_json
from msd.tables.comparisons import titles
from msd.tables.table import read_table

if TYPE_CHECKING:
    from msd.config.contracts.tables import ReportParams
    from msd.job import Job


def report(job: Job[ReportParams]) -> dict[str, float]:
    """Write report.html from tables, figures, captions, cells, sources, records, the study file and the citation.

    The rule graph, outputs["graph"], is drawn from the same records.
    """
    by_path = {path: read_table(path) for path in job.inputs["tables"]}
    tables = {table.name: table for table in by_path.values()}
    if "main" not in tables:
        raise UserError("the report job needs the table main.json among its inputs")
    drawn = [*job.inputs["figures"], _draw_rule_graph(job)]
    figures = [page_figure(Path(path), tables["main"]) for path in drawn]
    groups = group(figures, {Path(path).stem: paragraphs(Path(path)) for path in job.inputs["captions"]})
    lineage = page_lineage(by_path, job.inputs["figures"], declared=job.inputs["records"])
    page = template("report.html.j2", metrics=METRICS).render(
        params=job.params,
        titles=titles(job.params),
        sections=sections({name: page_table(table) for name, table in tables.items()}, groups),
        glance=glance(tables["claims"], titles(job.params)["dataset"]) if "claims" in tables else None,
        claims=tables["claims"].more["claims"] if "claims" in tables else {},
        registration=registration(job.inputs["records"], job.inputs["environment"]),
        rule_graph=groups.get(LAST_FIGURE),
        samples=tables["main"].more["samples"],
        cells=[read_json(path) for path in job.inputs["cells"]],
        sources=[read_json(path) for path in job.inputs["sources"]],
        findings={Path(path).parents[1].name: read_json(path)["counts"] for path in job.inputs["findings"]},
        environment=read_json(job.inputs["environment"]),
        study=Path(job.inputs["study"]).read_text(encoding="utf-8"),
        citation=_citation(job.inputs["citation"]),
        traced=lineage["figures"],
        lineage=Markup(as_script(lineage)),  # noqa: S704 - JSON without any `<`
        problems=lineage["problems"],
    )
    Path(job.outputs["report"]).write_text(page, encoding="utf-8")
    return {"tables": float(len(tables)), "figures": float(len(figures)), "bytes": float(len(page.encode()))}


def _draw_rule_graph(job: Job[ReportParams]) -> str:
    """Save the rule graph in all declared forms; the path of its SVG."""
    read = [path for files in job.inputs.values() for path in (files if isinstance(files, list) else [files])]
    graph, jobs = rule_graph(job.inputs["records"], last=job.rule, read=read)
    with mpl.rc_context(SETTINGS):
        figure = rule_graph_figure(graph, jobs)
    for path in job.outputs["graph"]:
        save(figure, path)
    return next(str(path) for path in job.outputs["graph"] if path.endswith(".svg"))


def _citation(path: str) -> dict[str, Any]:
    """CITATION.cff with its authors as printed."""
    content: dict[str, Any] = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    for work in (content, *content["references"]):
        work["authors"] = [
            f"{author['given-names']} {author['family-names']}" if "family-names" in author else author["name"]
            for author in work["authors"]
        ]
    return content
