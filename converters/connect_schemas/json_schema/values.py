"""Connect values to JSON and back, one value at a time: the meaning that the columns' fast way must keep to.

What is written is Confluent's. Reading refuses what Confluent's guesses at: for text where a number is wanted it takes
0, for a number that is too large another one, and for a number where text is wanted null.

Source: Confluent's JsonSchemaData (schema-registry 8.4); Kafka 4.3.1, the logical converters in JsonConverter.java.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import orjson

from connect.api import DATE_NAME, DECIMAL_NAME, INT_BITS, TIME_NAME, TIMESTAMP_NAME, DataError, Schema, SchemaType
from connect.api import logical as logicals
from connect.api.java import float_text, from_base64, java_class, to_double, to_single
from connect_schemas.json_schema.options import KEY, VALUE, Options, has_text_keys, is_union
from connect_schemas.singles import odd_single

#: What a field is that a value has not.
ABSENT: Final = object()
#: What is written where JSON has no number.
_NO_NUMBERS: Final = ("NaN", "Infinity", "-Infinity")
_TAKES: Final[dict[SchemaType, tuple[type, ...]]] = {
    SchemaType.BOOLEAN: (bool,), SchemaType.STRING: (str,), SchemaType.FLOAT32: (float,),
    SchemaType.FLOAT64: (float,), SchemaType.BYTES: (bytes, bytearray, memoryview), SchemaType.ARRAY: (list, tuple),
    SchemaType.MAP: (dict,), SchemaType.STRUCT: (dict,),
}  # fmt: skip


class PlaceError(DataError):
    """A value within another is bad; says which, further in with points between."""

    def __init__(self, said: str, path: tuple[str, ...]) -> None:
        super().__init__(f"{said}; field '{'.'.join(path)}'")
        self.said = said
        self.path = path


def _within(name: str, convert: Callable[[Schema, Any], Any], schema: Schema, value: Any) -> Any:
    try:
        return convert(schema, value)
    except PlaceError as error:
        raise PlaceError(error.said, (name, *error.path)) from error.__cause__
    except DataError as error:
        raise PlaceError(error.message, (name,)) from error.__cause__


class Encoder:
    """Values to what orjson prints.

    Args:
        is_exact: Whether doubles are written as Java writes them, to the byte, which keys need; else as orjson does.
    """

    def __init__(self, options: Options, *, is_exact: bool = True) -> None:
        self._options = options
        self._is_exact = is_exact

    def node(self, schema: Schema, value: Any) -> Any:
        """Return what orjson prints as a value's JSON; `ABSENT` of a null that the schema does not have.

        Raises:
            DataError: The value is none of the schema.
        """
        if value is None:
            if schema.default is not None and self._options.nulls_to_defaults:
                return self.node(schema, schema.default)
            return None if schema.optional else ABSENT
        if schema.is_logical:
            return self._logical(schema, value)
        kind = schema.type
        if not _takes(kind, value):
            raise DataError(f"Invalid type for {kind.name}: class {java_class(value)}")
        match kind:
            case SchemaType.FLOAT64 if not self._is_exact and math.isfinite(value):
                return value
            case SchemaType.FLOAT32 if odd_single([value]) is not None:
                raise DataError(f"{value} is too large for FLOAT32")
            case SchemaType.FLOAT32 | SchemaType.FLOAT64:
                return float_node(value, single=kind is SchemaType.FLOAT32)
            case SchemaType.BYTES:
                return b64encode(value).decode()
            case SchemaType.ARRAY:
                return [self._item(schema.value_schema, item) for item in value]
            case SchemaType.MAP:
                return self._map(schema, value)
            case SchemaType.STRUCT:
                if getattr(value, "schema", schema) != schema:
                    raise DataError("Mismatching schema.")
                return self._union(schema, value) if is_union(schema) else self._struct(schema, value)
        return value

    def _logical(self, schema: Schema, value: Any) -> Any:
        if schema.name != DECIMAL_NAME:
            return logicals.LOGICAL_TYPES[schema.name or ""].from_logical(schema, value)
        if not self._options.numeric_decimals:
            return b64encode(logicals.DECIMAL.from_logical(schema, value)).decode()
        if not isinstance(value, Decimal) or not value.is_finite():
            raise DataError(f"Invalid value for Decimal: class {java_class(value)}")
        return orjson.Fragment(str(value))

    def _item(self, schema: Schema | None, value: Any) -> Any:
        assert schema is not None, "a schema without one has no form as JSON Schema"
        node = self.node(schema, value)
        return None if node is ABSENT else node

    def _map(self, schema: Schema, value: dict[Any, Any]) -> Any:
        keys, values = schema.key_schema, schema.value_schema
        if not has_text_keys(schema):
            return [{KEY: self._item(keys, name), VALUE: self._item(values, item)} for name, item in value.items()]
        return {self._item(keys, name): self._item(values, item) for name, item in value.items()}

    def _struct(self, schema: Schema, value: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for field in schema.fields:
            node = _within(field.name, self.node, field.schema, value.get(field.name))
            if node is not ABSENT:
                found[field.name] = node
        return found

    def _union(self, schema: Schema, value: dict[str, Any]) -> Any:
        for field in schema.fields:
            given = value.get(field.name)
            if given is not None:
                return _within(field.name, self.node, field.schema, given)
        return self.node(schema, None)


class Decoder:
    """Parsed JSON to values."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def value(self, schema: Schema, node: Any) -> Any:
        """Return the value that JSON, as `strict_loads` parses it, stands for.

        Raises:
            DataError: It stands for none of the schema.
        """
        if node is None:
            if schema.default is not None and self._options.nulls_to_defaults:
                return schema.default
            if schema.optional:
                return None
            raise DataError(f"Invalid null value for required {schema.type.name} field")
        if schema.is_logical:
            return self._logical(schema, node)
        kind = schema.type
        if kind in INT_BITS:
            return _whole(node, INT_BITS[kind], kind.name)
        match kind:
            case SchemaType.FLOAT32 | SchemaType.FLOAT64:
                number = _number(node, kind.name)
                held = to_single(number) if kind is SchemaType.FLOAT32 else to_double(number)
                if math.isinf(held) and not isinstance(node, str):
                    raise DataError(f"a number is too large for {kind.name}")
                return held
            case SchemaType.BOOLEAN if isinstance(node, bool):
                return node
            case SchemaType.STRING if isinstance(node, str):
                return node
            case SchemaType.BYTES if isinstance(node, str):
                return _bytes(node)
            case SchemaType.ARRAY if isinstance(node, list):
                return [self._item(schema.value_schema, item) for item in node]
            case SchemaType.MAP:
                return self._map(schema, node)
            case SchemaType.STRUCT:
                return self._union(schema, node) if is_union(schema) else self._struct(schema, node)
        raise DataError(f"{kind.name} is expected, and this is {node_type(node)}")

    def absent(self, schema: Schema) -> Any:
        """Return the value of a field that is not there."""
        return schema.default

    def _logical(self, schema: Schema, node: Any) -> Any:
        name = schema.name
        if name == DECIMAL_NAME:
            if isinstance(node, str):
                return logicals.DECIMAL.to_logical(schema, _bytes(node))
            if isinstance(node, float):  # parsed by orjson: whoever did it parses anew
                raise DataError("a decimal is expected with every digit, and a double has lost some")
            return Decimal(_number(node, "Decimal"))
        if name == TIMESTAMP_NAME:
            return logicals.TIMESTAMP.to_logical(schema, _whole(node, 64, "Timestamp"))
        assert name in (DATE_NAME, TIME_NAME), name
        kind = logicals.LOGICAL_TYPES[name]
        return kind.to_logical(schema, _whole(node, 32, kind.word))

    def _item(self, schema: Schema | None, node: Any) -> Any:
        assert schema is not None, "no JSON Schema comes to a schema without one"
        return self.value(schema, node)

    def _map(self, schema: Schema, node: Any) -> dict[Any, Any]:
        keys, values = schema.key_schema, schema.value_schema
        if has_text_keys(schema):
            if not isinstance(node, dict):
                raise DataError(f"a map is expected as an object, and this is {node_type(node)}")
            return {name: self._item(values, item) for name, item in node.items()}
        if not isinstance(node, list):
            raise DataError(f"a map is expected as an array of entries, and this is {node_type(node)}")
        found = {}
        for entry in node:
            if not isinstance(entry, dict) or not entry.keys() <= {KEY, VALUE}:
                raise DataError("an entry of a map is expected as an object with 'key' and 'value'")
            name = self._item(keys, entry.get(KEY))
            if isinstance(name, list | dict):
                raise DataError("a map's key cannot be a list, a map or a struct here")
            found[name] = self._item(values, entry.get(VALUE))
        return found

    def _struct(self, schema: Schema, node: Any) -> dict[str, Any]:
        if not isinstance(node, dict):
            raise DataError(f"a struct is expected as an object, and this is {node_type(node)}")
        return {
            field.name: _within(field.name, self.value, field.schema, node[field.name])
            if field.name in node
            else self.absent(field.schema)
            for field in schema.fields
        }

    def _union(self, schema: Schema, node: Any) -> dict[str, Any]:
        found, best = None, -1
        for field in schema.fields:
            if _is_of(field.schema, node):
                found = field
                break
            if field.schema.type is SchemaType.STRUCT and isinstance(node, dict):
                common = sum(1 for member in field.schema.fields if member.name in node)
                if common > best:
                    found, best = field, common
        if found is None:
            found = next((field for field in schema.fields if _may_be_of(field.schema, node)), None)
        if found is None:
            raise DataError(f"none of the types of a union takes {node_type(node)}")
        value = _within(found.name, self.value, found.schema, node)
        return {field.name: value if field is found else None for field in schema.fields}


def _is_of(schema: Schema, node: Any) -> bool:
    """Whether a union's type takes JSON without a doubt, as Confluent has it."""
    kind = schema.type
    if kind in INT_BITS:
        limit = 1 << INT_BITS[kind] - 1
        return isinstance(node, int) and not isinstance(node, bool) and -limit <= node < limit
    match kind:
        case SchemaType.FLOAT32 | SchemaType.FLOAT64:
            return isinstance(node, int | float | Decimal) and not isinstance(node, bool)
        case SchemaType.BOOLEAN:
            return isinstance(node, bool)
        case SchemaType.STRING:
            return isinstance(node, str)
        case SchemaType.ARRAY:
            return isinstance(node, list)
        case SchemaType.MAP:
            return isinstance(node, dict if has_text_keys(schema) else list)
    return False


def _may_be_of(schema: Schema, node: Any) -> bool:
    """Whether a union's type takes JSON that no other is made for: bytes are text, and decimals text or a number."""
    if schema.type is not SchemaType.BYTES:
        return False
    return isinstance(node, str) or (
        schema.name == DECIMAL_NAME and isinstance(node, int | float | Decimal) and not isinstance(node, bool)
    )


def _takes(kind: SchemaType, value: Any) -> bool:
    if kind in INT_BITS:
        limit = 1 << INT_BITS[kind] - 1
        return isinstance(value, int) and not isinstance(value, bool) and -limit <= value < limit
    return isinstance(value, _TAKES[kind])


def float_node(value: float, *, single: bool = False) -> Any:
    """Return Java's text of a number; JSON has no NaN and no infinity, and they are written in quotes."""
    text = float_text(value, single=single)
    return orjson.Fragment(text) if math.isfinite(value) else text


def _whole(node: Any, bits: int, what: str) -> int:
    limit = 1 << bits - 1
    if isinstance(node, int | float | Decimal) and not isinstance(node, bool):
        # Compared first: to make a whole number of 1e999999999 would take for ever.
        if not -limit <= node < limit:
            raise DataError(f"a number is too large for {what}")
        if node == int(node):
            return int(node)
    raise DataError(f"a whole number is expected for {what}, and this is {node_type(node)}")


def _number(node: Any, what: str) -> int | float | Decimal:
    if isinstance(node, int | float | Decimal) and not isinstance(node, bool):
        return node
    if isinstance(node, str) and node in _NO_NUMBERS and what != "Decimal":
        return float(node)
    raise DataError(f"a number is expected for {what}, and this is {node_type(node)}")


def _bytes(text: str) -> bytes:
    try:
        return from_base64(text)
    except ValueError:
        raise DataError("bytes are expected as base64, and this is other text") from None


def node_type(node: Any) -> str:
    """Return what JSON calls a value."""
    if node is None:
        return "null"
    if isinstance(node, bool):
        return "a boolean"
    if isinstance(node, int | float | Decimal):
        return "a number"
    return "text" if isinstance(node, str) else "an array" if isinstance(node, list) else "an object"
