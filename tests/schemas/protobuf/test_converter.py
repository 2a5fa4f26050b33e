"""ProtobufConverter with a registry: bytes, texts of schemas, bad records, and what comes back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import (
    INT32,
    INT64,
    OPTIONAL_INT64,
    OPTIONAL_STRING,
    STRING,
    DataError,
    FailedRecord,
    Schema,
    SchemaType,
)
from connect_schemas import ProtobufConverter
from tests.support.converters import make_converter, schemas, told_apart, values_of
from tests.support.schema_registry import MemoryRegistry, memory_registry

HEAD = b"\0\0\0\0\1\0"
ORDER = Schema.struct({"id": INT32, "name": OPTIONAL_STRING}, name="com.example.Order")


@pytest.fixture
def registry() -> Iterator[MemoryRegistry]:
    with memory_registry() as running:
        yield running


def converter(registry: MemoryRegistry, **config: str) -> ProtobufConverter:
    made: ProtobufConverter = make_converter(
        ProtobufConverter, schema_registry_url=registry.url, max_retries="0", **config
    )
    return made


def failed(error: DataError) -> dict[int, str]:
    return {one.index: one.reason for one in error.failed if isinstance(one, FailedRecord)}


def test_a_record_names_its_schema_and_that_it_is_of_the_first_message(registry: MemoryRegistry) -> None:
    made = converter(registry)
    assert made.encode("t", ORDER, [{"id": 1, "name": "a"}, {"id": 0, "name": None}]) == [
        HEAD + b"\x08\1\x12\1a", HEAD,
    ]  # fmt: skip
    body = registry.subjects["t-value"][0].body
    assert (body["schemaType"], "references" in body) == ("PROTOBUF", False)
    assert body["schema"].startswith('syntax = "proto3";\npackage com.example;\n\nmessage Order {\n')
    made.close()


def test_the_subject_may_be_by_the_name_of_the_message(registry: MemoryRegistry) -> None:
    made = converter(registry, value_subject_name_strategy="RecordNameStrategy")
    made.encode("t", ORDER, [{"id": 1}])
    assert list(registry.subjects) == ["com.example.Order"]
    made.close()


def test_a_record_of_any_message_of_a_schema_is_read(registry: MemoryRegistry) -> None:
    registry.add(
        "t-value",
        'syntax = "proto3"; message A { int32 a = 1; } message B { message C { string c = 1; } string b = 2; }',
        schemaType="PROTOBUF",
    )
    made = converter(registry)
    runs = made.decode(
        "t", [HEAD + b"\x08\5", b"\0\0\0\0\1\2\2\x12\1b", b"\0\0\0\0\1\4\2\0\x0a\1c", None, b"\0\0\0\0\1\2\0\x08\6"]
    )
    assert [(run.schema and run.schema.name, run.values) for run in runs] == [
        ("A", [{"a": 5}]), ("B", [{"b": "b"}]), ("C", [{"c": "c"}]), (None, [None]), ("A", [{"a": 6}]),
    ]  # fmt: skip
    assert runs[0].schema is not None
    assert runs[0].schema.version == 1
    made.close()


def test_schemas_that_a_schema_refers_to_are_looked_up(registry: MemoryRegistry) -> None:
    registry.add("base", 'syntax = "proto3"; package b; message Base { int32 x = 1; }', schemaType="PROTOBUF")
    registry.add(
        "t-value",
        'syntax = "proto3"; import "base.proto"; import "google/type/date.proto";'
        "message A { b.Base base = 1; google.type.Date day = 2; }",
        schemaType="PROTOBUF",
        references=[{"name": "base.proto", "subject": "base", "version": 1}],
    )
    made = converter(registry)
    (run,) = made.decode("t", [b"\0\0\0\0\2\0\x0a\2\x08\7\x12\7\x08\xe4\x0f\x10\2\x18\x1d"])
    assert run.values == [{"base": {"x": 7}, "day": dt.date(2020, 2, 29)}]
    made.close()


def test_bad_records_are_named_each_with_its_reason(registry: MemoryRegistry) -> None:
    registry.add("t-value", 'syntax = "proto3"; message A { string a = 1; }', schemaType="PROTOBUF")
    registry.add("u-value", '"string"')
    registry.add("v-value", "message {", schemaType="PROTOBUF")
    registry.add("w-value", 'import "gone.proto"; message W {}', schemaType="PROTOBUF")
    made = converter(registry)
    data = [
        HEAD + b"\x0a\1x", HEAD + b"\x0a\5x", HEAD + b"\x0a\1\xff", b"\0\0\0\0\1\2\x0e", b"\0\0\0\0\1\xff\xff",
        b"\0\0\0\0\2\0", b"\0\0\0\0\3\0", b"\0\0\0\0\4\0", b"{}", b"\0\0\0\0\1", HEAD,
    ]  # fmt: skip
    bad, values = told_apart(made, "t", data)
    assert values == [{"a": "x"}, {"a": ""}]
    expected = {
        1: "the data is none of its schema's", 2: "the data is none of its schema's", 3: "no message at [7]",
        4: "the indexes of its message do not end", 5: "is AVRO, and PROTOBUF is expected",
        6: "no Protobuf schema: line 1, column 9", 7: "it imports 'gone.proto'", 8: "not written with a schema",
        9: "the indexes of its message do not end",
    }  # fmt: skip
    assert sorted(bad) == sorted(expected)
    for index, reason in expected.items():
        assert reason in bad[index].message
    made.close()


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"id": "x"}, "Invalid type for INT32: class java.lang.String"),
        ({"id": True}, "Invalid type for INT32: class java.lang.Boolean"),
        ({"id": 1 << 31}, "2147483648 is no INT32"),
        ({"name": b"x"}, "Invalid type for STRING"),
        ({"name": "\ud800"}, "the value does not fit its schema"),
        ("x", "Invalid type for STRUCT: class java.lang.String"),
    ],
)
def test_values_that_do_not_fit_are_named_by_their_place(registry: MemoryRegistry, value: Any, why: str) -> None:
    made = converter(registry)
    with pytest.raises(DataError) as raised:
        made.encode("t", ORDER, [{"id": 1}, value, {"id": 2}])
    ((index, reason),) = failed(raised.value).items()
    assert index == 1
    assert why in reason
    made.close()


def test_a_schema_that_protobuf_has_nothing_for_is_told_with_what_helps(registry: MemoryRegistry) -> None:
    made = converter(registry)
    with pytest.raises(DataError, match=r"has no form in Protobuf: .*a-b") as raised:
        made.encode("t", Schema.struct({"a-b": INT32}), [{"a-b": 1}])
    assert (raised.value.code, "scrub.invalid.names" in (raised.value.hint or "")) == ("schemas.invalid", True)
    assert not registry.subjects
    with pytest.raises(DataError, match="Protobuf needs a schema"):
        made.encode("t", None, [{"a": 1}])
    made.close()
    made = converter(registry, scrub_invalid_names="true")
    assert made.encode("t", Schema.struct({"a-b": INT32}), [{"a-b": 1}]) == [HEAD + b"\x08\1"]
    made.close()


def test_records_are_read_as_the_latest_version_has_them(registry: MemoryRegistry) -> None:
    def add(*messages: str) -> None:
        registry.add("t-value", f'syntax = "proto3"; package p; {" ".join(messages)}', schemaType="PROTOBUF")

    add("message Order { int32 id = 1; }")
    add("message Other {}", "message Order { int64 id = 1; string name = 2; }")
    made = converter(registry, use_latest_version="true")
    (run,) = made.decode("t", [b"\0\0\0\0\1\0\x08\5"])
    assert (run.values, run.schema.version) == ([{"id": 5, "name": ""}], 2)
    made.close()
    for messages, mentions in (
        ("message Other {}", "no message p.Order"),
        ("message Order { string id = 1; }", "field 1"),
    ):
        add(messages)
        made = converter(registry, use_latest_version="true")
        with pytest.raises(DataError, match=mentions) as raised:
            made.decode("t", [b"\0\0\0\0\1\0\x08\5"])
        assert raised.value.code == "schemas.incompatible"
        made.close()


def test_with_another_schema_of_the_registry_a_record_has_the_place_of_its_message_there(
    registry: MemoryRegistry,
) -> None:
    registry.add(
        "t-value",
        'syntax = "proto3"; package com.example; message Other {} message Order { int32 id = 1; string name = 2; }',
        schemaType="PROTOBUF",
    )
    made = converter(registry, auto_register_schemas="false", use_latest_version="true")
    assert made.encode("t", ORDER, [{"id": 5}]) == [b"\0\0\0\0\1\2\2\x08\5"]
    assert made.decode("t", [b"\0\0\0\0\1\2\2\x08\5"])[0].values == [{"id": 5, "name": ""}]
    made.close()


@pytest.mark.parametrize(
    ("schema", "value", "data"),
    [
        (INT64, 5, b"\2\4\x08\5"), (STRING, "a", b"\2\x0e\x0a\1a"),
        (OPTIONAL_INT64, None, None),
        (Schema.timestamp(), dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC), b"\0\x08\1"),
    ],
)  # fmt: skip
def test_a_simple_value_is_a_message_around_it(
    registry: MemoryRegistry, schema: Schema, value: Any, data: bytes | None
) -> None:
    made = converter(registry)
    (written,) = made.encode("t", schema, [value])
    assert written == (None if data is None else b"\0\0\0\0\1" + data)
    if value is not None and not schema.is_logical:
        (run,) = made.decode("t", [written])
        assert (run.schema, run.values) == (Schema(schema.type, version=1), [value])
    made.close()


@st.composite
def structs(draw: st.DrawFn) -> Schema:
    """Structs that Protobuf has a form for, and that come back as they were: names that it takes, no lists of lists."""
    count = draw(st.integers(1, 5))
    fields = {f"f{index}": _fitting(draw(schemas(2))) for index in range(count)}
    return Schema.struct(fields, name="a.b.Record")


def _fitting(schema: Schema, depth: int = 0) -> Schema:
    if schema.type is SchemaType.STRUCT:
        return schema.replace(fields=[(f"g{one.index}", _fitting(one.schema, depth + 1)) for one in schema.fields])
    if schema.type is SchemaType.ARRAY:
        assert schema.value_schema is not None
        items = _fitting(schema.value_schema, depth + 1)
        while items.type in (SchemaType.ARRAY, SchemaType.MAP):
            assert items.value_schema is not None
            items = items.value_schema
        return schema.replace(value_schema=items.replace(optional=False), optional=False)
    if schema.type is SchemaType.MAP:
        assert schema.value_schema is not None
        items = _fitting(schema.value_schema, depth + 1)
        while items.type in (SchemaType.ARRAY, SchemaType.MAP):
            assert items.value_schema is not None
            items = items.value_schema
        is_message = items.type is SchemaType.STRUCT or items.is_logical  # of others an entry has no null
        return schema.replace(value_schema=items.replace(optional=items.optional and is_message), optional=False)
    return schema


@given(st.data())
def test_random_records_come_back_as_they_were(data: st.DataObject) -> None:
    schema = data.draw(structs())
    values = data.draw(st.lists(values_of(schema), min_size=1, max_size=4))
    with memory_registry() as registry:
        nulls = data.draw(st.sampled_from(["optional_for_nullables", "wrapper_for_nullables"]))
        made = converter(registry, **{nulls: "true", "enhanced_protobuf_schema_support": "true"})
        records = made.encode("t", schema, values)
        (run,) = made.decode("t", records)
        assert run.values == values
        assert run.schema is not None
        again = made.encode("u", run.schema, run.values)
        if nulls == "optional_for_nullables":  # what was read is written as it was: its fields say their numbers
            assert [one and one[5:] for one in again] == [one and one[5:] for one in records]
        else:  # items of lists are read as optional, and so are written as messages around them
            assert made.decode("u", again)[0].values == values
        made.close()


@given(st.binary(max_size=40))
def test_any_bytes_are_a_record_or_a_bad_one(data: bytes) -> None:
    with memory_registry() as registry:
        registry.add(
            "t-value",
            'syntax = "proto3"; import "confluent/type/decimal.proto"; import "google/protobuf/timestamp.proto";'
            "message A { string a = 1; A b = 2; map<string, int64> c = 3; repeated E d = 4; oneof o { bytes e = 5;"
            "confluent.type.Decimal f = 6; } google.protobuf.Timestamp g = 7; } enum E { Z = 0; }",
            schemaType="PROTOBUF",
        )
        made = converter(registry)
        try:
            (run,) = made.decode("t", [HEAD + data])
        except DataError as error:
            assert failed(error).keys() == {0}
        else:
            assert run.schema is not None
            run.schema.validate(run.values[0])
        made.close()


def test_a_record_that_is_nested_too_deeply_is_a_bad_one(registry: MemoryRegistry) -> None:
    registry.add("t-value", 'syntax = "proto3"; message A { A a = 1; int32 x = 2; }', schemaType="PROTOBUF")
    made = converter(registry)

    def nested(depth: int) -> bytes:
        data = b"\x10\1"
        for _ in range(depth):
            size = len(data)
            head = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
            data = b"\x0a" + head + data
        return HEAD + data

    value = made.decode("t", [nested(60)])[0].values[0]
    for _ in range(60):
        value = value["a"]
    assert value == {"a": None, "x": 1}
    with pytest.raises(DataError) as raised:
        made.decode("t", [nested(1), nested(200)])
    assert failed(raised.value).keys() == {1}
    made.close()


def test_every_type_comes_back_with_wrappers_too(registry: MemoryRegistry) -> None:
    schema = Schema.struct(
        {
            "a": OPTIONAL_STRING, "b": OPTIONAL_INT64, "c": Schema.decimal(2, optional=True),
            "d": Schema.struct({}, name="Empty", optional=True), "e": Schema.map(STRING, OPTIONAL_STRING),
        },
        name="M",
    )  # fmt: skip
    made = converter(registry, wrapper_for_nullables="true")
    values = [
        {"a": None, "b": 0, "c": Decimal("0.00"), "d": {}, "e": {"k": None, "l": ""}},
        {"a": "", "b": None, "c": None, "d": None, "e": {}},
    ]
    (run,) = made.decode("t", made.encode("t", schema, values))
    assert run.values == values
    made.close()


@pytest.mark.parametrize("keys", [{"use_latest_version": "true"}, {"use_schema_id": "1"}])
def test_another_schema_has_to_read_what_the_records_own_writes(registry: MemoryRegistry, keys: dict[str, str]) -> None:
    registry.add(
        "t-value",
        'syntax = "proto3"; package com.example; message Order { string id = 1; }',
        schemaType="PROTOBUF",
    )
    made = converter(registry, auto_register_schemas="false", **keys)
    with pytest.raises(DataError, match=r"field 1 of com\.example\.Order is a text or bytes there") as raised:
        made.encode("t", ORDER, [{"id": 1}])
    assert raised.value.code == "schemas.incompatible"
    made.close()
    loose = {"latest_compatibility_strict": "false", "id_compatibility_strict": "false"}
    made = converter(registry, auto_register_schemas="false", **keys, **loose)
    assert made.encode("t", ORDER, [{"id": 1}]) == [HEAD + b"\x08\1"]
    made.close()
