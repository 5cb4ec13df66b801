"""The grid of a study: which seeds learn from which teacher, and the jobs in which they are trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, NamedTuple

from pydantic import Field

from msd.config.contracts.tables import CHOSEN
from msd.config.fetching import FetchingStudy
from msd.config.files import DatasetConfig, MethodConfig, named_file, read_named
from msd.config.names import block_name, check_run_names, number_of
from msd.config.sections import SEEDS, MethodChanges, Overrides
from msd.config.strict import Count, Scalar, Seeds
from msd.config.yaml_file import read_yaml, validated
from msd.errors import UserError, nearest

MOST_JOBS = 20_000


class Run(NamedTuple):
    """One job of the grid: a configuration with a block of seeds."""

    dataset: str
    method: str
    variant: str
    seeds: str


class Grid(FetchingStudy, ABC):
    """Datasets × methods × points × seeds of a study."""

    readers = "msd.data.readers"

    seeds: Seeds = Field(description="a student of every configuration is trained with each; a count n means 0 to n−1")
    search_seeds: Count | None = Field(
        None, description="seeds, the first ones, with which a point of a grid is chosen; the others train it alone"
    )
    seeds_per_job: Count = Field(description="seeds that one job trains, so that it reads its inputs once")
    datasets: dict[str, Overrides] = Field(min_length=1, description="names of files in config/datasets")
    methods: MethodChanges = Field(
        min_length=1,
        description="names of files in config/methods, with the parameters that differ in this study; "
        "`seeds`: how many seeds of a dataset it gets, the first ones",
    )

    @property
    def primary(self) -> list[str]:
        """The datasets on which claims are decided."""
        return [name for name, changes in self.datasets.items() if changes.part == "primary"]

    @cached_property
    def dataset_configs(self) -> dict[str, DatasetConfig]:
        """The study's datasets by name."""
        return {name: read_named(DatasetConfig, "datasets", name) for name in self.datasets}

    @cached_property
    def method_configs(self) -> dict[str, MethodConfig]:
        """The study's methods, with the study's own parameters."""
        return {name: self._method_config(name, changes, ("methods",)) for name, changes in self.methods.items()}

    @cached_property
    def cell_configs(self) -> dict[tuple[str, str], MethodConfig]:
        """(dataset, method) of every cell -> the method with the parameters that it has on that dataset."""
        return {
            (dataset, method): self._cell_config(dataset, method)
            for dataset in self.datasets
            for method in self.methods_of(dataset)
        }

    def methods_of(self, dataset: str) -> list[str]:
        """The methods that run on a dataset, in the order of the study."""
        own = self.datasets[dataset].methods
        return [method for method in self.methods if own is None or method in own]

    def _cell_config(self, dataset: str, method: str) -> MethodConfig:
        own = (self.datasets[dataset].methods or {}).get(method)
        if not own:
            return self.method_configs[method]
        return self._method_config(method, {**self.methods[method], **own}, ("datasets", dataset, "methods"))

    def _method_config(self, name: str, changes: dict[str, Any], where: tuple[str, ...]) -> MethodConfig:
        content = read_yaml(named_file("methods", name))
        read_named(MethodConfig, "methods", name)
        changes = {key: value for key, value in changes.items() if key != SEEDS}
        check_keys(changes, content["parameters"], ".".join((*where, name)))
        changed = {**content, "parameters": {**content["parameters"], **changes}}
        return validated(MethodConfig, changed, self._file, (*where, name))

    def points(self, dataset: str, method: str) -> list[tuple[str, dict[str, Scalar]]]:
        """(variant, parameters) of every point that a method has on a dataset."""
        return self.cell_configs[dataset, method].points

    @abstractmethod
    def teacher_seeds(self, dataset: str) -> list[int]:
        """The seeds of a dataset's teachers, no more of them than students have seeds."""

    def seeds_of(self, dataset: str, method: str | None = None) -> list[int]:
        """The seeds of a dataset's students, or of one method's there: the first ones of them."""
        own = self.datasets[dataset].seeds
        seeds = self.seeds if own is None else own
        if method is None:
            return seeds
        changes = {**self.methods[method], **(self.datasets[dataset].methods or {}).get(method, {})}
        return seeds[: changes.get(SEEDS)]

    def searching_seeds(self, dataset: str, method: str) -> list[int]:
        """The seeds that choose a method's point on a dataset: all where there is one, or the study does not say."""
        seeds = self.seeds_of(dataset, method)
        return seeds[: self.search_seeds] if len(self.points(dataset, method)) > 1 else seeds

    def teachers_of(self, run: Run) -> list[int]:
        """The seed of the teacher that each seed of a run learns from: seeds are dealt to the teachers in turn."""
        teachers, seeds = self.teacher_seeds(run.dataset), self.seeds_of(run.dataset)
        return [teachers[seeds.index(seed) % len(teachers)] for seed in self.block(run)]

    def blocks(self, dataset: str, method: str) -> tuple[list[list[int]], list[list[int]]]:
        """The seeds of each job: those that choose a point, and the others."""
        return self._blocks[dataset, method]

    @cached_property
    def _blocks(self) -> dict[tuple[str, str], tuple[list[list[int]], list[list[int]]]]:
        return {cell: self._divide(*cell) for cell in self.cell_configs}

    def _divide(self, dataset: str, method: str) -> tuple[list[list[int]], list[list[int]]]:
        seeds, step = self.seeds_of(dataset, method), self.seeds_per_job
        count = len(self.searching_seeds(dataset, method))
        searching, others = (
            [seeds[first : min(first + step, stop)] for first in range(start, stop, step)]
            for start, stop in ((0, count), (count, len(seeds)))
        )
        return searching, others

    def runs_of(self, dataset: str, method: str) -> list[Run]:
        """Every job of a cell: its points with the seeds that choose one, then the chosen one with the others."""
        points = [variant for variant, _ in self.points(dataset, method)]
        searching, others = self.blocks(dataset, method)
        runs = [Run(dataset, method, variant, block_name(block)) for variant in points for block in searching]
        return runs + [Run(dataset, method, CHOSEN, block_name(block)) for block in others]

    def searched_runs(self, dataset: str, method: str) -> list[Run]:
        """The jobs of a cell that choose its point."""
        names = {block_name(block) for block in self.blocks(dataset, method)[0]}
        return [run for run in self.runs_of(dataset, method) if run.seeds in names]

    @cached_property
    def runs(self) -> list[Run]:
        """Every job of the grid."""
        return [run for cell in self.cell_configs for run in self.runs_of(*cell)]

    def block(self, run: Run) -> list[int]:
        """The seeds of a run."""
        return self._named_blocks[run.dataset, run.method][run.seeds]

    @cached_property
    def _named_blocks(self) -> dict[tuple[str, str], dict[str, list[int]]]:
        return {
            cell: {block_name(block): block for block in [*searching, *others]}
            for cell, (searching, others) in self._blocks.items()
        }

    def counted(self, dataset: str) -> str:
        """How many students of how many methods, configurations and seeds a dataset has, in how many jobs."""
        methods, runs = self.methods_of(dataset), [run for run in self.runs if run.dataset == dataset]
        counts = {
            "student": sum(len(self.block(run)) for run in runs),
            "method": len(methods),
            "configuration": sum(len(self.points(dataset, method)) for method in methods),
            "seed": len(self.seeds_of(dataset)),
            "job": len(runs),
        }
        return "{} of {}, {} and {}, in {}".format(*(number_of(count, noun) for noun, count in counts.items()))

    def check_grid(self) -> None:
        """Raise UserError for a method or a name that cannot be, and for too many jobs."""
        for dataset, changes in self.datasets.items():
            check_keys(changes.methods or {}, self.methods, f"datasets.{dataset}.methods", what="method")
            teachers, seeds = len(self.teacher_seeds(dataset)), len(self.seeds_of(dataset))
            if teachers > seeds:
                raise UserError(f"{dataset} has {teachers} teachers for {seeds} seeds of students; give it fewer")
        jobs = sum(len(self.points(*cell)) * len(first) + len(rest) for cell, (first, rest) in self._blocks.items())
        if jobs > MOST_JOBS:
            raise UserError(f"{jobs:,} jobs are more than the {MOST_JOBS:,} that a study may have; raise seeds_per_job")
        check_run_names([*self.runs])


def check_keys(changes: dict[str, Any], known: Any, where: str, *, what: str = "key") -> None:
    """Raise UserError, with the nearest name, for the first key of `changes` that is not known."""
    for key in changes:
        if key not in known:
            raise UserError(f"{where}: unknown {what} {key!r}{nearest(key, list(known))}")
