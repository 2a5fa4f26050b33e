"""The schema of a value that has none, where it can be told from the value alone.

Python has one int where Java has four: one is an INT32, or an INT64 where it needs more; in a list or map all are.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from connect.api import BOOLEAN, BYTES, FLOAT64, INT32, INT64, STRING, Schema, SchemaError, SchemaType, Struct

_SCHEMAS: Final = (((str,), STRING), ((bool,), BOOLEAN), ((float,), FLOAT64), ((bytes, bytearray, memoryview), BYTES))


def infer_schema(value: Any) -> Schema | None:
    """Return a value's schema; None for null, for what is empty or mixed, and for types that have several schemas.

    As in Kafka, of a list in a list only the type is known.

    Raises:
        SchemaError: A list or map of nothing but nulls.
    """
    for types, schema in _SCHEMAS:
        if isinstance(value, types):
            return schema
    if isinstance(value, int):
        return INT32 if -(1 << 31) <= value < 1 << 31 else INT64 if -(1 << 63) <= value < 1 << 63 else None
    if isinstance(value, Struct):
        return value.schema
    if isinstance(value, list | tuple):
        items = _common(value)
        return None if items is None else Schema.array(items)
    if isinstance(value, dict):
        keys, values = _common(value), _common(value.values())
        return None if keys is None or values is None else Schema.map(keys, values)
    return None


def _common(items: Collection[Any]) -> Schema | None:
    present = [item for item in items if item is not None]
    known: SchemaType | None = None
    for schema in map(infer_schema, present):
        if schema is None or (known is not None and _widest(known, schema.type) is None):
            return None
        known = schema.type if known is None else _widest(known, schema.type)
    if known is None:
        if items:
            raise SchemaError("type cannot be null: there are nulls alone")
        return None
    return Schema(known, optional=len(present) < len(items))


def _widest(known: SchemaType, found: SchemaType) -> SchemaType | None:
    if {known, found} == {SchemaType.INT32, SchemaType.INT64}:
        return SchemaType.INT64
    return known if known is found else None
