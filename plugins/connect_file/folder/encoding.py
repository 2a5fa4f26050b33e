"""Values to the bytes of files: lines, JSON lines, CSV, and whole files.

An encoder says first whether values fit behind those that a file has (`layout`), then makes a chunk of them, and keeps
nothing: what it refuses left no trace. The bytes of chunks, one behind the other behind the head, are the file.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from connect.api import Batch, DataError, SchemaType
from connect_file.text import json_lines, plain_text, to_lines

#: Of a file: its columns, or whatever its records have in common; equal ones go into one file.
Layout = Any


class Body(Protocol):
    """What makes a file's bytes of chunks, in order."""

    @property
    def held_bytes(self) -> int:
        """How much is held back, at least."""

    def add(self, chunk: Any) -> bytes:
        """Take a chunk, and return what of the file is known now."""

    def release(self) -> bytes:
        """Return what is held back, as far as that can be had before the end."""

    def end(self) -> bytes:
        """Return the rest of the file."""


class Encoder(Protocol):
    """One format, for all files of a task.

    Attributes:
        extension: What the names of files end with, with its dot.
        is_one_each: Whether each record is a file.
    """

    extension: str
    is_one_each: bool

    def layout(self, batch: Batch, values: Sequence[Any], before: Layout | None) -> Layout:
        """Return the layout of values: `before`, where they fit into a file that has it.

        Raises:
            DataError: They are of no layout.
        """

    def layout_name(self, batch: Batch) -> str:
        """Return what tells files of one name and several layouts apart, the same whenever a record comes; empty where
        a file of another layout takes the place of the one before."""

    def chunk(self, values: list[Any], layout: Layout) -> Any:
        """Make a chunk. Keeps nothing.

        Raises:
            DataError: A value cannot be written.
        """

    def body(self, layout: Layout) -> Body:
        """Begin a file."""


class BytesBody:
    """A file whose bytes are those of its head and its chunks.

    Args:
        compress: Takes bytes, and returns what is known of the packed ones.
        finish: Returns the rest of those.
    """

    held_bytes = 0

    def __init__(
        self,
        head: bytes,
        compress: Callable[[bytes], bytes] | None = None,
        finish: Callable[[], bytes] | None = None,
    ) -> None:
        self._head, self._compress, self._finish = head, compress, finish

    def add(self, chunk: bytes) -> bytes:
        head, self._head = self._head, b""
        data = head + chunk if head else chunk
        return data if self._compress is None else self._compress(data)

    def release(self) -> bytes:
        return b""

    def end(self) -> bytes:
        return b"" if self._finish is None else self._finish()


class BytesEncoder(ABC):
    """What formats have in common whose files are bytes, packed or not.

    Args:
        body: Begins a file, with these bytes at its beginning.
    """

    extension = ".txt"
    is_one_each = False

    def __init__(self, body: Callable[[bytes], Body]) -> None:
        self._body = body

    def layout(self, batch: Batch, values: Sequence[Any], before: Layout | None) -> Layout:
        return ()

    def layout_name(self, batch: Batch) -> str:
        return ""

    @abstractmethod
    def chunk(self, values: list[Any], layout: Layout) -> bytes:
        """See `Encoder`."""

    def body(self, layout: Layout) -> Body:
        return self._body(b"")


class LinesEncoder(BytesEncoder):
    """Each record is a line: its text, or its JSON where it is none."""

    def chunk(self, values: list[Any], layout: Layout) -> bytes:
        return to_lines(values)


class JsonEncoder(BytesEncoder):
    """Each record is a line of JSON."""

    extension = ".json"

    def chunk(self, values: list[Any], layout: Layout) -> bytes:
        return json_lines(values)


class WholeEncoder(BytesEncoder):
    """Each record is a file: its bytes, or its text."""

    extension = ".bin"
    is_one_each = True

    def chunk(self, values: list[Any], layout: Layout) -> bytes:
        [value] = values
        if isinstance(value, str):
            return value.encode(errors="replace")
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value)
        raise DataError(f"a value of type {type(value).__name__} is neither text nor bytes, so it is no file")


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How CSV is written; as the source reads it."""

    delimiter: str = ","
    quote: str = '"'
    null: str = ""
    has_header: bool = True


class CsvEncoder(BytesEncoder):
    """Each record is a record of CSV; its fields are columns, of which the first line names them."""

    extension = ".csv"

    def __init__(self, body: Callable[[bytes], Body], dialect: CsvDialect) -> None:
        super().__init__(body)
        self._null = dialect.null
        self._has_header = dialect.has_header
        self._options: Final[dict[str, Any]] = {
            "delimiter": dialect.delimiter,
            "quotechar": dialect.quote or None,
            "quoting": csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
            "lineterminator": "\n",
        }

    def layout(self, batch: Batch, values: Sequence[Any], before: tuple[str, ...] | None) -> tuple[str, ...]:
        schema = batch.value_schema
        if schema is not None:
            if schema.type is not SchemaType.STRUCT:
                raise DataError(f"the record is a {schema.type.name} and no struct, so it has no columns")
            found = tuple(field.name for field in schema.fields)
        else:
            for value in values:
                if not isinstance(value, dict):
                    raise DataError(f"the record is a {type(value).__name__} and no map, so it has no columns")
            names = dict.fromkeys(itertools.chain(before or (), itertools.chain.from_iterable(values)))
            if any(not isinstance(name, str) for name in names):
                raise DataError("the record has a key that is no text, so it names no column")
            found = tuple(names)
        if not found:
            raise DataError("the record has no fields, so it has no columns")
        return before if found == before else found

    def layout_name(self, batch: Batch) -> str:
        # Without a schema a file's columns hang on what came before, so they tell nothing about a record.
        schema = batch.value_schema
        return "" if schema is None else short_name(repr([field.name for field in schema.fields]))

    def chunk(self, values: list[Any], layout: tuple[str, ...]) -> bytes:
        columns = [self._texts([value.get(name) for value in values], name) for name in layout]
        return self._written(list(zip(*columns, strict=True)))

    def body(self, layout: tuple[str, ...]) -> Body:
        return self._body(self._written([layout]) if self._has_header else b"")

    def _written(self, rows: list[tuple[Any, ...]]) -> bytes:
        text = self._text_of(rows, self._options)
        if "\r" in text:  # Python 3.11 puts quotes around what the line end has in it, and around no other line end
            if self._options["quotechar"] is None:
                raise DataError("the record has a carriage return, which cannot be written as CSV without quotes")
            text = self._text_of(rows, {**self._options, "quoting": csv.QUOTE_ALL})
        return text.encode(errors="replace")

    def _text_of(self, rows: list[tuple[Any, ...]], options: Mapping[str, Any]) -> str:
        text = io.StringIO(newline="")
        try:
            csv.writer(text, **options).writerows(rows)
        except csv.Error as error:
            raise DataError(f"the record cannot be written as CSV without quotes: {error}") from error
        return text.getvalue()

    def _texts(self, values: list[Any], name: str) -> list[Any]:
        """Return the texts of a column; numbers as they are, since `csv` writes them as is wanted."""
        kinds = set(map(type, values))
        null = self._null
        if kinds <= {str}:
            if null and null in values:
                raise _like_null(name)
            return values
        if kinds <= {int, float}:
            return values
        return [null if value is None else self._text(value, name) for value in values]

    def _text(self, value: Any, name: str) -> str:
        if isinstance(value, str):
            text = value
        elif isinstance(value, float):  # JSON has no NaN and no infinity
            text = str(value)
        else:
            text = plain_text(value)
        if self._null and text == self._null:
            raise _like_null(name)
        return text


def _like_null(name: str) -> DataError:
    return DataError(
        f"column {name!r} has the text that csv.null has for null, so it would be read as null",
        hint="Set csv.null to a text that no column has.",
    )


def short_name(text: str) -> str:
    """Return a short text for a long one."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
