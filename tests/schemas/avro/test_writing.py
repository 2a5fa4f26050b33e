"""Values as Avro: what does not fit is named, and a registered schema may be another than the values' own."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from connect.api import (
    BYTES,
    FLOAT32,
    INT8,
    INT32,
    OPTIONAL_INT32,
    OPTIONAL_STRING,
    STRING,
    DataError,
    FailedRecord,
    Schema,
    Struct,
    StructColumn,
)  # fmt: skip
from connect_schemas.avro.options import Options
from connect_schemas.avro.parsing import parsed
from connect_schemas.avro.reading import AvroReader
from connect_schemas.avro.to_avro import to_avro
from connect_schemas.avro.writing import AvroWriter

OPTIONS = Options(enhanced=True)


def writer(schema: Schema | None, options: Options = OPTIONS) -> AvroWriter:
    return AvroWriter(schema, to_avro(schema, options), options)


def failed(schema: Schema | None, *values: Any) -> dict[int, str]:
    with pytest.raises(DataError) as raised:
        writer(schema).write(list(values))
    return {one.index: one.reason for one in raised.value.failed if isinstance(one, FailedRecord)}


ENUM = Schema(
    "string", name="E", parameters={"io.confluent.connect.avro.Enum": "E", "io.confluent.connect.avro.Enum.A": "A"}
)


@pytest.mark.parametrize(
    ("schema", "good", "bad", "words"),
    [
        (INT8, 5, 128, "128 does not fit INT8"),
        (INT32, 5, True, "Invalid type for INT32: class java.lang.Boolean"),
        (STRING, "a", 5, "Invalid type for STRING"),
        (BYTES, b"a", "a", "Invalid type for BYTES"),
        (FLOAT32, 1.5, 1, "Invalid type for FLOAT32"),
        (Schema.decimal(2), Decimal("1.50"), Decimal("1.5"), "mismatching scale"),
        (Schema.decimal(0), Decimal(7), "7", "expected BigDecimal"),
        (Schema.date(), dt.date(2020, 1, 1), "2020", "expected Date"),
        (Schema.timestamp(), dt.datetime(2020, 1, 1, tzinfo=dt.UTC), 5, "expected Date"),
        (Schema.array(INT32), [1], {}, "Invalid type for ARRAY"),
        (Schema.map(STRING, INT32), {"a": 1}, [], "Invalid type for MAP"),
        (Schema.map(INT32, INT32), {1: 1}, {"a": 1}, "Invalid type for INT32"),
        (Schema.struct({"a": INT32}), {"a": 1}, {"a": None}, "field 'a': Found null value"),
        (Schema.struct({"a": Schema.struct({"b": INT32})}), {"a": {"b": 1}}, {"a": {"b": ""}}, "field 'a.b': Invalid"),
        (Schema.struct({"a": INT32}), {"a": 1}, [1], "Invalid type for STRUCT"),
        (Schema("bytes", name="F", parameters={"connect.fixed.size": "2"}), b"ab", b"a", "1 bytes, and 2 are expected"),
        (ENUM, "A", "B", "'B' is no symbol of enum E"),
        (Schema.struct({"int": INT32}, name="io.confluent.connect.avro.Union"), {"int": 1}, {}, "no field is set"),
        (None, {"a": [1, None]}, {1, 2}, "Unknown Java type"),
        (None, 1, 1 << 63, "does not fit INT64"),
    ],
)
def test_what_does_not_fit_is_named_and_the_rest_is_not(schema: Any, good: Any, bad: Any, words: str) -> None:
    assert len(writer(schema).write([good, good])) == 2
    found = failed(schema, good, bad, good, bad)
    assert sorted(found) == [1, 3]
    assert words in found[1]


def test_a_struct_of_another_schema_is_refused() -> None:
    schema, other = Schema.struct({"a": INT32}), Schema.struct({"a": INT32, "b": OPTIONAL_INT32})
    assert writer(schema).write([Struct(schema, {"a": 1})]) == [b"\x02"]
    assert failed(schema, Struct(other, {"a": 1})) == {0: "Mismatching struct schema"}


def test_null_is_the_default_of_a_field_unless_that_is_switched_off() -> None:
    schema = Schema.struct({"a": OPTIONAL_INT32.replace(default=7)})
    assert writer(schema).write([{"a": None}]) == [b"\0\x0e"]
    assert writer(schema, Options(ignore_defaults=True)).write([{"a": None}, {}]) == [b"\x02", b"\x02"]


def test_tuples_bytearrays_and_halves_of_pairs_are_taken() -> None:
    schema = Schema.struct({"l": Schema.array(INT32), "b": BYTES, "s": STRING})
    data = writer(schema).write([{"l": (1, 2), "b": bytearray(b"x"), "s": "a\ud800"}])
    assert data == [b"\x04\x02\x04\0\x02x\x04a?"]


@pytest.mark.parametrize("scale", [0, 2])
def test_decimals_have_as_many_digits_as_they_like(scale: int) -> None:
    schema = Schema.decimal(scale)
    values = [Decimal(f"{'7' * 5000}E-{scale}"), Decimal(f"-1E-{scale}")]
    data = writer(schema).write(values)
    assert AvroReader(to_avro(schema, OPTIONS), OPTIONS).read(data, 0).values == values


def test_structs_as_columns_are_written_alike() -> None:
    schema = Schema.struct({"a": INT32, "b": STRING})
    rows = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert writer(schema).write(StructColumn({"a": [1, 2], "b": ["x", "y"]}, 2)) == writer(schema).write(rows)


def test_values_that_contain_their_like_are_written_to_the_bottom() -> None:
    tree = (
        '{"type":"record","name":"T","fields":[{"name":"n","type":"int"},{"name":"kids","type":{"type":"array",'
        '"items":"T"}},{"name":"next","type":["null","T"],"default":null}]}'
    )
    reader = AvroReader(parsed(tree), OPTIONS)
    value = {"n": 1, "kids": [{"n": 2, "kids": [], "next": None}], "next": {"n": 3, "kids": [], "next": None}}
    data = AvroWriter(reader.schema, parsed(tree), OPTIONS).write([value, value])
    assert reader.read(data, 0).values == [value, value]


def record(fields: str) -> str:
    return f'{{"type":"record","name":"ConnectDefault","namespace":"io.confluent.connect.avro","fields":[{fields}]}}'


def test_another_schema_takes_fields_by_name_and_its_own_defaults() -> None:
    schema = Schema.struct({"a": INT32, "gone": OPTIONAL_STRING})
    node = parsed(record('{"name":"new","type":["null","string"],"default":null},{"name":"a","type":"long"},'
                         '{"name":"b","type":"string","default":"x"}'))  # fmt: skip
    data = AvroWriter(schema, node, OPTIONS).write([{"a": 5, "gone": "g"}])
    assert AvroReader(node, OPTIONS).read(data, 0).values == [{"new": None, "a": 5, "b": "x"}]


def test_another_schema_takes_fields_by_its_aliases() -> None:
    schema = Schema.struct({"old": INT32, "b": INT32})
    node = parsed(record('{"name":"new","type":"int","default":7,"aliases":["old"]},'
                         '{"name":"c","type":"int","default":8,"aliases":["b","old"]},'
                         '{"name":"b","type":"int"}'))  # fmt: skip
    data = AvroWriter(schema, node, OPTIONS).write([{"old": 5, "b": 6}, {"old": 1, "b": 2}])
    read = AvroReader(node, OPTIONS).read(data, 0).values
    assert read == [{"new": 5, "c": 8, "b": 6}, {"new": 1, "c": 8, "b": 2}]


def test_another_schema_may_have_a_union_where_the_values_have_one_type() -> None:
    node = parsed(record('{"name":"a","type":["null","string","long"]}'))
    data = AvroWriter(Schema.struct({"a": OPTIONAL_INT32}), node, OPTIONS).write([{"a": 5}, {"a": None}])
    assert data == [b"\x04\x0a", b"\0"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ('{"name":"a","type":"string"}', "has string where the records' own has INT32"),
        ('{"name":"a","type":"int"},{"name":"b","type":"int"}', "field 'b' of .* has no default"),
        ('{"name":"a","type":["string","bytes"]}', "has union where"),
        ('{"name":"a","type":"int"},{"name":"b","type":"int","default":"x"}', "default of field 'b' .* is none"),
        ('{"name":"a","type":{"type":"array","items":"int"}}', "has array where"),
    ],
)
def test_a_schema_that_does_not_hold_the_values_is_refused(fields: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as raised:
        AvroWriter(Schema.struct({"a": INT32}), parsed(record(fields)), OPTIONS)
    assert raised.value.code in ("schemas.incompatible", "schemas.invalid")
