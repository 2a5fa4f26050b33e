"""The payloads of one schema: a column at a time where they are to the letter of it, one by one where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from connect.api import DECIMAL_NAME, Schema
from connect.api.columns import OddValueError, Values, in_parts
from connect.api.java import strict_loads
from connect_converters import json_columns
from connect_converters.json_texts import TextWriter
from connect_converters.json_values import Decoder, Encoder


class PayloadWriter:
    """Writes values of a schema."""

    def __init__(self, schema: Schema, encoder: Encoder) -> None:
        self._schema = schema
        self._encoder = encoder
        self._texts = TextWriter(schema, encoder)

    def write(self, values: Sequence[Any]) -> list[bytes]:
        """Return the JSON of each value. Raises `DataError` for one that does not fit, in Kafka's words."""
        return in_parts(values, self._texts.write, lambda value: self._encoder.encode(self._schema, value))


class PayloadReader:
    """Reads payloads of a schema (None = schemaless)."""

    def __init__(self, schema: Schema | None, decoder: Decoder) -> None:
        self._schema = schema
        self._decoder = decoder
        self._convert = None if schema is None else json_columns.decoding(schema, decoder)
        self._may_be_numeric = schema is not None and _holds_decimal(schema)
        self._numeric = False

    def read(self, texts: Sequence[bytes]) -> Values:
        """Return the values.

        Raises:
            OddValueError: A text is not one JSON value and nothing more.
            DataError: A value is wrong for the schema, in Kafka's words.
        """
        return in_parts(texts, self._read_alike, self._read_one)

    def _read_alike(self, texts: Sequence[bytes]) -> Values:
        if self._schema is not None and self._convert is None:
            raise OddValueError
        if not self._numeric:
            try:
                nodes = list(map(orjson.loads, texts))
                return nodes if self._convert is None else self._convert(nodes)
            except orjson.JSONDecodeError as error:
                raise OddValueError from error
            except OddValueError:
                if not self._may_be_numeric:
                    raise
        # Decimals written as numbers: parsed with every digit, and so are the next ones.
        assert self._convert is not None, "a schema with a decimal has one"
        values = self._convert(list(map(_whole, texts)))
        self._numeric = True
        return values

    def _read_one(self, text: bytes) -> Any:
        return self._decoder.decode(self._schema, _whole(text))


def _whole(text: bytes) -> Any:
    try:
        return strict_loads(text, whole=True)
    except (ValueError, RecursionError) as error:
        raise OddValueError from error


def _holds_decimal(schema: Schema) -> bool:
    if schema.name == DECIMAL_NAME:
        return True
    members = [f.schema for f in schema.fields] + [s for s in (schema.key_schema, schema.value_schema) if s is not None]
    return any(map(_holds_decimal, members))
