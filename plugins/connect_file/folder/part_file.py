"""A file that is being written, under a name that nobody is to read. All calls but `add` and `end` block."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path
from typing import Any, Final

from connect.api import open_path
from connect_file.folder.encoding import Body, Layout

SUFFIX: Final = ".part"
#: How much is gathered before it is written.
_WRITE_BYTES: Final = 1 << 17


class PartFile:
    """One file. What was added is in memory until it is written, so a write that fails is tried again, and loses
    nothing.

    Attributes:
        texts: What the template's pieces are, for its name.
        layout: What its records have in common.
        identity: See `Group`, with the layout.
        first_offset: Of its first record.
        end_offset: Behind its last one.
        records: How many there are.
        begun_at: When it was begun, in seconds since the epoch.
        first_ms: The time of its first record, where files roll by that.
        used: A number that grows with each chunk that a task takes; of this one's last.
        has_ended: Whether nothing will be added.
        is_closed: Whether all of it is written.
        size_bytes: What is known of the file, written or not.
    """

    def __init__(
        self,
        folder: str,
        prefix: str,
        body: Body,
        *,
        texts: tuple[str, ...],
        layout: Layout,
        identity: str,
        first_offset: int,
        begun_at: float,
        first_ms: int | None,
    ) -> None:
        self.path = str(Path(folder) / f"{prefix}.{secrets.token_hex(8)}{SUFFIX}")
        self.texts, self.layout, self.identity = texts, layout, identity
        self.first_offset, self.end_offset = first_offset, first_offset
        self.begun_at, self.first_ms = begun_at, first_ms
        self.records = self.used = self.size_bytes = 0
        self.has_ended = self.is_closed = False
        self._body = body
        self._descriptor: int | None = None
        self._waiting = bytearray()

    def add(self, chunk: Any, records: int, end_offset: int) -> None:
        """Take a chunk of so many records."""
        self._take(self._body.add(chunk))
        self.records += records
        self.end_offset = end_offset

    @property
    def held_bytes(self) -> int:
        """How much of it is in memory."""
        return len(self._waiting) + self._body.held_bytes

    def release(self) -> None:
        """Have what the format holds back written with the next."""
        self._take(self._body.release())

    def end(self) -> None:
        """Add the rest of the file, behind which nothing comes."""
        if not self.has_ended:
            self._take(self._body.end())
            self.has_ended = True

    def write(self) -> None:
        """Write what waits, once that is worth it. After an error it is tried again from where it stopped.

        Raises:
            OSError: It cannot be written now.
        """
        if self.is_closed or (not self.has_ended and len(self._waiting) < _WRITE_BYTES):
            return
        if self._descriptor is None:
            self._descriptor = open_path(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        while self._waiting:
            count = os.write(self._descriptor, self._waiting)
            del self._waiting[:count]

    def close(self, *, syncs: bool) -> None:
        """Bring the whole file to disk, and close it.

        Raises:
            FileNotFoundError: Somebody removed it.
            OSError: It may not be there; what was written cannot be trusted any more.
        """
        if self._descriptor is not None:
            if syncs:
                os.fsync(self._descriptor)
            if not os.path.samestat(os.fstat(self._descriptor), os.stat(self.path)):  # noqa: PTH116 - beside fstat
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.path)
            os.close(self._descriptor)
            self._descriptor, self.is_closed = None, True

    def discard(self) -> None:
        """Remove it; what it holds will come again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        with contextlib.suppress(FileNotFoundError):
            Path(self.path).unlink()

    def _take(self, data: bytes) -> None:
        self._waiting += data
        self.size_bytes += len(data)
