"""Settings of the synthetic Gaussian study: which channels of each modality decide the label.

Xue, Gao, Ren, Zhao, "The Modality Focusing Hypothesis", arXiv 2206.06487, ICLR 2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from msd.mfh.gaussian.config import Experiments


@dataclass(frozen=True)
class Setting:
    """One setting of one experiment.

    value: the swept γ or α. columns: of XS that decide the label. dims: channels of x1 and x2.
    first: x1 shows XS[:, first[0]:first[1]] at the same positions. second: x2 shows XS[:, :second].
    fresh: distillation uses training samples that the regular teacher has not seen (table 2).
    """

    experiment: str
    value: float
    columns: int
    dims: tuple[int, int]
    first: tuple[int, int]
    second: int
    fresh: bool = False

    @property
    def gamma(self) -> float:
        """γ = |decisive in both| / |decisive in either|."""
        start, stop = self.first
        shared = len(self.channels("general"))
        return shared / (stop - start + self.second - shared)

    def channels(self, kind: str) -> list[int]:
        """Channels of x1 that a teacher reads: all (regular), decisive in x2 too (general), in x1 alone (specific)."""
        start, stop = self.first
        if kind == "regular":
            return list(range(self.dims[0]))
        if kind == "general":
            return list(range(start, min(stop, self.second)))
        return list(range(max(start, self.second), stop))

    @property
    def nets(self) -> list[str]:
        """The nets whose teacher reads a channel, in the order in which the released scripts draw their weights."""
        order = ["no-kd", "kd-regular"] if self.fresh else ["kd-regular", "no-kd"]
        kinds = [kind for kind in ("general", "specific") if self.channels(kind)]
        return ["teacher-regular", *order, *(f"{role}-{kind}" for kind in kinds for role in ("teacher", "kd"))]


def exp1_setting(shared: int) -> Setting:
    """Experiment 1, γ = o/(20 − o): x1 and x2 have 10 decisive channels each, `shared` = o of them common."""
    first = (10 - shared, 20 - shared)
    return Setting("exp1", shared / (20 - shared), columns=20, dims=(25, 50), first=first, second=10)


def exp2_setting(specific: int) -> Setting:
    """Experiment 2, α = s/(s + 10): x1 shows the 10 decisive channels of x2 and `specific` = s more of 50."""
    first = (0, specific + 10)
    return Setting("exp2", specific / (specific + 10), columns=50, dims=(50, 50), first=first, second=10)


def table2_setting(specific: int, shared: int) -> Setting:
    """Table 2, γ = shared/(specific + shared): x1 shows all decisive columns, x2 the first `shared`."""
    total = specific + shared
    return Setting("table2", shared / total, total, (50, 50), first=(0, total), second=shared, fresh=True)


def settings(experiments: Experiments) -> list[tuple[Setting, list[int]]]:
    """Every setting of a job with the seeds of its runs."""
    exp1, exp2, table2 = experiments.exp1, experiments.exp2, experiments.table2
    return [
        *((exp1_setting(count), exp1.seeds) for count in exp1.shared),
        *((exp2_setting(count), exp2.seeds) for count in exp2.specific),
        *((table2_setting(*counts), table2.seeds) for counts in table2.channels),
    ]
