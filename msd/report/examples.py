"""Examples: the test samples whose answer depends most on the image, on the text, and on both."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from msd.data.pictures import decode, member, open_archive
from msd.errors import UserError
from msd.measure.scorers import FloatArray
from msd.report.style import FAINT, INK, WIDTH
from msd.tables.results import Array, DatasetResults

KINDS = {
    "image": "Highest image saliency",
    "text": "Highest text saliency",
    "joint": "Highest joint saliency: the smaller of the two",
}
EACH = 2
LABELS_SHOWN = 5
COLUMNS = 60  # letters of a line beside a picture


@dataclass(frozen=True)
class Example:
    """One sample as it is shown; `answers`: title of a model -> its answer."""

    kind: str
    picture: str
    text: str
    saliency: Mapping[str, float]
    gold: str
    answers: Mapping[str, str]


def most_salient(saliency: Mapping[str, FloatArray], pictures: Sequence[str]) -> dict[str, list[int]]:
    """Kind -> rows with the highest saliency, each picture once in the figure; of equal rows the first."""
    measured = {**saliency, "joint": np.minimum(saliency["image"], saliency["text"])}
    seen: set[str] = set()
    chosen: dict[str, list[int]] = {}
    for kind in KINDS:
        rows: list[int] = []
        for row in np.argsort(-measured[kind], kind="stable"):
            if len(rows) < EACH and pictures[row] not in seen:
                seen.add(pictures[row])
                rows.append(int(row))
        chosen[kind] = rows
    return chosen


def said(logits: Array, labels: Sequence[str], *, dataset_task: str) -> str:
    """The answer that logits (C,) give: the likeliest label, for multi-label data all with a logit above 0."""
    if dataset_task != "multilabel":
        return str(labels[int(logits.argmax())])
    return _listed([str(labels[place]) for place in np.flatnonzero(logits > 0).tolist()])


def gold(target: Array, labels: Sequence[str]) -> str:
    """The gold label of a class, or the labels with a score, in the order of the labels."""
    if np.ndim(target) == 0:
        return str(labels[int(target)])
    return _listed([str(labels[place]) for place in np.flatnonzero(target > 0).tolist()])


def _listed(names: Sequence[str]) -> str:
    more = len(names) - LABELS_SHOWN
    return (", ".join(names[:LABELS_SHOWN]) + (f" and {more} more" if more > 0 else "")) or "none"


def common(answers: Sequence[str]) -> str:
    """The most frequent answer of several seeds, the first of equals, and how many of them gave it."""
    answer, count = Counter(answers).most_common(1)[0]
    return answer if len(answers) == 1 else f"{answer} ({count} of {len(answers)} seeds)"


def examples(
    results: DatasetResults, methods: Sequence[str], *, prepared: str, saliency: pd.DataFrame, titles: Mapping[str, str]
) -> list[Example]:
    """The test samples to show of a dataset and what was answered; raises UserError for tables of different samples."""
    table = pd.read_parquet(prepared, columns=["uid", "image", "text"])
    if list(table["uid"]) != list(saliency["uid"]):
        raise UserError(f"{prepared} and the saliency of {results.name} hold different samples; run the workflow again")
    measured = {modality: saliency[modality].to_numpy(dtype=float) for modality in ("image", "text")}
    logits_of = {titles["teacher"]: list(results.teachers["both"].values())}
    logits_of |= {titles[name]: list(results.methods[name].logits("test", "both").values()) for name in methods}
    examples = []
    for kind, rows in most_salient(measured, list(table["image"])).items():
        for row in rows:
            answers = {
                who: common([said(one[row], results.labels, dataset_task=results.task) for one in logits])
                for who, logits in logits_of.items()
            }
            values = {modality: float(column[row]) for modality, column in measured.items()}
            picture, text = str(table["image"][row]), str(table["text"][row])
            examples.append(Example(kind, picture, text, values, gold(results.targets[row], results.labels), answers))
    return examples


def examples_figure(shown: Sequence[Example], *, pictures: str, title: str, unit: str) -> Figure:
    """One row an example: its picture, its text, its saliency, the gold label and the answers."""
    lines = [_lines(example, unit=unit) for example in shown]
    heights = [max(1.0, 0.18 * len(text) + 0.14) for text in lines]
    kinds = sum(example.kind != before.kind for before, example in pairwise(shown)) + 1
    total = sum(heights) + 0.3 * kinds + 0.35
    figure = Figure(figsize=(WIDTH, total))
    figure.text(0.02, 1 - 0.06 / total, title, weight="bold", va="top", parse_math=False)
    top, kind = total - 0.35, ""
    with open_archive(Path(pictures)) as archive:
        for example, text, height in zip(shown, lines, heights, strict=True):
            if example.kind != kind:
                kind = example.kind
                figure.text(0.02, (top - 0.04) / total, KINDS[kind], va="top", color=INK, style="italic")
                top -= 0.3
            axes = figure.add_axes((0.02, (top - 0.92) / total, 0.88 / WIDTH, 0.88 / total))
            axes.imshow(decode(member(archive, example.picture), name=example.picture), interpolation="none")
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
            for spine in axes.spines.values():
                spine.set(visible=True, color=FAINT, linewidth=0.6)
            figure.text(1.08 / WIDTH, (top - 0.04) / total, "\n".join(text), va="top", fontsize=9.5, parse_math=False,
                        linespacing=1.3)  # fmt: skip
            top -= height
    described = [f"{KINDS[example.kind]}: {' '.join(text)}." for example, text in zip(shown, lines, strict=True)]
    figure.set_label(f"{title}. " + " ".join(described))
    return figure


def _lines(example: Example, *, unit: str) -> list[str]:
    """The text beside a picture."""
    quoted = textwrap.wrap(f"“{example.text}”", COLUMNS, max_lines=2, placeholder=" …”")
    measured = ", ".join(f"{modality} {value:.2f}" for modality, value in example.saliency.items())
    lines = [f"Saliency: {measured} {unit}".rstrip(), f"Gold: {example.gold}"]
    lines += [f"{who}: {answer}" for who, answer in example.answers.items()]
    return [*quoted, *(part for line in lines for part in textwrap.wrap(line, COLUMNS, subsequent_indent="    "))]
