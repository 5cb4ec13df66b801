"""Errors that a user can act on."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """One sentence for the user: what is wrong, where, and what to do."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: "; did you mean …?", or where nothing is like it, what is known."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    shown = [*names[:12], *(["…"] if len(names) > 12 else [])]
    return f"; known are {', '.join(shown)}" if names else ""
