"""`clipart-tags`: which keywords does this clip-art picture with this title have? The role of MM-IMDB."""

from collections import Counter
from pathlib import Path

from pydantic import Field

from msd.config.strict import Count
from msd.data.findings import Findings
from msd.data.prepared import Prepared, hard
from msd.data.readers import openclipart


class Parameters(openclipart.Parameters):
    """How the items are split, and which keywords are labels."""

    label_minimum: Count = Field(description="items that a keyword must have to be a label")
    stop: list[str] = Field(description="keywords that are no labels")
    synonyms: dict[str, str] = Field(description="keyword -> the one that it is counted as")


def prepare(raw: dict[str, Path], parameters: Parameters) -> Prepared:
    """Items with at least one frequent keyword; a row is a picture, its title and the labels among its keywords."""
    findings = Findings(parameters.records)
    items, pictures = openclipart.read(raw, findings)
    synonyms, stop = parameters.synonyms, set(parameters.stop)
    tags = {item.path: {synonyms.get(keyword, keyword) for keyword in item.keywords} - stop for item in items}
    counts = Counter(tag for own in tags.values() for tag in own)
    labels = sorted(tag for tag, number in counts.items() if number >= parameters.label_minimum)
    kept = [item for item in items if tags[item.path] & set(labels)]
    for item in items:
        if not tags[item.path] & set(labels):
            findings.add(item.path, f"items.jsonl:{item.line}", action="dropped", reason="no frequent keyword")
    strata = {item.path: min(tags[item.path] & set(labels), key=lambda tag: (counts[tag], tag)) for item in kept}
    places = {label: index for index, label in enumerate(labels)}
    rows = {
        split: [
            hard(item.path, item.picture, item.text, *sorted(places[tag] for tag in tags[item.path] & places.keys()))
            for item in own
        ]
        for split, own in openclipart.split(kept, strata, parameters).items()
    }
    return Prepared(rows, labels, pictures, findings)
