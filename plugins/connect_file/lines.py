r"""Bytes to lines: where the last whole line ends, and the lines up to there. Functions only.

A line ends with `\n`, `\r\n` or `\r`. A `\r` that is the last byte so far may be half of `\r\n`, so its line is not
whole yet.

Source of the line rules: Apache Kafka 4.3.1, connect/file, FileStreamSourceTask.extractLine.
"""

from __future__ import annotations

from typing import NamedTuple


class Lines(NamedTuple):
    """Some lines of a file.

    Attributes:
        values: The lines without their ends.
        size_bytes: Bytes they take in the file, with their ends.
        undecodable: Whether a byte sequence was no UTF-8 and became U+FFFD.
    """

    values: list[str]
    size_bytes: int
    undecodable: bool = False


def whole_lines_bytes(data: bytes) -> int:
    """Return how many bytes of `data` are whole lines; the rest is a line that has not ended yet."""
    newline = data.rfind(b"\n") + 1
    # Only what follows the last \n can matter, and never the last byte: see the module's docstring.
    return max(newline, data.rfind(b"\r", newline, len(data) - 1) + 1)


def split_lines(data: bytes, lines_max: int) -> list[Lines]:
    """Split whole lines into groups of at most `lines_max`.

    Plain ASCII with `\\n`, by far the most common text, is decoded and split in one piece, which costs a third of
    doing so line by line; then characters are bytes, so the groups' sizes come from the lengths of the lines.
    """
    if data.isascii() and b"\r" not in data:
        values = data.decode("ascii").split("\n")
        values.pop()  # what follows the last line end: nothing
        groups = [values[start : start + lines_max] for start in range(0, len(values), lines_max)]
        return [Lines(group, sum(map(len, group)) + len(group)) for group in groups]
    raw = data.splitlines(keepends=True)
    return [_decoded(b"".join(raw[start : start + lines_max])) for start in range(0, len(raw), lines_max)]


def _decoded(data: bytes) -> Lines:
    try:
        text, undecodable = data.decode(), False
    except UnicodeDecodeError:
        text, undecodable = data.decode(errors="replace"), True
    # str.splitlines would also split at form feeds, U+2028 and others, which are text here.
    values = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    values.pop()
    return Lines(values, len(data), undecodable)
