"""What is kept of thousands of labels: the mass of the rest, and how far the whole can be from it."""

import pytest
import torch

from msd.distill.losses import Task, kd_divergence
from msd.distill.top_logits import all_logits, top_error_bound, top_logits

LABELS = 300
TASKS: tuple[Task, ...] = ("multiclass", "multilabel")


def teachers(task: Task) -> torch.Tensor:
    """Logits (B, C) of sure and of unsure teachers, flat ones, and one label against many that are alike."""
    generator = torch.Generator().manual_seed(0)
    random = torch.randn(40, LABELS, generator=generator, dtype=torch.float64)
    shift = -6 if task == "multilabel" else 0
    steps = torch.where(torch.rand(20, LABELS, generator=generator) < 0.05, 4.0, -20.0).double()
    return torch.cat([random * torch.linspace(0, 8, 40)[:, None] + shift, steps, torch.zeros(1, LABELS)])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("temperature", [0.5, 1, 2, 4])
@pytest.mark.parametrize("count", [1, 8, 64, 299])
def test_the_whole_is_no_farther_than_the_bound(task: Task, temperature: float, count: int) -> None:
    whole = teachers(task)
    top = top_logits(whole, count=count, task=task)
    error = kd_divergence(all_logits(top, LABELS), whole, temperature=temperature, task=task) / temperature**2
    bound = top_error_bound(top, LABELS, temperature=temperature, task=task)
    assert (error <= bound + 1e-9).all()
    if count == LABELS - 1:  # the rest is one label, which is kept exactly
        assert error.max() < 1e-9
    elif temperature == 1:
        assert error.max() > 0.05
        assert bound.median() < 20 * error.median()


def test_the_rest_keeps_its_mass() -> None:
    for task in TASKS:
        whole = teachers(task)
        kept = all_logits(top_logits(whole, count=10, task=task), LABELS)
        largest = whole.topk(10).indices
        assert torch.equal(kept.gather(1, largest), whole.gather(1, largest))
        probability = {"multiclass": torch.Tensor.softmax, "multilabel": lambda z, _: z.sigmoid()}[task]
        torch.testing.assert_close(probability(kept, 1).sum(1), probability(whole, 1).sum(1))
        torch.testing.assert_close(
            probability(kept, 1).gather(1, largest).sum(1), probability(whole, 1).gather(1, largest).sum(1)
        )


def test_the_bound_at_temperature_1_is_the_mass_of_the_rest_times_its_gap() -> None:
    top = top_logits(torch.tensor([[2.0, 0.0, -1.0, -1.0]]), count=2, task="multiclass")
    mass = 2 * torch.tensor(-1.0).exp() / torch.tensor([2.0, 0.0, -1.0, -1.0]).exp().sum()
    bound = top_error_bound(top, 4, temperature=1, task="multiclass")
    torch.testing.assert_close(bound, (mass * (0 - -1)).double()[None])
