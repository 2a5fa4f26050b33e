"""Values as text and back, the types guessed from the text: the language of SimpleHeaderConverter.

Reading is as lax as Kafka's, since headers written by its workers must mean the same here: what looks like a number at
the front is one (`1,000` is 1), lists and maps need few commas, and what is nothing else stays text.

Source: Kafka 4.3.1, Values.java.
"""

from __future__ import annotations

import datetime as dt
import re
import struct
from base64 import b64encode
from decimal import Decimal
from typing import Any, Final

from connect.api import BOOLEAN, FLOAT32, FLOAT64, INT8, INT16, INT32, INT64, STRING, DataError, Schema, Type
from connect.api.schema import java_class
from connect_converters import java_dates, java_text

Parsed = tuple[Schema | None, Any] | None

_DELIMITERS: Final = frozenset(':,{}[]"')
_BLANK: Final = "".join(map(chr, range(33)))  # what Java's trim takes off
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,10})?")
_INTS: Final = ((8, INT8), (16, INT16), (32, INT32), (64, INT64))
_WIDENING: Final = (Type.INT8, Type.INT16, Type.INT32, Type.INT64, Type.FLOAT32, Type.FLOAT64)


# -- value to text -------------------------------------------------------------------------------------------------


def to_text(value: Any, schema: Schema | None = None, *, inside: bool = False) -> str:
    """Return a value as text; `inside` a list or map, text is quoted.

    Raises:
        DataError: The value is of no Connect type.
    """
    if value is None:
        return "null"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if inside else value
    if isinstance(value, bytes | bytearray | memoryview):
        encoded = b64encode(value).decode()
        return f'"{encoded}"' if inside else encoded
    if isinstance(value, bool | int | float | Decimal):
        return java_text.text(value, schema)
    if isinstance(value, list | tuple):
        items = schema.value_schema if schema is not None else None
        return "[" + ",".join(to_text(item, items, inside=True) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(_entries(value, schema)) + "}"
    if isinstance(value, dt.date | dt.time):
        return java_dates.iso_text(value)
    raise DataError(f"Failed to serialize unexpected value type {java_class(value)}: {value}")


def _entries(value: dict[Any, Any], schema: Schema | None) -> list[str]:
    if schema is not None and schema.type is Type.STRUCT:
        members = (
            (f.name, f.schema.default if (v := value.get(f.name)) is None else v, f.schema) for f in schema.fields
        )
        return [f"{to_text(name, inside=True)}:{to_text(v, s, inside=True)}" for name, v, s in members]
    keys, values = (schema.key_schema, schema.value_schema) if schema is not None else (None, None)
    return [f"{to_text(k, keys, inside=True)}:{to_text(v, values, inside=True)}" for k, v in value.items()]


# -- text to value -------------------------------------------------------------------------------------------------


def parse(text: str) -> Parsed:
    """Return the schema and value that a text stands for; what is nothing else is text. None for `null`."""
    return (STRING, text) if not text else _parse(_Tokens(text), inside=False)


class _Tokens:
    """A text as tokens: delimiters, and what lies between them. A backslash takes a delimiter its meaning."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.previous: str | None = None
        self._at = 0
        self._ahead: str | None = None

    @property
    def more(self) -> bool:
        return self._ahead is not None or self._at < len(self.text)

    def mark(self) -> int:
        return self._at - len(self._ahead or "")

    def rewind(self, mark: int) -> None:
        self._at, self._ahead, self.previous = mark, None, None

    def next(self) -> str:
        self.previous = self._consume() if self._ahead is None else self._ahead
        self._ahead = None
        return self.previous

    def next_four(self) -> str | None:
        start = self.mark()
        for _ in range(4):
            if not self.more:
                self.rewind(start)
                return None
            self.next()
        return self.text[start : self._at]

    def take(self, expected: str) -> bool:
        """Consume the next token if it is this one; blanks before it and around it do not count."""
        if self._ahead is None:
            if not self.more:
                return False
            self._ahead = self._consume()
        while not self._ahead.strip(_BLANK) and self._at < len(self.text):
            self._ahead = self._consume()
        if self._ahead.strip(_BLANK) != expected:
            return False
        # As in Kafka, `previous` stays: only `next` sets it.
        self._ahead = None
        return True

    def _consume(self) -> str:
        start, escaped = self._at, False
        while self._at < len(self.text):
            char = self.text[self._at]
            if char == "\\":
                escaped = not escaped
            elif char in _DELIMITERS and not escaped:
                self._at += start == self._at
                break
            else:
                escaped = False
            self._at += 1
        return self.text[start : self._at]


def _parse(tokens: _Tokens, *, inside: bool) -> Parsed:
    if not tokens.more:
        return None
    if inside and tokens.take('"'):
        return _quoted(tokens)
    for literal, found in (("null", None), ("true", (BOOLEAN, True)), ("false", (BOOLEAN, False))):
        start = tokens.mark()
        if tokens.take(literal) and (inside or not tokens.more):
            return found
        tokens.rewind(start)
    start = tokens.mark()
    try:
        if tokens.take("["):
            return _array(tokens)
        if tokens.take("{"):
            return _map(tokens)
    except DataError:
        tokens.rewind(start)  # no list or map after all
    return _scalar(tokens, inside=inside)


def _quoted(tokens: _Tokens) -> Parsed:
    content = ""
    while tokens.more and not tokens.take('"'):
        content += tokens.next()
    parsed = parse(content)
    if parsed is not None and parsed[0] is not None and java_dates.is_temporal(parsed[0]):
        return parsed
    return STRING, content


def _scalar(tokens: _Tokens, *, inside: bool) -> Parsed:
    token = tokens.next()
    if not token.strip(_BLANK):
        return STRING, token
    token = token.strip(_BLANK)
    if token[0].isdecimal():
        # The colons of a time are delimiters, so it comes in five tokens.
        mark = tokens.mark()
        rest = tokens.next_four()
        found = java_dates.parse_iso(token + rest) if rest is not None else None
        if found is not None:
            return found
        tokens.rewind(mark)
        found = java_dates.parse_iso(token)
        if found is not None:
            return found
    if (token[0].isdecimal() or token[0] in "+-") and _NUMBER.fullmatch(token):
        return _number(Decimal(token))
    if inside:
        raise DataError("Failed to parse embedded value")
    return STRING, tokens.text


def _number(exact: Decimal) -> Parsed:
    """Return the narrowest type: whole numbers by width, others as float32 unless that overflows."""
    if exact.is_zero() or (0 <= exact.adjusted() < 20 and exact == exact.to_integral_value()):
        for bits, schema in _INTS:
            if -(1 << bits - 1) <= (whole := int(exact)) < 1 << bits - 1:
                return schema, whole
    scale = -int(exact.as_tuple().exponent)
    if scale != 0:
        double = float(exact)
        if abs(single := _single(double)) != float("inf"):
            return FLOAT32, single
        if abs(double) != float("inf"):
            return FLOAT64, double
    return Schema.decimal(scale), exact


def _single(value: float) -> float:
    """Round to single precision; what is too large becomes an infinity."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def _array(tokens: _Tokens) -> Parsed:
    items: list[Any] = []
    schema: Schema | None = None
    while tokens.more:
        if tokens.take("]"):
            if schema is not None:
                items = [_converted(schema, item) for item in items]
            return Schema.array(schema), items
        if tokens.take(","):
            raise DataError(f"Unable to parse an empty array element: {tokens.text}")
        item = _parse(tokens, inside=True)
        schema = _common(schema, item)
        items.append(None if item is None else item[1])
        mark = tokens.mark()
        if tokens.take("]"):
            tokens.rewind(mark)
        elif not tokens.take(","):
            raise DataError("Array elements missing ',' delimiter")
    raise DataError(f"Array is missing terminating ']': {tokens.text}")


def _map(tokens: _Tokens) -> Parsed:
    entries: dict[Any, Any] = {}
    keys: Schema | None = None
    values: Schema | None = None
    while tokens.more:
        if tokens.take("}"):
            if keys is None:
                return Schema.map(None, None), entries
            return Schema.map(keys, values), {_converted(keys, k): v if values is None else _converted(values, v) for k, v in entries.items()}  # fmt: skip
        if tokens.take(","):
            raise DataError(f"Unable to parse a map entry with no key or value: {tokens.text}")
        key = _parse(tokens, inside=True)
        if key is None or key[1] is None or isinstance(key[1], list | dict):
            raise DataError(f"Map entry may not have a null key: {tokens.text}")
        if not tokens.take(":"):
            raise DataError(f"Map entry is missing ':' in {tokens.text}")
        value = _parse(tokens, inside=True)
        entries[key[1]] = None if value is None else value[1]
        tokens.take(",")
        keys, values = _common(keys, key), _common(values, value)
    raise DataError(f"Map is missing terminating '}}': {tokens.text}")


def _common(previous: Schema | None, latest: Parsed) -> Schema | None:
    """Return the schema for what came so far and one more item; None where they have none in common."""
    if latest is None:
        return previous
    new = latest[0]
    if previous is None or new is None:
        return new
    if previous.type is new.type:
        return new  # Kafka's, too: the last one's name wins
    if previous.type in _WIDENING and new.type in _WIDENING:
        return max(previous, new, key=lambda schema: _WIDENING.index(schema.type))
    return None


def _converted(schema: Schema, value: Any) -> Any:
    """Return an item in the type that all items came to have.

    Raises:
        DataError: There is no way.
    """
    if value is None:
        raise DataError("Unable to convert a null value to a schema that requires a value")
    if java_dates.is_temporal(schema):
        return java_dates.aligned(schema, value)
    kind = schema.type
    if kind in (Type.ARRAY, Type.MAP, Type.BYTES, Type.BOOLEAN):
        return value
    if kind is Type.STRING:
        return to_text(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise DataError(f"Unable to convert {value} (class {java_class(value)}) to a number")
    if kind in (Type.FLOAT32, Type.FLOAT64):
        return _single(float(value)) if kind is Type.FLOAT32 else float(value)
    bits = {Type.INT8: 8, Type.INT16: 16, Type.INT32: 32, Type.INT64: 64}[kind]
    whole = int(value) & (1 << bits) - 1
    return whole - (1 << bits) if whole >> bits - 1 else whole
