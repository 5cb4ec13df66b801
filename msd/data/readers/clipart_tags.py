"""`clipart-tags`: which keywords does this clip-art picture with this title have? The role of MM-IMDB."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pydantic import Field

from msd.config.strict import Count, Seed
from msd.data.findings import Findings, Records
from msd.data.prepared import Prepared, hard
from msd.data.readers import openclipart
from msd.data.readers.openclipart import Item
from msd.data.splits import Shares, split_by_group


class Parameters(Records):
    """How the items are split, and which keywords are labels."""

    seed: Seed = Field(description="of the split")
    shares: Shares = Field(description="shares of the items, near-copies together")
    collection: Count = Field(
        description="a title that more items share names no picture: these are split by their file names"
    )
    label_minimum: Count = Field(description="items that a keyword must have to be a label")
    stop: list[str] = Field(description="keywords that are no labels")
    synonyms: dict[str, str] = Field(description="keyword -> the one that it is counted as")


def prepare(raw: dict[str, Path], parameters: Parameters) -> Prepared:
    """Items with at least one frequent keyword; a row is a picture, its title and the labels among its keywords."""
    findings = Findings(parameters.records)
    items, pictures = openclipart.read(raw, findings)
    tags = {item.path: tags_of(item, synonyms=parameters.synonyms, stop=parameters.stop) for item in items}
    labels = frequent(tags, minimum=parameters.label_minimum)
    kept = [item for item in items if tags[item.path] & set(labels)]
    for item in items:
        if not tags[item.path] & set(labels):
            findings.add(item.path, f"items.jsonl:{item.line}", action="dropped", reason="no frequent keyword")
    groups = openclipart.groups(kept, collection=parameters.collection)
    counts = count(tags)
    strata = {item.path: min(tags[item.path] & set(labels), key=lambda tag: (counts[tag], tag)) for item in kept}
    splits = split_by_group(groups, strata, shares=parameters.shares, seed=parameters.seed)
    by_path = {item.path: item for item in kept}
    rows = {
        split: [hard(path, by_path[path].picture, by_path[path].text, *targets(tags[path], labels)) for path in paths]
        for split, paths in splits.items()
    }
    return Prepared(rows, labels, pictures, findings)


def tags_of(item: Item, *, synonyms: dict[str, str], stop: list[str]) -> set[str]:
    """An item's keywords after the synonym map and without the stop list."""
    return {synonyms.get(keyword, keyword) for keyword in item.keywords} - set(stop)


def count(tags: dict[str, set[str]]) -> Counter[str]:
    """How many items have each tag."""
    return Counter(tag for own in tags.values() for tag in own)


def frequent(tags: dict[str, set[str]], *, minimum: int) -> list[str]:
    """The tags of at least `minimum` items, in alphabetical order."""
    return sorted(tag for tag, number in count(tags).items() if number >= minimum)


def targets(tags: set[str], labels: list[str]) -> list[int]:
    """The indices of the labels among an item's tags."""
    return [index for index, label in enumerate(labels) if label in tags]
