"""Files as the log needs them: whole writes, durable names, and a disk's refusal as an error that says so."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from connect.api.errors import EnvironmentFault

#: macOS: fsync stops at the drive's cache, this does not.
_FULL_SYNC: Final[int | None] = getattr(fcntl, "F_FULLFSYNC", None)
#: Leaves out times of access and change, where the system knows the difference; sizes are always synced.
_sync_data: Final[Callable[[int], None]] = getattr(os, "fdatasync", os.fsync)


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


def sync_file(path: Path) -> None:
    """Make a file's bytes durable, whoever wrote them."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if _FULL_SYNC is not None:
            fcntl.fcntl(descriptor, _FULL_SYNC)
        else:
            _sync_data(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file in one step: after a crash it holds the old content or the new, never a part."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_directory(path.parent)


def write_all(descriptor: int, content: bytes, position: int) -> None:
    """Write all of `content` at `position`; one system call unless the kernel takes less at once."""
    written = os.pwrite(descriptor, content, position)
    while written < len(content):
        written += os.pwrite(descriptor, memoryview(content)[written:], position + written)
