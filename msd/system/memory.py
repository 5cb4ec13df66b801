"""Whether something fits into memory: the system ends a process that takes too much, without a word."""

import psutil

from msd.errors import UserError

BLOCK = 2**24
"""Numbers that are in memory at once where all rows are gone through: 64 MB in float32."""


def free_memory() -> int:
    """Bytes that a process can have."""
    return int(psutil.virtual_memory().available)


def fits_in_memory(needed: int, what: str, advice: str) -> None:
    """UserError where `what` (several of something) needs more bytes than are free."""
    free = free_memory()
    if needed > free:
        raise UserError(f"{what} need {needed / 1e9:,.1f} GB of memory, {free / 1e9:,.1f} are free; {advice}")
