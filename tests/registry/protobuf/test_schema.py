from __future__ import annotations

import contextlib
from base64 import b64decode, b64encode

import pytest
from google.protobuf import descriptor_pb2, struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from connect.registry.protobuf.schema import ProtobufSchema, parse_protobuf
from connect.registry.schemas import Referred
from connect_protofiles import ProtoError

HEAD = 'syntax = "proto3";\n'


def read(text: str, *referred: Referred) -> ProtobufSchema:
    return parse_protobuf(text, referred, True)


def test_a_descriptor_and_its_text_are_one_schema() -> None:
    raw = b64encode(struct_pb2.DESCRIPTOR.serialized_pb).decode()
    schema = read(raw)
    assert "map<string, .google.protobuf.Value> fields = 1;" in schema.canonical
    assert read(schema.canonical).canonical == schema.canonical == read(raw[:40] + "\n" + raw[40:]).canonical
    assert read(schema.serialized).normalized == schema.normalized
    file = descriptor_pb2.FileDescriptorProto.FromString(b64decode(schema.serialized))
    assert [message.name for message in file.message_type] == ["Struct", "Value", "ListValue"]


def test_types_are_found_from_the_innermost_space_outwards() -> None:
    schema = read(HEAD + "package a.b; message M { N x = 1; b.N y = 2; message N { N z = 1; } } message N {}")
    message = schema.resolved.message_type[0]
    assert [field.type_name for field in message.field] == [".a.b.M.N", ".a.b.N"]
    assert message.nested_type[0].field[0].type_name == ".a.b.M.N"


def test_normalized_texts_name_types_in_full_and_order_imports() -> None:
    imports = ['import "google/protobuf/timestamp.proto";', 'import "google/protobuf/any.proto";']
    rest = "message M { google.protobuf.Timestamp t = 1; google.protobuf.Any a = 2; }"
    one, two = (read(HEAD + "".join(order) + rest) for order in (imports, imports[::-1]))
    assert one.normalized == two.normalized and one.canonical != two.canonical
    assert ".google.protobuf.Timestamp t = 1;" in one.normalized


def test_normalized_texts_say_the_syntax_and_which_imports_are_public() -> None:
    a, b = Referred("a.proto", "message A {}"), Referred("b.proto", "message B {}")
    one = read('import "b.proto"; import public "a.proto"; message M {}', a, b)
    two = read('syntax = "proto2"; import public "a.proto"; import "b.proto"; message M {}', a, b)
    assert one.normalized == two.normalized
    assert one.normalized.startswith('syntax = "proto2";\n\nimport "b.proto";\nimport public "a.proto";\n')


def test_options_of_others_are_kept_and_groups_are_taken() -> None:
    schema = read("message M { option (mine) = { a: 1 }; optional group G = 1 { optional int32 a = 1 [(x) = 1]; } }")
    for text in (schema.canonical, schema.normalized):
        assert "  option (mine) = {\n    a: 1\n  };\n" in text
        assert "optional group G = 1 {\n    optional int32 a = 1 [(x) = 1];\n" in text
        assert read(text).normalized == schema.normalized


def test_a_text_that_a_descriptor_smuggles_in_is_the_schema_that_is_checked() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="x", syntax="proto3")
    option = file.message_type.add(name="M").options.uninterpreted_option.add(identifier_value="true")
    option.name.add(name_part="a = 1; } message More { int32 x = 1; option deprecated", is_extension=False)
    schema = read(b64encode(file.SerializeToString()).decode())
    assert [one.name for one in schema.resolved.message_type] == list(schema.types.messages) == ["M", "More"]
    option.name[0].name_part = "a = 1; } message"
    with pytest.raises(ProtoError, match="line "):
        read(b64encode(file.SerializeToString()).decode())


def test_other_schemas_are_imported_by_their_names() -> None:
    inner = Referred("inner.proto", HEAD + "package i; message I {}")
    outer = Referred("outer.proto", HEAD + 'import public "inner.proto"; message O { i.I i = 1; }')
    assert read(
        HEAD + 'import "outer.proto"; message M { O o = 1; i.I i = 2; }', inner, outer
    ).types.messages.keys() >= {
        "M",
        "O",
        "i.I",
    }
    for known in ("confluent/meta.proto", "confluent/type/decimal.proto", "google/protobuf/type.proto"):
        assert read(f'{HEAD}import "{known}"; message M {{}}')


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "line 1, column 1: a message, enum, import"),
        ("AAAA", "line 1, column 1: a message, enum, import"),
        (HEAD, "declares no message"),
        ('edition = "2023"; message M {}', "syntax of proto2 or proto3"),
        ("CgF4Ygh\nlZGl0aW9ucw==", "edition"),
        ("CgF4YgZwcm90bzk=", "proto9"),
        ("message M { int32 a = 1; }", "'optional', 'required' or 'repeated'"),
        (HEAD + "message M { int32 a = 1 [deprecated = maybe]; }", "option 'deprecated'"),
        (HEAD + "message M { " * 33, "blocks may be 32 deep"),
        (HEAD + 'import "none.proto"; message M {}', "'none.proto', which is neither among its references nor known"),
        (HEAD + "message M { N n = 1; }", "couldn't resolve name 'N'"),
        (HEAD + "message M { .M.N n = 1; }", "couldn't resolve name '.M.N'"),
        (HEAD + "message M { int32 a = 1; int32 b = 1; }", "duplicate field number"),
        (HEAD + "message M { int32 a = 1; int32 a = 2; }", "duplicate field name"),
        (HEAD + "message M {} message M {}", "M"),
        (HEAD + "message M { int32 a = 0; }", "a"),
        (HEAD + "message M { int32 a = 1; reserved 1 to 0; }", "Reserved range"),
        (HEAD + "enum E { A = 1; }", "E"),
        (HEAD + "message M { map<float, string> m = 1; }", "key"),
    ],
)
def test_what_is_no_schema_is_refused(text: str, told: str) -> None:
    with pytest.raises(ProtoError, match=told):
        read(text)


_WORDS = (
    'syntax = "proto3" ; message M { } int32 a 1 repeated map < , > oneof option ( ) [ ] reserved to max enum 0 . -'
)


@given(st.lists(st.sampled_from(_WORDS.split()), max_size=20))
def test_texts_of_strangers_are_refused_or_read_and_never_break(words: list[str]) -> None:
    with contextlib.suppress(ProtoError):
        read(f"{HEAD} message First {{ }} {' '.join(words)}")


def test_descriptors_of_strangers_are_refused_or_read_and_never_break() -> None:
    raw = struct_pb2.DESCRIPTOR.serialized_pb
    for cut in range(0, len(raw), 7):
        for broken in (raw[:cut], raw[:cut] + bytes([raw[cut] ^ 0x55]) + raw[cut + 1 :]):
            try:
                read(b64encode(broken).decode())
            except ValueError:  # told
                continue
