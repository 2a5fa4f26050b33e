"""JsonConverter's columns as JSON texts: a field's values become text together, and then each struct's text is joined.

One call of orjson writes a whole column, and what comes of it is parted into the texts of its values. A struct of a
`StructColumn` has no dict that could be written: its text is its fields' with what stands between them, which is the
same for all. What is not to the letter of its schema raises `OddValueError`, and goes value by value as any other.

Must mean what `json_values` means, to the byte; a property test compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any, Final

import orjson

from connect.api import DataError, Repeated, Schema, SchemaType, StructColumn
from connect.api.columns import OddValueError
from connect.api.java import as_kafka_writes
from connect_converters import json_columns
from connect_converters.json_values import Encoder, text_of
from connect_converters.json_writing import orjson_texts

Texts = list[bytes]
#: What a column's texts are joined of: a text that all have, or one for each value.
Piece = bytes | Texts

#: Parts texts within one. orjson leaves it as it is, and hardly any text has it.
_DELETE: Final = "\x7f"
#: How many texts are one at a time: the caches hold these, and no more memory than theirs is needed twice.
_BLOCK: Final = 512


class TextWriter:
    """Writes columns of one schema."""

    def __init__(self, schema: Schema, encoder: Encoder) -> None:
        self._field = _Field(schema, encoder)

    def write(self, values: Sequence[Any]) -> Texts:
        """Return the JSON of each value.

        Raises:
            OddValueError: One is not to the letter of the schema.
        """
        try:
            return _joined(_merged(self._field.pieces(values)), len(values))
        except (TypeError, RecursionError, DataError) as error:  # text that has no UTF-8; a null that does not fit
            raise OddValueError from error


class _Field:
    """What writes a column of one schema, by itself or as a field of structs."""

    def __init__(self, schema: Schema, encoder: Encoder) -> None:
        self._schema = schema
        self._encoder = encoder
        is_struct = schema.type is SchemaType.STRUCT and not schema.is_logical
        self._members = _Members(schema, encoder) if is_struct else None
        self._convert = json_columns.encoding(schema, encoder)
        self._write = _write_of(schema)

    def pieces(self, values: Sequence[Any] | Repeated) -> Iterable[Piece]:
        """Return what the texts are joined of; any number of texts for all, or columns, in turn."""
        if isinstance(values, Repeated):
            return (self._text(values.value),)
        if not values:
            return ()
        if isinstance(values, StructColumn):
            if self._members is not None:
                return self._members.pieces(values)
        elif values[0] is values[-1] and len(set(map(id, values))) == 1:  # as a snapshot's source block
            return (self._text(values[0]),)
        if self._convert is None:
            raise OddValueError
        return self._write(self._convert(values if isinstance(values, list) else list(values)))

    def _text(self, value: Any) -> bytes:
        return text_of(self._encoder.node(self._schema, value))


class _Members:
    """The fields of a struct, each with what stands in front of it."""

    def __init__(self, schema: Schema, encoder: Encoder) -> None:
        self._names = tuple(field.name for field in schema.fields)
        self._fields = [(text_of(field.name) + b":", _Field(field.schema, encoder)) for field in schema.fields]

    def pieces(self, column: StructColumn) -> Iterable[Piece]:
        """Return what the texts are joined of."""
        if tuple(column.fields) != self._names:
            raise OddValueError
        before = b"{"
        for values, (name, field) in zip(column.fields.values(), self._fields, strict=True):
            yield before + name
            yield from field.pieces(values)
            before = b","
        yield b"}" if self._fields else b"{}"


def _merged(pieces: Iterable[Piece]) -> list[Piece]:
    """Return the pieces with neighbours that all have as one."""
    found: list[Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        if isinstance(piece, bytes) and isinstance(last, bytes):
            found[-1] = last + piece
        else:
            found.append(piece)
    return found


def _joined(pieces: Sequence[Piece], count: int) -> Texts:
    if not pieces:
        return []
    if len(pieces) == 1:
        only = pieces[0]
        return [only] * count if isinstance(only, bytes) else only
    # What all have has no end, and at least one column has one.
    return list(map(b"".join, zip(*(repeat(piece) if isinstance(piece, bytes) else piece for piece in pieces))))  # noqa: B905


# -- columns to texts ----------------------------------------------------------------------------------------------


def _write_of(schema: Schema) -> Callable[[list[Any]], Iterable[Piece]]:
    if schema.type in (SchemaType.STRUCT, SchemaType.ARRAY, SchemaType.MAP):
        return _nested
    return _strings if schema.type is SchemaType.STRING and not schema.is_logical else _scalars


def _scalars(nodes: list[Any]) -> Iterable[Piece]:
    """Write what has no comma in its JSON: numbers, truths, base64, and null."""
    return (orjson.dumps(nodes)[1:-1].split(b","),)


def _strings(nodes: list[Any]) -> Iterable[Piece]:
    """Write texts, some of which may be None."""
    has_nulls = None in nodes
    present = [node for node in nodes if node is not None] if has_nulls else nodes
    texts: Texts = []
    for start in range(0, len(present), _BLOCK):
        block = present[start : start + _BLOCK]
        joined = _DELETE.join(block)
        if joined.count(_DELETE) >= len(block):
            return _nested(nodes)
        texts += as_kafka_writes([orjson.dumps(joined)])[0][1:-1].split(b"\x7f")
    if not has_nulls:
        return b'"', texts, b'"'
    rest = iter(texts)
    return ([b"null" if node is None else b'"%b"' % next(rest) for node in nodes],)


def _nested(nodes: list[Any]) -> Iterable[Piece]:
    """Write anything."""
    return (as_kafka_writes(orjson_texts(nodes)),)
