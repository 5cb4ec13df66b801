"""How many steps a schedule is."""

import pytest

from msd.config.contracts.training import Schedule
from msd.training.loop import total_steps


@pytest.mark.parametrize(("max_steps", "expected"), [(None, 9), (5, 5), (20, 9)])
def test_the_last_batch_of_an_epoch_may_be_smaller(max_steps: int | None, expected: int) -> None:
    schedule = Schedule(
        epochs=3, batch_size=32, learning_rate=1e-3, weight_decay=0.0, warmup=0.0, clip=1.0, max_steps=max_steps
    )
    assert total_steps(schedule, 65) == expected
