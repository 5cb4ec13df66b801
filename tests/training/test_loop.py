"""The batches of an epoch, and how many steps a schedule is."""

import numpy as np
import pytest
import torch

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
