"""Data of the synthetic Gaussian study: what each experiment draws, in the order of the released scripts.

Decisive columns XS ~ N(0, I) give the label y = 1[XS·a > 0]; modality x1 (the teacher's) and modality x2 (the
student's) each show some of them and are independent N(0, 1) elsewhere. Xue, Gao, Ren, Zhao, arXiv 2206.06487.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from msd.mfh.gaussian.settings import Setting

PLANE = 500
"""Entries of the hyperplane that the scripts draw before they cut it to the decisive columns."""
TEACHERS = ("teacher-regular", "teacher-general", "teacher-specific")
STUDENTS = ("kd-regular", "kd-general", "kd-specific")


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
