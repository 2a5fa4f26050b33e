"""A value put at a path of an object, and a field at a path of a schema; what is missing on the way is made."""

from __future__ import annotations

from typing import Any

from connect.api import DataError, Schema, SchemaType
from connect_transforms.fields.columns import require_map


def with_field(schema: Schema, steps: tuple[str, ...], added: Schema, purpose: str) -> Schema:
    """Return a struct schema with a new field at a path; structs that are missing on the way are optional.

    Raises:
        DataError: What lies on the way is no struct.
        SchemaError: There is such a field.
    """
    name, rest = steps[0], steps[1:]
    fields = [(f.name, f.schema) for f in schema.fields]
    present = schema.field(name)
    if not rest:
        return schema.replace(fields=[*fields, (name, added)], default=None)
    inner = Schema.struct({}, optional=True) if present is None else present.schema
    if inner.type is not SchemaType.STRUCT:
        raise DataError(
            f"Only Struct objects supported for [{purpose}], found: field {name!r} of type {inner.type.name}"
        )
    inner = with_field(inner, rest, added, purpose)
    if present is None:
        return schema.replace(fields=[*fields, (name, inner)], default=None)
    return schema.replace(fields=[(n, inner if n == name else s) for n, s in fields], default=None)


def put_at(target: dict[Any, Any], steps: tuple[str, ...], value: Any, schema: Schema | None, purpose: str) -> None:
    """Put a value at a path of an object that may be changed; those on the way are copied.

    An object that is null is made too, unless `schema`, the one before the change, has it: then null is its value.

    Raises:
        DataError: What lies on the way is no object.
    """
    for step in steps[:-1]:
        known = schema.field(step) if schema is not None else None
        found = target.get(step)
        if found is None and known is not None:
            return
        inner: dict[Any, Any] = {} if found is None else dict(require_map(found, purpose))
        target[step] = inner
        target, schema = inner, None if known is None else known.schema
    target[steps[-1]] = value
