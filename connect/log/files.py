"""Files as the log needs them: whole writes, durable names, and a disk's refusal as an error that says so."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from connect.api.errors import EnvironmentFault

#: macOS: fsync stops at the drive's cache, this does not.
_FULL_SYNC: Final[int | None] = getattr(fcntl, "F_FULLFSYNC", None)
#: Leaves out times of access and change, where the system knows the difference; sizes are always synced.
_sync_data: Final[Callable[[int], None]] = getattr(os, "fdatasync", os.fsync)

#: What one call takes, well below every system's limit; what is smaller is cheaper to copy than to list.
_JOINED_MAX: Final = 500
_JOIN_BYTES: Final = 16_384


@contextlib.contextmanager
def disk_faults(doing: str, path: Path) -> Iterator[None]:
    """Turn an `OSError` into `EnvironmentFault` environment.disk; `doing` completes "cannot …"."""
    try:
        yield
    except OSError as error:
        raise EnvironmentFault(f"cannot {doing} {path}: {error.strerror or error}", code="environment.disk") from error


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable: files that appeared, were renamed or removed."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class SyncError(OSError):
    """An fsync failed: what was written before may or may not be on disk, and trying again tells nothing."""


def sync_file(path: Path) -> None:
    """Make a file's bytes durable, whoever wrote them.

    Raises:
        SyncError: The fsync itself failed.
        OSError: The file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _sync(descriptor)
    except OSError as error:
        raise SyncError(*error.args) from error
    finally:
        os.close(descriptor)


def _sync(descriptor: int) -> None:
    if _FULL_SYNC is not None:
        fcntl.fcntl(descriptor, _FULL_SYNC)
    else:
        _sync_data(descriptor)


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file in one step: after a crash it holds the old content or the new, never a part."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_directory(path.parent)


def write_all(descriptor: int, pieces: Sequence[bytes | memoryview], position: int) -> None:
    """Write all of `pieces` at `position`, one behind another, without joining large ones first."""
    if len(pieces) > _JOINED_MAX or sum(map(len, pieces)) < _JOIN_BYTES:
        pieces = [b"".join(pieces)]
    total = sum(map(len, pieces))
    written = os.pwritev(descriptor, pieces, position)
    if written < total:
        content = memoryview(b"".join(pieces))
        while written < total:
            written += os.pwrite(descriptor, content[written:], position + written)
