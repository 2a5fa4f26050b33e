"""A file's bytes as they are read: as they lie there, or unpacked, and from UTF-16 or UTF-32 made UTF-8. All block.

What is packed is told by its first bytes, not by its name, and so is a byte order mark. Positions are those of what
comes out. Such a file is read from its beginning to wherever one wants to be, so going back costs all of that again.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable
from typing import Final, Protocol

#: How much is unpacked at a time; what comes out of few packed bytes may be as much as one likes.
_PIECE_BYTES: Final = 1 << 18
#: How much in front of where it was read is kept, for who looks back at the last bytes.
_KEPT_BYTES: Final = 1 << 12
#: How much of the beginning is kept.
_HEAD_BYTES: Final = 256
_MAGIC_BYTES: Final = 6
_UTF8_MARK: Final = codecs.BOM_UTF8
#: Those of UTF-32 first: they begin as those of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class NotUnpackedError(Exception):
    """What is packed is broken, or cannot be unpacked here; says why."""


class Readable(Protocol):
    """What unpacks. `read1` returns what there is, where `read` would lose it at an end that comes too early."""

    def read1(self, size: int, /) -> bytes: ...


class _Plain:
    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw

    def read1(self, size: int, /) -> bytes:
        return self._raw.read(size) or b""


class Contents(Protocol):
    """The bytes of an open file.

    Attributes:
        mark_bytes: Of a byte order mark at their beginning.
        charset: What such a mark says that they are; None where there is none.
    """

    mark_bytes: int
    charset: str | None

    def bytes_at(self, position: int, count_bytes: int) -> bytes:
        """Return bytes from a position on; fewer at the end, and in front of what cannot be had.

        Raises:
            NotUnpackedError, OSError: None of them can be had.
        """


class PlainContents:
    """The bytes as they lie there."""

    def __init__(self, descriptor: int, *, is_raw: bool = False) -> None:
        self._descriptor = descriptor
        is_marked = not is_raw and os.pread(descriptor, len(_UTF8_MARK), 0) == _UTF8_MARK
        self.mark_bytes = len(_UTF8_MARK) if is_marked else 0
        self.charset = "utf-8" if is_marked else None

    def bytes_at(self, position: int, count_bytes: int) -> bytes:
        return os.pread(self._descriptor, count_bytes, position)


class StreamedContents:
    """Bytes that can be had only from their beginning on.

    Attributes:
        is_packed: Whether they are packed, so that nobody adds to them.
        is_at_end: Whether the last look was at the end.
        is_whole: Whether that is known to be the end of all, since what was packed is complete.
    """

    def __init__(self, descriptor: int, unpack: Callable[[io.FileIO], Readable] | None) -> None:
        self.is_packed = unpack is not None
        self._stream: Readable
        self._descriptor, self._unpack = descriptor, unpack
        self._coding: str | None = None
        self._begin()
        head = self.bytes_at(0, _HEAD_BYTES)
        self.mark_bytes, self.charset = 0, None
        if head.startswith(_UTF8_MARK):
            self.mark_bytes, self.charset = len(_UTF8_MARK), "utf-8"
        elif (coding := coding_of(head)) is not None:
            self._coding, self.charset = coding, "utf-8"
            self._begin()

    @property
    def known_bytes(self) -> int:
        """How much there is for sure."""
        return self._start + len(self._buffer)

    def bytes_at(self, position: int, count_bytes: int) -> bytes:
        if position + count_bytes <= len(self._head):
            return self._head[position : position + count_bytes]
        if position < self._start:
            self._begin()
        while self.known_bytes < position + count_bytes and self._read_on():
            if (passed := position - _KEPT_BYTES - self._start) > 0:
                passed = min(passed, len(self._buffer))
                del self._buffer[:passed]
                self._start += passed
        begin = max(position - self._start, 0)
        found = bytes(self._buffer[begin : begin + count_bytes])
        if self._broken is not None and count_bytes and not found:
            raise self._broken
        return found

    def _begin(self) -> None:
        raw = io.FileIO(self._descriptor, closefd=False)
        raw.seek(0)
        self._stream = _Plain(raw) if self._unpack is None else self._unpack(raw)
        self._decoder = codecs.getincrementaldecoder(self._coding)() if self._coding is not None else None
        self._start, self._buffer, self._head = 0, bytearray(), b""
        self.is_at_end = self.is_whole = False
        self._broken: NotUnpackedError | None = None

    def _read_on(self) -> bool:
        """Unpack some more; False where there is no more, or none that can be had."""
        if self._broken is not None:
            return False
        try:
            data = self._stream.read1(_PIECE_BYTES)
            self.is_at_end = not data
            self.is_whole = not data and self.is_packed and not isinstance(self._stream, _Zstd)
            if self._decoder is not None:
                data = self._decoder.decode(data).encode()
        except EOFError:  # who packs it is still at it
            self.is_at_end = True
            return False
        except (zlib.error, lzma.LZMAError, ValueError) as error:
            self._broken = NotUnpackedError(str(error))
            return False
        except OSError as error:
            if error.errno is not None:
                raise
            self._broken = NotUnpackedError(str(error))  # gzip's and bz2's own
            return False
        self._buffer += data
        if self._start == 0:
            self._head = bytes(self._buffer[:_HEAD_BYTES])
        return not self.is_at_end


def contents_of(descriptor: int, *, is_raw: bool = False) -> Contents:
    """Return the bytes of an open file, by how it begins; as they lie there where they are to be raw."""
    if is_raw:
        return PlainContents(descriptor, is_raw=True)
    head = os.pread(descriptor, _MAGIC_BYTES, 0)
    for magic, unpack in _PACKINGS:
        if head.startswith(magic):
            return StreamedContents(descriptor, unpack)
    return StreamedContents(descriptor, None) if coding_of(head) is not None else PlainContents(descriptor)


def coding_of(head: bytes) -> str | None:
    """Return what a byte order mark says a text is, unless that is UTF-8 or nothing."""
    return next((coding for mark, coding in _MARKS if head.startswith(mark)), None)


def _gzip(raw: io.FileIO) -> Readable:
    return gzip.GzipFile(fileobj=raw, mode="rb")


def _bz2(raw: io.FileIO) -> Readable:
    return bz2.BZ2File(raw)


def _xz(raw: io.FileIO) -> Readable:
    return lzma.LZMAFile(raw)


class _Zstd:
    """Frames of Zstandard, one behind the other. Whether the last one is complete it does not tell."""

    def __init__(self, raw: io.FileIO) -> None:
        try:
            import zstandard
        except ImportError:
            raise NotUnpackedError(
                "it is packed by Zstandard, which is not installed: pip install 'connect-runtime[zstd]'"
            ) from None
        self._error = zstandard.ZstdError
        self._stream = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True, closefd=False)

    def read1(self, size: int, /) -> bytes:
        try:
            return self._stream.read(size)
        except self._error as error:
            raise ValueError(str(error)) from error


def _not_read(raw: io.FileIO) -> Readable:
    raise NotUnpackedError("it is a ZIP archive or packed by LZ4, which are not read; leave it out with files.exclude")


_PACKINGS: Final = (
    (b"PK\x03\x04", _not_read),
    (b"\x04\x22\x4d\x18", _not_read),
    (b"\x1f\x8b", _gzip),
    (b"BZh", _bz2),
    (b"\xfd7zXZ\0", _xz),
    (b"\x28\xb5\x2f\xfd", _Zstd),
)
