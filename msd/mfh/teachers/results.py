"""What the students of all teacher variants scored, read for tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import safetensors.numpy

from msd.data.prepared_table import picture_groups
from msd.measure.scorers import FloatArray
from msd.measure.stats import Difference, Resampling
from msd.measure.variance import MeanSquares, TeacherShare, grouped, mean_squares, teacher_share
from msd.mfh.teachers.gamma import COUNTS, INFORMATION, Gamma, mean_gamma
from msd.mfh.teachers.unimodal import CONSTANT, NO_KD
from msd.mfh.teachers.variants import DIRECTIONS, MODALITIES, Direction, Variant, variants_of
from msd.tables.cell import ONE_TEACHER, Against

if TYPE_CHECKING:
    from msd.job import Job
    from msd.mfh.study import ReportParams
    from msd.mfh.teachers.config import TeacherDataset, TeacherTables

Runs = list[FloatArray]
"""Scores (1 + draws,) of a model a seed or a teacher, as `msd.measure.stats.Resampling.scores` gives them."""
Terms = Sequence[tuple[int, Sequence[Variant]]]
"""(sign, variants): a contrast is the signed sum of the means over variants."""
PARTS = {"counts": COUNTS, "information": INFORMATION}
"""γ by counts and by information, and what each is made of."""


@dataclass(frozen=True)
class TransferResults:
    """One dataset: scores of teachers and students on the same resampled test splits, and γ.

    Attributes:
        about: how it is named.   runs: student's modality -> folder of its job.   folders: of the teachers.
        dealt: of each seed the name of its teacher.
        gamma: variant -> counts, information -> runs (1 + draws, 1 + parts), one a teacher.
        teachers: variant -> runs, one a teacher; of a random one the mean over the seeds dealt to the teacher.
        students: variant -> runs, one a seed.   no_kd: modality -> runs, one a seed.
        constant: modality -> scores of the best constant prediction.
    """

    about: TeacherDataset
    folders: Sequence[str]
    runs: dict[str, str]
    resampling: Resampling
    dealt: Sequence[str]
    gamma: dict[Variant, dict[str, Runs]]
    teachers: dict[Variant, Runs]
    students: dict[Variant, Runs]
    no_kd: dict[str, Runs]
    constant: dict[str, FloatArray]

    @property
    def teacher_names(self) -> list[str]:
        """The names of the teachers, in the order of what there is one of a teacher."""
        return list(dict.fromkeys(self.dealt))

    def gains(self, variant: Variant) -> Runs:
        """What the student of each seed gains by its teacher, over the one of that seed without a teacher."""
        return [own - other for own, other in zip(self.students[variant], self.no_kd[variant.student], strict=True)]

    def contrast(self, terms: Terms, *, of: str) -> Runs:
        """A signed sum of means over variants, one a seed of students or one a teacher; of: students, teachers."""
        source: dict[Variant, Runs] = getattr(self, of)
        means = [sign * np.mean([source[variant] for variant in variants], axis=0) for sign, variants in terms]
        return list(np.sum(means, axis=0))

    def interval(self, runs: Runs, *, share: TeacherShare | None = None) -> Difference:
        """The mean of runs, one a seed or a teacher, held against zero, over seeds, teachers and test pictures.

        share: what other datasets say of teachers, see `msd.measure.variance.standard_error`.
        """
        names = self.dealt if len(runs) == len(self.dealt) else self.teacher_names
        return self.resampling.compare(runs, [np.zeros_like(runs[0])], teachers=names, share=share)

    def squares(self, runs: Runs) -> list[MeanSquares]:
        """Mean squares between and within teachers, if several of them have several students each."""
        groups = grouped(self.dealt)
        several = len(runs) == len(groups) > groups.max() + 1 > 1
        return [mean_squares(whole(runs), groups)] if several else []

    def gamma_of(self, variant: Variant, measure: str) -> Gamma:
        """γ by counts or information with its interval, the mean over teachers."""
        scores = self.gamma[variant][measure]
        return mean_gamma(scores, PARTS[measure], self.resampling, teachers=self.teacher_names)

    def by_seed(self, of_teachers: FloatArray) -> FloatArray:
        """Values (S,) of the seeds' teachers, from those (G,) of the teachers."""
        return of_teachers[grouped(self.dealt)]

    def is_informative(self, modality: str) -> bool:
        """Whether a student of that modality, without a teacher, beats the best constant prediction."""
        difference = self.resampling.compare(self.no_kd[modality], [self.constant[modality]])
        return difference.low is not None and difference.low > 0


def whole(runs: Sequence[FloatArray]) -> FloatArray:
    """The score (S,) of each run on the whole test split."""
    return np.array([run[0] for run in runs])


def compared(
    results: Mapping[str, TransferResults], runs_of: Callable[[TransferResults], Runs], *, to: str
) -> dict[str, Against]:
    """Dataset -> the mean of the differences that `runs_of` gives there, whose other side is called `to`.

    Where several teachers have several students each, the mean square between them is moderated by what the other
    datasets say of the same difference.
    """
    runs = {dataset: runs_of(of_dataset) for dataset, of_dataset in results.items()}
    squares = {dataset: of_dataset.squares(runs[dataset]) for dataset, of_dataset in results.items()}
    against = {}
    for dataset, of_dataset in results.items():
        share = teacher_share([one for other, one in squares.items() if other != dataset and one])
        gap = replace(of_dataset.interval(runs[dataset], share=share), improvement=None)  # of pairs, not of all runs
        against[dataset] = Against.of(to, gap, n=len(runs[dataset]))
    return against


def note_on_teachers(results: Mapping[str, TransferResults]) -> list[str]:
    """On which datasets intervals do not cover the teacher's training; nothing where all have several teachers."""
    single = [of_dataset.about.title for of_dataset in results.values() if len(of_dataset.teacher_names) == 1]
    where = "" if len(single) == len(results) else f"{', '.join(single)}: "
    return [f"{where}{ONE_TEACHER}."] if single else []


def load_results(job: Job[ReportParams], params: TeacherTables) -> dict[str, TransferResults]:
    """Dataset -> results, from inputs in the order of the datasets: teacher_prepared, one a dataset; teacher_gamma and
    teacher_scores, one a teacher; student_scores, one for each of the modalities."""
    gammas, scores, students = (
        iter(job.inputs[name]) for name in ("teacher_gamma", "teacher_scores", "student_scores")
    )
    return {
        about.name: _load(about, params, prepared, gammas=gammas, scores=scores, students=students)
        for about, prepared in zip(params.datasets, job.inputs["teacher_prepared"], strict=True)
    }


def _load(
    about: TeacherDataset,
    params: TeacherTables,
    prepared: str,
    *,
    gammas: Iterator[str],
    scores: Iterator[str],
    students: Iterator[str],
) -> TransferResults:
    """The results of one dataset, whose files are the next ones."""
    teachers, seeds = set(about.teachers), params.seeds
    paths = [next(gammas) for _ in teachers]
    gamma = [safetensors.numpy.load_file(path) for path in paths]
    scored = [safetensors.numpy.load_file(next(scores)) for _ in teachers]
    own = {modality: next(students) for modality in MODALITIES}
    read = {modality: safetensors.numpy.load_file(path) for modality, path in own.items()}
    variants = [variant for direction in DIRECTIONS for variant in variants_of(direction, params.shares)]
    return TransferResults(
        about,
        [str(Path(path).parent) for path in paths],
        {modality: str(Path(path).parent) for modality, path in own.items()},
        Resampling(picture_groups(prepared), draws=params.draws, rng_name=about.name),
        [str(seed) for seed in about.teachers],
        {
            variant: {
                measure: [one[f"{variant.name}/{measure}"].astype(np.float64) for one in gamma] for measure in PARTS
            }
            for variant in variants
        },
        {variant: [_score(one, variant) for one in scored] for variant in variants},
        {variant: [read[variant.student][f"{variant.name}/{seed}"] for seed in seeds] for variant in variants},
        {modality: [read[modality][f"{NO_KD}/{seed}"] for seed in seeds] for modality in MODALITIES},
        {modality: read[modality][CONSTANT] for modality in MODALITIES},
    )


def _score(scores: Mapping[str, FloatArray], variant: Variant) -> FloatArray:
    """A teacher's scores (1 + draws,) as a variant; as a random one the mean over seeds."""
    own = [values for name, values in scores.items() if f"{name}/".startswith(f"{variant.name}/")]
    return np.asarray(np.mean(own, axis=0))


def crossing() -> list[Direction]:
    """The directions that the hypothesis is about."""
    return [direction for direction in DIRECTIONS if direction.crosses]
