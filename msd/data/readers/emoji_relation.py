"""`emoji-relation`: how does this name relate to this emoji's picture? The role of SNLI-VE.

Three classes: the emoji's own name, the name of another emoji of its category, a name of another category.
This is a relation proxy, not entailment.
"""

from pathlib import Path

from pydantic import Field

from msd.data.findings import Findings
from msd.data.pairing import crossing, within
from msd.data.prepared import Prepared, Sample, check_one_modality_chance, hard
from msd.data.readers import openmoji
from msd.data.readers.openmoji import Emoji
from msd.data.splits import Counts

LABELS = ["same item", "same category", "other category"]


class Parameters(openmoji.Parameters):
    """How the emoji are split, paired and drawn."""

    pairings: Counts = Field(description="rows of each class that a picture of each split has")


def prepare(raw: dict[str, Path], parameters: Parameters) -> Prepared:
    """Named emoji, rendered at `parameters.size` pixels, in `parameters.pairings[split]` rows per class."""
    findings = Findings(parameters.records)
    emoji, pictures = openmoji.read(raw, findings, size=parameters.size)
    rows = {
        split: relations(own, parameters.pairings[split], seed=(parameters.seed, split))
        for split, own in openmoji.split(emoji, parameters).items()
    }
    check_one_modality_chance(rows)
    return Prepared(rows, list(LABELS), pictures, findings)


def relations(emoji: list[Emoji], count: int, *, seed: tuple[object, ...]) -> list[Sample]:
    """Per pairing and picture one row of each class."""
    by_code = {item.code: item for item in emoji}
    categories = {item.code: item.category for item in emoji}
    near = within(categories, count, seed=("emoji-relation", "same", *seed))
    far = crossing(categories, count, seed=("emoji-relation", "other", *seed))
    return [
        hard(f"{item.code}#{number}{mark}", item.picture, by_code[code].name, label)
        for number in range(count)
        for item in emoji
        for label, (mark, code) in enumerate(
            (("=", item.code), ("~", near[number][item.code]), ("x", far[number][item.code]))
        )
    ]
