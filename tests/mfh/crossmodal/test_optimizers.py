"""How nets of the crossmodal studies descend: by SGD or AdamW, with a learning rate that falls."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from msd.mfh.config import NetTraining
from msd.mfh.crossmodal.networks import Net
from msd.mfh.crossmodal.samples import Samples
from msd.mfh.crossmodal.training import ModalityNet, task_loss, train

SAMPLES = Samples({"view": torch.randn(6, 3, generator=torch.Generator().manual_seed(0))}, torch.arange(6) % 2)


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net(nn.Identity(), 3, 2)


def trained(net: Net, **how: object) -> torch.Tensor:
    """The head's weights after full-batch training."""
    found = copy.deepcopy(net)
    train(ModalityNet(found, ("view",)), SAMPLES, training=NetTraining(batch_size=6, **how), seed=0)
    return found.head.weight.detach()


def test_the_learning_rate_is_a_tenth_after_so_many_epochs(net: Net) -> None:
    rates = [0.5, 0.5, 0.05, 0.05, 0.005]
    expected = copy.deepcopy(net)
    for rate in rates:
        expected.zero_grad()
        task_loss(expected(SAMPLES.inputs["view"]), SAMPLES.label).backward()
        with torch.no_grad():
            for parameter in expected.parameters():
                parameter -= rate * parameter.grad
    found = trained(net, epochs=5, learning_rate=0.5, momentum=0.0, decay_every=2)
    assert torch.allclose(found, expected.head.weight, atol=1e-6)
    constant = trained(net, epochs=5, learning_rate=0.5, momentum=0.0)
    assert not torch.allclose(found, constant, atol=1e-2)


def test_adamw_first_steps_by_the_learning_rate_and_decays_weights(net: Net) -> None:
    """Its first step is lr in the direction of the gradient's sign, after w ← w·(1 − lr·decay)."""
    probe = copy.deepcopy(net)
    task_loss(probe(SAMPLES.inputs["view"]), SAMPLES.label).backward()
    wanted = net.head.weight * (1 - 0.01 * 0.5) - 0.01 * probe.head.weight.grad.sign()
    found = trained(net, epochs=1, learning_rate=0.01, weight_decay=0.5, optimizer="adamw")
    assert torch.allclose(found, wanted, atol=1e-5)
