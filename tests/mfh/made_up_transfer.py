"""Made-up scores of teachers and students of two datasets, for the tables of the hypothesis on such teachers."""

from collections.abc import Callable, Sequence

import numpy as np

from msd.measure.scorers import mean_scorer
from msd.measure.stats import Resampling, generator
from msd.mfh.teachers.config import TeacherDataset, TeacherTables
from msd.mfh.teachers.results import PARTS, TransferResults
from msd.mfh.teachers.variants import DIRECTIONS, Variant, variants_of

SHARES, SEEDS, DRAWS, SAMPLES = [0.25, 0.5, 0.75], [0, 1, 2, 3], 100, 80
GAINS = {"regular": 0.04, "random": 0.02, "specific": 0.0}
TEACHERS = {"regular": 0.8, "random": 0.65, "specific": 0.7, "general": 0.5}


def about(name: str, *, teachers: Sequence[int] = (0, 1, 0, 1)) -> TeacherDataset:
    """A dataset with two teachers, or those that are given, one a seed."""
    return TeacherDataset(name=name, title=name.title(), task="multiclass", metric="accuracy", teachers=list(teachers))


ABOUT = [about("toys"), about("pets")]
PARAMS = TeacherTables(datasets=ABOUT, shares=SHARES, seeds=SEEDS, draws=DRAWS)


def gain_of(variant: Variant) -> float:
    """As the hypothesis has it: general above regular above random above specific, best at the middle r."""
    if variant.teacher == variant.student:
        return 0.05
    if variant.kind == "general":
        return 0.05 + 0.06 * (0.5 - abs(variant.share - 0.5))
    return GAINS[variant.kind]


def gamma_of(variant: Variant) -> float:
    return 0.2 + 4 * gain_of(variant)


def made_up(
    about: TeacherDataset,
    *,
    gain: Callable[[Variant], float] = gain_of,
    gamma: Callable[[Variant], float] = gamma_of,
    noise: float = 0.02,
    of_teacher: float = 0.0,
) -> TransferResults:
    """Scores around a level; every student of a seed shares its noise, so that gains are sharp.

    of_teacher: how much more than `gain` the students of each teacher gain than those of the teacher before.
    """
    resampling, teachers = Resampling(np.arange(SAMPLES), draws=DRAWS, rng_name=about.name), sorted(set(about.teachers))
    random = generator(f"made up/{about.name}")
    shared = [random.normal(0, 0.3, SAMPLES) for _ in SEEDS]

    def scores(level: float, seeds: Sequence[int] = SEEDS, more: float = 0) -> list[np.ndarray]:
        levels = {seed: level + more * about.teachers[seed] + shared[seed] for seed in seeds}
        return [resampling.scores(mean_scorer(one + random.normal(0, noise, SAMPLES))) for one in levels.values()]

    def measured(variant: Variant) -> dict[str, list[np.ndarray]]:
        found = {measure: np.full((1 + DRAWS, 1 + len(parts)), 0.1) for measure, parts in PARTS.items()}
        found["counts"][:, 0] = gamma(variant) + random.normal(0, 0.01, 1 + DRAWS)
        found["information"][:, 0] = np.nan
        return {measure: [values] * len(teachers) for measure, values in found.items()}

    variants = [variant for way in DIRECTIONS for variant in variants_of(way, SHARES)]
    return TransferResults(
        about,
        [f"results/mfh/teachers/{about.name}/seed-{teacher}" for teacher in teachers],
        {modality: f"results/mfh/unimodal/{about.name}/{modality}" for modality in ("image", "text")},
        resampling,
        [str(teacher) for teacher in about.teachers],
        {variant: measured(variant) for variant in variants},
        {variant: scores(TEACHERS[variant.kind], range(len(teachers))) for variant in variants},
        {variant: scores(0.5 + gain(variant), more=of_teacher) for variant in variants},
        {modality: scores(0.5) for modality in ("image", "text")},
        {modality: resampling.scores(mean_scorer(np.full(SAMPLES, 0.1))) for modality in ("image", "text")},
    )
