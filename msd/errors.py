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

OF_THE_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL)
"""What the system says of a name that no file has, and of a place outside of one, to which a damaged zip points."""
ROOM = 2**30
"""Bytes that hardly a whole file asks for at once."""


class UserError(ValueError):
    """One sentence for the user: what is wrong, where, and what to do."""


@contextmanager
def decoding(what: str, advice: str = "fetch it again") -> Iterator[None]:
    """Around the call of a library that decodes a file: what it raises becomes `what` (its words); `advice`.

    What the system refuses (msd.system.refusals) goes on as it is: no reason to drop a file from a data set.
    """
    try:
        yield
    except UserError:
        raise
    except OSError as error:  # decoders' own have no number
        if error.errno in errno.errorcode and error.errno not in OF_THE_FILE:
            raise
        raise UserError(f"{what} ({cause(error)}); {advice}") from error
    except MemoryError as error:
        if _memory_is_full():
            raise
        raise UserError(f"{what} (it asks for more memory than there is); {advice}") from error
    except Exception as error:
        raise UserError(f"{what} ({cause(error)}); {advice}") from error


def _memory_is_full() -> bool:
    """Whether a decoder lacked memory for want of it, and not since a damaged file asked for too much."""
    try:
        bytes(ROOM)  # which are promised, and not written
    except MemoryError:
        return True
    return False


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
