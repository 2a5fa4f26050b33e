"""JSON texts as Connect values, with a schema made of what they hold: what `table.expand.json.payload` asks for.

Objects become structs, all of whose fields are optional. An array holds values of one kind; objects in it become
structs with the fields of all of them. Whole numbers are int32 where they fit, else int64; all others are float64.
What has no type, as null and an empty array, is left out.

Source: Debezium 3.6.1, JsonSchemaData.java.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final

from connect.api import (
    OPTIONAL_BOOLEAN,
    OPTIONAL_BYTES,
    OPTIONAL_FLOAT64,
    OPTIONAL_INT32,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    DataError,
    Schema,
    SchemaType,
)
from connect_transforms.debezium.adjustment import adjusted
from connect_transforms.debezium.envelopes import SCHEMAS_MAX

#: Objects within objects; of deeper ones nobody makes a schema.
DEPTH_MAX: Final = 100
#: A word for a value, or 'object' or 'array' and what it holds.
_Shape = Any
_SCALARS: Final = {
    "boolean": OPTIONAL_BOOLEAN,
    "string": OPTIONAL_STRING,
    "int32": OPTIONAL_INT32,
    "int64": OPTIONAL_INT64,
    "float64": OPTIONAL_FLOAT64,
}


class JsonPayloads:
    """Makes values of JSON texts.

    Args:
        nulls_are_bytes: A field that is null is one of optional bytes, and not left out.
        adjustment: How field names are made fit for Avro; see `adjustment.MODES`.
    """

    def __init__(self, *, nulls_are_bytes: bool = False, adjustment: str = "none") -> None:
        self._nulls_are_bytes = nulls_are_bytes
        self._adjustment = adjustment
        self._schema = lru_cache(SCHEMAS_MAX)(self._schema_of)

    def expanded(self, name: str, text: str) -> tuple[Schema, Any]:
        """Return the schema and the value of a text that holds an object or an array.

        Args:
            name: The schema's, and the beginning of those within it.

        Raises:
            DataError: The text is no JSON, or holds what no schema can say.
        """
        if not text.startswith(("{", "[")):
            raise DataError(f"a JSON object or array was expected, found a text that begins with {text[:1]!r}")
        try:
            document = _DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"no JSON: {error}") from error
        schema = self._schema(name, self._shape(document, 0))
        if schema is None:
            raise DataError("an array that holds nothing but nulls has no type")
        return schema, self._value(document, schema)

    def _shape(self, node: Any, depth: int) -> _Shape:
        """Return what a schema is made of: the same for documents that have the same schema."""
        if depth > DEPTH_MAX:
            raise DataError(f"objects and arrays lie deeper than {DEPTH_MAX} within each other")
        if isinstance(node, dict):
            return "object", tuple([(key, self._shape(member, depth + 1)) for key, member in node.items()])
        if isinstance(node, list):
            return "array", tuple(dict.fromkeys([self._shape(item, depth + 1) for item in node]))
        return _scalar(node)

    def _schema_of(self, name: str, shape: _Shape) -> Schema | None:
        if isinstance(shape, str):
            return (OPTIONAL_BYTES if self._nulls_are_bytes else None) if shape == "null" else _SCALARS[shape]
        return self._struct(name, shape) if shape[0] == "object" else self._array(name, shape[1])

    def _struct(self, name: str, shape: _Shape) -> Schema:
        fields: dict[str, Schema] = {}
        for key, member in shape[1]:
            field = self._adjusted(key)
            schema = self._schema_of(f"{name}.{field}" if name.strip() else field, member)
            if schema is not None:
                fields.setdefault(field, schema)
        return Schema.struct(fields, name=name or None, optional=True)

    def _array(self, name: str, items: tuple[Any, ...]) -> Schema | None:
        present = [item for item in items if item != "null"]
        if not items or (not present and not self._nulls_are_bytes):
            return None
        kinds = {item if isinstance(item, str) else item[0] for item in present}
        if len(kinds) > 1:
            raise DataError(f"the array {name!r} holds values of several kinds: {', '.join(sorted(kinds))}")
        if kinds == {"object"}:
            structs = [self._struct(name, item) for item in present]
            return Schema.array(_merged(structs, has_nulls=len(present) < len(items)), optional=True)
        schema = self._schema_of("", present[0] if present else "null")
        return None if schema is None else Schema.array(schema, optional=True)

    def _value(self, node: Any, schema: Schema) -> Any:
        """Return a value as its schema has it. Raises `DataError` where arrays of one field hold unlike items."""
        if node is None:
            return None
        if schema.type is SchemaType.STRUCT and isinstance(node, dict):
            named = node if self._adjustment == "none" else {self._adjusted(key): node[key] for key in reversed(node)}
            return {field.name: self._value(named.get(field.name), field.schema) for field in schema.fields}
        if schema.type is SchemaType.ARRAY and isinstance(node, list):
            assert schema.value_schema is not None, "arrays are made with a schema of their items"
            return [self._value(item, schema.value_schema) for item in node]
        wanted = _SCALARS[_scalar(node)] if not isinstance(node, dict | list) else None
        if wanted is schema:
            return _float(node) if schema is OPTIONAL_FLOAT64 else node
        if wanted is OPTIONAL_INT32 and schema is OPTIONAL_INT64:
            return node
        raise DataError(f"values of one field, or items of one array, are of several kinds; one is {schema.type.name}")

    def _adjusted(self, key: str) -> str:
        return adjusted(key, self._adjustment, is_field=True)


def _merged(structs: list[Schema], *, has_nulls: bool) -> Schema:
    """Return a struct with the fields of all; of two of a name the first counts, unless it is that of a null.

    As Debezium has it, one that is made of several takes no null, unless there is one.
    """
    if all(struct == structs[0] for struct in structs):
        return structs[0]
    fields: dict[str, Schema] = {}
    for struct in structs:
        for field in struct.fields:
            if fields.setdefault(field.name, field.schema) is OPTIONAL_BYTES:
                fields[field.name] = field.schema
    return structs[0].replace(fields=fields.items(), optional=has_nulls)


def _scalar(node: Any) -> str:
    """Return the word for what a value is that holds no others."""
    if type(node) is not int:
        return _WORDS[type(node)]
    if -(1 << 31) <= node < 1 << 31:
        return "int32"
    return "int64" if -(1 << 63) <= node < 1 << 63 else "float64"


def _float(node: Any) -> float:
    try:
        return float(node)
    except OverflowError:
        raise DataError("a number lies beyond what a double holds") from None


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


_WORDS: Final = {type(None): "null", bool: "boolean", str: "string", float: "float64"}
_DECODER: Final = json.JSONDecoder(parse_constant=_refused)
