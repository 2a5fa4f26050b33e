"""Bytes of a file to the values of records: `format`. Lines as text and as JSON are here, CSV in `delimited`.

A format is the last step of a pipeline: it is given bytes that begin where a record does, takes the whole records of
them, and leaves a record that has not ended yet. It knows nothing of files.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from typing import Any, Final, NamedTuple, Protocol

import orjson

from connect.api import BYTES, STRING, Pattern, Schema
from connect_file.lines import NotInCharset, Rows, split_lines, whole_lines_bytes

_BLANK: Final = b" \t\r\n"


class BadRecord(NamedTuple):
    """A record that cannot be read, right behind the rows in front of it.

    Attributes:
        size_bytes: What it takes, with its end.
        why: Without the text of the record, which may be a secret.
    """

    size_bytes: int
    why: str


class Taken(NamedTuple):
    """What a format took of some bytes: rows up to a bad record, or to where the whole records end."""

    rows: list[Rows]
    bad: BadRecord | None = None


class Format(Protocol):
    """One format, for all files of a task."""

    def layout_of(self, head: bytes) -> Any | None:
        """Return what the beginning of a file says about all of it, as the names of its columns; None where more of
        it is needed. A format that asks nothing of it returns an empty text.

        Raises:
            ValueError: It is not of this format; says why.
        """

    def take(self, data: bytes, layout: Any, records_max: int) -> Taken:
        """Take the whole records of some bytes, in groups of at most `records_max`.

        Args:
            data: Begins where a record does; not at the file's beginning where the layout has a header.
        """

    def last(self, data: bytes, layout: Any, records_max: int) -> Taken:
        """Take all of some bytes behind which nothing will come: the last record needs no end."""

    def schema(self, layout: Any) -> Schema | None:
        """Return the schema of the values; None for values without."""

    def header_bytes(self, layout: Any) -> int:
        """Return how much of a file's beginning is no record."""


class _LineFormat(ABC):
    """What formats have in common of which each line is a record."""

    def __init__(self, charset: str | None) -> None:
        self._charset = charset

    def layout_of(self, head: bytes) -> str:
        return ""

    def last(self, data: bytes, layout: Any, records_max: int) -> Taken:
        return self.take(data + b"\n", layout, records_max)

    def header_bytes(self, layout: Any) -> int:
        return 0

    @abstractmethod
    def take(self, data: bytes, layout: Any, records_max: int) -> Taken:
        """See `Format`."""


class LinesFormat(_LineFormat):
    """Each line is a record, its text the value."""

    def schema(self, layout: Any) -> Schema:
        return STRING

    def take(self, data: bytes, layout: Any, records_max: int) -> Taken:
        whole = data[: whole_lines_bytes(data)]
        try:
            return Taken(split_lines(whole, records_max, self._charset))
        except NotInCharset as error:
            rows = error.before
            behind = whole[sum(one.size_bytes for one in rows) :]
            good_bytes, bad_bytes = _line_with(behind, error.start)
            rows += split_lines(behind[:good_bytes], records_max, self._charset)
            return Taken(rows, BadRecord(bad_bytes, f"it has bytes that are not {self._charset}"))


class MultilineFormat(LinesFormat):
    """Some lines are a record, joined by line feeds: one that a pattern is found in, and those behind it without."""

    def __init__(self, charset: str | None, start: Pattern) -> None:
        super().__init__(charset)
        self._start = start

    def take(self, data: bytes, layout: Any, records_max: int) -> Taken:
        return self._records(data[: whole_lines_bytes(data)], records_max, is_last=False)

    def last(self, data: bytes, layout: Any, records_max: int) -> Taken:
        return self._records(data if data.endswith(b"\n") else data + b"\n", records_max, is_last=True)

    def _records(self, data: bytes, records_max: int, *, is_last: bool) -> Taken:
        lines = data.splitlines(keepends=True)
        taken = super().take(data, "", max(len(lines), 1))
        texts = [text for rows in taken.rows for text in rows.values]
        bounds = [0, *(number for number, text in enumerate(texts) if number and self._start.search(text))]
        if is_last or taken.bad is not None:  # what is behind is not of this record
            bounds.append(len(texts))
        groups = []
        for start in range(0, len(bounds) - 1, records_max):
            part = bounds[start : start + records_max + 1]
            values = ["\n".join(texts[begin:end]) for begin, end in itertools.pairwise(part) if end > begin]
            size_bytes = sum(map(len, lines[part[0] : part[-1]]))
            groups.append(Rows(values, size_bytes, any(rows.undecodable for rows in taken.rows)))
        return Taken(groups, taken.bad)


class WholeFormat:
    """All of a file is one record: its bytes, or its text where its character set is named."""

    def __init__(self, charset: str | None) -> None:
        self._charset = charset

    def layout_of(self, head: bytes) -> str:
        return ""

    def schema(self, layout: Any) -> Schema:
        return BYTES if self._charset is None else STRING

    def header_bytes(self, layout: Any) -> int:
        return 0

    def take(self, data: bytes, layout: Any, records_max: int) -> Taken:
        return Taken([])

    def last(self, data: bytes, layout: Any, records_max: int) -> Taken:
        if self._charset is None:
            return Taken([Rows([data], len(data))])
        try:
            return Taken([Rows([data.decode(self._charset)], len(data))])
        except UnicodeDecodeError:
            return Taken([], BadRecord(len(data), f"it has bytes that are not {self._charset}"))


class JsonFormat(_LineFormat):
    """Each line is a record, its JSON the value, without a schema. Blank lines are none."""

    def schema(self, layout: Any) -> None:
        return None

    def take(self, data: bytes, layout: Any, records_max: int) -> Taken:
        whole = data[: whole_lines_bytes(data)]
        lines = whole.splitlines(keepends=True)
        rows: list[Rows] = []
        for start in range(0, len(lines), records_max):
            part = lines[start : start + records_max]
            size_bytes = sum(map(len, part))
            try:
                rows.append(Rows(list(map(orjson.loads if self._charset is None else self._value, part)), size_bytes))
            except (ValueError, RecursionError):
                good, bad = self._one_by_one(part)
                if good.size_bytes:
                    rows.append(good)
                if bad is not None:
                    return Taken(rows, bad)
        return Taken(rows)

    def _value(self, line: bytes) -> Any:
        return orjson.loads(line if self._charset is None else line.decode(self._charset))

    def _one_by_one(self, lines: list[bytes]) -> tuple[Rows, BadRecord | None]:
        values, size_bytes = [], 0
        for line in lines:
            if line.strip(_BLANK):
                try:
                    values.append(self._value(line))
                except UnicodeDecodeError:
                    return Rows(values, size_bytes), BadRecord(len(line), f"it is not {self._charset or 'UTF-8'}")
                except ValueError as error:
                    return Rows(values, size_bytes), BadRecord(len(line), f"it is not JSON: {error}")
            size_bytes += len(line)
        return Rows(values, size_bytes), None


def _line_with(data: bytes, position: int) -> tuple[int, int]:
    """Return, of the line that has a byte, how much is in front of it and how long it is."""
    start = 0
    for line in data.splitlines(keepends=True):
        if start + len(line) > position:
            return start, len(line)
        start += len(line)
    raise AssertionError(f"no line at {position} of {len(data)} bytes")
