"""Randomness that follows from names alone: the same draws on every machine and in every run.

Only `random.Random.random` is used, the one method whose stream Python promises to keep between versions.
"""

import random
from collections.abc import Iterable

from msd.seeds import derive_seed


def generator(*names: object) -> random.Random:
    """A generator seeded by hashing names (dataset, seed, purpose, …)."""
    return random.Random(derive_seed(*names))  # noqa: S311 - nothing secret


def draw(rng: random.Random, n: int) -> int:
    """An integer from 0 to n - 1."""
    return int(rng.random() * n)


def hashed_order(items: Iterable[str], *names: object) -> list[str]:
    """The items in an order that depends on each item's own hash: adding one moves no other past another."""
    return sorted(items, key=lambda item: (derive_seed(*names, item), item))
