"""SchemaBuilder: a schema step by step, for those who know Kafka Connect's. `Schema(...)` makes one in a single call.

Source: Kafka 4.3.1, connect/api, SchemaBuilder.java.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connect.api.errors import SchemaError
from connect.api.schema import Schema
from connect.api.schema_type import SchemaType


class SchemaBuilder:
    """Collects a schema's properties; each may be set once, and each call returns the builder.

    ```python
    order = SchemaBuilder.struct().name("order").field("id", INT64).field("note", OPTIONAL_STRING).build()
    ```

    Raises:
        SchemaError: From any call: the property was set before to something else, or does not suit the type.
    """

    def __init__(self, type: SchemaType | str) -> None:  # noqa: A002 - Kafka's word
        self._type = SchemaType(type)
        self._properties: dict[str, Any] = {}
        self._parameters: dict[str, str] = {}
        self._fields: dict[str, Schema] = {}

    @classmethod
    def struct(cls) -> SchemaBuilder:
        """Start a struct; `field` adds to it."""
        return cls(SchemaType.STRUCT)

    @classmethod
    def array(cls, items: Schema) -> SchemaBuilder:
        """Start an array."""
        return cls(SchemaType.ARRAY)._members(value_schema=items)

    @classmethod
    def map(cls, keys: Schema, values: Schema) -> SchemaBuilder:
        """Start a map."""
        return cls(SchemaType.MAP)._members(key_schema=keys, value_schema=values)

    def optional(self) -> SchemaBuilder:
        """Let None be a value."""
        return self._set("optional", True)

    def required(self) -> SchemaBuilder:
        """Let None be no value; as is the case when nothing is said."""
        return self._set("optional", False)

    def default(self, value: Any) -> SchemaBuilder:
        """Set the value of a field that is absent. Say `optional()` first where None shall be allowed."""
        self._refuse_second("default", value)
        try:
            self.build().validate(value)
        except SchemaError as error:
            raise SchemaError(f"Invalid default value: {error}") from error
        return self._set("default", value)

    def name(self, name: str) -> SchemaBuilder:
        """Set the schema's name."""
        return self._set("name", name)

    def version(self, version: int) -> SchemaBuilder:
        """Set the schema's version."""
        return self._set("version", version)

    def doc(self, doc: str) -> SchemaBuilder:
        """Set the words for people."""
        return self._set("doc", doc)

    def parameter(self, name: str, value: str) -> SchemaBuilder:
        """Set one of the further properties; this one may be set again."""
        self._parameters[name] = value
        return self

    def parameters(self, parameters: Mapping[str, str]) -> SchemaBuilder:
        """Set several of the further properties."""
        self._parameters.update(parameters)
        return self

    def field(self, name: str, schema: Schema) -> SchemaBuilder:
        """Add a field to a struct."""
        if self._type is not SchemaType.STRUCT:
            raise SchemaError(f"Cannot create fields on type {self._type.name}")
        if not name:
            raise SchemaError("fieldName cannot be null.")
        if schema is None:
            raise SchemaError(f"fieldSchema for field {name} cannot be null.")
        if name in self._fields:
            raise SchemaError(f"Cannot create field because of field name duplication {name}")
        self._fields[name] = schema
        return self

    def build(self) -> Schema:
        """Return the schema; the builder can go on."""
        return Schema(self._type, parameters=self._parameters, fields=self._fields.items(), **self._properties)

    def _members(self, **schemas: Schema) -> SchemaBuilder:
        for name, schema in schemas.items():
            if schema is None:
                raise SchemaError(f"{'keySchema' if name == 'key_schema' else 'valueSchema'} cannot be null.")
        self._properties.update(schemas)
        return self

    def _set(self, name: str, value: Any) -> SchemaBuilder:
        self._refuse_second(name, value)
        if value is not None:
            self._properties[name] = value
        return self

    def _refuse_second(self, name: str, value: Any) -> None:
        if name in self._properties and self._properties[name] is not value:
            raise SchemaError(f"Invalid SchemaBuilder call: {name} has already been set.")
