"""`emoji-kind`: of which category is the emoji with this name and picture? In the role of no data set of the paper."""

from pathlib import Path

from pydantic import Field

from msd.data.findings import Findings
from msd.data.prepared import Prepared, hard
from msd.data.readers import openmoji


class Parameters(openmoji.Parameters):
    """How the emoji are split and drawn, and which categories are labels."""

    without: list[str] = Field(description="categories that are no labels")


def prepare(raw: dict[str, Path], parameters: Parameters) -> Prepared:
    """A row is an emoji, rendered at `parameters.size` pixels, with its name and its category."""
    findings = Findings(parameters.records)
    emoji, pictures = openmoji.read(raw, findings, size=parameters.size)
    kept = [item for item in emoji if item.category not in parameters.without]
    for item in emoji:
        if item.category in parameters.without:
            where = f"{openmoji.NAMES}[{item.index}]"
            findings.add(item.code, where, action="dropped", reason=f"category that is no label: {item.category}")
    labels = sorted({item.category for item in kept})
    rows = {
        split: [hard(item.code, item.picture, item.name, labels.index(item.category)) for item in own]
        for split, own in openmoji.split(kept, parameters).items()
    }
    return Prepared(rows, labels, pictures, findings)
