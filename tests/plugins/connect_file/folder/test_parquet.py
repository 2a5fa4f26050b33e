"""Parquet, read back by pyarrow."""

import builtins
import datetime as dt
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from connect.api import (
    BOOLEAN,
    BYTES,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    OPTIONAL_BYTES,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    STRING,
    Batch,
    ConfigError,
    DataError,
    Schema,
)
from connect_file.folder import parquet as module
from connect_file.folder.parquet import ParquetEncoder

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
INNER = Schema.struct({"x": OPTIONAL_INT64, "raw": OPTIONAL_BYTES}, optional=True)
#: Each type with its values.
TYPES = {
    "int8": (INT8, st.integers(-(2**7), 2**7 - 1)),
    "int16": (INT16, st.integers(-(2**15), 2**15 - 1)),
    "int32": (INT32, st.integers(-(2**31), 2**31 - 1)),
    "int64": (INT64, st.integers(-(2**63), 2**63 - 1)),
    "float32": (FLOAT32, st.floats(width=32, allow_nan=False)),
    "float64": (FLOAT64, st.floats(allow_nan=False)),
    "boolean": (BOOLEAN, st.booleans()),
    "string": (STRING, TEXT),
    "bytes": (BYTES, st.binary()),
    "decimal": (
        Schema.decimal(4),
        st.decimals(min_value=-(10**30), max_value=10**30, places=4, allow_nan=False, allow_infinity=False),
    ),
    "date": (Schema.date(), st.dates()),
    "time": (Schema.time(), st.times()),
    "timestamp": (Schema.timestamp(), st.datetimes(timezones=st.just(dt.UTC))),
    "struct": (
        INNER,
        st.none() | st.fixed_dictionaries({"x": st.none() | st.integers(-9, 9), "raw": st.none() | st.binary()}),
    ),
    "array": (Schema.array(OPTIONAL_STRING), st.lists(st.none() | TEXT)),
    "arrays": (Schema.array(Schema.array(OPTIONAL_BYTES)), st.lists(st.lists(st.binary()))),
    "map": (Schema.map(STRING, OPTIONAL_INT64), st.dictionaries(TEXT, st.none() | st.integers(-9, 9))),
}
SCHEMA = Schema.struct({name: schema.replace(optional=True) for name, (schema, _) in TYPES.items()})
ROWS = st.lists(
    st.fixed_dictionaries({name: st.none() | values for name, (_, values) in TYPES.items()}), min_size=1, max_size=5
)


def file_of(values, schema, codec="snappy"):
    encoder = ParquetEncoder(codec)
    batch = Batch("t", values, value_schema=schema)
    layout = encoder.layout(batch, values, None)
    body = encoder.body(layout)
    return body.add(encoder.chunk(values, layout)) + body.end()


def read(data):
    rows = parquet.read_table(io.BytesIO(data)).to_pylist()
    for row in rows:
        if isinstance(row.get("map"), list):
            row["map"] = dict(row["map"])
    return rows


@given(ROWS)
def test_values_of_every_type_are_read_back_as_they_were(values):
    assert read(file_of(values, SCHEMA)) == values


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
def test_each_codec_is_read_back(codec):
    values = [{"a": number} for number in range(1000)]
    assert read(file_of(values, Schema.struct({"a": INT64}), codec)) == values


def test_a_file_is_row_groups_of_a_bounded_size(monkeypatch):
    monkeypatch.setattr(module, "ROW_GROUP_BYTES", 8000)
    encoder, values = ParquetEncoder("snappy"), [{"a": number} for number in range(1000)]
    layout = encoder.layout(Batch("t", values, value_schema=Schema.struct({"a": INT64})), values, None)
    body = encoder.body(layout)
    data = b"".join(body.add(encoder.chunk(values, layout)) for _ in range(3)) + body.end()
    assert parquet.ParquetFile(io.BytesIO(data)).metadata.num_row_groups == 3
    assert len(read(data)) == 3000


def test_a_field_that_is_not_optional_is_required_in_the_file():
    data = file_of([{"a": 1, "b": None}], Schema.struct({"a": INT64, "b": OPTIONAL_INT64}))
    found = parquet.read_schema(io.BytesIO(data))
    assert [found.field(name).nullable for name in "ab"] == [False, True]


def test_a_null_in_a_required_field_is_its_default_or_a_bad_record():
    schema = Schema.struct({"a": INT64.replace(default=7)})
    assert read(file_of([{}], schema)) == [{"a": 7}]
    with pytest.raises(DataError, match="field 'a' is null"):
        file_of([{}], Schema.struct({"a": INT64}))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (INT8, 300),
        (INT64, "x"),
        (STRING, 5),
        (STRING, "\ud800"),
        (Schema.decimal(2), Decimal("1.234")),
        (Schema.decimal(2), Decimal(10) ** 40),
        (Schema.array(INT64), [1, "secret"]),
    ],
)
def test_a_value_that_is_not_of_its_type_is_a_bad_record_without_its_text(schema, value):
    with pytest.raises(DataError, match="field 'a' is not of its schema's type") as caught:
        file_of([{"a": value}], Schema.struct({"a": schema}))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (None, "no schema, and Parquet needs one of a struct"),
        (STRING, "schema STRING, and Parquet needs one of a struct"),
        (Schema.struct({}), "no fields"),
        (Schema.struct({"a": Schema.struct({})}), "struct without fields"),
        (Schema.struct({"a": Schema.decimal(50)}), "Decimal of scale 50"),
        (Schema.struct({"a": Schema.array(None)}), "items without a schema"),
    ],
)
def test_a_record_without_columns_is_a_bad_record(schema, why):
    with pytest.raises(DataError, match=why):
        file_of([{"a": None}], schema)


def test_schemas_that_differ_in_one_type_have_names_of_their_own():
    encoder = ParquetEncoder("snappy")
    names = {
        encoder.layout_name(Batch("t", [], value_schema=Schema.struct({"a": schema})))
        for schema in (INT32, INT64, OPTIONAL_INT64)
    }
    assert len(names) == 3


def test_pyarrow_that_is_not_installed_is_told(monkeypatch):
    found = builtins.__import__

    def missing(name, *args, **more):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return found(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigError, match="pyarrow, which is not installed") as caught:
        ParquetEncoder("snappy")
    assert "connect-runtime[parquet]" in (caught.value.hint or "")
