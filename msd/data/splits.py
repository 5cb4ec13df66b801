"""Splitting items by group, so that near-copies never lie on both sides of a split."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from msd.data.prepared import SPLITS
from msd.data.randomness import hashed_order
from msd.errors import UserError


def prefix(name: str) -> str:
    """A name without its trailing number: `foo_01` and `Foo 2` are both `foo`, near-copies of one another."""
    return re.sub(r"[\W_\d]+$", "", name.strip().lower()) or name.strip().lower()


def split_by_group(groups: Mapping[str, str], shares: Mapping[str, float], *, seed: int) -> dict[str, list[str]]:
    """Items by split, whole groups at a time; `groups` maps item to group, `shares` split to its share.

    Groups come in hashed order, each to the split that is furthest below its share at that moment.
    """
    if sorted(shares) != sorted(SPLITS) or abs(sum(shares.values()) - 1) > 1e-9 or min(shares.values()) <= 0:
        raise UserError(f"`shares` must give train, val and test positive shares with the sum 1, not {dict(shares)}")
    members: dict[str, list[str]] = defaultdict(list)
    for item in sorted(groups):
        members[groups[item]].append(item)
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    for group in hashed_order(members, "split", seed):
        split = min(SPLITS, key=lambda name: (len(splits[name]) / (shares[name] * len(groups)), name))
        splits[split] += members[group]
    return {split: sorted(items) for split, items in splits.items()}
