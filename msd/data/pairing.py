"""Permutations that pair every picture with a wrong text, so that one modality alone says nothing.

Hateful Memes has "benign confounders" for this (Kiela et al. 2020); with permutations the property is exact.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from msd.data.randomness import draw, generator
from msd.errors import UserError

SWAPS_PER_ITEM = 20
ATTEMPTS = 50


def crossing(categories: Mapping[str, str], count: int, *, seed: tuple[object, ...]) -> list[dict[str, str]]:
    """`count` permutations item -> item that always cross category and never repeat a pair."""
    names = sorted(categories)
    if not names:
        raise UserError("a split has no item to pair; change the shares in `prepare:`")
    largest = max(Counter(categories.values()).values())
    if 2 * largest > len(names):
        raise UserError(
            f"one category holds {largest} of {len(names)} items, more than half: "
            "no permutation can cross category everywhere; drop items of it or split differently"
        )
    return _distinct(names, count, categories=categories, cross=True, seed=seed)


def within(categories: Mapping[str, str], count: int, *, seed: tuple[object, ...]) -> list[dict[str, str]]:
    """`count` permutations item -> another item of the same category that never repeat a pair."""
    members: dict[str, list[str]] = defaultdict(list)
    for name in sorted(categories):
        members[categories[name]].append(name)
    pairings: list[dict[str, str]] = [{} for _ in range(count)]
    for category, names in members.items():
        if len(names) <= count:
            raise UserError(
                f"the category {category!r} has {len(names)} items in a split, too few for {count} pairings "
                "with another item of it; lower `pairings`"
            )
        shift_all = _distinct(names, count, categories=categories, cross=False, seed=(*seed, category))
        for pairing, shifted in zip(pairings, shift_all, strict=True):
            pairing |= shifted
    return pairings


def _distinct(
    names: Sequence[str], count: int, *, categories: Mapping[str, str], cross: bool, seed: tuple[object, ...]
) -> list[dict[str, str]]:
    """Permutations one after the other, each avoiding the pairs of those before."""
    taken: set[tuple[str, str]] = {(name, name) for name in names}
    pairings: list[dict[str, str]] = []
    for number in range(count):
        for attempt in range(ATTEMPTS):
            rng = generator(*seed, number, attempt)
            pairing = _permutation(names, categories, cross=cross, rng=rng, taken=taken)
            if taken.isdisjoint(pairing.items()):
                break
        else:
            raise UserError(f"no {count} pairings without a repeated pair exist for {len(names)} items")
        taken |= set(pairing.items())
        pairings.append(pairing)
    return pairings


def _permutation(
    names: Sequence[str], categories: Mapping[str, str], *, cross: bool, rng: random.Random, taken: set[tuple[str, str]]
) -> dict[str, str]:
    """A rotation of the items sorted by category, which crosses by construction, then stirred by legal swaps."""
    key = {name: rng.random() for name in names}
    rank = {category: rng.random() for category in sorted({categories[name] for name in names})}
    order = sorted(names, key=lambda name: (rank[categories[name]], key[name]))
    largest = max(Counter(categories[name] for name in names).values()) if cross else 1
    shift = largest + draw(rng, len(order) - 2 * largest + 1)
    texts = order[shift:] + order[:shift]

    def legal(position: int, text: str) -> bool:
        name = order[position]
        return (name, text) not in taken and (not cross or categories[name] != categories[text])

    for _ in range(SWAPS_PER_ITEM * len(order)):
        a, b = draw(rng, len(order)), draw(rng, len(order))
        if legal(a, texts[b]) and legal(b, texts[a]):
            texts[a], texts[b] = texts[b], texts[a]
    # a swap frees a pair that an earlier permutation took; stirring more seldom leaves one, a new attempt removes it
    return dict(zip(order, texts, strict=True))
