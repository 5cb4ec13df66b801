"""The table of pictures and recordings of digits: every teacher and its student, beside the paper's table 1."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from msd.data.findings import counted
from msd.measure.scorers import FloatArray, mean_scorer
from msd.measure.stats import Resampling
from msd.mfh.cells import expectation, scored_cell
from msd.system.text_file import read_json
from msd.tables.cell import Against, Cell, Paper, Value
from msd.tables.table import Table, corrected

if TYPE_CHECKING:
    from msd.job import Job
    from msd.mfh.av_mnist.config import AvMnistTable
    from msd.mfh.study import ReportParams

NAME = "av_mnist"
DRAWS = 1000
TEACHERS = {
    "none": "No teacher",
    "audio": "Audio",
    "both": "Image and audio",
    "regular": "Algorithm 1, regular",
    "general": "Algorithm 1, general",
    "specific": "Algorithm 1, specific",
    "random": "Algorithm 1, random",
}
"""Teachers, by what a method's name ends with."""
ROLES = {"kd": "Student", "teacher": "Teacher itself"}
TITLES = {"no-kd": "Student: No teacher"} | {
    f"{role}-{teacher}": f"{title}: {TEACHERS[teacher]}"
    for role, title in (("kd", "Student"), ("teacher", "Teacher"))
    for teacher in TEACHERS
}
ORDER = (
    ("teacher-both", ">", "teacher-audio"),
    ("kd-audio", ">", "no-kd"),
    ("kd-audio", ">", "kd-both"),
    ("kd-general", "≥", "kd-regular"),
    ("kd-regular", "≥", "kd-random"),
    ("kd-random", ">", "kd-specific"),
    ("teacher-regular", ">", "teacher-general"),
)
"""What the paper's table shows, then what the hypothesis lets expect of teachers with silenced channels."""


def av_mnist_tables(job: Job[ReportParams]) -> list[Table]:
    """The table of inputs["av_mnist"]."""
    path, about = Path(job.inputs["av_mnist"]), job.params.av_mnist
    counts: Counter[str] = Counter()
    for findings in job.inputs["av_mnist_findings"]:
        counts.update(read_json(findings)["counts"])
    table = av_mnist_table(pd.read_parquet(path), about, run=str(path.parent), study=job.params.study)
    return [replace(table, notes=[*table.notes, *counted(about.title, counts)])]


def av_mnist_table(frame: pd.DataFrame, about: AvMnistTable, *, run: str, study: str) -> Table:
    """Every teacher with its student, gains being paired by seed and test sample.

    frame: method, seed, sample, group, right. run: the folder of the runs.
    """
    correct = _correct(frame)
    groups = np.unique(frame.drop_duplicates("sample").sort_values("sample")["group"], return_inverse=True)[1]
    resampling = Resampling(groups, draws=DRAWS, rng_name=f"{about.dataset}/test")
    sides = {
        method: [resampling.scores(mean_scorer(100 * right)) for right in seeds.values()]
        for method, seeds in correct.items()
    }
    cells, family = corrected(_cells(correct, sides, resampling, about, run))
    return Table(
        name=NAME,
        caption=f"{about.title}, in the role of AV-MNIST: test accuracy (%) of teachers and of their students, "
        "which hear.",
        notes=_notes(about, cells, resampling.pictures),
        study=study,
        family=family,
        rows=["teacher"],
        columns=["role"],
        titles={
            "dataset": {about.dataset: about.title},
            "method": {cell.method: TITLES[cell.method] for cell in cells},
            "metric": {about.dataset: "accuracy, %"},
            "teacher": TEACHERS,
            "role": ROLES,
        },
        cells=cells,
        more={
            "checks": [
                asdict(expectation(a, sign, b, resampling.compare(sides[a], sides[b]), TITLES)) for a, sign, b in ORDER
            ]
        },
    )


def _cells(
    correct: Mapping[str, Mapping[str, FloatArray]],
    sides: Mapping[str, list[FloatArray]],
    resampling: Resampling,
    about: AvMnistTable,
    run: str,
) -> list[Cell]:
    """One cell a teacher and one a student, in the order of TEACHERS."""
    cells = []
    for teacher, role in itertools.product(TEACHERS, ROLES):
        method = "no-kd" if (role, teacher) == ("kd", "none") else f"{role}-{teacher}"
        if method not in correct:
            continue
        theirs = about.paper.values.get(method)  # never a verdict, for the paper's data and nets are others
        more: dict[str, Any] = {"paper": Paper(theirs, None if theirs is None else about.paper.source)}
        if method.startswith("kd-"):
            gain = resampling.compare(sides[method], sides["no-kd"])
            more["against"] = Against.of("no-kd", gain, n=len(sides[method]))
        values = {seed: 100 * float(right.mean()) for seed, right in correct[method].items()}
        value, place = Value.over_seeds(values, metric="accuracy"), {"teacher": teacher, "role": role}
        more["details"] = {"unit": "percent"}
        cells.append(scored_cell(about.dataset, method, "accuracy", value, place, [run], **more))
    return cells


def _correct(frame: pd.DataFrame) -> dict[str, dict[str, FloatArray]]:
    """method -> seed -> which test samples (N,) were right, in the order of the samples."""
    correct: dict[str, dict[str, FloatArray]] = {}
    for (method, seed), part in frame.sort_values("sample").groupby(["method", "seed"], sort=True):
        correct.setdefault(str(method), {})[str(seed)] = part["right"].to_numpy(np.float64)
    return correct


def _notes(about: AvMnistTable, cells: Sequence[Cell], groups: int) -> list[str]:
    """How to read the table, and how far it may be held against the paper's."""
    differ = (
        f"{about.title} is not AV-MNIST: synthetic voices and pictures made hard in another way, and fewer of them"
        if about.is_embedded
        else "The paper's nets and training are not known here"
    )
    return [
        f"± is half a 95 % t-interval over {cells[0].value.n} seeds.",
        f"Paper: {about.paper.source}. {differ}: its values stand beside ours with no verdict.",
        "Below a student: gain over no teacher, paired by seed and test sample, 95 % interval, Holm-corrected p.",
        f"Test samples are resampled in {groups} groups" + (", their voices." if about.is_embedded else "."),
        "All students hear. Algorithm 1's teacher sees and hears and is trained together with a student; in the "
        f"general, specific and random one a share of {about.share:g} of its channels is silenced.",
    ]
