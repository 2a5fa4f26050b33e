"""Connect values to JSON and back, one value at a time: the meaning that the columns' fast way must keep to.

Reading is as forgiving as Kafka's (Jackson's asX): text where a number is wanted is 0, a number where text is wanted is
null. Source: Kafka 4.3.1, JsonConverter.convertToJson, convertToConnect.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

from connect.api import INT_BITS, DataError, Schema, SchemaType
from connect.api.java import as_kafka_writes, float_text, java_class, narrow, to_double, to_long, to_single
from connect_converters.json_logical import FROM_JSON, TO_JSON, binary, node_type
from connect_converters.json_writing import fragment, orjson_texts

#: What is written where JSON has no number. Kafka reads these as 0, as all other text.
_NO_NUMBERS = ("NaN", "Infinity", "-Infinity")
_AS_THEY_ARE = (*INT_BITS, SchemaType.BOOLEAN, SchemaType.STRING)


class Encoder:
    """Values to JSON text."""

    def __init__(self, *, numeric_decimals: bool, nulls_to_defaults: bool) -> None:
        self.numeric_decimals = numeric_decimals
        self.nulls_to_defaults = nulls_to_defaults

    def encode(self, schema: Schema | None, value: Any) -> bytes:
        """Return the JSON of one value, to the byte as Kafka. Raises `DataError` when it cannot be expressed."""
        try:
            return text_of(self.node(schema, value))
        except (TypeError, RecursionError) as error:
            raise DataError(f"Converting Kafka Connect data to byte[] failed: {error}") from error

    def node(self, schema: Schema | None, value: Any) -> Any:
        """Return what orjson prints as the value's JSON."""
        if value is None:
            return self._null(schema)
        if schema is None:
            return self._schemaless(value)
        if schema.name is not None and (logical := TO_JSON.get(schema.name)) is not None:
            return logical(schema, value, self.numeric_decimals)
        kind = schema.type
        if not _takes(kind, value):
            what = "bytes type" if kind is SchemaType.BYTES else kind.name
            raise DataError(f"Invalid type for {what}: class {java_class(value)}")
        if kind in _AS_THEY_ARE:
            return value
        if kind in (SchemaType.FLOAT32, SchemaType.FLOAT64):
            return float_node(value, single=kind is SchemaType.FLOAT32)
        if kind is SchemaType.BYTES:
            return b64encode(value).decode()
        if kind is SchemaType.ARRAY:
            return [self.node(schema.value_schema, item) for item in value]
        if kind is SchemaType.MAP:
            return self._map(schema, value)
        if getattr(value, "schema", schema) != schema:
            raise DataError("Mismatching schema.")
        return _members(schema, value, self.node)

    def _null(self, schema: Schema | None) -> Any:
        if schema is None:
            return None
        if schema.default is not None and self.nulls_to_defaults:
            return self.node(schema, schema.default)
        if schema.optional:
            return None
        raise DataError("Conversion error: null value for field that is required and has no default value")

    def _schemaless(self, value: Any) -> Any:
        if isinstance(value, bool | str):
            return value
        if isinstance(value, int):
            return value if -(1 << 63) <= value < 1 << 63 else orjson.Fragment(f"{Decimal(value):f}")
        if isinstance(value, float):
            return float_node(value)
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
        if keys is None:
            raise DataError("Invalid type for MAP: its schema has none for its keys")
        if keys.type is SchemaType.STRING:
            return {self._name(keys, name): self.node(values, item) for name, item in value.items()}
        return [[self.node(keys, name), self.node(values, item)] for name, item in value.items()]

    def _name(self, keys: Schema, name: Any) -> Any:
        node = self.node(keys, name)
        return "null" if node is None else node


class Decoder:
    """Parsed JSON to values."""

    def __init__(self, *, nulls_to_defaults: bool) -> None:
        self.nulls_to_defaults = nulls_to_defaults

    def decode(self, schema: Schema | None, node: Any) -> Any:
        """Return the value that JSON, as `strict_loads` parses it, stands for. Raises `DataError`, in Kafka's words."""
        if schema is None:
            return _plain(node)
        if node is None:
            if schema.default is not None and self.nulls_to_defaults:
                return schema.default
            if schema.optional:
                return None
            raise DataError(f"Invalid null value for required {schema.type.name} field")
        if schema.name is not None and (logical := FROM_JSON.get(schema.name)) is not None:
            return logical(schema, node)
        kind = schema.type
        if kind is SchemaType.STRUCT:
            if not isinstance(node, dict):
                raise DataError(f"Structs should be encoded as JSON objects, but found {node_type(node)}")
            return _members(schema, node, self.decode, validate=True)
        if kind is SchemaType.STRING:
            return node if isinstance(node, str) else None
        if kind in INT_BITS:
            return _wrapped(node, INT_BITS[kind])
        if kind is SchemaType.BOOLEAN:
            return node is True
        if kind in (SchemaType.FLOAT32, SchemaType.FLOAT64):
            if isinstance(node, str) and node in _NO_NUMBERS:
                return float(node)
            number = node if isinstance(node, int | Decimal) and not isinstance(node, bool) else 0.0
            return to_single(number) if kind is SchemaType.FLOAT32 else to_double(number)
        if kind is SchemaType.BYTES:
            return binary(node)
        if kind is SchemaType.ARRAY:
            items = node if isinstance(node, list) else list(node.values()) if isinstance(node, dict) else []
            return [self.decode(schema.value_schema, item) for item in items]
        return self._map(schema, node)

    def _map(self, schema: Schema, node: Any) -> dict[Any, Any]:
        keys, values = schema.key_schema, schema.value_schema
        if keys is None or keys.type is SchemaType.STRING:
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
            name = self.decode(keys, entry[0])
            if isinstance(name, list | dict):
                raise DataError(f"A map's key cannot be of type {keys.type.name} here: {name}")
            result[name] = self.decode(values, entry[1])
        return result


class FieldError(DataError):
    """A field of a struct is bad; says which, further in with points between."""

    def __init__(self, said: str, path: tuple[str, ...]) -> None:
        super().__init__(f"{said}; field '{'.'.join(path)}'")
        self.said = said
        self.path = path


def _members(
    schema: Schema, value: dict[str, Any], convert: Callable[[Schema, Any], Any], *, validate: bool = False
) -> dict[str, Any]:
    result = {}
    for field in schema.fields:
        try:
            converted = convert(field.schema, value.get(field.name))
            if validate:  # a number that was read as text is null
                field.schema.validate(converted, field.name)
        except FieldError as error:
            raise FieldError(error.said, (field.name, *error.path)) from error.__cause__
        except DataError as error:
            raise FieldError(str(error), (field.name,)) from error.__cause__
        result[field.name] = converted
    return result


# -- pieces --------------------------------------------------------------------------------------------------------


def text_of(node: Any) -> bytes:
    """Return the JSON text of a node. Raises `TypeError` when it holds what JSON has no word for."""
    try:
        return as_kafka_writes(orjson_texts([node]))[0]
    except TypeError:
        # Text with half a surrogate pair has no UTF-8, but JSON has an escape for it.
        return as_kafka_writes(orjson_texts([_with_escapes(node)]))[0]


def float_node(value: float, *, single: bool = False) -> Any:
    """Return Java's text of a number; JSON has no NaN and no infinity, and Kafka prints those in quotes."""
    text = float_text(value, single=single)
    return orjson.Fragment(text) if math.isfinite(value) else text


_TAKES: dict[SchemaType, tuple[type, ...]] = {
    SchemaType.BOOLEAN: (bool,), SchemaType.STRING: (str,), SchemaType.FLOAT32: (float,),
    SchemaType.FLOAT64: (float,), SchemaType.BYTES: (bytes, bytearray, memoryview), SchemaType.ARRAY: (list, tuple),
    SchemaType.MAP: (dict,), SchemaType.STRUCT: (dict,),
}  # fmt: skip


def _takes(kind: SchemaType, value: Any) -> bool:
    if kind in INT_BITS:
        limit = 1 << INT_BITS[kind] - 1
        return isinstance(value, int) and not isinstance(value, bool) and -limit <= value < limit
    return isinstance(value, _TAKES[kind])


def _with_escapes(node: Any) -> Any:
    if isinstance(node, str):
        return fragment(node)
    if isinstance(node, list):
        return [_with_escapes(item) for item in node]
    return {name: _with_escapes(item) for name, item in node.items()} if isinstance(node, dict) else node


def _plain(node: Any) -> Any:
    if isinstance(node, Decimal):
        return to_double(node)
    if isinstance(node, dict):
        return {name: _plain(item) for name, item in node.items()}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return node


def _wrapped(node: Any, bits: int) -> int:
    """Java's narrowing: text and truth are 0, a fraction is cut off, and what is too large wraps round."""
    if isinstance(node, bool) or not isinstance(node, int | Decimal):
        return 0
    return narrow(to_long(node), bits)
