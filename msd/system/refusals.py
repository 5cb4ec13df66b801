"""What the system refuses a program (room on a disk or in memory, a right, a file) as one sentence: what to do."""

import errno
import os
import re
import resource
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msd.errors import UserError
from msd.system.memory import free_memory

ADVICE = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room there, or have your quota raised",
    errno.EFBIG: "have the limit on the size of files raised (`ulimit -f unlimited`)",
    errno.EROFS: "work on a disk that may be written to",
    errno.EACCES: "give the account that runs this the right to it",
    errno.EPERM: "give the account that runs this the right to it",
    errno.EMFILE: "have the limit on open files raised (`ulimit -n 4096`)",
    errno.ENFILE: "end programs that hold many files open",
    errno.EIO: "see whether the disk still works",
    errno.ESTALE: "see whether the server of that disk still works",
    errno.ENOMEM: "choose smaller batches or sizes, or a machine with more memory",
}
PHRASES = {
    errno.ENOMEM: re.compile("(?i)can't allocate memory|out of memory|unable to allocate"),
    errno.ENOSPC: re.compile("disk is full|Not enough free space|requested and .* written|unexpected pos"),
    errno.EACCES: re.compile("readonly database|unable to open database file"),
    errno.EIO: re.compile("disk I/O error"),
}
"""Words of libraries that keep the system's number to themselves: SQLite, NumPy, torch."""
ASKED = re.compile(r"allocate ([\d.,]+ ?[KMGTP]?i?B(?:ytes)?)", re.IGNORECASE)
TEMPORARY = re.compile(r"/\.tmp-[^/]*-\d+(?=/|$)")


class Refusal(UserError):
    """The sentence on what the system refused."""


@contextmanager
def explained(folders: Iterable[str | Path]) -> Iterator[None]:
    """Turn what the system refused in this block into a Refusal; `folders` are those that it writes to."""
    try:
        yield
    except Refusal:
        raise
    except Exception as error:
        number, refused = _refused(error)
        if number is None:
            raise
        if number == errno.ENOMEM:
            raise Refusal(f"{_short(refused)}; {ADVICE[number]}, and run it again: what is finished stays") from error
        if isinstance(error, UserError):  # which a program that was called, such as pip, has explained
            what, place = str(error), _fullest(folders)
        else:
            place = _file(refused) or _newest(folders, disk=_disk(_fullest(folders))) or _fullest(folders)
            what = f"{TEMPORARY.sub('', str(place))}: {os.strerror(number)}"
        room = f" ({_free(place)})" if number in (errno.ENOSPC, errno.EDQUOT) else ""
        raise Refusal(f"{what}{room}; {ADVICE[number]}, and run it again: what is finished stays") from error


def _refused(error: BaseException) -> tuple[int | None, BaseException]:
    """The number of the refusal that an error is or comes from, and the error that has it."""
    link: BaseException | None = error
    while link is not None:
        number = errno.ENOMEM if isinstance(link, MemoryError) else getattr(link, "errno", None)
        if number in ADVICE:
            return number, link
        text = str(link)
        for number in (errno.ENOSPC, errno.EDQUOT, *ADVICE):
            if os.strerror(number) in text or (number in PHRASES and PHRASES[number].search(text)):
                return _limited(number), link
        link = None if isinstance(link, UserError) else link.__cause__ or link.__context__
    return None, error


def _short(error: BaseException) -> str:
    """What was requested of memory, where the error says so, and what is free."""
    request = ASKED.search(str(error))
    more = f" for {request[1]} more" if request else ""
    return f"the memory has no room{more} ({free_memory() / 1e9:,.1f} GB are free)"


def _limited(number: int) -> int:
    """A disk that seems full where this process may write no larger file: that is the reason."""
    is_limited = resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY
    return errno.EFBIG if is_limited and number in (errno.ENOSPC, errno.EIO) else number


def _file(error: BaseException) -> Path | None:
    """The file that an OSError names: of two, such as of a copy, the second is written to."""
    names = [getattr(error, name, None) for name in ("filename2", "filename")]
    return next((Path(os.fsdecode(name)) for name in names if isinstance(name, str | bytes | os.PathLike)), None)


def _newest(folders: Iterable[str | Path], *, disk: int) -> Path | None:
    """The file of a disk that was written to last, most likely the one that could not be."""
    there = [Path(folder) for folder in folders if _disk(Path(folder)) == disk]
    files = [path for folder in there for path in folder.rglob("*") if path.is_file()]
    return max(files, key=lambda path: (path.stat().st_mtime_ns, path.stat().st_size), default=None)


def _fullest(folders: Iterable[str | Path]) -> Path:
    """The one of the folders, the working folder and the system's for temporary files that has the least room."""
    places = [Path(folder) for folder in (*folders, tempfile.gettempdir(), ".")]
    return min(places, key=lambda place: _room(place).f_bavail)


def _disk(place: Path) -> int:
    return _nearest(place).stat().st_dev


def _room(place: Path) -> os.statvfs_result:
    return os.statvfs(_nearest(place))


def _nearest(place: Path) -> Path:
    """The place, or the nearest folder above it that is there."""
    return next(path for path in (place, *place.absolute().parents) if path.exists())


def _free(place: Path) -> str:
    room = _room(place)
    if room.f_files and not room.f_favail:
        return "no further file fits on this disk"
    free, whole = (blocks * room.f_frsize / 1e6 for blocks in (room.f_bavail, room.f_blocks))
    return f"{free:,.1f} of {whole:,.1f} MB are free"
