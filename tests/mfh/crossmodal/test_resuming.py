"""A pair of nets whose job was stopped goes on from its checkpoint, whichever modalities they read."""

import signal
from pathlib import Path

import pytest
import torch
from torch import nn

from msd.mfh.config import NetTraining
from msd.mfh.crossmodal.networks import Net
from msd.mfh.crossmodal.samples import Samples
from msd.mfh.crossmodal.training import ModalityNet, Side, train_together
from msd.training.checkpoint import Checkpoint, TrainState

TRAINING = NetTraining(epochs=30, batch_size=50, learning_rate=0.05)
X = Side(("x",), lambda: Net(nn.Identity(), 8, 2))
Y = Side(("y",), lambda: Net(nn.Identity(), 8, 2))


@pytest.mark.parametrize("sides", [(X, Y), (X, X)], ids=["two modalities", "the same modality"])
def test_a_pair_that_was_stopped_goes_on_to_the_same_bits(
    sides: tuple[Side, Side], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = torch.randn(2, 300, 8, generator=torch.Generator().manual_seed(0))
    samples = Samples({"x": x, "y": y}, (x.sum(1) > 0).long())

    def pair() -> list[ModalityNet]:
        return [ModalityNet.start(side, seed) for seed, side in enumerate(sides)]

    how = {"training": TRAINING, "seed": 1}
    whole, stopped, resumed = pair(), pair(), pair()
    train_together(*whole, samples, **how)
    after_step = Checkpoint.after_step

    def stop(checkpoint: Checkpoint, state: TrainState, *, stop: int | None) -> None:
        after_step(checkpoint, state, stop=signal.SIGTERM if state.step == 100 else stop)

    monkeypatch.setattr("msd.training.checkpoint.SECONDS", 0)
    monkeypatch.setattr(Checkpoint, "after_step", stop)
    with pytest.raises(SystemExit):
        train_together(*stopped, samples, **how, checkpoint=Checkpoint(str(tmp_path), "pair"))
    monkeypatch.undo()
    train_together(*resumed, samples, **how, checkpoint=Checkpoint(str(tmp_path), "pair"))
    for one, other in zip(whole, resumed, strict=True):
        assert all(map(torch.equal, one.net.state_dict().values(), other.net.state_dict().values()))
