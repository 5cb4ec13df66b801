"""Errors that a user can act on."""

import errno
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

CHANGING = re.compile(r"\b(time|buf|file descriptor) = [^,)]*|0x[0-9a-fA-F]+")
"""What differs from run to run in a library's words."""
WORDED = (OSError, ValueError, RuntimeError, EOFError, SyntaxError)
"""Errors whose words tell a user something; others name an index or a key of the library's own."""

OF_THE_SYSTEM = (errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT)
"""What the system refuses (msd.refusals) whatever a file holds: no reason to drop the file from a data set."""


class UserError(ValueError):
    """One sentence for the user: what is wrong, where, and what to do."""


@contextmanager
def decoding(what: str, advice: str = "fetch it again") -> Iterator[None]:
    """Around the call of a library that decodes a file: what it raises becomes `what` (its words); `advice`."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        if error.errno in OF_THE_SYSTEM:
            raise
        raise UserError(f"{what} ({cause(error)}); {advice}") from error
    except MemoryError as error:
        raise UserError(f"{what} (it asks for more memory than there is); {advice}") from error
    except Exception as error:
        raise UserError(f"{what} ({cause(error)}); {advice}") from error


def made_anew(path: object) -> str:
    """What to do about a file of a study that is damaged: to Snakemake one that is there is up to date."""
    return f"`snakemake --force {path}` makes it anew"


def cause(error: BaseException) -> str:
    """The first line of a library's words, without what differs from run to run."""
    words = getattr(error, "strerror", None) or (str(error).strip() if isinstance(error, WORDED) else "")
    return CHANGING.sub("…", words.splitlines()[0]) if words else "damaged content"


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: "; did you mean …?", or where nothing is like it, what is known."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    shown = [*names[:16], *(["…"] if len(names) > 16 else [])]
    return f"; known are {', '.join(shown)}" if names else ""
