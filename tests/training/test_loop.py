"""The batches of an epoch, how many steps a schedule is, and trainings that stop before its end."""

import numpy as np
import pytest
import torch
from in_processes import SCHEDULE, trained
from pydantic import ValidationError

from msd.config.contracts.training import Schedule
from msd.training.descent import length_batches, total_steps


def test_an_epoch_holds_every_row_once_with_like_lengths_together() -> None:
    lengths = torch.randint(3, 20, (1000,), generator=torch.Generator().manual_seed(0))
    batches, again = (
        list(length_batches(lengths, batch_size=32, generator=torch.Generator().manual_seed(1))) for _ in range(2)
    )
    assert torch.cat(batches).sort().values.tolist() == list(range(1000))
    assert len(batches) == 32
    assert np.mean([int(lengths[batch].max() - lengths[batch].min()) for batch in batches]) < 4
    assert all(torch.equal(a, b) for a, b in zip(batches, again, strict=True))


@pytest.mark.parametrize(("max_steps", "expected"), [(None, 9), (5, 5), (20, 9)])
def test_the_last_batch_of_an_epoch_may_be_smaller(max_steps: int | None, expected: int) -> None:
    sizes = {"epochs": 3, "batch_size": 32, "max_steps": max_steps}
    assert total_steps(Schedule(**sizes, learning_rate=1e-3, weight_decay=0.0, warmup=0.0, clip=1.0), 65) == expected


def test_a_training_that_stops_early_is_the_beginning_of_the_whole_one() -> None:
    weights, curves = trained("kd", stop=2)
    whole_weights, whole_curves = trained("kd")
    assert curves == whole_curves[: len(curves)]
    assert {row[1] for row in curves} == set(range(6))
    assert not torch.equal(weights["head.weight"], whole_weights["head.weight"])


def test_a_training_cannot_stop_after_its_end() -> None:
    with pytest.raises(ValidationError, match="stop: 4 epochs are more than the 3 that there are"):
        Schedule(**SCHEDULE, stop=4)
