"""Connect values to JSON and back, by schema.

Reading is as forgiving as Kafka's (Jackson's asX): text where a number is wanted is 0, a number where text is wanted is
null. Source: Kafka 4.3.1, JsonConverter.convertToJson, convertToConnect and the logical converters in it.
"""

from __future__ import annotations

import binascii
import datetime as dt
import json
import math
import re
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import orjson

from connect.api import DATE_NAME, DECIMAL_NAME, TIME_NAME, TIMESTAMP_NAME, DataError, Schema, Type
from connect.api.schema import java_class
from connect_converters.java_dates import EPOCH, MS, milliseconds
from connect_converters.java_text import float_text

_DAY_MS = 86_400_000
_BITS = {Type.INT8: 8, Type.INT16: 16, Type.INT32: 32, Type.INT64: 64}
_AS_THEY_ARE = (Type.INT8, Type.INT16, Type.INT32, Type.INT64, Type.BOOLEAN, Type.STRING)


def strict_loads(data: bytes) -> Any:
    """Parse JSON; numbers with a fraction as Decimal, so that no digit is lost. Accepts what Jackson accepts.

    Raises:
        ValueError: This is not JSON.
    """
    text = data.decode("utf-8-sig").lstrip()
    try:
        return _first_value(text)
    except json.JSONDecodeError:
        # Kafka's parser takes numbers with zeros in front; whatever else is wrong is found again.
        return _first_value(_STRING_OR_ZEROS.sub(_without_zeros, text))


_STRING_OR_ZEROS = re.compile(r'"(?:[^"\\\\]|\\\\.)*"|(?<![\w.+])(-?)0+(?=\d)', re.ASCII)


def _without_zeros(match: re.Match[str]) -> str:
    return match[0] if match[0].startswith('"') else match[1]


def _first_value(text: str) -> Any:
    """Return the first value; as in Jackson, what follows it is not looked at unless it touches a number."""
    node, end = _DECODER.raw_decode(text)
    if isinstance(node, int | Decimal) and not isinstance(node, bool) and text[end : end + 1].strip():
        raise json.JSONDecodeError("Expected space behind a number", text, end)
    return node


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)


class Encoder:
    """Values to JSON text."""

    def __init__(self, *, numeric_decimals: bool, nulls_to_defaults: bool) -> None:
        self._numeric_decimals = numeric_decimals
        self._nulls_to_defaults = nulls_to_defaults

    def encode(self, schema: Schema | None, value: Any) -> bytes:
        """Return the JSON of one value. Raises `DataError` when it cannot be expressed."""
        node = self.node(schema, value)
        try:
            return orjson.dumps(node, default=_number, option=orjson.OPT_NON_STR_KEYS)
        except TypeError:
            # Text with half a surrogate pair has no UTF-8, but JSON has an escape for it.
            try:
                return orjson.dumps(_escaped(node), default=_number, option=orjson.OPT_NON_STR_KEYS)
            except TypeError as error:
                raise DataError(f"Converting Kafka Connect data to byte[] failed: {error}") from error

    def node(self, schema: Schema | None, value: Any) -> Any:
        """Return what orjson prints as the value's JSON."""
        if value is None:
            return self._null(schema)
        if schema is None:
            return self._schemaless(value)
        if schema.name is not None and (logical := _TO_JSON.get(schema.name)) is not None:
            return logical(schema, value, self._numeric_decimals)
        kind = schema.type
        if not isinstance(value, _TAKES[kind]) or (isinstance(value, bool) and kind is not Type.BOOLEAN):
            what = "bytes type" if kind is Type.BYTES else kind.name
            raise DataError(f"Invalid type for {what}: class {java_class(value)}")
        if kind in _AS_THEY_ARE:
            schema.validate(value)
            return value
        if kind in (Type.FLOAT32, Type.FLOAT64):
            return _float(value, single=kind is Type.FLOAT32)
        if kind is Type.BYTES:
            return b64encode(value).decode()
        if kind is Type.ARRAY:
            return [self.node(schema.value_schema, item) for item in value]
        if kind is Type.MAP:
            return self._map(schema, value)
        return {f.name: self.node(f.schema, value.get(f.name)) for f in schema.fields}

    def _null(self, schema: Schema | None) -> Any:
        if schema is None:
            return None
        if schema.default is not None and self._nulls_to_defaults:
            return self.node(schema, schema.default)
        if schema.optional:
            return None
        raise DataError("Conversion error: null value for field that is required and has no default value")

    def _schemaless(self, value: Any) -> Any:
        if isinstance(value, bool | str):
            return value
        if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
            return value
        if isinstance(value, float):
            return _float(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return b64encode(value).decode()
        if isinstance(value, list | tuple):
            return [self.node(None, item) for item in value]
        if isinstance(value, dict):
            if all(isinstance(name, str) for name in value):
                return {name: self.node(None, item) for name, item in value.items()}
            return [[self.node(None, name), self.node(None, item)] for name, item in value.items()]
        raise DataError(f"Java class class {java_class(value)} does not have corresponding schema type.")

    def _map(self, schema: Schema, value: dict[Any, Any]) -> Any:
        keys, values = schema.key_schema, schema.value_schema
        if keys is not None and keys.type is Type.STRING:
            return {"null" if n is None else self.node(keys, n): self.node(values, item) for n, item in value.items()}
        return [[self.node(keys, name), self.node(values, item)] for name, item in value.items()]


class PlainStruct:
    """The fast way for structs of numbers, truth and text: the dict that orjson prints or reads is the struct.

    Whether that holds is checked column by column, which costs a tenth of going value by value.
    """

    def __init__(self, schema: Schema) -> None:
        self._names = [f.name for f in schema.fields]
        self._fields: list[tuple[str, frozenset[type], int, bool]] = []
        for f in schema.fields:
            kinds = {_PLAIN_KINDS[f.schema.type]} | ({type(None)} if f.schema.optional else set())
            bits = _BITS.get(f.schema.type, 0)
            self._fields.append((f.name, frozenset(kinds), 1 << bits - 1 if bits else 0, float in kinds))

    @classmethod
    def of(cls, schema: Schema | None) -> PlainStruct | None:
        """Return the plan of a schema, None where a field needs more than orjson's own way."""
        if schema is None or schema.type is not Type.STRUCT or not schema.fields:
            return None
        plain = all(
            f.schema.type in _PLAIN_KINDS and not f.schema.is_logical and f.schema.default is None
            for f in schema.fields
        )
        return cls(schema) if plain else None

    def encode(self, values: Sequence[Any]) -> list[bytes] | None:
        """Return the JSON of all values, None as soon as one does not fit its schema to the letter."""
        try:
            fits = list(values[0]) == self._names and self.fits(values)
            return list(map(orjson.dumps, values)) if fits else None
        except TypeError:  # no dict, or text that has no UTF-8
            return None

    def fits(self, values: Sequence[Any]) -> bool:
        """Return whether each value is a dict with the schema's fields alone, each of its type and range."""
        if set(map(type, values)) != {dict} or set(map(len, values)) != {len(self._names)}:
            return False
        try:
            columns = [[value[name] for value in values] for name in self._names]
        except KeyError:
            return False
        return all(_column_fits(column, *field[1:]) for column, field in zip(columns, self._fields, strict=True))


def _column_fits(column: list[Any], kinds: frozenset[type], limit: int, is_float: bool) -> bool:
    if not kinds.issuperset(map(type, column)):
        return False
    present = [item for item in column if item is not None] if type(None) in kinds else column
    if limit and present and not (-limit <= min(present) and max(present) < limit):
        return False
    return not is_float or all(map(math.isfinite, present))


_PLAIN_KINDS: dict[Type, type] = {
    **dict.fromkeys(_BITS, int), Type.BOOLEAN: bool, Type.STRING: str, Type.FLOAT64: float,
}  # fmt: skip


class Decoder:
    """Parsed JSON to values."""

    def __init__(self, *, nulls_to_defaults: bool) -> None:
        self._nulls_to_defaults = nulls_to_defaults
        self._exact: dict[Schema, bool] = {}

    def needs_exact(self, schema: Schema | None) -> bool:
        """Return whether a schema holds decimals, whose digits a float would lose."""
        if schema is None:
            return False
        known = self._exact.get(schema)
        if known is None:
            known = self._exact[schema] = _holds_decimal(schema)
        return known

    def decode(self, schema: Schema | None, node: Any) -> Any:
        """Return the value that JSON stands for. Raises `DataError`, in Kafka's words."""
        if schema is None:
            return _plain(node)
        if node is None:
            if schema.default is not None and self._nulls_to_defaults:
                return schema.default
            if schema.optional:
                return None
            raise DataError(f"Invalid null value for required {schema.type.name} field")
        if schema.name is not None and (logical := _FROM_JSON.get(schema.name)) is not None:
            return logical(schema, node)
        kind = schema.type
        if kind is Type.STRUCT:
            if not isinstance(node, dict):
                raise DataError(f"Structs should be encoded as JSON objects, but found {_node_type(node)}")
            get = node.get
            return {f.name: self.decode(f.schema, get(f.name)) for f in schema.fields}
        if kind is Type.STRING:
            return node if isinstance(node, str) else None
        if kind is Type.INT64 and type(node) is int and -(1 << 63) <= node < 1 << 63:
            return node
        if kind in _BITS:
            return _wrapped(node, _BITS[kind])
        if kind is Type.BOOLEAN:
            return node is True
        if kind in (Type.FLOAT32, Type.FLOAT64):
            if isinstance(node, bool) or not isinstance(node, int | float | Decimal):
                return 0.0
            return _single(_plain_float(node)) if kind is Type.FLOAT32 else _plain_float(node)
        if kind is Type.BYTES:
            return _binary(node)
        if kind is Type.ARRAY:
            items = node if isinstance(node, list) else list(node.values()) if isinstance(node, dict) else []
            return [self.decode(schema.value_schema, item) for item in items]
        return self._map(schema, node)

    def _map(self, schema: Schema, node: Any) -> dict[Any, Any]:
        keys, values = schema.key_schema, schema.value_schema
        if keys is None or keys.type is Type.STRING:
            if not isinstance(node, dict):
                raise DataError(
                    f"Maps with string fields should be encoded as JSON objects, but found {_node_type(node)}"
                )
            return {name: self.decode(values, item) for name, item in node.items()}
        if not isinstance(node, list):
            raise DataError(
                f"Maps with non-string fields should be encoded as JSON array of tuples, but found {_node_type(node)}"
            )
        result = {}
        for entry in node:
            if not isinstance(entry, list):
                raise DataError(f"Found invalid map entry instead of array tuple: {_node_type(entry)}")
            if len(entry) != 2:
                raise DataError(f"Found invalid map entry, expected length 2 but found :{len(entry)}")
            result[self.decode(keys, entry[0])] = self.decode(values, entry[1])
        return result


# -- pieces --------------------------------------------------------------------------------------------------------


_TAKES: dict[Type, tuple[type, ...]] = {
    **dict.fromkeys(_BITS, (int,)), Type.BOOLEAN: (bool,), Type.STRING: (str,), Type.FLOAT32: (float,),
    Type.FLOAT64: (float,), Type.BYTES: (bytes, bytearray, memoryview), Type.ARRAY: (list, tuple), Type.MAP: (dict,),
    Type.STRUCT: (dict,),
}  # fmt: skip


def _float(value: float, *, single: bool = False) -> Any:
    """Return Java's text of a number; JSON has no NaN and no infinity, and Kafka prints those in quotes."""
    text = float_text(value, single=single)
    return orjson.Fragment(text) if math.isfinite(value) else text


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise DataError(f"Java class class {java_class(value)} does not have corresponding schema type.")


def _escaped(node: Any) -> Any:
    if isinstance(node, str):
        return orjson.Fragment(json.dumps(node))
    if isinstance(node, list):
        return [_escaped(item) for item in node]
    return {name: _escaped(item) for name, item in node.items()} if isinstance(node, dict) else node


def _plain_float(node: int | float | Decimal) -> float:
    """Return a number as a double: an infinity where it is too large, and never minus zero, as in Kafka."""
    try:
        return float(node) + 0.0
    except OverflowError:
        return math.inf if node > 0 else -math.inf


def _single(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


def _plain(node: Any) -> Any:
    if isinstance(node, Decimal):
        return _plain_float(node)
    if isinstance(node, dict):
        return {name: _plain(item) for name, item in node.items()}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return node


def _wrapped(node: Any, bits: int) -> int:
    """Java's narrowing: text and truth are 0, a fraction is cut off, and what is too large wraps round."""
    if isinstance(node, bool) or not isinstance(node, int | float | Decimal):
        return 0
    number = int(node)
    if bits < 32:
        number = _narrow(number, 32)
    return _narrow(number, bits)


def _narrow(number: int, bits: int) -> int:
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> bits - 1 else number


def _binary(node: Any) -> bytes | None:
    if not isinstance(node, str):
        return None
    try:
        return b64decode(node, validate=True)
    except binascii.Error as error:
        raise DataError("Invalid bytes field") from error


def _node_type(node: Any) -> str:
    names = {bool: "BOOLEAN", int: "NUMBER", float: "NUMBER", Decimal: "NUMBER", str: "STRING", list: "ARRAY", dict: "OBJECT", type(None): "NULL"}  # fmt: skip
    return names[type(node)]


def _holds_decimal(schema: Schema) -> bool:
    if schema.name == DECIMAL_NAME:
        return True
    members = [f.schema for f in schema.fields] + [s for s in (schema.key_schema, schema.value_schema) if s is not None]
    return any(map(_holds_decimal, members))


def _decimal_to_json(schema: Schema, value: Any, numeric: bool) -> Any:
    if not isinstance(value, Decimal):
        raise DataError(f"Invalid type for Decimal, expected BigDecimal but was class {java_class(value)}")
    if numeric:
        return value
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise DataError(f"Invalid value for Decimal: {value}")
    wanted = _scale(schema)
    if -exponent != wanted:
        raise DataError(f"Decimal value has mismatching scale for given Decimal schema. Schema has scale {wanted}, value has scale {-exponent}.")  # fmt: skip
    unscaled = int("".join(map(str, digits))) * (-1 if sign else 1)
    length = (unscaled + (unscaled < 0)).bit_length() // 8 + 1
    return b64encode(unscaled.to_bytes(length, "big", signed=True)).decode()


def _scale(schema: Schema) -> int:
    text = (schema.parameters or {}).get("scale")
    if text is None:
        raise DataError("Invalid Decimal schema: scale parameter not found.")
    try:
        return int(text)
    except ValueError as error:
        raise DataError(f"Invalid scale parameter found in Decimal schema: {text}") from error


def _decimal_from_json(schema: Schema, node: Any) -> Any:
    if isinstance(node, bool) or not isinstance(node, int | float | Decimal | str):
        raise DataError(
            f"Invalid type for Decimal, underlying representation should be numeric or bytes but was {_node_type(node)}"
        )
    if not isinstance(node, str):
        return Decimal(repr(node)) if isinstance(node, float) else Decimal(node)
    try:
        raw, scale = _binary(node), _scale(schema)
    except DataError as error:
        raise DataError("Invalid bytes for Decimal field") from error
    if not raw:
        raise DataError("Invalid bytes for Decimal field")
    unscaled = int.from_bytes(raw, "big", signed=True)
    return Decimal((int(unscaled < 0), tuple(map(int, str(abs(unscaled)))), -scale))


def _date_to_json(schema: Schema, value: Any, numeric: bool) -> Any:
    days, rest = divmod(_milliseconds(value, "Date"), _DAY_MS)
    if rest:
        raise DataError("Kafka Connect Date type should not have any time fields set to non-zero values.")
    return days


def _time_to_json(schema: Schema, value: Any, numeric: bool) -> Any:
    ms = _milliseconds(value, "Time")
    if not 0 <= ms <= _DAY_MS:
        raise DataError("Kafka Connect Time type should not have any date fields set to non-zero values.")
    return ms


def _timestamp_to_json(schema: Schema, value: Any, numeric: bool) -> Any:
    return _milliseconds(value, "Timestamp")


def _milliseconds(value: Any, name: str) -> int:
    if not isinstance(value, dt.date | dt.time):
        raise DataError(f"Invalid type for {name}, expected Date but was class {java_class(value)}")
    return milliseconds(value)


def _integral(node: Any, name: str, bits: int) -> int:
    if isinstance(node, bool) or not isinstance(node, int) or not -(1 << bits - 1) <= node < 1 << bits - 1:
        raise DataError(
            f"Invalid type for {name}, underlying representation should be integer but was {_node_type(node)}"
        )
    return node


def _date_from_json(schema: Schema, node: Any) -> Any:
    return _moment(_integral(node, "Date", 32) * _DAY_MS, "Date").date()


def _time_from_json(schema: Schema, node: Any) -> Any:
    ms = _integral(node, "Time", 32)
    if not 0 <= ms < _DAY_MS:
        raise DataError("Time values must use number of milliseconds greater than 0 and less than 86400000")
    return _moment(ms, "Time").time()


def _timestamp_from_json(schema: Schema, node: Any) -> Any:
    return _moment(_narrow(_integral(node, "Timestamp", 128), 64), "Timestamp")


def _moment(ms: int, name: str) -> dt.datetime:
    try:
        return EPOCH + ms * MS
    except OverflowError as error:
        raise DataError(f"Invalid {name}: {ms} ms since the epoch lies outside the years 1 to 9999") from error


_TO_JSON: dict[str, Callable[[Schema, Any, bool], Any]] = {
    DECIMAL_NAME: _decimal_to_json, DATE_NAME: _date_to_json, TIME_NAME: _time_to_json, TIMESTAMP_NAME: _timestamp_to_json,
}  # fmt: skip
_FROM_JSON: dict[str, Callable[[Schema, Any], Any]] = {
    DECIMAL_NAME: _decimal_from_json, DATE_NAME: _date_from_json, TIME_NAME: _time_from_json, TIMESTAMP_NAME: _timestamp_from_json,
}  # fmt: skip
