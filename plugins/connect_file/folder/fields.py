"""Fields of records' values, by name or by a path such as `address.city`."""

from __future__ import annotations

from typing import Any

from connect.api import Batch, DataError, SchemaType


def field_values(batch: Batch, name: str, *, use: str) -> list[Any]:
    """Return a field of each value; None where a map has none of that name, or what holds it is null.

    Args:
        name: A field; or names with dots in between, each of a field of the one before, where it has none as it stands.
        use: What the field is for, behind its name in messages.

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
                    raise DataError(f"the record has no field {name!r}, {use}")
                schema = inner.schema
    elif "." in name:
        # Each for itself: which of them comes together with which is not the same the next time.
        return [_of_map(value, name, use) for value in batch.values]
    try:
        values = [value.get(path[0]) for value in batch.values]
        for step in path[1:]:
            values = [None if value is None else value.get(step) for value in values]
    except AttributeError:
        raise _no_fields(name, use) from None
    return values


def _of_map(value: Any, name: str, use: str) -> Any:
    if not isinstance(value, dict):
        raise _no_fields(name, use)
    if name in value:
        return value[name]
    found: Any = value
    for step in name.split("."):
        if found is None:
            return None
        if not isinstance(found, dict):
            raise _no_fields(name, use)
        found = found.get(step)
    return found


def _no_fields(name: str, use: str) -> DataError:
    return DataError(f"the record is no struct or map, so it has no field {name!r}, {use}")
