"""Connect values to JSON and back, by schema.

Reading is as forgiving as Kafka's (Jackson's asX): text where a number is wanted is 0, a number where text is wanted is
null. Source: Kafka 4.3.1, JsonConverter.convertToJson, convertToConnect and the logical converters in it.
"""

from __future__ import annotations

import json
import math
import struct
from base64 import b64encode
from decimal import Decimal
from typing import Any

import orjson

from connect.api import DECIMAL_NAME, DataError, Schema, Type
from connect.api.java_text import float_text
from connect.api.schema import java_class
from connect_converters.json_logical import FROM_JSON, TO_JSON, binary, narrow, node_type
from connect_converters.plain_struct import INT_BITS

_AS_THEY_ARE = (Type.INT8, Type.INT16, Type.INT32, Type.INT64, Type.BOOLEAN, Type.STRING)


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
        if schema.name is not None and (logical := TO_JSON.get(schema.name)) is not None:
            return logical(schema, value, self._numeric_decimals)
        kind = schema.type
        if not _takes(kind, value):
            what = "bytes type" if kind is Type.BYTES else kind.name
            raise DataError(f"Invalid type for {what}: class {java_class(value)}")
        if kind is Type.STRUCT and getattr(value, "schema", schema) != schema:
            raise DataError("Mismatching schema.")
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
        if schema.name is not None and (logical := FROM_JSON.get(schema.name)) is not None:
            return logical(schema, node)
        kind = schema.type
        if kind is Type.STRUCT:
            if not isinstance(node, dict):
                raise DataError(f"Structs should be encoded as JSON objects, but found {node_type(node)}")
            get = node.get
            return {f.name: self.decode(f.schema, get(f.name)) for f in schema.fields}
        if kind is Type.STRING:
            return node if isinstance(node, str) else None
        if kind is Type.INT64 and type(node) is int and -(1 << 63) <= node < 1 << 63:
            return node
        if kind in INT_BITS:
            return _wrapped(node, INT_BITS[kind])
        if kind is Type.BOOLEAN:
            return node is True
        if kind in (Type.FLOAT32, Type.FLOAT64):
            if isinstance(node, bool) or not isinstance(node, int | float | Decimal):
                return 0.0
            return _single(_plain_float(node)) if kind is Type.FLOAT32 else _plain_float(node)
        if kind is Type.BYTES:
            return binary(node)
        if kind is Type.ARRAY:
            items = node if isinstance(node, list) else list(node.values()) if isinstance(node, dict) else []
            return [self.decode(schema.value_schema, item) for item in items]
        return self._map(schema, node)

    def _map(self, schema: Schema, node: Any) -> dict[Any, Any]:
        keys, values = schema.key_schema, schema.value_schema
        if keys is None or keys.type is Type.STRING:
            if not isinstance(node, dict):
                raise DataError(
                    f"Maps with string fields should be encoded as JSON objects, but found {node_type(node)}"
                )
            return {name: self.decode(values, item) for name, item in node.items()}
        if not isinstance(node, list):
            raise DataError(
                f"Maps with non-string fields should be encoded as JSON array of tuples, but found {node_type(node)}"
            )
        result = {}
        for entry in node:
            if not isinstance(entry, list):
                raise DataError(f"Found invalid map entry instead of array tuple: {node_type(entry)}")
            if len(entry) != 2:
                raise DataError(f"Found invalid map entry, expected length 2 but found :{len(entry)}")
            result[self.decode(keys, entry[0])] = self.decode(values, entry[1])
        return result


# -- pieces --------------------------------------------------------------------------------------------------------


_TAKES: dict[Type, tuple[type, ...]] = {
    **dict.fromkeys(INT_BITS, (int,)), Type.BOOLEAN: (bool,), Type.STRING: (str,), Type.FLOAT32: (float,),
    Type.FLOAT64: (float,), Type.BYTES: (bytes, bytearray, memoryview), Type.ARRAY: (list, tuple), Type.MAP: (dict,),
    Type.STRUCT: (dict,),
}  # fmt: skip


def _takes(kind: Type, value: Any) -> bool:
    return isinstance(value, _TAKES[kind]) and (kind is Type.BOOLEAN or not isinstance(value, bool))


def _float(value: float, *, single: bool = False) -> Any:
    """Return Java's text of a number; JSON has no NaN and no infinity, and Kafka prints those in quotes."""
    text = float_text(value, single=single)
    return orjson.Fragment(text) if math.isfinite(value) else text


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise DataError(f"Java class class {java_class(value)} does not have corresponding schema type.")


def holds_no_number(value: Any) -> bool:
    """Return whether a NaN or an infinity is in a schemaless value: orjson would write null for it."""
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(holds_no_number(item) for item in value.values() if type(item) in _MAY_HOLD)
    return isinstance(value, list | tuple) and any(holds_no_number(item) for item in value if type(item) in _MAY_HOLD)


_MAY_HOLD = frozenset((float, dict, list, tuple))


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
        number = narrow(number, 32)
    return narrow(number, bits)


def _holds_decimal(schema: Schema) -> bool:
    if schema.name == DECIMAL_NAME:
        return True
    members = [f.schema for f in schema.fields] + [s for s in (schema.key_schema, schema.value_schema) if s is not None]
    return any(map(_holds_decimal, members))
