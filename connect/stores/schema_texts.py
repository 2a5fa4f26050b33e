"""Schemas as JSON, in the shape of JsonConverter's envelope, for what is kept and for people who give one."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any, Final

import orjson

from connect.api import DataError, Schema, SchemaError, SchemaType
from connect.api.logical import LOGICAL_TYPES

_NAMES: Final = {SchemaType.FLOAT32: "float", SchemaType.FLOAT64: "double"}
_TYPES: Final = {**{kind.value: kind for kind in SchemaType}, **{name: kind for kind, name in _NAMES.items()}}
_WORDS: Final = {"name": str, "version": int, "doc": str}
#: Of a schema that is kept: how deep it may be nested, and what its version may be at most, as Java's int.
DEPTH_MAX: Final = 100
_VERSION_MAX: Final = (1 << 31) - 1


def as_document(schema: Schema) -> dict[str, Any]:
    """Return a schema as an object for JSON."""
    made: dict[str, Any] = {"type": _NAMES.get(schema.type, schema.type.value)}
    if schema.type is SchemaType.ARRAY:
        made["items"] = _part(schema.value_schema)
    elif schema.type is SchemaType.MAP:
        made["keys"], made["values"] = _part(schema.key_schema), _part(schema.value_schema)
    elif schema.type is SchemaType.STRUCT:
        made["fields"] = [{**as_document(field.schema), "field": field.name} for field in schema.fields]
    made["optional"] = schema.optional
    made |= {word: value for word in _WORDS if (value := getattr(schema, word)) is not None}
    if schema.parameters:
        made["parameters"] = dict(schema.parameters)
    if schema.default is not None:
        made["default"] = _plain(schema, schema.default)
    return made


def _part(schema: Schema | None) -> dict[str, Any] | None:
    return None if schema is None else as_document(schema)


def of_document(node: Any) -> Schema:
    """Return the schema that an object describes.

    Raises:
        DataError: It describes none, or is nested deeper than `DEPTH_MAX`; the message says where.
    """
    return _schema(node, "the schema", DEPTH_MAX)


def as_kept(schema: Schema) -> Schema:
    """Return a schema as it is read back: a default may look otherwise then, and JSON has no NaN.

    Raises:
        DataError: As `text_of`.
    """
    return of_document(orjson.loads(text_of(schema)))


def text_of(schema: Schema) -> bytes:
    """Return a schema as JSON.

    Raises:
        DataError: JSON does not take it: half a surrogate pair is no text.
    """
    try:
        return orjson.dumps(as_document(schema))
    except TypeError as error:
        raise DataError(f"the schema cannot be kept as JSON: {error}") from error


def _schema(node: Any, place: str, depth: int) -> Schema:
    if depth == 0:
        raise DataError(f"{place:.100}...: it is nested deeper than {DEPTH_MAX} levels")
    if not isinstance(node, dict):
        raise DataError(f"{place}: an object with 'type' is expected")
    kind = _TYPES.get(node["type"]) if isinstance(node.get("type"), str) else None
    if kind is None:
        raise DataError(f"{place}: 'type' is one of {', '.join(sorted(_TYPES))}; it is {node.get('type')!r}")
    properties: dict[str, Any] = {"optional": node.get("optional", False)}
    if not isinstance(properties["optional"], bool):
        raise DataError(f"{place}: 'optional' is true or false")
    for word, expected in _WORDS.items():
        if word in node:
            if not isinstance(node[word], expected) or isinstance(node[word], bool):
                raise DataError(f"{place}: {word!r} is {'a number' if expected is int else 'a text'}")
            if expected is int and not -_VERSION_MAX <= node[word] <= _VERSION_MAX:
                raise DataError(f"{place}: {word!r} is a number of 32 bits")
            properties[word] = node[word]
    parameters = node.get("parameters", {})
    if not isinstance(parameters, dict) or not all(isinstance(value, str) for value in parameters.values()):
        raise DataError(f"{place}: 'parameters' is an object of texts")
    properties["parameters"] = parameters
    try:
        schema = Schema(kind, **properties, **_members(kind, node, place, depth - 1))
        return schema.replace(default=_value(schema, node["default"])) if "default" in node else schema
    except (SchemaError, ValueError, TypeError) as error:
        raise DataError(f"{place}: {error}") from error


def _members(kind: SchemaType, node: dict[str, Any], place: str, depth: int) -> dict[str, Any]:
    if kind is SchemaType.ARRAY:
        return {"value_schema": _optional(node.get("items"), f"{place}: items", depth)}
    if kind is SchemaType.MAP:
        keys, values = (_optional(node.get(which), f"{place}: {which}", depth) for which in ("keys", "values"))
        return {"key_schema": keys, "value_schema": values}
    if kind is not SchemaType.STRUCT:
        return {}
    fields = node.get("fields")
    if not isinstance(fields, list):
        raise DataError(f"{place}: 'fields' is a list")
    return {"fields": [_field(field, place, depth) for field in fields]}


def _optional(node: Any, place: str, depth: int) -> Schema | None:
    return None if node is None else _schema(node, place, depth)


def _field(node: Any, place: str, depth: int) -> tuple[str, Schema]:
    name = node.get("field") if isinstance(node, dict) else None
    if not isinstance(name, str) or not name:
        raise DataError(f"{place}: each of 'fields' has its name in 'field'")
    return name, _schema(node, f"{place}: field {name!r}", depth)


def _plain(schema: Schema, value: Any) -> Any:
    """Return a default as JSON has it."""
    if value is None:
        return None
    if schema.is_logical:
        value = LOGICAL_TYPES[schema.name or ""].from_logical(schema, value)
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(bytes(value)).decode()
    if schema.type is SchemaType.ARRAY:
        return [item if schema.value_schema is None else _plain(schema.value_schema, item) for item in value]
    if schema.type is SchemaType.MAP:
        keys, values = schema.key_schema, schema.value_schema
        return [
            [key if keys is None else _plain(keys, key), item if values is None else _plain(values, item)]
            for key, item in value.items()
        ]
    if schema.type is SchemaType.STRUCT:
        return {field.name: _plain(field.schema, value.get(field.name)) for field in schema.fields}
    return value


def _value(schema: Schema, node: Any) -> Any:
    """Return the default that JSON has; as `_plain`, the other way."""
    if node is None:
        return None
    if schema.type is SchemaType.BYTES:
        node = b64decode(node, validate=True)
    if schema.is_logical:
        return LOGICAL_TYPES[schema.name or ""].to_logical(schema, node)
    if schema.type is SchemaType.ARRAY and schema.value_schema is not None:
        return [_value(schema.value_schema, item) for item in node]
    if schema.type is SchemaType.MAP and schema.key_schema is not None and schema.value_schema is not None:
        return {_value(schema.key_schema, key): _value(schema.value_schema, item) for key, item in node}
    if schema.type is SchemaType.STRUCT:
        if not isinstance(node, dict):
            raise ValueError("the default of a struct is an object")
        return {field.name: _value(field.schema, node.get(field.name)) for field in schema.fields}
    if schema.type in (SchemaType.FLOAT32, SchemaType.FLOAT64):
        return float(node)
    return node
