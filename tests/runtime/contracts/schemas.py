"""Random schemas, and values that fit them."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

from hypothesis import strategies as st

from connect.api import Schema, SchemaType

NAMES = st.sampled_from(["a", "b", "c", "[]", "{}", ""]).filter(bool)
_SCALARS = (
    SchemaType.INT8,
    SchemaType.INT32,
    SchemaType.INT64,
    SchemaType.FLOAT32,
    SchemaType.FLOAT64,
    SchemaType.BOOLEAN,
    SchemaType.STRING,
    SchemaType.BYTES,
)
_VALUES: dict[SchemaType, st.SearchStrategy[Any]] = {
    SchemaType.INT8: st.integers(-128, 127),
    SchemaType.INT32: st.integers(-(1 << 31), (1 << 31) - 1),
    SchemaType.INT64: st.integers(-(1 << 63), (1 << 63) - 1),
    SchemaType.FLOAT32: st.floats(width=32, allow_nan=False),
    SchemaType.FLOAT64: st.floats(allow_nan=False),
    SchemaType.BOOLEAN: st.booleans(),
    SchemaType.STRING: st.text(max_size=3),
    SchemaType.BYTES: st.binary(max_size=3),
}

scalars = st.builds(Schema, st.sampled_from(_SCALARS), optional=st.booleans()) | st.sampled_from(
    [Schema.decimal(1), Schema.decimal(2), Schema("int32", name="io.example.Own"), Schema.date(optional=True)]
)


def _parts(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    structs = st.builds(Schema.struct, st.dictionaries(NAMES, inner, max_size=3), optional=st.booleans())
    arrays = st.builds(Schema.array, st.none() | inner, optional=st.booleans())
    maps = st.builds(Schema.map, st.just(Schema("string")), inner, optional=st.booleans())
    return structs | arrays | maps


schemas = st.recursive(scalars, _parts, max_leaves=6)
structs = st.builds(Schema.struct, st.dictionaries(NAMES, schemas, max_size=4))


def values_of(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that fit a schema."""
    found: st.SearchStrategy[Any]
    if schema.is_logical:
        found = st.just(dt.date(2026, 1, 1) if schema.type is SchemaType.INT32 else decimal.Decimal(1))
    elif schema.type is SchemaType.STRUCT:
        found = st.fixed_dictionaries({field.name: values_of(field.schema) for field in schema.fields})
    elif schema.type is SchemaType.ARRAY:
        found = st.just([]) if schema.value_schema is None else st.lists(values_of(schema.value_schema), max_size=2)
    elif schema.type is SchemaType.MAP:
        assert schema.value_schema is not None
        found = st.dictionaries(st.text(max_size=2), values_of(schema.value_schema), max_size=2)
    else:
        found = _VALUES[schema.type]
    return st.none() | found if schema.optional else found


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.sampled_from("abcd"), JSON, max_size=4)
