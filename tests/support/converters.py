"""Converters ready for use, and values for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from connect.api import (
    BOOLEAN,
    BYTES,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    STRING,
    ConnectError,
    Converter,
    DataError,
    FailedRecord,
    Plugin,
    Schema,
    SchemaType,
)
from connect.api.java import to_single

INT64_MAX = (1 << 63) - 1


def make_converter(cls: type[Plugin], *, is_key: bool = False, **config: str) -> Any:
    """Make a converter; config keys with `_` for `.`."""
    converter: Any = cls()
    converter.is_key = is_key
    converter.configure(cls.config_class.parse({name.replace("_", "."): value for name, value in config.items()}))
    return converter


#: What JSON without schemas can hold.
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INT64_MAX - 1, INT64_MAX)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)

_SCALARS: list[tuple[Schema, st.SearchStrategy[Any]]] = [
    (BOOLEAN, st.booleans()),
    (INT8, st.integers(-128, 127)),
    (INT16, st.integers(-(1 << 15), (1 << 15) - 1)),
    (INT32, st.integers(-(1 << 31), (1 << 31) - 1)),
    (INT64, st.integers(-INT64_MAX - 1, INT64_MAX)),
    (FLOAT32, st.floats(width=32, allow_nan=False, allow_infinity=False).map(to_single)),
    (FLOAT64, st.floats(allow_nan=False, allow_infinity=False)),
    (STRING, st.text(max_size=5)),
    (BYTES, st.binary(max_size=5)),
    (Schema.decimal(2), st.integers(-(10**20), 10**20).map(lambda n: Decimal(n).scaleb(-2))),
    (Schema.date(), st.dates()),
    (Schema.time(), st.times().map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000))),
    (
        Schema.timestamp(),
        st.datetimes(timezones=st.just(dt.UTC)).map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)),
    ),
]


@st.composite
def schemas(draw: st.DrawFn, depth: int = 2) -> Schema:
    """Draw a schema, of structs, lists and maps of up to `depth` levels."""
    optional = draw(st.booleans())
    kind = draw(st.sampled_from(["scalar", "struct", "array", "map"] if depth else ["scalar"]))
    if kind == "scalar":
        return draw(st.sampled_from([schema for schema, _ in _SCALARS])).replace(optional=optional)
    if kind == "struct":
        names = draw(st.lists(st.text(min_size=1, max_size=3), unique=True, max_size=4))
        return Schema.struct({name: draw(schemas(depth - 1)) for name in names}, optional=optional)
    if kind == "array":
        return Schema.array(draw(schemas(depth - 1)), optional=optional)
    return Schema.map(draw(st.sampled_from([STRING, STRING, INT32])), draw(schemas(depth - 1)), optional=optional)


def values_of(schema: Schema) -> st.SearchStrategy[Any]:
    """Return values that fit a schema."""
    return st.none() | _required(schema) if schema.optional else _required(schema)


def _required(schema: Schema) -> st.SearchStrategy[Any]:
    if schema.type is SchemaType.STRUCT:
        return st.fixed_dictionaries({field.name: values_of(field.schema) for field in schema.fields})
    if schema.value_schema is not None and schema.type is SchemaType.ARRAY:
        return st.lists(values_of(schema.value_schema), max_size=3)
    if schema.value_schema is not None and schema.key_schema is not None:
        return st.dictionaries(values_of(schema.key_schema), values_of(schema.value_schema), max_size=3)
    return next(values for known, values in _SCALARS if (known.type, known.name) == (schema.type, schema.name))


def told_apart(converter: Converter, topic: str, data: Sequence[bytes | None]) -> tuple[dict[int, ConnectError], Any]:
    """Return why each bad record is one, with its code, and the others' values: as a task that skips them does."""
    left = dict(enumerate(data))
    bad: dict[int, ConnectError] = {}
    while True:
        try:
            runs = converter.decode(topic, list(left.values()))
        except DataError as error:
            places = list(left)
            assert error.failed, "a converter of columns names its bad records"
            for one in error.failed:
                record = one if isinstance(one, FailedRecord) else FailedRecord(*one)
                bad[places[record.index]] = ConnectError(record.reason, code=error.code, hint=error.hint)
                del left[places[record.index]]
        else:
            return bad, [value for run in runs for value in run.values]
