"""The envelope of JsonConverter: {"schema": …, "payload": …}, its schema part read once for each distinct one.

A producer writes the same schema in front of every payload, byte for byte. So the bytes before the payload are learned
from the first message, schema and all; of every further message that begins with them only the payload is parsed.
Whatever does not match to the byte is taken apart in full.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from connect.api import Schema
from connect.api.java import strict_loads
from connect_converters import json_schema
from connect_converters.json_values import Decoder, Encoder, text_of

_OPENING: Final = re.compile(r'\s*\{\s*"schema"\s*:\s*')
_MIDDLE: Final = re.compile(r'\s*,\s*"payload"\s*:\s*')
_DECODER: Final = json.JSONDecoder()


class Head(NamedTuple):
    """The bytes of a message before its payload, and the schema that they say."""

    data: bytes
    schema: Schema | None


class Envelopes:
    """Schemas as JSON and back, each remembered; at most `size` of each, then all are forgotten and learned again."""

    def __init__(self, size: int, encoder: Encoder, decoder: Decoder) -> None:
        self._size = max(size, 1)
        self._encoder = encoder
        self._decoder = decoder
        self._written: dict[Schema | None, bytes] = {}
        self._schemas: dict[str, Schema | None] = {}
        self._heads: dict[bytes, Head] = {}

    def written(self, schema: Schema | None) -> bytes:
        """Return what stands before a payload of this schema."""
        head = self._written.get(schema)
        if head is None:
            node = None if schema is None else json_schema.encode(schema, self._encoder.node)
            head = b'{"schema":' + text_of(node) + b',"payload":'
            _remember(self._written, schema, head, self._size)
        return head

    def schema(self, node: Any) -> Schema | None:
        """Return the schema that parsed JSON describes. Raises `DataError`, in Kafka's words."""
        text = repr(node)
        if text not in self._schemas:
            _remember(self._schemas, text, json_schema.decode(node, self._decoder), self._size)
        return self._schemas[text]

    def known(self, message: bytes) -> Head | None:
        """Return the head of a message that begins as an earlier one did."""
        head = self._heads.get(message[: message.find(b'"payload"')])
        return head if head is not None and message.startswith(head.data) else None

    def learn(self, message: bytes, schema: Schema | None) -> None:
        """Remember how a message begins, of which it is known that it is an envelope with this schema."""
        text = message.decode()
        opening = _OPENING.match(text)
        if opening is None:
            return
        try:
            middle = _MIDDLE.match(text, _DECODER.raw_decode(text, opening.end())[1])
        except ValueError:
            return  # one of the liberties that `strict_loads` takes
        if middle is None:
            return
        head = Head(text[: middle.end()].encode(), schema)
        _remember(self._heads, message[: message.find(b'"payload"')], head, self._size)


def opened(message: bytes) -> tuple[Any, Any] | None:
    """Return schema and payload of a message as parsed JSON, None when it is no envelope. Raises `ValueError`."""
    parsed = strict_loads(message) if message.strip() else None
    if not isinstance(parsed, dict) or len(parsed) != 2 or "schema" not in parsed or "payload" not in parsed:
        return None
    return parsed["schema"], parsed["payload"]


def _remember(cache: dict[Any, Any], key: Any, value: Any, size: int) -> None:
    if len(cache) >= size:
        cache.clear()
    cache[key] = value
