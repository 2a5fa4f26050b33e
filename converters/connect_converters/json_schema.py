"""Schemas as JSON, in the shape of JsonConverter's envelope.

Source: Kafka 4.3.1, JsonConverter.asJsonSchema and asConnectSchema.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connect.api import DataError, Schema, SchemaError, SchemaType
from connect.api.java import narrow
from connect_converters.json_values import Decoder

_NAMES = {SchemaType.FLOAT32: "float", SchemaType.FLOAT64: "double"}
_TYPES = {_NAMES.get(kind, kind.value): kind for kind in SchemaType}


def encode(schema: Schema, encode_value: Callable[[Schema, Any], Any]) -> dict[str, Any]:
    """Return a schema as JSON; `encode_value` makes the JSON of a default."""
    result: dict[str, Any] = {"type": _NAMES.get(schema.type, schema.type.value)}
    if schema.type is SchemaType.ARRAY:
        result["items"] = _part(schema.value_schema, encode_value)
    elif schema.type is SchemaType.MAP:
        result["keys"] = _part(schema.key_schema, encode_value)
        result["values"] = _part(schema.value_schema, encode_value)
    elif schema.type is SchemaType.STRUCT:
        result["fields"] = [{**encode(f.schema, encode_value), "field": f.name} for f in schema.fields]
    result["optional"] = schema.optional
    for name, value in (("name", schema.name), ("version", schema.version), ("doc", schema.doc)):
        if value is not None:
            result[name] = value
    if schema.parameters:
        result["parameters"] = dict(schema.parameters)
    if schema.default is not None:
        result["default"] = encode_value(schema, schema.default)
    return result


def _part(schema: Schema | None, encode_value: Callable[[Schema, Any], Any]) -> dict[str, Any] | None:
    # A list of nothing but nulls, as a header may hold, has no schema for its items.
    return None if schema is None else encode(schema, encode_value)


def decode(node: Any, decoder: Decoder) -> Schema | None:
    """Return the schema that JSON describes; None for null.

    Args:
        node: Parsed JSON.
        decoder: Reads defaults.

    Raises:
        DataError: In Kafka's words.
    """
    if node is None:
        return None
    if not isinstance(node, dict) or not isinstance(node.get("type"), str):
        raise DataError("Schema must contain 'type' field")
    kind = _TYPES.get(node["type"])
    if kind is None:
        raise DataError(f"Unknown schema type: {node['type']}")
    properties = {"optional": node.get("optional") is True, **_members(kind, node, decoder), **_described(node)}
    schema = Schema(kind, **properties)
    if "default" in node:
        default = decoder.decode(schema, node["default"])
        if default is None and not schema.optional:  # a number, say, where text is wanted
            raise SchemaError(f"Invalid default value: {node['default']!r} is null as {schema.type.name}")
        schema = schema.replace(default=default)
    return schema


def _members(kind: SchemaType, node: dict[str, Any], decoder: Decoder) -> dict[str, Any]:
    if kind is SchemaType.ARRAY:
        if node.get("items") is None:
            raise DataError("Array schema did not specify the element type")
        return {"value_schema": decode(node["items"], decoder)}
    if kind is SchemaType.MAP:
        return {f"{which}_schema": _map_part(node, which, decoder) for which in ("key", "value")}
    if kind is SchemaType.STRUCT:
        if not isinstance(node.get("fields"), list):
            raise DataError('Struct schema\'s "fields" argument is not an array.')
        return {"fields": [_field(one, decoder) for one in node["fields"]]}
    return {}


def _map_part(node: dict[str, Any], which: str, decoder: Decoder) -> Schema:
    if which + "s" not in node:
        raise DataError(f"Map schema did not specify the {which} type")
    schema = decode(node[which + "s"], decoder)
    if schema is None:
        raise SchemaError(f"{which}Schema cannot be null.")
    return schema


def _field(node: Any, decoder: Decoder) -> tuple[str, Schema]:
    name = node.get("field") if isinstance(node, dict) else None
    if not isinstance(name, str):
        raise DataError("Struct schema's field name not specified properly")
    if not name:
        raise SchemaError("fieldName cannot be null.")
    schema = decode(node, decoder)
    assert schema is not None, "a field is an object"
    return name, schema


def _described(node: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(node.get("name"), str):
        found["name"] = node["name"]
    version = node.get("version")
    if isinstance(version, int) and not isinstance(version, bool):
        found["version"] = narrow(version, 32)
    if isinstance(node.get("doc"), str):
        found["doc"] = node["doc"]
    parameters = node.get("parameters")
    if isinstance(parameters, dict):
        for value in parameters.values():
            if not isinstance(value, str):
                raise DataError("Schema parameters must have string values.")
        found["parameters"] = parameters
    return found
