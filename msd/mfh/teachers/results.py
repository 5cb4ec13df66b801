"""What the students of all teacher variants scored, read for tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.numpy

from msd.data.prepared_table import picture_groups
from msd.measure.scorers import FloatArray
from msd.measure.stats import Difference, Resampling
from msd.mfh.teachers.unimodal import CONSTANT, NO_KD
from msd.mfh.teachers.variants import DIRECTIONS, MODALITIES, Direction, Variant, variants_of
from msd.tables.results import read_json

if TYPE_CHECKING:
    from msd.job import Job
    from msd.mfh.study import ReportParams
    from msd.mfh.teachers.config import TeacherDataset, TeacherTables

Runs = list[FloatArray]
"""One model's scores a seed, as `msd.measure.stats.Resampling.scores` gives them."""
Terms = Sequence[tuple[int, Sequence[Variant]]]
"""(sign, variants): a contrast is the signed sum of the means over variants."""


@dataclass(frozen=True)
class TransferResults:
    """One dataset: scores of teachers and students on the same resampled test splits, and γ.

    Attributes:
        about: how it is named.   runs: student's modality -> folder of its job.   folder: of the teachers.
        gamma: variant -> counts and information.   teachers: variant -> runs, one but for random variants.
        students: variant -> runs, one a seed.   no_kd: modality -> runs.
        constant: modality -> scores of the best constant prediction.
    """

    about: TeacherDataset
    folder: str
    runs: dict[str, str]
    resampling: Resampling
    gamma: dict[Variant, dict[str, Any]]
    teachers: dict[Variant, Runs]
    students: dict[Variant, Runs]
    no_kd: dict[str, Runs]
    constant: dict[str, FloatArray]

    def gain(self, variant: Variant) -> Difference:
        """What a student gains by its teacher, over the student without one."""
        return self.resampling.compare(self.students[variant], self.no_kd[variant.student])

    def gains(self, variant: Variant) -> FloatArray:
        """The gain (S,) of each seed on the whole test split."""
        return whole(self.students[variant]) - whole(self.no_kd[variant.student])

    def contrast(self, terms: Terms, *, of: str) -> Difference:
        """A signed sum of means over variants against zero, paired over seeds and pictures; of: students, teachers."""
        sums = self._sums(terms, of=of)
        return self.resampling.compare(sums, [np.zeros_like(sums[0])])

    def effect(self, terms: Terms, *, of: str) -> float:
        """The same, its mean over seeds alone."""
        return float(whole(self._sums(terms, of=of)).mean())

    def _sums(self, terms: Terms, *, of: str) -> Runs:
        source: dict[Variant, Runs] = getattr(self, of)
        count = max(len(source[variant]) for _, variants in terms for variant in variants)

        def mean(variants: Sequence[Variant], seed: int) -> FloatArray:
            return np.asarray(np.mean([source[variant][seed % len(source[variant])] for variant in variants], axis=0))

        return [np.sum([sign * mean(variants, seed) for sign, variants in terms], axis=0) for seed in range(count)]

    def is_informative(self, modality: str) -> bool:
        """Whether a student of that modality, without a teacher, beats the best constant prediction."""
        difference = self.resampling.compare(self.no_kd[modality], [self.constant[modality]])
        return difference.low is not None and difference.low > 0


def whole(runs: Sequence[FloatArray]) -> FloatArray:
    """The score (S,) of each run on the whole test split."""
    return np.array([run[0] for run in runs])


def load_results(job: Job[ReportParams], params: TeacherTables) -> dict[str, TransferResults]:
    """Dataset -> results, from inputs parallel to the datasets: teacher_gamma, teacher_scores, teacher_prepared, and
    student_scores with one file for each of the modalities."""
    students = iter(job.inputs["student_scores"])
    names = ("teacher_gamma", "teacher_scores", "teacher_prepared")
    results = {}
    for about, *files in zip(params.datasets, *(job.inputs[name] for name in names), strict=True):
        own = {modality: next(students) for modality in MODALITIES}
        results[about.name] = _load(about, params, *files, students=own)
    return results


def _load(
    about: TeacherDataset, params: TeacherTables, gamma: str, scores: str, prepared: str, *, students: dict[str, str]
) -> TransferResults:
    variants = [variant for direction in DIRECTIONS for variant in variants_of(direction, params.shares)]
    entries = {Variant(*(entry[name] for name in Variant._fields)): entry for entry in read_json(gamma)}
    of_students = {modality: safetensors.numpy.load_file(path) for modality, path in students.items()}
    of_teachers, seeds = safetensors.numpy.load_file(scores), params.seeds
    return TransferResults(
        about,
        str(Path(gamma).parent),
        {modality: str(Path(path).parent) for modality, path in students.items()},
        Resampling(picture_groups(prepared), draws=params.draws, rng_name=about.name),
        {variant: entries[variant] for variant in variants},
        {
            variant: [of_teachers[f"{variant.name}/{seed}"] for seed in seeds]
            if variant.kind == "random"
            else [of_teachers[variant.name]]
            for variant in variants
        },
        {variant: [of_students[variant.student][f"{variant.name}/{seed}"] for seed in seeds] for variant in variants},
        {modality: [of_students[modality][f"{NO_KD}/{seed}"] for seed in seeds] for modality in MODALITIES},
        {modality: of_students[modality][CONSTANT] for modality in MODALITIES},
    )


def crossing() -> list[Direction]:
    """The directions that the hypothesis is about."""
    return [direction for direction in DIRECTIONS if direction.crosses]
