"""What the transforms share: which column they work on, what they take, and schemas made once for each schema.

A transform of `$Key` and one of `$Value` differ in the column alone: `KeyColumn` and `ValueColumn` name it, and
`ColumnTransform` is written against either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from connect.api import Batch, ConfigError, ConfigT, ConnectError, DataError, Schema, SchemaError, SchemaType, Transform
from connect.api.java import java_class

PREFIX = "org.apache.kafka.connect.transforms."
VERSION = "4.3.1"
NULLS_TO_DEFAULTS = "Whether to replace fields that have a default value and that are null to the default value."
_CACHE_COUNT_MAX = 16  # as Kafka's caches of updated schemas


class ColumnTransform(Transform[ConfigT]):
    """A transform of one column: `KeyColumn` or `ValueColumn` says which."""

    version = VERSION

    def column(self, batch: Batch) -> tuple[Schema | None, list[Any]]:
        """Return the column's schema and values."""
        raise NotImplementedError(f"{type(self).__qualname__} must name a column")

    def replaced(self, batch: Batch, schema: Schema | None, values: list[Any]) -> Batch:
        """Return the batch with another column in its place."""
        raise NotImplementedError(f"{type(self).__qualname__} must name a column")


class KeyColumn(ColumnTransform[ConfigT]):
    """Works on keys."""

    def column(self, batch: Batch) -> tuple[Schema | None, list[Any]]:
        return batch.key_schema, batch.key_column()

    def replaced(self, batch: Batch, schema: Schema | None, values: list[Any]) -> Batch:
        return batch.replace(key_schema=schema, keys=values)


class ValueColumn(ColumnTransform[ConfigT]):
    """Works on values."""

    def column(self, batch: Batch) -> tuple[Schema | None, list[Any]]:
        return batch.value_schema, batch.values

    def replaced(self, batch: Batch, schema: Schema | None, values: list[Any]) -> Batch:
        return batch.replace(value_schema=schema, values=values)


class SchemaCache:
    """Remembers what was made of a schema; compares by identity first, which is how schemas come."""

    def __init__(self, make: Callable[[Schema], Schema]) -> None:
        self._make = make
        self._made: dict[Schema, Schema] = {}
        self._last: tuple[Schema, Schema] | None = None

    def __call__(self, schema: Schema) -> Schema:
        last = self._last
        if last is not None and last[0] is schema:
            return last[1]
        made = self._made.get(schema)
        if made is None:
            if len(self._made) >= _CACHE_COUNT_MAX:
                self._made.clear()
            made = self._made[schema] = self._make(schema)
        self._last = (schema, made)
        return made


def require_map(value: Any, purpose: str) -> dict[Any, Any]:
    """Return a schemaless value that is an object. Raises `DataError` in Kafka's words."""
    if not isinstance(value, dict):
        found = "null" if value is None else java_class(value)
        raise DataError(f"Only Map objects supported in absence of schema for [{purpose}], found: {found}")
    return value


def require_struct(schema: Schema | None, value: Any, purpose: str) -> dict[str, Any]:
    """Return a value of a struct schema. Raises `DataError` in Kafka's words."""
    if not isinstance(value, dict) or schema is None or schema.type is not SchemaType.STRUCT:
        found = "null" if value is None else java_class(value)
        raise DataError(f"Only Struct objects supported for [{purpose}], found: {found}")
    return value


def require_structs(schema: Schema, values: list[Any], purpose: str) -> None:
    """Check that all values are structs. Raises `DataError` in Kafka's words."""
    if schema.type is not SchemaType.STRUCT or set(map(type, values)) != {dict}:
        for value in values:
            require_struct(schema, value, purpose)


def require_present(fields: Iterable[tuple[str, Schema]], structs: Sequence[dict[Any, Any]]) -> None:
    """Check that no struct lacks what its new schema requires, as Kafka's Struct does when it is filled.

    Raises:
        SchemaError: Names the field.
    """
    for name, schema in fields:
        if not schema.optional and None in [struct.get(name) for struct in structs]:
            schema.validate(None, name)


def struct_copies(
    schema: Schema, values: list[Any], purpose: str, *, nulls_to_defaults: bool, made: Schema | None = None
) -> list[dict[str, Any]]:
    """Return copies of structs, to be changed; nulls become the fields' defaults where that is wanted.

    Args:
        made: What their schema becomes, where it is another with the same fields: named in errors.

    Raises:
        DataError: A value is no struct, or lacks a required field.
    """
    require_structs(schema, values, purpose)
    copies: list[dict[str, Any]] = list(map(dict.copy, values))
    if nulls_to_defaults:
        for field in schema.fields:
            if field.schema.default is not None:
                for copy in copies:
                    if copy.get(field.name) is None:
                        copy[field.name] = field.schema.default
    count = len(schema.fields)
    if not all(len(copy) >= count and None not in copy.values() for copy in copies):
        require_present(((f.name, f.schema) for f in (made or schema).fields), copies)
    return copies


@contextmanager
def at_field(parent: Sequence[str], name: str) -> Iterator[None]:
    """Name the field in errors about its values: Kafka's messages leave it out."""
    try:
        yield
    except ConnectError as error:
        where = ".".join([*parent, name])
        raise type(error)(f"{error.message} (field {where!r})", code=error.code, hint=error.hint) from error


def get_column(objects: list[dict[Any, Any]], name: Any) -> list[Any]:
    """Return one field of each object, null where it is missing."""
    return [value.get(name) for value in objects]


def set_column(objects: list[dict[Any, Any]], name: Any, values: Iterable[Any]) -> None:
    """Set one field of each object, in place: for copies alone."""
    for target, value in zip(objects, values, strict=True):
        target[name] = value


def map_copies(values: list[Any], purpose: str) -> list[dict[Any, Any]]:
    """Return copies of schemaless objects, to be changed. Raises `DataError` where one is no object."""
    if set(map(type, values)) <= {dict}:
        return list(map(dict.copy, values))
    return [require_map(value, purpose).copy() for value in values]


def with_defaults(value: dict[str, Any], schema: Schema, *, nulls_to_defaults: bool) -> dict[str, Any]:
    """Return a struct's fields that a schema names; nulls become the fields' defaults where that is wanted."""
    if not nulls_to_defaults:
        return {f.name: value.get(f.name) for f in schema.fields}
    return {f.name: f.schema.default if (v := value.get(f.name)) is None else v for f in schema.fields}


def struct_like(schema: Schema, fields: Iterable[tuple[str, Schema]]) -> Schema:
    """Return a struct schema with other fields. As in Kafka, `optional` and the default are not taken over.

    Raises:
        SchemaError: A field has no name, or two have the same.
    """
    listed: dict[str, Schema] = {}
    for name, field in fields:
        if not name:
            raise SchemaError("fieldName cannot be null.")
        if name in listed:
            raise SchemaError(f"Cannot create field because of field name duplication {name}")
        listed[name] = field
    return Schema(
        SchemaType.STRUCT,
        name=schema.name,
        version=schema.version,
        doc=schema.doc,
        parameters=schema.parameters,
        fields=listed.items(),
    )


def valid_list(name: str, *, may_be_empty: bool = False) -> Callable[[Any], None]:
    """Return the check of a list that holds no empty item, and by default at least one."""

    def check(value: Any) -> None:
        if value is None:
            raise ConfigError(f"Configuration '{name}' values must not be null.")
        if not value and not may_be_empty:
            raise ConfigError(f"Configuration '{name}' must not be empty. Valid values include: any non-empty value")
        if any(not item for item in value):
            raise ConfigError(f"Configuration '{name}' values must not be empty.")

    return check


def has_nulls(values: list[Any]) -> bool:
    """Return whether any value is null.

    Half the time of `None in values`, which asks each value whether it is equal.
    """
    return type(None) in set(map(type, values))


def over_present(batch: Batch, values: list[Any], change: Callable[[Batch], Batch]) -> Batch | list[Batch]:
    """Change the records whose value is not null; pass the others on as they are, with the schema they came with."""
    if not has_nulls(values):
        return change(batch)
    parts: list[Batch] = []
    start = 0
    for is_null, run in groupby(values, key=_is_none):
        end = start + sum(1 for _ in run)
        parts.append(batch[start:end] if is_null else change(batch[start:end]))
        start = end
    return parts


def _is_none(value: Any) -> bool:
    return value is None
