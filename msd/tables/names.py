"""Names in tables, known before there is any result: of views, and of the tables that a study has by its methods."""

from collections.abc import Sequence

VIEWS = ("both", "image", "text")
Pair = tuple[str, str | None]
"""A method, and the one it is compared with."""

UNWEIGHTED, LEARNED = "msd-uniform", "msd-learned"
WEIGHTINGS = (UNWEIGHTED, "msd-population", "msd-instance", LEARNED)
ON_TOP = "+msd"
"""What the name of a method ends with that is another one with the terms of MSD on top."""


def in_view(metric: str, view: str) -> str:
    """Name of a metric that is measured in a view, where `both` goes without saying."""
    return metric if view == "both" else f"{view}/{metric}"


def table_names(methods: Sequence[str], tasks: Sequence[str]) -> list[str]:
    """The tables of a study with these methods, on data sets of these tasks, in the order of the report."""
    pairs = {"weighting": weighting_pairs(methods), "combined": combined_pairs(methods)}
    compared = [name for name, has_pairs in pairs.items() if has_pairs]
    thresholds = ["thresholds"] if "multilabel" in tasks else []
    others = ["saliency", "saliency-classes", "views", "missing", "teacher", "lesson", "cost", "latency", "grid"]
    return ["claims", "main", "near-copies", *thresholds, *compared, *others]


def weighting_pairs(methods: Sequence[str]) -> list[Pair]:
    """Each weighting against no weighting, and learned weights against each of the others; none without two schemes."""
    present = [name for name in WEIGHTINGS if name in methods]
    if UNWEIGHTED not in present or len(present) < 2:
        return []
    pairs: list[Pair] = [(UNWEIGHTED, None), *((name, UNWEIGHTED) for name in present[1:])]
    return pairs + [(LEARNED, name) for name in present[1:-1] if LEARNED in present]


def combined_pairs(methods: Sequence[str]) -> list[Pair]:
    """Each method that has a counterpart with MSD on top, and that counterpart against it."""
    plain = [name for name in methods if name + ON_TOP in methods]
    return [pair for name in plain for pair in ((name, None), (name + ON_TOP, name))]
