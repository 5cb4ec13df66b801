"""What may be concluded from a cell: the rule of significance and the words for verdicts, for both papers."""

from msd.tables.cell import Against, Cell, Verdict
from msd.tables.text import difference_text, p_text

SIGNIFICANT = 0.05
SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE, NOT_RUN = "supported", "not supported", "inconclusive", "not run"
AS_PREDICTED, NOT_AS_PREDICTED, EXPLORATORY = "as predicted", "not as predicted", "exploratory"
WITHIN, OUTSIDE = "within", "outside"


def is_significant(against: Against | None) -> bool:
    """Whether a difference has a Holm-corrected p below .05."""
    return against is not None and against.p_holm is not None and against.p_holm < SIGNIFICANT


def is_earned(cell: Cell) -> bool:
    """Whether a cell is printed bold: a significant change to the better, with more than one seed."""
    if cell.against is None or cell.against.difference is None or cell.value.n < 2:
        return False
    better = -1 if cell.details.get("better") == "lower" else 1
    return is_significant(cell.against) and better * cell.against.difference > 0


def of_difference(against: Against, *, sign: int = 1) -> Verdict:
    """Verdict on a difference that is expected above zero, or below it for sign −1."""
    if against.p_holm is None and against.why:
        return Verdict(INCONCLUSIVE, against.why)
    evidence = ", ".join(filter(None, [difference_text(against), p_text(against)]))
    if against.difference is None or not is_significant(against):
        return Verdict(INCONCLUSIVE, evidence)
    return Verdict(SUPPORTED if sign * against.difference > 0 else NOT_SUPPORTED, evidence)


def of_interval(value: float | None, low: float | None, high: float | None) -> str | None:
    """Whether a paper's value lies in our interval: within or outside; None where one of them is missing."""
    if value is None or low is None or high is None:
        return None
    return WITHIN if low <= value <= high else OUTSIDE
