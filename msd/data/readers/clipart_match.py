"""`clipart-match`: does this title belong to this picture? The role of Hateful Memes.

Split items first, then pair inside a split: each permutation gives every picture its own title once and
a title from another category once. One modality alone is exactly chance.
"""

from collections import Counter
from pathlib import Path

from pydantic import Field

from msd.data.findings import Findings
from msd.data.pairing import crossing
from msd.data.prepared import Prepared, Sample, check_one_modality_chance, hard
from msd.data.readers import openclipart
from msd.data.readers.openclipart import Item
from msd.data.splits import Counts

LABELS = ["no match", "match"]


class Parameters(openclipart.Parameters):
    """How the items are split and paired."""

    pairings: Counts = Field(description="how often a picture of each split has its own title, and another")


def prepare(raw: dict[str, Path], parameters: Parameters) -> Prepared:
    """Items whose title names them alone, paired `parameters.pairings[split]` times."""
    findings = Findings(parameters.records)
    items, pictures = openclipart.read(raw, findings)
    kept = []
    titles = Counter(item.text.lower() for item in items)
    for item in items:
        reason = _unfit(item, titles)
        if reason:
            findings.add(item.path, f"items.jsonl:{item.line}", action="dropped", reason=reason)
        else:
            kept.append(item)
    splits = openclipart.split(kept, {item.path: item.category for item in kept}, parameters)
    rows = {
        split: pairs(own, parameters.pairings[split], seed=(parameters.seed, split)) for split, own in splits.items()
    }
    check_one_modality_chance(rows)
    return Prepared(rows, list(LABELS), pictures, findings)


def _unfit(item: Item, titles: Counter[str]) -> str | None:
    """Why an item cannot be matched by its title, or None."""
    if item.category == "unsorted":
        return "unsorted, so that no title surely is of another category"
    if titles[item.text.lower()] > 1:
        return "title shared with another item"
    if sum(character.isalpha() for character in item.text) < 3:
        return "title has fewer than three letters"
    return None


def pairs(items: list[Item], count: int, *, seed: tuple[object, ...]) -> list[Sample]:
    """Per permutation and item: its own title (match), then a title of another category (no match)."""
    by_path = {item.path: item for item in items}
    pairings = crossing({item.path: item.category for item in items}, count, seed=("clipart-match", *seed))
    rows = []
    for number, pairing in enumerate(pairings):
        for item in items:
            other = by_path[pairing[item.path]]
            rows.append(hard(f"{item.path}#{number}=", item.picture, item.text, 1))
            rows.append(hard(f"{item.path}#{number}x", item.picture, other.text, 0))
    return rows
