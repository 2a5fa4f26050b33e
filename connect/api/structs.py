"""Struct: a struct's values that know their schema, for code that reads or builds one field by field.

Source: Kafka 4.3.1, connect/api, Struct.java.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connect.api.errors import DataError
from connect.api.java import java_text
from connect.api.java.classes import JAVA_CLASSES, java_class
from connect.api.schema import Field, Schema
from connect.api.schema_type import SchemaType, python_types


class Struct(dict[str, Any]):
    """A dict, field name -> value, with the schema it was made for.

    A plain dict beside a schema is a struct as well, and what converters return; this one is for those who want each
    field checked as it is put. Where a struct's own schema is not the one that a record or field declares, it is
    refused (`Schema.validate`). As in any dict, `struct[name]` and `struct.get(name)` look at what was put, and nothing
    else.

    Raises:
        DataError: The schema is no struct's.
    """

    __slots__ = ("schema",)

    def __init__(self, schema: Schema, values: Mapping[str, Any] | None = None) -> None:
        if schema.type is not SchemaType.STRUCT:
            raise DataError(f"Not a struct schema: {schema!r}")
        super().__init__(values or {})
        self.schema = schema

    def put(self, name: str, value: Any) -> Struct:
        """Set a field and return self.

        Raises:
            DataError: There is no such field.
            SchemaError: The value does not fit the field's schema.
        """
        self._field(name).schema.validate(value, name)
        self[name] = value
        return self

    def value(self, name: str) -> Any:
        """Return a field's value, or its default where it is null. Raises `DataError` when there is no such field."""
        field, found = self._field(name), self.get(name)
        return field.schema.default if found is None else found

    def value_without_default(self, name: str) -> Any:
        """Return a field's value, None where it was not put. Raises `DataError` when there is no such field."""
        return self.get(self._field(name).name)

    def value_as(self, name: str, type: SchemaType | str) -> Any:  # noqa: A002 - Kafka's word
        """Return a field's value, None where it was not put, of a field that must be of this type.

        Raises:
            DataError: There is no such field, it is of another type, or a logical type hides the value.
        """
        field, wanted, found = self._field(name), SchemaType(type), self.get(name)
        if field.schema.type is not wanted:
            raise DataError(f"Field '{name}' is not of type {wanted.name}")
        if found is not None and not isinstance(found, python_types(wanted)):
            raise DataError(f"Field '{name}' holds a {java_class(found)} and no {wanted.name}; see its logical type")
        return found

    def validate(self) -> None:
        """Check every field. Raises `SchemaError` for the first that does not fit."""
        self.schema.validate(self)

    def _field(self, name: str) -> Field:
        field = self.schema.field(name)
        if field is None:
            raise DataError(f"{name} is not a valid field name")
        return field

    def __str__(self) -> str:
        return java_text(self, self.schema)

    def __repr__(self) -> str:
        return f"Struct({self.schema!r}, {super().__repr__()})"


JAVA_CLASSES[Struct] = "org.apache.kafka.connect.data.Struct"
