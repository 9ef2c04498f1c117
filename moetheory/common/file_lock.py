"""A lock on a file that one process at a time may write; it ends with the process."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Self

from moetheory.common.files import FilePath, resolved

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
LONGEST = 300  # bytes that name a holder

_held: set[int] = set()  # descriptors of this process


class FileLock:
    """The right to write the file at ``path``: a context, held until released or garbage.

    What is locked is a file beside it, ``.name.lock``, which names the holder and goes with the
    release. If the holder is killed the file stays, but the operating system unlocks it. A forked
    child has no part in the lock. Where there are no such locks (Windows, some network file
    systems) nobody is refused, and `exclusive` is False.

    Raises
    ------
    BlockingIOError
        It is held, by another process or by another lock in this one; the error names the holder.
    OSError
        The file beside it cannot be made.
    """

    def __init__(self, path: FilePath) -> None:
        self._process, self._descriptor = os.getpid(), None
        target = resolved(path)
        self._place = target.with_name(f".{target.name}.lock")
        if fcntl is not None:
            self._descriptor = _locked(self._place, target)

    _descriptor: int | None

    @property
    def exclusive(self) -> bool:
        """Whether nobody else can have this right now."""
        return self._descriptor is not None and not self.forked

    @property
    def forked(self) -> bool:
        """Whether this is a copy in a process that was forked from the holder."""
        return self._process != os.getpid()

    def release(self) -> None:
        """Give the right back; nothing happens if that was done, or in a forked child."""
        if self._descriptor is not None and not self.forked:
            with contextlib.suppress(OSError):
                self._place.unlink()  # first: once unlocked it may be that of the next holder
            _held.discard(self._descriptor)
            os.close(self._descriptor)
        self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()


def _locked(place: Path, target: Path) -> int | None:
    """The descriptor of the locked file at ``place``; None if it cannot be locked here."""
    while True:
        try:
            descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(target)) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(place, descriptor):  # else its holder has removed it meanwhile
                with contextlib.suppress(OSError):  # a full disk: then it is held without a name
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, _name(os.getpid()).encode(), 0)
                _held.add(descriptor)
                return descriptor
        except OSError as error:
            if error.errno not in BUSY:
                place.unlink(missing_ok=True)
                return None
            holder = os.pread(descriptor, LONGEST, 0).decode(errors="replace")
            holder = "this process" if holder == _name(os.getpid()) else holder
            raise BlockingIOError(
                f"{target} is in use by another run, {holder or 'in a process unknown'}: "
                "let it end, or name another file"
            ) from None
        finally:
            if descriptor not in _held:
                os.close(descriptor)


def _is_at(place: Path, descriptor: int) -> bool:
    """Whether the open file is the one at ``place``."""
    try:
        return os.path.samestat(place.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _name(process: int) -> str:
    return f"process {process} on {os.uname().nodename}"


def _leave_to_the_parent() -> None:
    """Close the descriptors in a forked child, which else would keep the parent's locks."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_the_parent)
