"""Splitting items by group, so that near-copies never lie on both sides of a split."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

from pydantic import model_validator

from msd.config.strict import Count, Part, Strict
from msd.data.randomness import hashed_order


class Counts(Strict):
    """A number for each split: `counts[split]`."""

    train: Count
    val: Count
    test: Count

    def __getitem__(self, split: str) -> int:
        return int(getattr(self, split))


class Limits(Strict):
    """A number for each split, null for all that there are: `limits[split]`."""

    train: Count | None
    val: Count | None
    test: Count | None

    def __getitem__(self, split: str) -> int | None:
        limit: int | None = getattr(self, split)
        return limit


class Shares(Strict):
    """The share of the items that each split has."""

    train: Part
    val: Part
    test: Part

    @model_validator(mode="after")
    def _are_all(self) -> Shares:
        if abs(sum(dict(self).values()) - 1) > 1e-9:
            raise ValueError(f"the sum must be 1, not {sum(dict(self).values()):g}")
        return self


def prefix(name: str) -> str:
    """A name without its trailing number: `foo_01` and `Foo 2` are both `foo`, near-copies of one another."""
    return re.sub(r"[\W_\d]+$", "", name.strip().lower()) or name.strip().lower()


def split_by_group(
    groups: Mapping[str, str], strata: Mapping[str, str], *, shares: Shares | Mapping[str, float], seed: int
) -> dict[str, list[str]]:
    """Items by split, whole groups at a time, each stratum near its share of every split that `shares` names.

    `groups` maps an item to its group, `strata` to what must be balanced (a category, a label). A group belongs
    to the rarest stratum among its items. Groups come in hashed order, each to the split that lacks most items
    of the stratum, and where that is a draw, of all items; so a stratum that is one group goes to train.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for item in sorted(groups):
        members[groups[item]].append(item)
    sizes = Counter(strata[item] for item in groups)
    share: dict[str, float] = dict(shares)
    splits: dict[str, list[str]] = {split: [] for split in share}
    filled: Counter[tuple[str, str]] = Counter()
    for group in hashed_order(members, "split", seed):
        stratum = min((strata[item] for item in members[group]), key=lambda name: (sizes[name], name))
        split = max(
            share,
            key=lambda name: (
                share[name] * sizes[stratum] - filled[name, stratum],
                share[name] * len(groups) - len(splits[name]),
            ),
        )
        splits[split] += members[group]
        filled[split, stratum] += len(members[group])
    return {split: sorted(items) for split, items in splits.items()}
