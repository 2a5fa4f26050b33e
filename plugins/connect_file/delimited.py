r"""CSV to records: a header or names of columns, and their types. The rules of quotes are those of Python's `csv`.

A record may go over several lines where a quoted field does. Whether the last one is whole is told by a line behind it
that no file has: within an open quote that becomes part of a field.

    type                              value                         schema
    string (of what has no type)      as it stands                  STRING
    boolean                           true, t, yes, y, 1 and so on  BOOLEAN
    int8 … int64, float32, float64    a number                      INT8 … FLOAT64
    decimal(SCALE)                    exact, no more digits         Decimal
    date, time, timestamp             ISO 8601; UTC without offset  Date, Time, Timestamp

All fields are optional: an empty one is null where its type is none of text, and one that is `csv.null` is in any case.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import decimal
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from operator import attrgetter, methodcaller
from typing import Any, Final

from connect.api import (
    OPTIONAL_BOOLEAN,
    OPTIONAL_FLOAT32,
    OPTIONAL_FLOAT64,
    OPTIONAL_INT8,
    OPTIONAL_INT16,
    OPTIONAL_INT32,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    Schema,
)
from connect_file.formats import BadRecord, Taken
from connect_file.lines import Rows, whole_lines_bytes

#: A line that no text has in it, behind the last one.
_END: Final = "\0end of what was read\0"
_DECIMAL: Final = re.compile(r"decimal\(([0-9]{1,3})\)")
#: No field is longer than what a line may be.
_FIELD_MAX: Final = 64 << 20
_BOOLEANS: Final = {
    **dict.fromkeys(["true", "t", "yes", "y", "1", "on"], True),
    **dict.fromkeys(["false", "f", "no", "n", "0", "off"], False),
}
_SPELLINGS: Final = {
    spelling: value for text, value in _BOOLEANS.items() for spelling in (text, text.upper(), text.capitalize())
}
_ZONE: Final = attrgetter("tzinfo")
_EXACT: Final = decimal.Context(prec=1000, traps=[decimal.InvalidOperation, decimal.Inexact])

Convert = Callable[[str], Any]


@dataclass(frozen=True)
class ColumnType:
    """How a column's texts become values.

    Attributes:
        convert: Of one text.
        plain: The same for a column of texts that are as most are, by functions of C's; it raises for all others, but
            for those with an underscore.
        name: As `csv.columns` has it.
        check: Of the values of a column, none of them None, where `convert` takes more than the type.
    """

    schema: Schema
    convert: Convert | None
    check: Callable[[Sequence[Any]], bool] | None = None
    plain: Callable[[Sequence[str]], Iterable[Any]] | None = None
    name: str = "string"


class Layout:
    """The columns of one file, or of all where there is no header."""

    def __init__(self, names: Sequence[str], types: Sequence[ColumnType], header_bytes: int) -> None:
        self.names, self.types, self.header_bytes = list(names), list(types), header_bytes
        self.schema = Schema.struct(
            {name: column.schema for name, column in zip(names, types, strict=True)}, name="connect.file.Row"
        )


class CsvFormat:
    """CSV with or without a header.

    Args:
        columns: NAME or NAME:TYPE. With a header, the types of those that have one; without, all columns in order.
        null: The text that is null in any column; None for no such text.
    """

    def __init__(
        self,
        *,
        delimiter: str = ",",
        quote: str = '"',
        has_header: bool = True,
        columns: Sequence[str] = (),
        null: str | None = None,
        charset: str | None = None,
    ) -> None:
        csv.field_size_limit(max(csv.field_size_limit(), _FIELD_MAX))
        self._dialect: dict[str, Any] = (
            {"delimiter": delimiter, "quotechar": quote}
            if quote
            else {"delimiter": delimiter, "quoting": csv.QUOTE_NONE}
        )
        self._quote = quote.encode()
        self._null, self._charset = null, charset or "utf-8"
        self._layouts: dict[tuple[Any, ...], Layout] = {}  # many files have one header
        self._types = dict(map(column_of, columns))
        self._fixed = None if has_header else Layout(list(self._types), list(self._types.values()), 0)

    def layout_of(self, head: bytes) -> Layout | None:
        if self._fixed is not None:
            return self._fixed
        header_bytes, names = 0, None
        for names, size_bytes in self._records(head[: whole_lines_bytes(head)]):
            header_bytes += size_bytes
            if names is not None:
                break
        if names is None:
            return None  # it has no end yet
        names = [name.strip() for name in names]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"its header names {twice[0]!r} twice")
        if not all(names):
            raise ValueError("a column of its header has no name")
        if missing := sorted(self._types.keys() - set(names)):
            raise ValueError(f"its header lacks the column {missing[0]!r}, which 'csv.columns' gives a type")
        types = [self._types.get(name, _STRING) for name in names]
        return self._layouts.setdefault((header_bytes, *names), Layout(names, types, header_bytes))

    def schema(self, layout: Layout) -> Schema:
        return layout.schema

    def header_bytes(self, layout: Layout) -> int:
        return layout.header_bytes

    def take(self, data: bytes, layout: Layout, records_max: int) -> Taken:
        data = data[: whole_lines_bytes(data)]
        if self._quote and self._quote in data:
            return self._thorough(data, layout, records_max)
        return self._quick(data, layout, records_max) or self._thorough(data, layout, records_max)

    def last(self, data: bytes, layout: Layout, records_max: int) -> Taken:
        return self.take(data + b"\n", layout, records_max)

    # -- records ---------------------------------------------------------------------------------------------------

    def _quick(self, data: bytes, layout: Layout, records_max: int) -> Taken | None:
        """Take bytes without quotes, in which each line is a record and all is well; None where one is not.

        Splitting text at the delimiter is all that `csv` would do, at a fifth of the time.
        """
        delimiter, width = self._dialect["delimiter"], len(layout.names)
        rows: list[Rows] = []
        try:
            for lines, size_bytes in self._lines(data, records_max):
                records = list(filter(None, lines))
                if set(map(methodcaller("count", delimiter), records)) - {width - 1}:
                    return None
                fields = delimiter.join(records).split(delimiter) if records else []
                columns = [fields[column::width] for column in range(width)]
                rows.append(Rows(self._from_columns(columns, layout), size_bytes))
        except ValueError:
            return None
        return Taken(rows)

    def _lines(self, data: bytes, lines_max: int) -> Iterator[tuple[list[str], int]]:
        """Yield whole lines in groups, with the bytes that they take. Plain ASCII is decoded and split in one piece."""
        if data.isascii() and b"\r" not in data:
            whole = data.decode("ascii").split("\n")
            whole.pop()  # what follows the last line end: nothing
            for start in range(0, len(whole), lines_max):
                part = whole[start : start + lines_max]
                yield part, sum(map(len, part)) + len(part)
            return
        lines = data.splitlines(keepends=True)
        for start in range(0, len(lines), lines_max):
            raw = b"".join(lines[start : start + lines_max])
            yield raw.decode(self._charset).replace("\r\n", "\n").replace("\r", "\n").split("\n"), len(raw)

    def _thorough(self, data: bytes, layout: Layout, records_max: int) -> Taken:
        rows: list[Rows] = []
        group: list[tuple[list[str] | None, int]] = []
        bad: BadRecord | None = None
        count = 0
        try:
            for record in self._records(data):
                group.append(record)
                count += record[0] is not None
                if count >= records_max:
                    count = 0
                    bad = self._flush(group, layout, rows)
                    if bad is not None:
                        return Taken(rows, bad)
        except (UnicodeDecodeError, csv.Error) as error:
            why = f"it has bytes that are not {self._charset}" if isinstance(error, UnicodeError) else str(error)
            size_bytes = sum(one.size_bytes for one in rows) + sum(size_bytes for _, size_bytes in group)
            bad = BadRecord(len(data[size_bytes:].splitlines(keepends=True)[0]), why)
        return Taken(rows, self._flush(group, layout, rows) or bad)

    def _flush(self, group: list[tuple[list[str] | None, int]], layout: Layout, rows: list[Rows]) -> BadRecord | None:
        """Move a group to the rows, up to the first record that does not fit, which is returned."""
        records, size_bytes = [record for record, _ in group if record is not None], sum(size for _, size in group)
        bad = None
        try:
            values = self._values(records, layout)
        except ValueError:
            values, size_bytes = [], 0
            for record, record_bytes in group:
                try:
                    values += self._values([record] if record is not None else [], layout)
                except ValueError as error:
                    bad = BadRecord(record_bytes, str(error))
                    break
                size_bytes += record_bytes
        if size_bytes:
            rows.append(Rows(values, size_bytes))
        group.clear()
        return bad

    def _records(self, data: bytes) -> Iterator[tuple[list[str] | None, int]]:
        """Yield each whole record of some lines with the bytes that it takes; None for a blank line.

        Raises:
            UnicodeDecodeError, csv.Error: Behind the last one that could be read.
        """
        lines = data.splitlines(keepends=True)
        texts: Iterable[str]
        try:
            texts = io.StringIO(data.decode(self._charset), newline="")
        except UnicodeDecodeError:
            texts = (line.decode(self._charset) for line in lines)  # up to the one that has it
        reader = csv.reader(itertools.chain(texts, (_END,)), **self._dialect)
        begin = 0
        for record in reader:
            if reader.line_num > len(lines):  # the end, or a record that reaches into it
                return
            size_bytes = sum(map(len, lines[begin : reader.line_num]))
            begin = reader.line_num
            yield (record or None), size_bytes

    # -- values ----------------------------------------------------------------------------------------------------

    def _values(self, records: list[list[str]], layout: Layout) -> list[dict[str, Any]]:
        """Return records as dicts.

        Raises:
            ValueError: One of them does not fit; says which column.
        """
        width = len(layout.names)
        if set(map(len, records)) - {width}:
            wrong = next(len(record) for record in records if len(record) != width)
            raise ValueError(f"it has {wrong} fields, and the columns are {width}")
        return self._from_columns(list(zip(*records, strict=True)), layout)

    def _from_columns(self, columns: Sequence[Sequence[str]], layout: Layout) -> list[dict[str, Any]]:
        names = layout.names
        values = [
            self._column(texts, name, column)
            for texts, name, column in zip(columns, names, layout.types, strict=bool(columns))
        ]
        rows = zip(*values, strict=True)
        return list(map(dict, map(zip, itertools.repeat(names), rows)))

    def _column(self, texts: Sequence[str], name: str, column: ColumnType) -> Iterable[Any]:
        convert, null = column.convert, self._null
        if convert is None:
            return texts if null is None or null not in texts else [None if text == null else text for text in texts]
        has_null = "" in texts or (null is not None and null in texts)
        values: list[Any] = []
        if column.plain is not None and not has_null and not _has_underscore("".join(texts)):
            with contextlib.suppress(ValueError, KeyError, ArithmeticError):  # to be looked at closer
                values = list(column.plain(texts))
        try:
            values = values or [None if not text or text == null else convert(text) for text in texts]
        except (ValueError, ArithmeticError, KeyError):
            raise ValueError(f"column {name!r} is not of the type that it was given, {column.name}") from None
        present = [value for value in values if value is not None] if has_null else values
        if column.check is not None and present and not column.check(present):
            raise ValueError(f"column {name!r} is out of the range of its type, {column.name}")
        return values


# -- types -------------------------------------------------------------------------------------------------------------


def column_of(text: str) -> tuple[str, ColumnType]:
    """Return the name and the type of NAME or NAME:TYPE.

    Raises:
        ValueError: What was expected.
    """
    name, type_name = text.rsplit(":", 1) if ":" in text else (text, "string")
    type_name = type_name.strip().lower()
    if not name.strip():
        raise ValueError(f"{text!r} names no column; expected NAME or NAME:TYPE")
    if (found := _DECIMAL.fullmatch(type_name)) is not None:
        return name.strip(), replace(_decimal(int(found[1])), name=type_name)
    if type_name not in _TYPES:
        raise ValueError(f"{type_name!r} is no type of a column; expected one of {', '.join(_TYPES)}, decimal(SCALE)")
    return name.strip(), replace(_TYPES[type_name], name=type_name)


def valid_columns(value: object) -> None:
    """Check a list of columns, as a config key's validator."""
    names = [column_of(str(one))[0] for one in (value if isinstance(value, list) else [])]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"column {twice[0]!r} is there twice")


def delimiter_of(text: str) -> str:
    """Return the character that parts fields; a tab cannot be written at the end of a config's line."""
    return "\t" if text.lower() in ("tab", "\\t") else text


def valid_delimiter(value: object) -> None:
    """Check it, as a config key's validator."""
    if len(delimiter := delimiter_of(str(value))) != 1 or delimiter in '\r\n"':
        raise ValueError("one character that is no quote and no line end is expected, or tab")


def valid_quote(value: object) -> None:
    """Check what encloses fields, as a config key's validator."""
    if len(str(value)) > 1 or str(value) in ("\r", "\n", ","):
        raise ValueError("one character is expected, or none")


def _has_underscore(text: str) -> bool:
    return "_" in text  # Python's numbers may have one


def _whole(text: str) -> int:
    if _has_underscore(text):
        raise ValueError("no number")
    return int(text)


def _real(text: str) -> float:
    if _has_underscore(text):
        raise ValueError("no number")
    return float(text)


def _within(bits: int) -> Callable[[Sequence[int]], bool]:
    limit = 1 << bits - 1
    return lambda values: -limit <= min(values) and max(values) < limit


def _boolean(text: str) -> bool:
    return _BOOLEANS[text.strip().lower()]


def _by(function: Callable[[str], Any]) -> Callable[[Sequence[str]], Iterable[Any]]:
    return lambda texts: map(function, texts)


def _aware(texts: Sequence[str]) -> list[dt.datetime]:
    values = list(map(dt.datetime.fromisoformat, texts))
    if None in set(map(_ZONE, values)):
        raise ValueError("one has no offset")
    return values


def _naive_times(texts: Sequence[str]) -> list[dt.time]:
    values = list(map(dt.time.fromisoformat, texts))
    if set(map(_ZONE, values)) - {None}:
        raise ValueError("one has an offset")
    return values


def _timestamp(text: str) -> dt.datetime:
    found = dt.datetime.fromisoformat(text.strip())
    return found if found.tzinfo is not None else found.replace(tzinfo=dt.UTC)


def _time(text: str) -> dt.time:
    found = dt.time.fromisoformat(text.strip())
    if found.tzinfo is not None:
        raise ValueError("a Time has no offset")
    return found


def _date(text: str) -> dt.date:
    return dt.date.fromisoformat(text.strip())


def _decimal(scale: int) -> ColumnType:
    unit = Decimal(1).scaleb(-scale)

    def convert(text: str) -> Decimal:
        if _has_underscore(text):
            raise ValueError("no number")
        return Decimal(text.strip()).quantize(unit, context=_EXACT)

    def plain(texts: Sequence[str]) -> list[Decimal]:
        # Those with all of their digits need no rounding, and no look at whether something would be lost.
        if scale == 0 or {text[-scale - 1 : -scale] for text in texts} != {"."} or "e" in "".join(texts).lower():
            raise ValueError("to be looked at closer")
        return list(map(Decimal, texts))

    return ColumnType(Schema.decimal(scale, optional=True), convert, plain=plain)


_STRING: Final = ColumnType(OPTIONAL_STRING, None)
_TYPES: Final = {
    "string": _STRING,
    "boolean": ColumnType(OPTIONAL_BOOLEAN, _boolean, plain=_by(_SPELLINGS.__getitem__)),
    "int8": ColumnType(OPTIONAL_INT8, _whole, _within(8), plain=_by(int)),
    "int16": ColumnType(OPTIONAL_INT16, _whole, _within(16), plain=_by(int)),
    "int32": ColumnType(OPTIONAL_INT32, _whole, _within(32), plain=_by(int)),
    "int64": ColumnType(OPTIONAL_INT64, _whole, _within(64), plain=_by(int)),
    "float32": ColumnType(OPTIONAL_FLOAT32, _real, plain=_by(float)),
    "float64": ColumnType(OPTIONAL_FLOAT64, _real, plain=_by(float)),
    "date": ColumnType(Schema.date(optional=True), _date, plain=_by(dt.date.fromisoformat)),
    "time": ColumnType(Schema.time(optional=True), _time, plain=_naive_times),
    "timestamp": ColumnType(Schema.timestamp(optional=True), _timestamp, plain=_aware),
}
