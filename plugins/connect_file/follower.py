"""One of many files as it is read: what is known of it, and whether it still is what it was.

A file is told from others by its first line, and an offset in it is proved by a fingerprint over the first and the last
256 bytes in front of it: decision 0065. All calls block.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from typing import Any, Final

from connect.api import open_path
from connect_file.contents import Contents, StreamedContents, contents_of
from connect_file.growth import Watch
from connect_file.listing import Found
from connect_file.rotation import HEAD_BYTES

_LINE_END: Final = re.compile(rb"[\r\n]")
_LINE_ENDS: Final = (b"\n", b"\r")
_BACK_BYTES: Final = 1 << 16


class Follower:
    """A file that is read, or will be.

    Attributes:
        inode: Device and number, by which it is known while it is followed, whatever its name.
        raw_bytes: How long it was as it was last looked at.
        contents: What it holds, where it is open.
        is_raw: Whether its bytes are taken as they lie there, also where they are packed.
        is_finished: Whether it was read to its end, and that is the end.
        emitted: The last offset that went with a record.
        is_set_aside: Whether it cannot be read until something changes.
        position: Behind the last whole record that was returned.
        held: What was read behind it.
        head, tail: The first 256 bytes, and the last 256 in front of the position; as many as there are.
        partition: Its source partition; None as long as its first line is not known.
        layout: What its beginning says about all of it; None where that was not looked at.
        descriptor: Of the file where it is open.
        copy_of: The file that is read in its place, and which it is a copy of.
        verified_bytes: How long it was when it was last seen to be a copy.
        is_new: Whether it came while others were read, and was not there from the start.
        is_behind: Whether it had the name of a file that is there now, which has to wait for it.
        gone_at: Since when no pattern lists it, by the monotonic clock.
        grown_at: When it last grew.
        read_ns: When it had been written to last, as it was last read.
        empty_ns: When it was seen to be empty, and had been written to last; None once it has a line.
        is_ready: Whether it waits to be read.
        is_at_end: Whether it was read to its end, so that it may be another by now.
    """

    def __init__(self, found: Found, now: float, *, is_new: bool = False, is_raw: bool = False) -> None:
        self.path, self.inode = found.path, found.inode
        self.raw_bytes, self.modified_ns = found.size_bytes, found.modified_ns
        self.contents: Contents | None = None
        self.is_raw = is_raw
        self.is_finished = False
        self.emitted: dict[str, Any] | None = None
        self.is_set_aside = self.was_cut = False
        self.position = 0
        self.held = b""
        self.head = self.tail = b""
        self.partition: dict[str, Any] | None = None
        self.layout: Any = None
        self.descriptor: int | None = None
        self.copy_of: Follower | None = None
        self.verified_bytes = -1
        self.is_new = is_new
        self.is_behind = False
        self.gone_at: float | None = None
        self.grown_at = now
        self.read_ns = 0
        self.empty_ns = found.modified_ns if found.size_bytes == 0 else None
        self.is_ready = False
        self.is_at_end = True
        self._read_out: tuple[int, int] | None = None  # what is packed, as it was when all of it was read
        self._watch: Watch | None = None

    @property
    def read_bytes(self) -> int:
        """How far the file was read, with what is held."""
        return self.position + len(self.held)

    @property
    def size_bytes(self) -> int:
        """How long it is; of what is packed, one more than is known, until the end was reached."""
        if self.is_set_aside or self._read_out == (self.raw_bytes, self.modified_ns):
            return self.read_bytes
        if isinstance(self.contents, StreamedContents):
            return max(self.contents.known_bytes, self.read_bytes) + (not self.contents.is_at_end)
        return self.raw_bytes

    @property
    def is_packed(self) -> bool:
        """Whether it is known to be packed: then nobody adds to it, and how long it is cannot be told."""
        return isinstance(self.contents, StreamedContents) and self.contents.is_packed

    @property
    def is_whole(self) -> bool:
        """Whether the end was reached, and nothing can follow it."""
        return isinstance(self.contents, StreamedContents) and self.contents.is_whole

    # -- the file --------------------------------------------------------------------------------------------------

    def open(self) -> bool:
        """Open the file where it is not open; False where its path leads to another one by now.

        Raises:
            OSError: It cannot be opened.
            ConfigError: file.not_allowed.
        """
        if self.descriptor is None:
            descriptor = open_path(self.path, os.O_RDONLY)
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) != self.inode:
                os.close(descriptor)
                return False
            self.descriptor, self.is_at_end = descriptor, True
        return True

    def look_inside(self) -> None:
        """Have the next look see how the file is to be read: what it begins with may have come since."""
        self.contents = None

    def close(self) -> None:
        """Let the file go; what is held of it is read again."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor, self.contents, self.held = None, None, b""

    def refresh(self, now: float) -> None:
        """Look at an open file's length."""
        assert self.descriptor is not None
        status = os.fstat(self.descriptor)
        self.saw(status.st_size, status.st_mtime_ns, now)

    def saw(self, size_bytes: int, modified_ns: int, now: float) -> None:
        """Take note of what a look at the file told."""
        if size_bytes != self.raw_bytes or modified_ns != self.modified_ns:
            self.was_cut = self.is_packed and size_bytes < self.raw_bytes
            self.raw_bytes, self.modified_ns, self.grown_at = size_bytes, modified_ns, now
            if isinstance(self.contents, StreamedContents):
                self.look_inside()
        self.is_set_aside = False

    def watch(self, wake: Callable[[], None]) -> None:
        """Have `wake` called when the file changes, where the system tells of that; looks find out in any case."""
        assert self.descriptor is not None
        if self._watch is None:
            self._watch = Watch(wake)
        self._watch.set(self.descriptor)

    # -- its bytes -------------------------------------------------------------------------------------------------

    def read(self, count_bytes: int) -> bytes:
        """Return what follows what was read; empty at the end."""
        data = self.bytes_at(self.read_bytes, count_bytes)
        self.is_at_end, self.read_ns = not data, self.modified_ns
        if not data and isinstance(self.contents, StreamedContents):
            self._read_out = (self.raw_bytes, self.modified_ns)
        return data

    def bytes_at(self, position: int, count_bytes: int) -> bytes:
        """Return bytes of the open file, wherever it is read just now."""
        if self.contents is None:
            assert self.descriptor is not None
            self.contents = contents_of(self.descriptor, is_raw=self.is_raw)
        return self.contents.bytes_at(position, count_bytes)

    def is_as_it_was(self) -> bool:
        """Whether an open file still holds what was read of it. Looks at it once after each time that its end was
        reached: nobody writes a file anew in the middle of one reading."""
        if self.contents is None:
            self.bytes_at(0, HEAD_BYTES)  # how long it is hangs on whether it is packed
        if self.size_bytes < self.read_bytes or self.was_cut:
            return False
        if not self.is_at_end or not self.head:
            return True
        return (
            self.bytes_at(0, len(self.head)) == self.head
            and self.bytes_at(self.position - len(self.tail), len(self.tail)) == self.tail
        )

    def holds(self, head: bytes, tail: bytes, position: int) -> bool:
        """Whether the open file holds what another did in front of a position: it is that one, moved or copied."""
        return (
            bool(head)
            and self.bytes_at(0, len(head)) == head
            and self.bytes_at(position - len(tail), len(tail)) == tail
        )

    def set_aside(self) -> None:
        """Leave it alone until a look tells of it again."""
        self.is_set_aside, self.read_ns = True, self.modified_ns

    # -- its place -------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Stand at the beginning, with nothing known."""
        self.position, self.held, self.head, self.tail = 0, b"", b"", b""
        self.partition = self.layout = self.emitted = self._read_out = None
        self.was_cut = False
        self.empty_ns = self.modified_ns

    def go_to(self, position: int) -> None:
        """Stand at a position of the open file."""
        self._read_out = None
        self.position, self.held = position, b""
        self.head = self.bytes_at(0, min(HEAD_BYTES, position))
        length = min(HEAD_BYTES, position)
        self.tail = self.bytes_at(position - length, length)

    def went_on(self, data: bytes) -> None:
        """Take note that records of these bytes were returned, which follow the position."""
        if len(self.head) < HEAD_BYTES:
            self.head = (self.head + data[:HEAD_BYTES])[:HEAD_BYTES]
        self.tail = data[-HEAD_BYTES:] if len(data) >= HEAD_BYTES else (self.tail + data)[-HEAD_BYTES:]
        self.position += len(data)

    def offset(self) -> dict[str, Any]:
        """Return the source offset of the position."""
        return offset_of(self.position, self.inode[1], self.head, self.tail)

    def fits(self, offset: dict[str, Any]) -> bool:
        """Whether an offset may be one in this open file."""
        position, inode = offset["position"], offset.get("inode")
        if position == 0:
            return True
        length = min(HEAD_BYTES, position)
        head, tail = self.bytes_at(0, length), self.bytes_at(position - length, length)
        if "fingerprint" not in offset:  # a user's
            return tail[-1:] in _LINE_ENDS
        is_enough = position >= HEAD_BYTES or inode == self.inode[1]
        return is_enough and fingerprint(head, tail) == offset["fingerprint"]

    def back_to_a_line(self, begin: int) -> None:
        """See that the position is not inside a line, where a last line without an end was returned and went on.

        Args:
            begin: Where the first line begins.
        """
        if self.position <= begin or self.tail[-1:] in _LINE_ENDS or self.size_bytes <= self.position:
            return
        more = self.bytes_at(self.position, 2)
        if not more:
            return
        if more[:1] in _LINE_ENDS:  # it was whole, and has its end now
            self.went_on(b"\r\n" if more == b"\r\n" else more[:1])
            return
        end = self.position
        while end > begin:
            start = max(begin, end - _BACK_BYTES)
            data = self.bytes_at(start, end - start)
            found = max(data.rfind(b"\n"), data.rfind(b"\r"))
            if found >= 0:
                self.go_to(start + found + 1)
                return
            end = start
        self.go_to(begin)


def first_line(head: bytes, *, is_whole: bool = False) -> str | None:
    """Return what tells a file by its beginning: a checksum of its first line, or of its first 256 bytes where that is
    longer; None where it has no end yet.

    Args:
        is_whole: Nothing will follow: a line without an end is one.
    """
    if (end := _LINE_END.search(head)) is not None:
        return _digest(head[: end.start()])
    return _digest(head) if len(head) == HEAD_BYTES or (is_whole and head) else None


def offset_of(position: int, inode: int, head: bytes, tail: bytes) -> dict[str, Any]:
    """Return the source offset of a position."""
    return {"position": position, "inode": inode, "fingerprint": fingerprint(head, tail)}


def fingerprint(head: bytes, tail: bytes) -> str:
    """Return a checksum of the bytes in front of a position: the first, and the last, 256 each at most."""
    return _digest(head + tail)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
