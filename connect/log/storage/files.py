"""The disk as the log needs it: what alone changes files, and a disk's refusal as an error that says so.

Everything that the log writes, names, removes or makes durable goes through a `Disk`, which is passed in; reading goes
past it. So a test passes a disk that is slow, refuses, or remembers what a loss of power would have left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from connect.api.errors import EnvironmentFault

#: macOS: fsync stops at the drive's cache, this does not.
_FULL_SYNC: Final[int | None] = getattr(fcntl, "F_FULLFSYNC", None)

#: What one call takes, well below every system's limit; what is smaller is cheaper to copy than to list.
_JOINED_MAX: Final = 500
_JOIN_BYTES: Final = 16_384
#: What a `Writer` holds back.
_WRITER_BYTES: Final = 1 << 20

#: Whoever can read the files can read the secrets of every connector, so they are their owner's alone.
FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600


@contextlib.contextmanager
def disk_faults(doing: str, path: Path) -> Iterator[None]:
    """Turn an `OSError` into `EnvironmentFault` environment.disk; `doing` completes "cannot …"."""
    try:
        yield
    except OSError as error:
        named = "" if error.filename in (None, str(path), path) else f": {error.filename}"
        raise EnvironmentFault(
            f"cannot {doing} {path}: {error.strerror or error}{named}", code="environment.disk"
        ) from error


class SyncError(OSError):
    """An fsync failed: what was written before may or may not be on disk, and trying again tells nothing."""


class Disk:
    """The file system. Each method blocks and raises `OSError`; nothing is durable before the sync that says so.

    The bytes of a file are durable after `sync_file`, its name, or that it was renamed or removed, after `sync_folder`
    of the folder that holds it. The methods up to `sync_folder` are all that touch the file system.
    """

    def make_folder(self, path: Path) -> None:
        """Make one folder; one that is there already is an error."""
        path.mkdir(FOLDER_MODE)

    def create(self, path: Path) -> None:
        """Make an empty file where there is none."""
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))

    def open(self, path: Path) -> int:
        """Open a file that is there, for `write_at`; the caller closes the descriptor."""
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC)

    def write_at(self, path: Path, descriptor: int, pieces: Sequence[bytes | memoryview], position: int) -> None:
        """Write all of `pieces` at `position`, one behind another, without joining large ones first.

        Args:
            path: That of the descriptor.
        """
        if len(pieces) > _JOINED_MAX or sum(map(len, pieces)) < _JOIN_BYTES:
            pieces = [b"".join(pieces)]
        total = sum(map(len, pieces))
        written = os.pwritev(descriptor, pieces, position)
        if written < total:
            content = memoryview(b"".join(pieces))
            while written < total:
                written += os.pwrite(descriptor, content[written:], position + written)

    def truncate(self, path: Path, size_bytes: int) -> None:
        """Cut a file."""
        os.truncate(path, size_bytes)

    def rename(self, path: Path, target: Path) -> None:
        """Give a file or folder another name in one step; a file of that name is replaced."""
        path.rename(target)

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def remove_folder(self, path: Path) -> None:
        """Remove an empty folder."""
        path.rmdir()

    def sync_file(self, path: Path) -> None:
        """Make a file's bytes durable, whoever wrote them.

        Raises:
            SyncError: The fsync itself failed.
            OSError: The file cannot be opened.
        """
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _sync(descriptor)
        except OSError as error:
            raise SyncError(*error.args) from error
        finally:
            os.close(descriptor)

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder durable: files that appeared, were renamed or removed."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    # -- made of these -----------------------------------------------------------------------------------------------

    def write(self, path: Path, content: bytes) -> None:
        """Write a file anew. Not in one step and not durable: for what is made again where it is damaged."""
        self.create(path)
        self.truncate(path, 0)
        if content:
            with self.writer(path) as writer:
                writer.write(content)

    def replace(self, path: Path, content: bytes) -> None:
        """Replace a file in one step: after a crash it holds the old content or the new, never a part.

        Where this fails, nothing else is left behind.
        """
        temporary = path.with_name(path.name + ".tmp")
        try:
            self.write(temporary, content)
            self.sync_file(temporary)
            self.rename(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                self.remove(temporary)
            raise
        self.sync_folder(path.parent)

    def remove_tree(self, path: Path) -> None:
        """Remove a folder with all that is in it, as far as that goes: no error where it does not."""
        with contextlib.suppress(OSError):
            for inner in list(path.iterdir()):
                if inner.is_dir() and not inner.is_symlink():
                    self.remove_tree(inner)
                else:
                    self.remove(inner)
            self.remove_folder(path)

    def writer(self, path: Path) -> Writer:
        """Return a writer from the start of a file that is there; for use in a `with`."""
        return Writer(self, path)


class Writer:
    """Writes a file from its start, a large piece at a time; all of it is written when the `with` ends well."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path
        self._descriptor = disk.open(path)
        self._pieces: list[bytes | memoryview] = []
        self._held_bytes = self._position = 0

    def write(self, piece: bytes | memoryview) -> None:
        """Write a piece behind the others. It must not change afterwards."""
        self._pieces.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes >= _WRITER_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._pieces:
            self._disk.write_at(self._path, self._descriptor, self._pieces, self._position)
            self._position += self._held_bytes
            self._pieces, self._held_bytes = [], 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            os.close(self._descriptor)


def _sync(descriptor: int) -> None:
    """Sync a file's bytes and size; leaves out times of access and change where the system knows the difference."""
    if _FULL_SYNC is not None:
        fcntl.fcntl(descriptor, _FULL_SYNC)
    elif hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)
