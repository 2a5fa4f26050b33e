r"""Bytes to lines: where the last whole line ends, and the lines up to there. Functions only.

A line ends with `\n`, `\r\n` or `\r`. A `\r` that is the last byte so far may be half of `\r\n`, so its line is not
whole yet.

Source of the line rules: Apache Kafka 4.3.1, connect/file, FileStreamSourceTask.extractLine.
"""

from __future__ import annotations

import codecs
from typing import Any, Final, NamedTuple

#: One poll returns about this much, and reads as much at a time.
CHUNK_BYTES: Final = 1 << 20
#: A line longer than this fails the task: such a file is not lines of text, and a held-back line is kept in memory.
LINE_BYTES_MAX: Final = 64 << 20
_ASCII: Final = bytes(range(128))


class Rows(NamedTuple):
    """Some records of a file.

    Attributes:
        values: Of lines, without their ends.
        size_bytes: What they take in the file, with their ends and with what is no record, such as blank lines.
        undecodable: Whether a byte sequence was no UTF-8 and became U+FFFD.
    """

    values: list[Any]
    size_bytes: int
    undecodable: bool = False


class NotInCharset(Exception):
    """Bytes that a character set does not have.

    Attributes:
        before: The groups of lines before the one that has them.
        start: Where they are, counted from the beginning of that group.
    """

    def __init__(self, before: list[Rows], start: int) -> None:
        super().__init__(start)
        self.before = before
        self.start = start


def valid_charset(value: object) -> None:
    """Check a character set's name: a known one, in which ASCII's bytes mean ASCII, so that lines can be told apart."""
    if value is None:
        return
    try:
        is_text = codecs.lookup(str(value))._is_text_encoding
        is_ascii = is_text and _ASCII.decode(str(value)) == _ASCII.decode("ascii")
        is_ascii = is_ascii and not _has_shifts(str(value))
    except (LookupError, ValueError, UnicodeError):
        raise ValueError("the name of a character set is expected, such as UTF-8, ISO-8859-1 or windows-1252") from None
    if not is_ascii:
        raise ValueError(
            "lines can be told only in a character set that has ASCII's characters as they are, unlike UTF-16"
        )


def _has_shifts(charset: str) -> bool:
    """Whether other characters are written in ASCII's bytes, so that a line alone does not tell what it holds."""
    written = "é中あ한".encode(charset, "ignore")
    return bool(written) and written.isascii()


def whole_lines_bytes(data: bytes) -> int:
    """Return how many bytes of `data` are whole lines; the rest is a line that has not ended yet."""
    newline = data.rfind(b"\n") + 1
    # Only what follows the last \n can matter, and never the last byte: see the module's docstring.
    return max(newline, data.rfind(b"\r", newline, len(data) - 1) + 1)


def split_lines(data: bytes, lines_max: int, charset: str | None = None) -> list[Rows]:
    """Split whole lines into groups of at most `lines_max`.

    Plain ASCII with `\\n`, by far the most common text, is decoded and split in one piece, which costs a third of
    doing so line by line; then characters are bytes, so the groups' sizes come from the lengths of the lines.

    Args:
        charset: Taken at its word; without one it is UTF-8, and what is not becomes U+FFFD.

    Raises:
        NotInCharset: With the groups before the one that cannot be read.
    """
    if data.isascii() and b"\r" not in data:
        values = data.decode("ascii").split("\n")
        values.pop()  # what follows the last line end: nothing
        parts = [values[start : start + lines_max] for start in range(0, len(values), lines_max)]
        return [Rows(part, sum(map(len, part)) + len(part)) for part in parts]
    raw = data.splitlines(keepends=True)
    groups: list[Rows] = []
    for start in range(0, len(raw), lines_max):
        try:
            groups.append(_decoded(b"".join(raw[start : start + lines_max]), charset))
        except UnicodeDecodeError as error:
            raise NotInCharset(groups, error.start) from error
    return groups


def _decoded(data: bytes, charset: str | None) -> Rows:
    try:
        text, undecodable = data.decode(charset or "utf-8"), False
    except UnicodeDecodeError:
        if charset is not None:
            raise
        text, undecodable = data.decode(errors="replace"), True
    # str.splitlines would also split at form feeds, U+2028 and others, which are text here.
    values = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    values.pop()
    return Rows(values, len(data), undecodable)
