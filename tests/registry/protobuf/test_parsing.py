from __future__ import annotations

import pytest

from connect.registry.protobuf.parsing import FieldProto, parse_text
from connect.registry.protobuf.tokens import InvalidProtoError


def test_a_message_with_all_kinds_of_members() -> None:
    file = parse_text(
        'syntax = "proto3"; package a.b; import public "x.proto"; option java_package = "j";'
        "message M { map<string, int32> counts_by_name = 1; optional string o = 2; oneof w { int32 i = 3; N n = 4; }"
        'message N {} enum E { Z = 0; } reserved 10 to max, 7; reserved "x";'
        "repeated .a.b.M many = 5 [packed = true]; }"
    )
    (message,) = file.message_type
    assert file.package == "a.b" and list(file.public_dependency) == [0] and file.options.java_package == "j"
    assert [field.name for field in message.field] == ["counts_by_name", "o", "i", "n", "many"]
    assert [nested.name for nested in message.nested_type] == ["CountsByNameEntry", "N"]
    assert [oneof.name for oneof in message.oneof_decl] == ["w", "_o"]
    assert message.field[1].proto3_optional and message.field[1].oneof_index == 1
    assert message.field[4].label == FieldProto.LABEL_REPEATED and message.field[4].type_name == ".a.b.M"
    assert [(one.start, one.end) for one in message.reserved_range] == [(10, 2**29), (7, 8)]


def test_proto2_has_required_fields_defaults_and_extensions() -> None:
    file = parse_text(
        'message M { required int32 a = 1 [default = -0x10]; optional string t = 2 [default = "x" "y"];'
        "extensions 100 to 199, 500; extend M { optional bool e = 100; } }"
    )
    (message,) = file.message_type
    assert message.field[0].label == FieldProto.LABEL_REQUIRED and message.field[0].default_value == "-16"
    assert message.field[1].default_value == "xy" and message.extension[0].extendee == "M"
    assert [(one.start, one.end) for one in message.extension_range] == [(100, 200), (500, 501)]


def test_words_of_the_language_may_be_names() -> None:
    file = parse_text('syntax="proto3"; message message { string message = 1; bool optional = 2; int32 map = 3; } ')
    assert [field.name for field in file.message_type[0].field] == ["message", "optional", "map"]


def test_services_and_options_of_others_are_kept() -> None:
    file = parse_text(
        'syntax="proto3"; message M { int32 a = 1 [(x.y).z = {k: [1, 2] t: "s"}, (n) = -1.5, deprecated = true]; }'
        "service S { rpc Do(stream M) returns (.M) { option deprecated = true; } }"
    )
    options = file.message_type[0].field[0].options
    assert options.deprecated and [len(one.name) for one in options.uninterpreted_option] == [2, 1]
    method = file.service[0].method[0]
    assert method.client_streaming and not method.server_streaming and method.options.deprecated


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ""),
        ('syntax = "proto4";', "'proto2' or 'proto3'"),
        ('edition = "2023";', "syntax of proto2 or proto3"),
        ("message {", "a name"),
        ("message M { int32 a = 1; }", "optional, required or repeated"),
        ("message M { optional group G = 1 {} }", "does not take"),
        ('syntax="proto3"; message M { int32 a = x; }', "a whole number"),
        ('syntax="proto3"; message M { int32 a = 536870912; }', "a whole number up to"),
        ('syntax="proto3"; message M { int32 a = 1', "';'"),
        ('syntax="proto3"; message M { int32 a = 1 [deprecated = maybe]; }', "option deprecated"),
        ('syntax="proto3"; message M { int32 a = 1 [(x) = {k: 1', "'}'"),
        ('syntax="proto3"; ' + "message M { " * 10_000, "nested deeper than 64"),
        ('syntax="proto3"; package a; package b;', "one package"),
        ("int32 x;", "a message, an enum"),
        ("message M { ;", "optional, required or repeated"),
    ],
)
def test_what_is_no_schema_is_told_with_its_line(text: str, told: str) -> None:
    if not text:
        assert not parse_text(text).message_type
        return
    with pytest.raises(InvalidProtoError, match=told) as caught:
        parse_text(text)
    assert str(caught.value).startswith("line 1: ")
