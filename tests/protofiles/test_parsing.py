"""Texts of schemas as descriptors; `test_linking` holds them against `protoc`'s."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from connect_protofiles.parsing import map_entry_name, parsed
from connect_protofiles.tokens import ProtoError

PROTO3 = 'syntax = "proto3";\n'


def only_message(body: str, head: str = PROTO3) -> pb.DescriptorProto:
    return parsed(f"{head}message M {{ {body} }}").message_type[0]


def test_a_file_has_its_name_package_and_imports() -> None:
    file = parsed(
        'syntax = "proto3"; package a.b; import "x.proto"; import public "y.proto"; import weak "z.proto";', "f.proto"
    )
    assert (file.name, file.package, file.syntax) == ("f.proto", "a.b", "proto3")
    assert list(file.dependency) == ["x.proto", "y.proto", "z.proto"]
    assert (list(file.public_dependency), list(file.weak_dependency)) == ([1], [2])


def test_words_of_the_language_may_be_names_of_fields() -> None:
    message = only_message("string message = 1; int32 optional = 2; bool map = 3; oneof oneof { string option = 4; }")
    assert [field.name for field in message.field] == ["message", "optional", "map", "option"]


def test_types_are_known_or_a_name() -> None:
    message = only_message("sfixed32 a = 1; .x.Y b = 2; option.Z c = 3;")
    assert message.field[0].type == pb.FieldDescriptorProto.TYPE_SFIXED32
    assert [field.type_name for field in message.field] == ["", ".x.Y", "option.Z"]


def test_an_optional_field_of_proto3_is_in_a_oneof_of_its_own_behind_the_others() -> None:
    message = only_message("optional int32 a = 1; oneof _a { string b = 2; } oneof o { string c = 3; }")
    assert [oneof.name for oneof in message.oneof_decl] == ["_a", "o", "X_a"]
    assert (message.field[0].proto3_optional, message.field[0].oneof_index) == (True, 2)


def test_entries_of_maps_stand_behind_nested_messages() -> None:
    message = only_message("map<string, N> some_map = 1; message N {}")
    assert [one.name for one in message.nested_type] == ["N", "SomeMapEntry"]
    assert message.nested_type[1].options.map_entry
    assert map_entry_name("_a__b1") == "AB1Entry"


def test_ranges_are_up_to_and_with_their_end() -> None:
    message = only_message(
        'reserved 7 to 9, 20; reserved "a", "b"; extensions 100 to max [verification = UNVERIFIED];',
        'syntax = "proto2";',
    )
    assert [(one.start, one.end) for one in message.reserved_range] == [(7, 10), (20, 21)]
    assert list(message.reserved_name) == ["a", "b"]
    assert (message.extension_range[0].start, message.extension_range[0].end) == (100, 536870912)
    enum = parsed("enum E { reserved -5 to -1, 7 to max; option = 0; reserved = 1; }").enum_type[0]
    assert [(one.start, one.end) for one in enum.reserved_range] == [(-5, -1), (7, 2147483647)]
    assert [value.name for value in enum.value] == ["option", "reserved"]


def test_groups_are_a_field_and_a_message() -> None:
    message = only_message("repeated group Some = 0x3 { optional int32 a = 017; }", "")
    assert (message.field[0].name, message.field[0].type_name, message.field[0].number) == ("some", "Some", 3)
    assert message.nested_type[0].field[0].number == 15


def test_defaults_are_written_as_descriptors_have_them() -> None:
    message = only_message(
        'optional bytes a = 1 [default = "\\x00\\"é"]; optional string b = 2 [default = "é" \'\\n\'];'
        "optional double c = 3 [default = -1e3]; optional float d = 4 [default = -inf];"
        "optional int32 e = 5 [default = -0x10]; optional bool f = 6 [default = true, json_name = 'F'];",
        "",
    )
    assert [field.default_value for field in message.field] == [
        '\\000\\"\\303\\251', "é\n", "-1000", "-inf", "-16", "true",
    ]  # fmt: skip
    assert message.field[5].json_name == "F"


def test_options_stay_as_they_are_written() -> None:
    message = only_message(
        'option (a.b).c = "x"; option deprecated = true; int32 f = 1 [(o) = { a: [1, <b: -2>] /* no */ }, packed=true];'
    )
    first, second = message.options.uninterpreted_option
    assert [(part.name_part, part.is_extension) for part in first.name] == [("a.b", True), ("c", False)]
    assert (first.string_value, second.identifier_value) == (b"x", "true")
    assert message.field[0].options.uninterpreted_option[0].aggregate_value == "a : [ 1 , < b : - 2 > ]"


def test_services_have_their_methods() -> None:
    service = parsed(
        "service S { option deprecated = true; rpc A (x.Y) returns (stream Z); rpc B (stream .Q) returns (stream)"
        "{ option idempotency_level = IDEMPOTENT; } }"
    ).service[0]
    first, second = service.method
    assert (first.input_type, first.output_type, first.client_streaming, first.server_streaming) == (
        "x.Y", "Z", False, True
    )  # fmt: skip
    assert (second.input_type, second.output_type, second.client_streaming) == (".Q", "stream", True)


def test_editions_are_known_by_their_year() -> None:
    file = parsed('edition = "2023"; message M { reserved a, b; string s = 1 [features.field_presence = IMPLICIT]; }')
    assert (file.syntax, file.edition) == ("editions", pb.EDITION_2023)
    assert list(file.message_type[0].reserved_name) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "line 1, column 1: a message, enum, import"),
        ("message M {\n  optional string a = 1;", "line 2, column 25: '}' is expected, and the text ends"),
        ("message M {\n  optional string a = 1 }", "line 2, column 25: ';' is expected, and not '}'"),
        ("message M { optional string a = 1.5; }", "a whole number is expected"),
        ("message M { optional string a = 99999999999; }", "a number up to 536870911"),
        ("message M { map<double, string> a = 1; }", "a map's keys are"),
        ("message M { oneof o { } }", "a oneof has fields, and 'o' has none"),
        ("package a; package b;", "one package is expected"),
        ('syntax = "proto4";', "the syntax is 'proto2' or 'proto3'"),
        ('edition = "1889";', "an edition that is known"),
        ("option a = { b: 1", "'}' is expected"),
        ("enum E { A = 3000000000; }", "a number of 32 bits"),
        ('import "\\xff";', "a text in UTF-8"),
        ('import "\\q";', "whose backslashes mean something"),
        ('option a = { b: "\\q" };', "line 1, column 17: .* whose backslashes mean something"),
        ("import odd 'x';", "'public', 'weak' or a text"),
        ("option a = ;", "a value is expected"),
        ("message M { optional int32 a = 1 [default = ]; }", "a default is expected"),
        ("{" * 5, "a message, enum"),
        ("message M { int32 a = 1; }", "'optional', 'required' or 'repeated' is expected, and not 'int32'"),
        ("option a = 0x" + "f" * 5000 + ";", "a number of 64 bits is expected"),
        ("message M { optional int32 a = 1 [default = 0x" + "f" * 5000 + "]; }", "a number of 64 bits"),
        ("message M { optional int32 a = " + "1" * 5000 + "; }", "a whole number is expected"),
        ("message " + "M" * 256 + " {}", "a name of 255 characters at most"),
        ("package " + "a." * 64 + "a;", "a name of 64 parts at most"),
    ],
)
def test_what_is_no_schema_is_told_with_its_place(text: str, why: str) -> None:
    with pytest.raises(ProtoError, match=why):
        parsed(text)


def test_a_number_that_is_too_large_for_64_bits_is_one_with_a_fraction() -> None:
    options = parsed("option a = 99999999999999999999; option b = -0x8000000000000001;").options.uninterpreted_option
    assert [one.double_value for one in options] == [1e20, -(2.0**63)]


def test_a_message_of_many_oneofs_is_read_in_time() -> None:
    message = only_message("".join(f"oneof o{n} {{ bool f{n} = {n + 1}; }}" for n in range(20_000)))
    assert len(message.oneof_decl) == 20_000  # each is looked at once: else these are 200 million looks


def test_blocks_and_values_may_not_be_too_deep() -> None:
    with pytest.raises(ProtoError, match="blocks may be 32 deep"):
        parsed("message M {" * 100_000)
    with pytest.raises(ProtoError, match="a value may be 32 deep"):
        parsed("option a = " + "{ a: [" * 100_000)


WORDS = """message enum oneof map < > { } [ ] ( ) ; = - , . A b 1 0x 1e9 's' option extend group optional reserved
to max
service rpc syntax"""


@given(st.lists(st.sampled_from(WORDS.split()), max_size=40).map(" ".join))
def test_any_words_are_a_schema_or_an_error(text: str) -> None:
    try:
        assert isinstance(parsed(text), pb.FileDescriptorProto)
    except ProtoError as error:
        assert str(error).startswith("line 1")
