"""Fields of records' values, by name or by a path such as `address.city`."""

from __future__ import annotations

from typing import Any

from connect.api import Batch, DataError, SchemaType


def field_values(batch: Batch, name: str) -> list[Any]:
    """Return a field of each value; None where a map has none of that name, or what holds it is null.

    Args:
        name: A field; or names with dots in between, each of a field of the one before, where none has it as it stands.

    Raises:
        DataError: A value has no fields, or its schema none of that name.
    """
    path: tuple[str, ...] = (name,)
    schema = batch.value_schema
    if schema is not None and schema.type is SchemaType.STRUCT:
        if schema.field(name) is None:
            path = tuple(name.split("."))
            for step in path:
                inner = schema.field(step) if schema is not None and schema.type is SchemaType.STRUCT else None
                if inner is None:
                    raise DataError(f"the record has no field {name!r}")
                schema = inner.schema
    elif "." in name and not any(name in value for value in batch.values if isinstance(value, dict)):
        path = tuple(name.split("."))
    try:
        values = [value.get(path[0]) for value in batch.values]
        for step in path[1:]:
            values = [None if value is None else value.get(step) for value in values]
    except AttributeError:
        raise DataError(f"the record is no struct or map, so it has no field {name!r}") from None
    return values
