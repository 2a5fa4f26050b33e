"""Protobuf's schemas as Connect's."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import INT32, DataError, Schema, SchemaType
from connect_protofiles import linked, parsed
from connect_schemas.generalized import GENERAL_UNION
from connect_schemas.protobuf.options import ENUM, TAG, TYPE, UNION, WRAPPER, Options
from connect_schemas.protobuf.to_connect import schema_of
from connect_schemas.recursive import RecursiveSchema

PROTO3 = 'syntax = "proto3"; package p; '


def schema(body: str, head: str = PROTO3, message: str = "M", **options: Any) -> Schema:
    file = linked(parsed(f"{head}message M {{ {body} }}"))
    name = f"{file.package}.{message}" if file.package else message
    return schema_of(file.pool.FindMessageTypeByName(name), Options(**options))


def field(body: str, head: str = PROTO3, **options: Any) -> Schema:
    return schema(body, head, **options).fields[0].schema


def test_a_message_is_a_struct_whose_fields_say_their_numbers() -> None:
    made = schema("string b = 2; int32 a = 7;")
    assert (made.name, made.optional, made.version) == ("M", False, None)
    assert [(one.name, one.schema.type, one.schema.optional, one.schema.parameters) for one in made.fields] == [
        ("b", SchemaType.STRING, True, {TAG: "2"}),
        ("a", SchemaType.INT32, True, {TAG: "7"}),
    ]
    assert schema("string b = 2;", enhanced=True).name == "p.M"


@pytest.mark.parametrize(
    ("kind", "type_", "told"),
    [
        ("int32", "INT32", None), ("sint32", "INT32", "sint32"), ("sfixed32", "INT32", "sfixed32"),
        ("uint32", "INT64", "uint32"), ("fixed32", "INT64", "fixed32"), ("int64", "INT64", None),
        ("uint64", "INT64", "uint64"), ("sint64", "INT64", "sint64"), ("fixed64", "INT64", "fixed64"),
        ("sfixed64", "INT64", "sfixed64"), ("float", "FLOAT32", None), ("double", "FLOAT64", None),
        ("bool", "BOOLEAN", None), ("string", "STRING", None), ("bytes", "BYTES", None),
    ],
)  # fmt: skip
def test_each_type_has_its_own_in_connect(kind: str, type_: str, told: str | None) -> None:
    made = field(f"{kind} a = 1;")
    assert made.type.name == type_
    assert (made.parameters or {}).get(TYPE) == told


def test_small_numbers_are_those_whose_option_says_so() -> None:
    said = 'int32 a = 1 [(confluent.field_meta) = {{ params: [{{key: "connect.type", value: "{}"}}] }}];'
    assert field(said.format("int8")).type is SchemaType.INT8
    assert field(said.format("int16")).type is SchemaType.INT16
    assert field(said.format("int4")).type is SchemaType.INT32


def test_which_fields_are_optional_is_by_the_switches() -> None:
    body = "string a = 1; optional string b = 2; repeated string c = 3; M d = 4;"

    def optional(**options: Any) -> list[bool]:
        return [one.schema.optional for one in schema(body, **options).fields]

    assert optional() == [True, True, True, True]
    assert optional(optional=True) == [False, True, True, True]
    assert optional(wrapper=True) == [False, False, True, True]


def test_logical_types_are_known_by_their_messages() -> None:
    head = PROTO3 + (
        'import "confluent/type/decimal.proto"; import "google/type/date.proto"; import "google/type/timeofday.proto";'
        'import "google/protobuf/timestamp.proto"; '
    )
    said = '[(confluent.field_meta) = { params: [{key: "precision", value: "9"}, {key: "scale", value: "x"}] }]'
    made = schema(
        f"confluent.type.Decimal a = 1 {said}; google.type.Date b = 2; google.type.TimeOfDay c = 3;"
        "google.protobuf.Timestamp d = 4; repeated google.type.Date e = 5;",
        head,
    )
    assert [one.schema.name for one in made.fields][:4] == [
        f"org.apache.kafka.connect.data.{name}" for name in ("Decimal", "Date", "Time", "Timestamp")
    ]
    assert made.fields[0].schema.parameters == {"scale": "0", "connect.decimal.precision": "9", TAG: "1"}
    assert made.fields[4].schema.value_schema == Schema.date(optional=True)


def test_an_enum_has_its_names_and_numbers_as_parameters() -> None:
    made = field("E a = 1; enum E { Z = 0; Y = 5; }")
    assert (made.type, made.name, made.optional) == (SchemaType.STRING, "E", True)
    assert made.parameters == {ENUM: "E", f"{ENUM}.Z": "0", f"{ENUM}.Y": "5", TAG: "1"}
    number = field("E a = 1; enum E { Z = 0; }", int_for_enums=True, enhanced=True)
    assert (number.type, number.name) == (SchemaType.INT32, "p.M.E")


def test_a_oneof_is_a_struct_of_its_members_in_front_of_the_others() -> None:
    body = "int32 x = 1; oneof o { string a = 2; M b = 3; }"
    made = schema(body)
    assert [one.name for one in made.fields] == ["o_0", "x"]
    union = made.fields[0].schema
    assert (union.name, union.optional) == (f"{UNION}.o", True)
    assert [(one.name, one.schema.optional) for one in union.fields] == [("a", True), ("b", True)]
    assert schema(body, union_index=False).fields[0].name == "o"
    assert schema(body, enhanced=True).fields[0].schema.name == f"{UNION}.p.M.o"
    assert [one.name for one in schema(body, flatten=True).fields] == ["a", "b", "x"]
    general = schema(body, generalized=True).fields[0].schema
    assert (general.name, general.parameters) == ("o", {GENERAL_UNION: "o"})


def test_a_map_is_one_in_both_forms() -> None:
    made = field("map<string, int32> some_map = 1;")
    assert (made.type, made.name, made.optional) == (SchemaType.MAP, "some_map", True)
    assert made.key_schema == Schema(SchemaType.STRING, optional=True, parameters={TAG: "1"})
    assert made == field("repeated SomeMapEntry a = 1; message SomeMapEntry { string key = 1; int32 value = 2; }")


def test_wrappers_are_values_where_that_is_asked_for() -> None:
    head = PROTO3 + 'import "google/protobuf/wrappers.proto"; '
    body = "google.protobuf.Int32Value a = 1; oneof o { google.protobuf.StringValue b = 2; string c = 3; }"
    assert schema(body, head).fields[1].schema.type is SchemaType.STRUCT
    union, plain = schema(body, head, wrapper=True).fields
    assert plain.schema == INT32.replace(optional=True, parameters={TAG: "1"})
    assert [(one.schema.parameters or {}).get(WRAPPER) for one in union.schema.fields] == ["true", None]
    wrapper = linked(parsed(head)).pool.FindMessageTypeByName("google.protobuf.UInt32Value")
    assert schema_of(wrapper, Options(), 3) == Schema(SchemaType.INT64, version=3)
    assert schema_of(wrapper, Options(raw_wrapper=False)).type is SchemaType.STRUCT


def test_a_message_within_itself_is_a_schema_within_itself() -> None:
    made = schema("M next = 1; repeated M all = 2; N n = 3; message N { M back = 1; }")
    inner = made.fields[0].schema
    assert isinstance(inner, RecursiveSchema)
    assert (inner.target, inner.parameters, inner.optional) == (made, {TAG: "1"}, True)
    made.validate({"next": {"next": None, "all": [], "n": None}, "all": [None], "n": {"back": None}})


def test_optional_fields_of_proto2_are_known() -> None:
    made = schema("optional string a = 1; required string b = 2;", "", optional=True)
    assert [one.schema.optional for one in made.fields] == [True, False]


def chain(count: int, per: int) -> str:
    return (
        "".join(
            f"message M{number} {{ {' '.join(f'M{number + 1} f{one} = {one + 1};' for one in range(per))} }}"
            for number in range(count)
        )
        + f"message M{count} {{ int32 x = 1; }}"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (chain(40, 2), "fields it has"),
        (chain(3000, 1), "nested too deeply"),
        ("message M0 { int32 a = 1 [(confluent.field_meta) = {odd: 1}]; }", "cannot be read"),
    ],
)
def test_a_schema_that_nobody_can_use_is_refused(text: str, why: str) -> None:
    file = linked(parsed('syntax = "proto3"; ' + text))
    with pytest.raises(DataError, match=why) as raised:
        schema_of(file.message_types_by_name["M0"], Options())
    assert raised.value.code == "schemas.invalid"


def test_a_group_is_refused() -> None:
    with pytest.raises(DataError, match=r"field M\.g is a group"):
        schema("optional group G = 1 { optional int32 a = 1; }", "")
