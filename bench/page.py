"""Parts of docs/scale.md, which the programs that measured them write."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

PAGE = Path(__file__).resolve().parents[1] / "docs/scale.md"


def show(part: str, text: str, *, write: bool) -> None:
    """Print the text; with `write`, put it into the page too, between the two comments that name the part."""
    print(text)
    if write:
        before, start, rest = PAGE.read_text(encoding="utf-8").partition(f"<!-- {part} -->\n")
        _, end, after = rest.partition(f"<!-- end of {part} -->\n")
        if not start or not end:
            raise ValueError(f"{PAGE} has no part {part!r} between two comments")
        PAGE.write_text(f"{before}{start}{text.rstrip()}\n{end}{after}", encoding="utf-8")


def exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """How fast values grow with sizes, 1 in proportion: the slope of their logarithms, by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(np.maximum(values, 1e-3)), 1)[0])
