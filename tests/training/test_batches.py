"""Batches of an epoch."""

import numpy as np
import torch

from msd.training.batches import length_batches


def test_an_epoch_holds_every_row_once_with_like_lengths_together() -> None:
    lengths = torch.randint(3, 20, (1000,), generator=torch.Generator().manual_seed(0))
    batches = list(length_batches(lengths, batch_size=32, generator=torch.Generator().manual_seed(1)))
    assert torch.cat(batches).sort().values.tolist() == list(range(1000))
    assert len(batches) == 32
    spread = [int(lengths[batch].max() - lengths[batch].min()) for batch in batches]
    assert np.mean(spread) < 4
    again = list(length_batches(lengths, batch_size=32, generator=torch.Generator().manual_seed(1)))
    assert all(torch.equal(a, b) for a, b in zip(batches, again, strict=True))
