"""One folder, one writer: a lock that the system gives back when its process ends, however it ends.

The file `writer.lock` in a run folder says who writes there, and is locked (`fcntl.lockf`, which NFS carries to
other machines) for as long as that is so. A file that is left behind holds nobody up: only the system's lock
counts, and that went with its process.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..envs.errors import DilemmaError

LOCK = "writer.lock"
_LACKING = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_OURS = set[Path]()
"""Folders that this process writes to: the system's locks are between processes."""
_GUARD = threading.Lock()


@dataclass(frozen=True)
class Writer:
    """A process that writes to a run folder."""

    host: str
    pid: int
    since: str
    """ISO 8601, UTC."""

    @staticmethod
    def here() -> Writer:
        """This process."""
        return Writer(platform.node(), os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"))

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Within the context nobody else writes to `folder`, which is made where it is missing.

    Raises DilemmaError with the other process's name where there is one. Where the file system has no locks, none
    is held.
    """
    made = _make(folder)
    mine = Path(os.path.realpath(folder))
    with _GUARD:
        if mine in _OURS:
            raise _held(folder, Writer.here())
        _OURS.add(mine)
    handle = None
    try:
        handle = _locked(folder)
        yield
    finally:
        if handle is not None:
            with suppress(OSError):
                (mine / LOCK).unlink()
            os.close(handle)
        with _GUARD:
            _OURS.discard(mine)
        if made:
            with suppress(OSError):  # it holds something by now
                mine.rmdir()


def writer_of(folder: Path) -> Writer | None:
    """Who writes to `folder` now, on whatever machine that shares its file system; None for nobody."""
    if Path(os.path.realpath(folder)) in _OURS:  # to close the file once more would give the lock back
        return Writer.here()
    try:
        handle = os.open(folder / LOCK, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.lockf(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return _named(handle) if error.errno in (errno.EACCES, errno.EAGAIN) else None
    else:
        return None
    finally:
        os.close(handle)


def _make(folder: Path) -> bool:
    """Make a folder; whether it was missing."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        if not folder.is_dir():
            raise DilemmaError(f"{folder} is a file: choose another folder with --out") from None
        return False
    except OSError as error:
        raise DilemmaError(f"{folder} can't be written: {error.strerror or error}") from error
    return True


def _locked(folder: Path) -> int | None:
    """An open file that holds the lock; None where the file system has none."""
    path = folder / LOCK
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise DilemmaError(f"{folder} can't be written: {error.strerror or error}") from error
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            other = _named(handle)
            os.close(handle)
            if error.errno in _LACKING:
                return None
            raise _held(folder, other) from None
        if _is_there(handle, path):
            break
        os.close(handle)  # whoever held it has removed it meanwhile
    os.ftruncate(handle, 0)
    os.write(handle, json.dumps(asdict(Writer.here())).encode())
    return handle


def _is_there(handle: int, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False


def _named(handle: int) -> Writer:
    try:
        return Writer(**json.loads(os.pread(handle, 4096, 0)))
    except (OSError, ValueError, TypeError):  # it has not said yet
        return Writer("an unknown machine", 0, "now")


def _held(folder: Path, other: Writer) -> DilemmaError:
    return DilemmaError(
        f"{folder} is being written by {other}: wait for it, or end it; `dilemma status {folder}` says how far it "
        "is"
    )
