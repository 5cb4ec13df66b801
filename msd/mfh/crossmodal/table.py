"""The table of the data sets that a user has: each teacher and its students, beside the paper's values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from msd.data.findings import counted
from msd.mfh.cells import by_seed, paired, scored_cell
from msd.mfh.crossmodal.scores import METRICS
from msd.system.text_file import read_json
from msd.tables.cell import Cell, Paper, Value
from msd.tables.table import Table, corrected

if TYPE_CHECKING:
    from msd.config.published import Published
    from msd.job import Job
    from msd.mfh.crossmodal.config import CrossmodalTable
    from msd.mfh.study import ReportParams

    Datasets = Mapping[str, CrossmodalTable]

NAME = "crossmodal"
NONE = "none"
ROLES = {"teacher": "Teacher", "kd": "Student"}


def crossmodal_tables(job: Job[ReportParams]) -> list[Table]:
    """The table of inputs["crossmodal"]; none where the study has no such dataset."""
    datasets = job.params.crossmodal
    if not datasets:
        return []
    runs = {Path(path).parent.name: str(Path(path).parent) for path in job.inputs["crossmodal"]}
    frames = {name: pd.read_parquet(f"{runs[name]}/runs.parquet") for name in datasets}
    findings = {Path(path).parent.name: read_json(path)["counts"] for path in job.inputs["crossmodal_findings"]}
    return [crossmodal_table(frames, datasets, runs=runs, study=job.params.study, findings=findings)]


def crossmodal_table(
    frames: Mapping[str, pd.DataFrame],
    datasets: Datasets,
    *,
    runs: Mapping[str, str],
    study: str,
    findings: Mapping[str, Mapping[str, int]] | None = None,
) -> Table:
    """Each teacher with its students on every data set, beside the paper's values.

    frames: data set -> teacher, method, seed, score in percent. runs: data set -> folder of its runs. findings: data
    set -> what was done with bad records -> how many.
    """
    cells = [cell for name, frame in frames.items() for cell in _cells(name, frame, datasets[name], runs[name])]
    cells, family = corrected(cells)
    sources = dict.fromkeys(str(cell.place["source"]) for cell in cells)
    return Table(
        name=NAME,
        caption="Data sets that a user has: test scores (%) of teachers and of their students of another modality.",
        notes=[*_notes(datasets, cells), *_bad_records(datasets, findings or {})],
        study=study,
        family=family,
        rows=["dataset", "source"],
        columns=["role"],
        titles={
            "dataset": {name: about.title for name, about in datasets.items()},
            "method": {
                cell.method: f"{ROLES[str(cell.place['role'])]}: {_title(str(cell.place['source']))}" for cell in cells
            },
            "metric": {name: f"{METRICS[about.metric].title}, %" for name, about in datasets.items()},
            "source": {source: _title(source) for source in sources},
            "role": ROLES,
        },
        cells=cells,
        more={"checks": []},
    )


def _cells(name: str, frame: pd.DataFrame, about: CrossmodalTable, run: str) -> list[Cell]:
    """Cells of one data set: the student without a teacher, then each teacher's kinds with their students."""
    cells: list[Cell] = []
    single = frame["teacher"].nunique() == 1
    for teacher, part in frame.groupby("teacher", sort=False):
        results = by_seed(part, "score")
        for method, values in results.items():
            role, _, kind = method.partition("-")
            alone = method == "no-kd"
            if alone and cells:
                continue  # one for all teachers
            gain = paired(results, method, "no-kd", n=len(values)) if role == "kd" else None
            paper = _paper(method, str(teacher), about.published, single=single)
            more: dict[str, Any] = {"against": gain, "paper": paper, "details": {"unit": "percent"}}
            place = {"source": NONE, "role": "kd"} if alone else {"source": f"{teacher}/{kind}", "role": role}
            value = Value.over_seeds(values, metric=about.metric)
            cells.append(scored_cell(name, method, about.metric, value, place, [run], **more))
    return cells


def _paper(method: str, teacher: str, published: Sequence[Published], *, single: bool) -> Paper:
    """The paper's value, with no verdict; its tables name a teacher by modalities, a single one by its kind."""
    role, _, kind = method.partition("-")
    names = [method] if single or method == "no-kd" else []
    names += [f"{role}-{teacher}"] if kind == "regular" else []
    known = [item for item in published if item.against is None]
    values = [(item.values[key][0], item.source) for key in names for item in known if key in item.values]
    return next((Paper(value, source) for value, source in values if value is not None), Paper(None))


def _notes(datasets: Datasets, cells: Sequence[Cell]) -> list[str]:
    """How to read the table; of each data set what the paper says of it, and what is not known of its set-up."""
    notes = [
        "± is half a 95 % t-interval over seeds.",
        "Below a student: gain over no teacher, paired by seed, 95 % interval, Holm-corrected p.",
        "General, specific and random teachers have a share of their channels silenced, as Algorithm 1 ranks them.",
        "The paper's values stand beside ours with no verdict: its set-up is known in part.",
    ]
    shown = {(cell.dataset, cell.paper.value) for cell in cells if cell.paper is not None}
    for name, about in datasets.items():
        for item in about.published:
            values = {method: row[0] for method, row in item.values.items() if row[0] is not None}
            if not values or all((name, value) in shown for value in values.values()):
                continue
            over = f" over {item.against}" if item.against else ""
            stated = ", ".join(f"{method}{over} {value:g}" for method, value in values.items())
            notes.append(f"{about.title}, published: {stated} ({item.source}).")
        title, unknown = about.title, "; ".join(about.not_known)
        notes.append(f"{title}: r = {about.share:g}. Not known of the paper: {unknown}.")
        if about.differs:
            notes.append(f"{title}, otherwise here: {'; '.join(about.differs)}.")
    return notes


def _bad_records(datasets: Datasets, findings: Mapping[str, Mapping[str, int]]) -> list[str]:
    return [line for name, counts in findings.items() for line in counted(datasets[name].title, counts)]


def _title(source: str) -> str:
    if source == NONE:
        return "No teacher"
    teacher, _, kind = source.rpartition("/")
    return f"{teacher.capitalize()}, {kind}"
