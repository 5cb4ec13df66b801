"""Data of the synthetic Gaussian study: what each experiment draws, in the order of the released scripts.

Decisive columns XS ~ N(0, I) give the label y = 1[XS·a > 0]; modality x1 (the teacher's) and modality x2 (the
student's) each show some of them and are independent N(0, 1) elsewhere. Xue, Gao, Ren, Zhao, arXiv 2206.06487.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

PLANE = 500
"""Entries of the hyperplane that the scripts draw before they cut it to the decisive columns."""
TEACHERS = ("teacher-regular", "teacher-general", "teacher-specific")
STUDENTS = ("kd-regular", "kd-general", "kd-specific")


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
        """The nets of one run, in the order in which their initial weights are drawn.

        The first three as in the released scripts, so that the same seeds give their numbers; nets whose teacher
        would read no channel are left out.
        """
        order = ["no-kd", "kd-regular"] if self.fresh else ["kd-regular", "no-kd"]
        kinds = [kind for kind in ("general", "specific") if self.channels(kind)]
        return ["teacher-regular", *order, *(f"{role}-{kind}" for kind in kinds for role in ("teacher", "kd"))]


class Sample(NamedTuple):
    """x1 (N, D1), x2 (N, D2) and labels (N,) of 0 and 1, float32."""

    first: Tensor
    second: Tensor
    labels: Tensor


class Draw(NamedTuple):
    """One run: the regular teacher's training sample, the one for all other nets, the test sample, initial nets."""

    setting: Setting
    seed: int
    teacher: Sample
    student: Sample
    test: Sample
    start: Mapping[str, nn.Linear]

    def inputs(self, net: str, sample: Sample) -> Tensor:
        """The channels of a sample that a net reads (N, D)."""
        role, _, kind = net.partition("-")
        return sample.first[:, self.setting.channels(kind)] if role == "teacher" else sample.second

    def training_sample(self, net: str) -> Sample:
        """The sample on which a net is trained."""
        return self.teacher if net == "teacher-regular" else self.student


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


def settings(experiments: Mapping[str, Any]) -> list[tuple[Setting, list[int]]]:
    """Every setting of resolved parameters with the seeds of its runs."""
    found = []
    for name, make, key in (("exp1", exp1_setting, "shared"), ("exp2", exp2_setting, "specific")):
        seeds = experiments[name]["seeds"]
        found += [(make(count), seeds) for count in experiments[name][key]]
    table2 = experiments["table2"]
    found += [(table2_setting(*counts), table2["seeds"]) for counts in table2["channels"]]
    return found


def draw_run(setting: Setting, seed: int, *, train: int, test: int) -> Draw:
    """Samples and initial weights of one run, from the random streams that the released scripts use.

    Experiments 1 and 2 draw a ~ N(0, I) and the test sample with seed + 1; table 2 has a = 1 and draws its test sample
    and the sample for distillation from the running stream.
    """
    stream = np.random.RandomState(seed)
    plane = np.ones(PLANE) if setting.fresh else stream.randn(PLANE)
    teacher = _sample(stream, setting, plane[: setting.columns], count=train)
    if not setting.fresh:
        stream = np.random.RandomState(seed + 1)
    tested = _sample(stream, setting, plane[: setting.columns], count=test)
    student = _sample(stream, setting, plane[: setting.columns], count=train) if setting.fresh else teacher
    return Draw(setting, seed, teacher, student, tested, _initial(setting, seed if setting.fresh else seed + 1))


def _sample(stream: np.random.RandomState, setting: Setting, plane: NDArray[np.float64], *, count: int) -> Sample:
    decisive = stream.randn(count, setting.columns)
    labels = decisive @ plane > 0
    order = (0, 1) if setting.fresh else (1, 0)
    noise = {index: stream.randn(count, setting.dims[index]) for index in order}
    first, second = noise[0], noise[1]
    start, stop = setting.first
    first[:, start:stop] = decisive[:, start:stop]
    second[:, : setting.second] = decisive[:, : setting.second]
    return Sample(*(torch.from_numpy(array.astype(np.float32)) for array in (first, second, labels)))


def _initial(setting: Setting, seed: int) -> dict[str, nn.Linear]:
    """PyTorch's initial weights of every net."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {net: nn.Linear(_width(setting, net), 2) for net in setting.nets}


def _width(setting: Setting, net: str) -> int:
    role, _, kind = net.partition("-")
    return len(setting.channels(kind)) if role == "teacher" else setting.dims[1]
