"""Connect schemas as JSON Schema: what it has no word for stands in properties `connect.*`.

The text is Confluent's where that is known: the order of what is said of a type, and the properties of an object in the
order of a Java map, so that a registry finds the schema that a Java worker has registered.

Source: Confluent's JsonSchemaData (schema-registry 8.4), and schemas that its converter has registered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson

from connect.api import DECIMAL_NAME, DataError, Schema, SchemaType
from connect_schemas.errors import INVALID
from connect_schemas.json_schema.options import (
    CONNECT_INDEX,
    CONNECT_PARAMETERS,
    CONNECT_TYPE,
    CONNECT_VERSION,
    KEY,
    MAP,
    NAMESPACE,
    VALUE,
    Options,
    has_text_keys,
    is_union,
    symbols_of,
)  # fmt: skip
from connect_schemas.json_schema.values import Encoder
from connect_schemas.recursive import RecursiveSchema

_TYPES: Final = {
    SchemaType.INT8: "integer",
    SchemaType.INT16: "integer",
    SchemaType.INT32: "integer",
    SchemaType.INT64: "integer",
    SchemaType.FLOAT32: "number",
    SchemaType.FLOAT64: "number",
}
_NULL: Final = {"type": "null"}
_DEFINITIONS: Final = "definitions"


def to_json_schema(schema: Schema, options: Options) -> str:
    """Return the text of a Connect schema's JSON Schema.

    Raises:
        DataError: schemas.invalid: it cannot be expressed.
    """
    maker = _Maker(options)
    try:
        document = maker.made(schema, "#")
        if maker.definitions:
            document[_DEFINITIONS] = maker.definitions
        return orjson.dumps(document).decode()
    except (RecursionError, TypeError) as error:  # of orjson: nested more than 254 times, or half a surrogate pair
        raise DataError(f"the schema has no form as JSON Schema: {error}", code=INVALID) from None


class _Maker:
    """One schema's making.

    Attributes:
        definitions: Schemas that contain themselves and are not around the place where they are meant.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._encoder = Encoder(options)
        self._around: dict[int, str] = {}
        self._defined: dict[int, str] = {}
        self.definitions: dict[str, Any] = {}

    def made(self, schema: Schema, at: str, index: int | None = None, *, without_null: bool = False) -> dict[str, Any]:
        """Return what is said of a schema.

        Args:
            at: Where it will stand, as a pointer.
            index: Of the field that it is of.
            without_null: Leave out null, also of what is optional: for a type of a union.
        """
        said: dict[str, Any] = {}
        if is_union(schema):
            nulls = [_NULL] if schema.optional else []
            self._add_index(said, index)
            said["oneOf"] = nulls + [
                self.made(field.schema, f"{at}/oneOf/{len(nulls) + place}", place, without_null=True)
                for place, field in enumerate(schema.fields)
            ]
            return said
        if schema.optional and not without_null:
            self._add_index(said, index)
            said["oneOf"] = [_NULL, self._required(schema, f"{at}/oneOf/1", None)]
            return said
        return self._required(schema, at, index)

    def _required(self, schema: Schema, at: str, index: int | None) -> dict[str, Any]:
        if isinstance(schema, RecursiveSchema):
            said: dict[str, Any] = {"$ref": self._place_of(schema.target)}
            self._add_index(said, index)
            return said
        self._around[id(schema)] = at
        kind, body = self._body(schema, at)
        said = {} if kind is None else {"type": kind}
        for word, value in (("title", schema.name), ("description", schema.doc)):
            if value is not None:
                said[word] = value
        if schema.default is not None:
            said["default"] = self._encoder.node(schema, schema.default)
        self._add_index(said, index)
        if schema.version is not None:
            said[CONNECT_VERSION] = schema.version
        connect_type = _connect_type(schema)
        if connect_type is not None:
            said[CONNECT_TYPE] = connect_type
        parameters = {
            name: value for name, value in (schema.parameters or {}).items() if not name.startswith(NAMESPACE)
        }
        if parameters:
            said[CONNECT_PARAMETERS] = _in_java_order(parameters)
        said |= body
        if self._around.get(id(schema)) == at:
            del self._around[id(schema)]
        return said

    def _place_of(self, target: Schema) -> str:
        found = self._around.get(id(target)) or self._defined.get(id(target))
        if found is not None:
            return found
        name = f"{target.name or 'type'}{len(self._defined) or ''}"
        at = f"#/{_DEFINITIONS}/{_pointed(name)}"
        self._defined[id(target)] = at
        self.definitions[name] = self._required(target, at, None)
        return at

    @staticmethod
    def _add_index(said: dict[str, Any], index: int | None) -> None:
        if index is not None:
            said[CONNECT_INDEX] = index

    # -- the types ---------------------------------------------------------------------------------------------------

    def _body(self, schema: Schema, at: str) -> tuple[str | None, dict[str, Any]]:
        kind = schema.type
        if kind in _TYPES:
            return _TYPES[kind], {}
        match kind:
            case SchemaType.BOOLEAN:
                return "boolean", {}
            case SchemaType.STRING:
                symbols = symbols_of(schema)
                return ("string", {}) if symbols is None else (None, {"enum": symbols})
            case SchemaType.BYTES:
                is_number = schema.name == DECIMAL_NAME and self._options.numeric_decimals
                return "number" if is_number else "string", {}
            case SchemaType.ARRAY:
                return "array", {"items": self.made(_part(schema, schema.value_schema), f"{at}/items")}
            case SchemaType.MAP:
                return self._map(schema, at)
        return self._struct(schema, at)

    def _map(self, schema: Schema, at: str) -> tuple[str, dict[str, Any]]:
        keys, values = _part(schema, schema.key_schema), _part(schema, schema.value_schema)
        if has_text_keys(schema):
            return "object", {"additionalProperties": self.made(values, f"{at}/additionalProperties")}
        entry = {
            KEY: self.made(keys, f"{at}/items/properties/{KEY}", 0),
            VALUE: self.made(values, f"{at}/items/properties/{VALUE}", 1),
        }
        return "array", {"items": {"type": "object", "properties": _in_java_order(entry)}}

    def _struct(self, schema: Schema, at: str) -> tuple[str, dict[str, Any]]:
        properties = {
            field.name: self.made(field.schema, f"{at}/properties/{_pointed(field.name)}", field.index)
            for field in schema.fields
        }
        body: dict[str, Any] = {"properties": _in_java_order(properties)} if properties else {}
        if not self._options.additional_properties:
            body["additionalProperties"] = False
        return "object", body


def _connect_type(schema: Schema) -> str | None:
    if schema.type in _TYPES or schema.type is SchemaType.BYTES:
        return schema.type.value
    return MAP if schema.type is SchemaType.MAP else None


def _part(schema: Schema, part: Schema | None) -> Schema:
    if part is None:
        raise DataError(f"the schema has no form as JSON Schema: a {schema.type.value} of no known type", code=INVALID)
    return part


def _pointed(name: str) -> str:
    """Return a name as a step of a pointer in a URI (RFC 6901)."""
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~!$&'()*+,;=:@", errors="replace")


def _in_java_order(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return entries in the order of java.util.HashMap."""
    capacity = 16
    while len(said) > capacity * 3 // 4:
        capacity *= 2
    return {name: said[name] for name in sorted(said, key=lambda name: _bucket(name, capacity))}


def _bucket(name: str, capacity: int) -> int:
    code = 0
    for unit in _utf16(name):
        code = (31 * code + unit) & 0xFFFFFFFF
    return (code ^ code >> 16) & capacity - 1


def _utf16(name: str) -> Iterable[int]:
    data = name.encode("utf-16-be", "surrogatepass")
    return (data[at] << 8 | data[at + 1] for at in range(0, len(data), 2))
