"""Numbers of a cell in words, as every rendering prints them."""

from msd.tables.cell import Against, Cell, Paper


def number(value: float, *, signed: bool = False) -> str:
    """Three decimals, fewer for values from 10 on; a true minus sign, and none before zero."""
    if abs(value) >= 10_000:
        return f"{'−' if value < 0 else '+' if signed else ''}{abs(value):,.0f}"
    digits = 3 if abs(value) < 10 else 2 if abs(value) < 100 else 1
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return ("−" if value < 0 else "+" if signed else "") + text


def score_text(cell: Cell) -> str:
    """Mean ± half the interval (n=…); – where the mean is undefined; what is counted, not measured, has no n."""
    value = cell.value
    if value.mean is None:
        return f"– (n={value.n})"
    if cell.details.get("counted"):
        return number(value.mean)
    spread = "" if value.low is None or value.high is None else f" ± {number((value.high - value.low) / 2)}"
    return f"{number(value.mean)}{spread} (n={value.n:,})"


def difference_text(against: Against) -> str:
    """Signed difference with its interval; nothing where it is undefined."""
    if against.difference is None:
        return ""
    known = against.low is not None and against.high is not None
    bounds = f" [{number(against.low or 0)}, {number(against.high or 0)}]" if known else ""
    return f"{number(against.difference, signed=True)}{bounds}"


def p_text(against: Against) -> str:
    """Holm-corrected p, or the uncorrected one, which says so; nothing where there is none."""
    if against.p_holm is not None:
        return p_words(against.p_holm)
    return "" if against.p is None else f"uncorrected {p_words(against.p)}"


def p_words(p: float) -> str:
    """A p to three decimals."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def paper_text(paper: Paper | None) -> str:
    """A published value and whether it lies in our interval; nothing for a cell that is not held against a paper."""
    if paper is None:
        return ""
    if paper.value is None:
        return "no paper value"
    where = paper.verdict or "no verdict"
    gap = "" if paper.verdict != "outside" or paper.gap is None else f", {number(paper.gap, signed=True)}"
    return f"paper {number(paper.value)}: {where}{gap}"
