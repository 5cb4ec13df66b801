"""Laws of splitting and pairing."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msd.data import SPLITS
from msd.data.pairing import crossing, within
from msd.data.randomness import draw, generator, hashed_order
from msd.data.splits import Shares, prefix, split_by_group
from msd.errors import UserError

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
SIZES = st.lists(st.integers(4, 12), min_size=3, max_size=5).filter(lambda sizes: 2 * max(sizes) <= sum(sizes) - 4)


def test_a_split_without_items_is_told() -> None:
    with pytest.raises(UserError, match="a split has no item to pair"):
        crossing({}, 1, seed=("test",))


def _categories(sizes: list[int]) -> dict[str, str]:
    return {f"{category}-{item}": str(category) for category, size in enumerate(sizes) for item in range(size)}


@pytest.mark.parametrize("crosses", [True, False])
@given(SIZES, st.integers(1, 2), st.integers(0, 99))
def test_permutations_cross_or_keep_the_category_and_never_repeat_a_pair(
    crosses: bool, sizes: list[int], count: int, seed: int
) -> None:
    categories = _categories(sizes)
    pairings = (crossing if crosses else within)(categories, count, seed=("test", seed))
    for pairing in pairings:
        assert sorted(pairing) == sorted(pairing.values()) == sorted(categories)
        assert all(a != b and (categories[a] != categories[b]) == crosses for a, b in pairing.items())
    assert len({pair for pairing in pairings for pair in pairing.items()}) == count * len(categories)


def test_impossible_pairings_are_refused() -> None:
    with pytest.raises(UserError, match="more than half"):
        crossing(_categories([5, 2]), 1, seed=())
    with pytest.raises(UserError, match="'1' has 2 items"):
        within(_categories([5, 2]), 2, seed=())


def test_random_draws_are_the_same_everywhere() -> None:
    rng = generator("clipart-match", 1, "train")
    assert [draw(rng, 1000) for _ in range(5)] == [563, 890, 831, 820, 143]


def test_a_new_item_moves_no_other_past_another() -> None:
    before = hashed_order("abcdefgh", "seed")
    after = [name for name in hashed_order("abcdefghi", "seed") if name != "i"]
    assert before == after != sorted(before)


@given(st.lists(st.integers(1, 5), min_size=20, max_size=60), st.integers(0, 9))
def test_splits_keep_groups_whole_and_shares_near(sizes: list[int], seed: int) -> None:
    groups = {f"{group}-{item}": str(group) for group, size in enumerate(sizes) for item in range(size)}
    strata = {item: str(int(group) % 2) for item, group in groups.items()}
    splits = split_by_group(groups, strata, shares=Shares(**SHARES), seed=seed)
    assert sorted(item for items in splits.values() for item in items) == sorted(groups)
    homes = Counter((groups[item], split) for split in SPLITS for item in splits[split])
    assert len(homes) == len(sizes)
    for split, share in SHARES.items():
        for stratum in "01":
            size = sum(strata[item] == stratum for item in groups)
            assert abs(sum(strata[item] == stratum for item in splits[split]) - share * size) <= 2 * max(sizes)


def test_wrong_shares_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the sum must be 1, not 0\.9"):
        Shares(train=0.5, val=0.2, test=0.2)


@pytest.mark.parametrize(("name", "expected"), [("foo_01", "foo"), ("Foo 2", "foo"), ("70", "70"), ("a1b", "a1b")])
def test_prefix_drops_a_trailing_number(name: str, expected: str) -> None:
    assert prefix(name) == expected
