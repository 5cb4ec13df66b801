"""Students side by side: one start, the same batches, and none feels another."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from msd.distill.losses import kd_divergence
from msd.mfh.teachers.config import StudentTraining
from msd.mfh.teachers.unimodal import Students, train_students_together

TRAINING = StudentTraining(
    hidden=8, steps=30, batch_size=16, learning_rate=1e-2, weight_decay=0.01, kd_weight=0.5, temperature=2.0
)


def problem(classes: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Features, classes, and logits of two teachers of which the first knows the class."""
    stream = torch.Generator().manual_seed(0)
    features = torch.randn(80, 5, generator=stream)
    targets = features[:, :classes].argmax(1)
    teachers = torch.stack([1.0 * F.one_hot(targets, classes), torch.randn(80, classes, generator=stream)])
    return features, targets, teachers


def train(features: Tensor, targets: Tensor, teachers: Tensor, **changes) -> Students:
    training = TRAINING.model_copy(update=changes)
    task = "multiclass" if targets.ndim == 1 else "multilabel"
    return train_students_together(features, targets, teachers, task=task, training=training, seed=1)


def test_a_student_is_the_same_whoever_is_trained_beside_it() -> None:
    features, targets, teachers = problem()
    both, first, second = (train(features, targets, chosen) for chosen in (teachers, teachers[:1], teachers[1:]))
    said = both.logits(features)
    torch.testing.assert_close(said[:2], first.logits(features), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(said[[0, 2]], second.logits(features), rtol=1e-4, atol=1e-5)


def test_all_start_alike() -> None:
    features, targets, teachers = problem()
    said = train(features, targets, teachers, learning_rate=1e-12).logits(features)
    torch.testing.assert_close(said[0], said[1])
    torch.testing.assert_close(said[0], said[2])


def test_they_are_the_nets_that_a_plain_loop_trains() -> None:
    """One student, one teacher, torch's own modules and losses."""
    features, targets, teachers = problem()
    start = train(features, targets, teachers[:1], learning_rate=1e-12, steps=1, weight_decay=0.0)
    hidden = TRAINING.hidden
    net = torch.nn.Sequential(torch.nn.Linear(5, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 3))
    with torch.no_grad():
        net[0].weight.copy_(start.first[:, hidden:].T)
        net[0].bias.copy_(start.first_bias[hidden:])
        net[2].weight.copy_(start.second[1].T)
        net[2].bias.copy_(start.second_bias[1, 0])
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=0.01)
    for step in range(4):
        for group in optimiser.param_groups:
            group["lr"] = 1e-2 * (1 - step / 4)
        logits = net(features)
        apart = F.kl_div(
            (logits / 2).log_softmax(1), (teachers[0] / 2).log_softmax(1), log_target=True, reduction="batchmean"
        )
        loss = 0.5 * F.cross_entropy(logits, targets) + 0.5 * 4 * apart
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    ours = train(features, targets, teachers[:1], steps=4, batch_size=80)
    torch.testing.assert_close(ours.logits(features)[1], net(features), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("several", [False, True])
def test_a_student_comes_to_say_what_its_teacher_says(several: bool) -> None:
    features, targets, teachers = problem()
    gold, task = (F.one_hot(targets, 3).float(), "multilabel") if several else (targets, "multiclass")
    said = train(features, gold, teachers, steps=200, kd_weight=0.9).logits(features)

    def apart(student: Tensor, teacher: Tensor) -> float:
        return float(kd_divergence(student, teacher, temperature=1.0, task=task).mean())

    for number, teacher in enumerate(teachers, start=1):
        assert apart(said[number], teacher) < 0.8 * apart(said[0], teacher)
    assert (said[1].argmax(1) == targets).float().mean() > (said[2].argmax(1) == targets).float().mean()
