"""Records as values, without a registry."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from connect.api import DataError
from connect_protofiles import linked, parsed
from connect_schemas.protobuf.options import Options
from connect_schemas.protobuf.reading import ProtobufReader, enum_names
from connect_schemas.protobuf.to_connect import schema_of

PROTO3 = 'syntax = "proto3"; '


def read(body: str, *data: bytes, head: str = PROTO3, **options: Any) -> list[Any]:
    file, chosen = linked(parsed(f"{head}message M {{ {body} }}")), Options(**options)
    message = file.message_types_by_name["M"]
    schema = schema_of(message, chosen)
    column = ProtobufReader(message, schema, chosen).read([b"xx" + one for one in data], 2)
    for value in column.values:
        schema.validate(value)
    return column.values


def test_what_is_not_set_is_a_default_or_null() -> None:
    body = "int32 a = 1; optional int32 b = 2; M c = 3; repeated string d = 4;"
    assert read(body, b"") == [{"a": 0, "b": None, "c": None, "d": []}]
    assert read(
        "int32 a = 1; optional int32 b = 2; N c = 3; message N { int32 d = 1; }", b"", struct_for_nulls=True
    ) == [{"a": 0, "b": 0, "c": {"d": 0}}]
    assert read("M a = 1;", b"", struct_for_nulls=True) == [{"a": None}], "it would have no end"


def test_an_optional_field_of_proto2_is_null_or_its_default() -> None:
    body = "optional int32 a = 1 [default = 5];"
    assert read(body, b"", b"\x08\0", head="") == [{"a": None}, {"a": 0}]
    assert read(body, b"", head="", proto2_optional=False) == [{"a": 5}]
    with pytest.raises(DataError, match="it lacks a"):
        read("required int32 a = 1;", b"", head="")


def test_whole_numbers_without_a_sign_are_taken_as_java_takes_them() -> None:
    most = b"\xff" * 9 + b"\1"
    assert read("uint64 a = 1;", b"\x08" + most, b"\x08\5") == [{"a": -1}, {"a": 5}]
    assert read("fixed32 a = 1;", b"\x0d\xff\xff\xff\xff") == [{"a": 0xFFFFFFFF}]
    small = '[(confluent.field_meta) = { params: [{key: "connect.type", value: "int8"}] }]'
    assert read(f"int32 a = 1 {small};", b"\x08\x85\2", b"\x08\1") == [{"a": 5}, {"a": 1}]
    assert read(f"string a = 1 {small};", b"\x0a\1x") == [{"a": "x"}]


def test_an_enum_is_a_name_or_a_number_and_an_unknown_one_is_called_as_in_java() -> None:
    body = "E a = 1; repeated E b = 2; enum E { Z = 0; Y = 5; }"
    data = b"\x08\5\x12\2\0\7"
    assert read(body, data) == [{"a": "Y", "b": ["Z", "UNKNOWN_ENUM_VALUE_E_7"]}]
    assert read(body, data, int_for_enums=True) == [{"a": 5, "b": [0, 7]}]
    enum = linked(parsed("enum E { option allow_alias = true; A = 1; B = 1; }")).enum_types_by_name["E"]
    assert enum_names(enum)([1, 2]) == ["A", "UNKNOWN_ENUM_VALUE_E_2"]


def test_a_oneof_is_a_struct_with_the_member_that_is_set() -> None:
    body = "int32 x = 1; oneof o { string a = 2; M b = 3; }"
    data = (b"\x12\0", b"\x1a\2\x08\1", b"")
    assert read(body, *data) == [
        {"o_0": {"a": "", "b": None}, "x": 0},
        {"o_0": {"a": None, "b": {"o_0": None, "x": 1}}, "x": 0},
        {"o_0": None, "x": 0},
    ]
    assert read(body, *data, flatten=True) == [
        {"a": "", "b": None, "x": 0},
        {"a": None, "b": {"a": None, "b": None, "x": 1}, "x": 0},
        {"a": None, "b": None, "x": 0},
    ]


def test_maps_are_read_in_both_forms() -> None:
    real = "map<string, V> m = 1; map<int32, bool> n = 2; message V { int32 x = 1; }"
    data = b"\x0a\7\x0a\1k\x12\2\x08\5\x12\4\x08\3\x10\1"
    assert read(real, data) == [{"m": {"k": {"x": 5}}, "n": {3: True}}]
    written = (
        "repeated MEntry m = 1; repeated NEntry n = 2; message V { int32 x = 1; }"
        "message MEntry { string key = 1; V value = 2; } message NEntry { int32 key = 1; bool value = 2; }"
    )
    assert read(written, data) == [{"m": {"k": {"x": 5}}, "n": {3: True}}]
    assert read(written, b"\x0a\3\x0a\1k") == [{"m": {"k": None}, "n": {}}]


def test_logical_values_and_wrappers_are_read_wherever_they_stand() -> None:
    head = PROTO3 + 'import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto"; '
    body = (
        "google.protobuf.Timestamp a = 1; repeated google.protobuf.Timestamp b = 2; google.protobuf.Int32Value c = 3;"
        "map<string, google.protobuf.StringValue> d = 4;"
    )
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    data = b"\x0a\0\x12\2\x08\1\x1a\2\x08\7\x22\7\x0a\1k\x12\2\x0a\0"
    assert read(body, data, b"", head=head, wrapper=True) == [
        {"a": epoch, "b": [epoch + dt.timedelta(seconds=1)], "c": 7, "d": {"k": ""}},
        {"a": None, "b": [], "c": None, "d": {}},
    ]
    assert read(body, data, head=head)[0]["c"] == {"value": 7}


def test_bad_ones_are_named_beside_good_ones() -> None:
    with pytest.raises(DataError) as raised:
        read("string a = 1;", b"\x0a\1x", b"\x0a\1\xff", b"\xff")
    assert [each.index for each in raised.value.failed if not isinstance(each, tuple)] == [1, 2]


def test_fields_may_be_called_as_methods_of_pythons_messages() -> None:
    names = ("Clear", "DESCRIPTOR", "ByteSize", "self", "class", "HasField")
    body = "".join(f"int32 {name} = {tag};" for tag, name in enumerate(names, 1))
    data = bytes(part for tag in range(1, 7) for part in (tag << 3, tag))
    assert read(body, data) == [dict(zip(names, range(1, 7), strict=True))]


def test_a_column_of_many_records_is_read_in_order() -> None:
    data = [bytes([8, one & 127 | 128, one >> 7, 16, 1]) for one in range(1000)]
    assert [value["a"] for value in read("int32 a = 1; int32 b = 2;", *data)] == list(range(1000))


def test_a_record_that_is_a_message_around_a_value_is_that_value() -> None:
    file = linked(parsed('syntax = "proto3"; import "google/protobuf/wrappers.proto";'))
    message = file.pool.FindMessageTypeByName("google.protobuf.UInt64Value")
    for options, expected in (
        (Options(), [-1, 5, 0]),
        (Options(raw_wrapper=False), [{"value": -1}, {"value": 5}, {"value": 0}]),
    ):
        reader = ProtobufReader(message, schema_of(message, options), options)
        assert reader.read([b"\x08" + b"\xff" * 9 + b"\1", b"\x08\5", b""], 0).values == expected


def test_text_of_proto2_that_is_none_has_a_mark_in_its_place() -> None:
    # Protobuf gives it as bytes, which are no value of a string.
    body = "optional string a = 1; repeated string b = 2;"
    data = b"\x0a\2x\xff" + b"\x12\1\xfe" + b"\x12\1y"
    assert read(body, data, head="") == [{"a": "x\ufffd", "b": ["\ufffd", "y"]}]
    with pytest.raises(DataError, match="UTF-8"):
        read("string a = 1;", b"\x0a\1\xff")
