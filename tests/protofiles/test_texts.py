"""Schemas as texts, in the form that a registry keeps."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import api_pb2, descriptor_pb2, struct_pb2
from google.protobuf import descriptor_pb2 as pb

from connect_protofiles import described, linked, parsed, text_of
from connect_protofiles.meta import Meta, set_meta
from connect_protofiles.tokens import ProtoError
from tests.protofiles.test_linking import google_files, text_of_google

SAID = """
// A comment
syntax = "proto3"; package a.b;
import public "p.proto"; import "google/type/date.proto";
option java_package = 'x'; option (mine).y = -5;
enum E { option allow_alias = true; reserved 9; Z = 0; Y = 0 [deprecated = true]; }
message M {
  enum F { A = 0; }
  message N {}
  oneof o { string s = 3; bytes b = 4; }
  map<string, N> m = 2;
  optional int32 i = 1 [(confluent.field_meta) = { params: [{key: "connect.type" value: "int8"}] }];
  repeated .a.b.E e = 5 [packed = true, json_name = "x"];
  message P { string q = 1; oneof r { string t = 2; } }
  reserved 10 to 12, 20; reserved "old";
}
service S { rpc R (M) returns (stream M); }
"""
KEPT = """\
syntax = "proto3";
package a.b;

import "google/type/date.proto";
import public "p.proto";

option java_package = "x";
option (mine).y = -5;

message M {
  reserved 10 to 12;
  reserved 20;
  reserved "old";
~~
  map<string, N> m = 2;
  optional int32 i = 1 [(confluent.field_meta) = {
    params: [
      {
        key: "connect.type",
        value: "int8"
      }
    ]
  }];
  repeated .a.b.E e = 5 [
    packed = true,
    json_name = "x"
  ];
~~
  oneof o {
    string s = 3;
    bytes b = 4;
  }
~~
  message N {}
  message P {
    string q = 1;
  ~~
    oneof r {
      string t = 2;
    }
  }
  enum F {
    A = 0;
  }
}
enum E {
  reserved 9;
  option allow_alias = true;
  Z = 0;
  Y = 0 [deprecated = true];
}

service S {
  rpc R (M) returns (stream M);
}
""".replace("~", " ")


def test_a_schema_is_written_as_the_registry_keeps_it() -> None:
    assert text_of(parsed(SAID)) == KEPT
    assert text_of(parsed(KEPT)) == KEPT


def test_every_file_of_googles_is_the_same_schema_when_it_is_written_out() -> None:
    for name in google_files():
        text = text_of_google(name)
        assert text is not None
        again = parsed(text_of(parsed(text, name)), name)
        assert text_of(again) == text_of(parsed(text, name)), name
        assert linked(again, text_of_google).name == name


@pytest.mark.parametrize(
    "text",
    [
        'message M {\n  optional group G = 1 {\n    required int32 a = 1 [default = -5];\n  }\n}\n',
        'syntax = "proto2";\n\nmessage M {\n  extensions 5 to max;\n}\n\nextend M {\n  optional string s = 5;\n}\n',
        'message M {\n  optional string a = 1 [default = "\\"\\n"];\n}\n',
        'edition = "2023";\n\nmessage M {}\n',
        'message M {\n  optional bytes a = 1 [default = "\\000\\"\\377"];\n}\n',
        'message M {\n  repeated group G = 1 [deprecated = true] {\n    required int32 a = 1;\n  }\n}\n',
        'message M {\n  extensions 5 to 6;\n  \n  extend M {\n    optional group G = 5 {}\n  }\n}\n',
        'extend M {\n  optional group H = 6 {\n    required int32 a = 1;\n  }\n}\n',
        "\noption x = {\n  a: [\n    1,\n    -2\n  ],\n  [b.c]: {\n    d: \"e\"\n  }\n};\n",
        "\nservice S {\n  rpc R (M) returns (M) {\n    option deprecated = true;\n  };\n}\n",
    ],
)  # fmt: skip
def test_each_part_of_the_language_is_written_as_it_is_kept(text: str) -> None:
    made = text_of(parsed(text))
    assert made == text or made == "\n" + text


def test_a_precision_has_its_value_first() -> None:
    file = parsed('syntax = "proto3"; message M { bytes d = 1; }')
    set_meta(file.message_type[0].field[0].options, Meta(params={"scale": "2"}))
    assert 'value: "2",\n        key: "scale"\n' in text_of(file)


def test_what_confluents_option_says_in_bytes_is_written_in_words() -> None:
    file = parsed('syntax = "proto3"; message M { bytes d = 1; }')
    file.message_type[0].field[0].options.MergeFromString(b"\x82\x44\x09\x12\x07\n\1a\x12\2bc")
    assert 'key: "a",\n        value: "bc"\n' in text_of(file)
    assert text_of(parsed(text_of(file))) == text_of(file)


def test_options_of_a_file_go_as_the_registry_writes_them() -> None:
    file = parsed("")
    file.options.go_package, file.options.java_multiple_files, file.options.java_package = "g", True, "j"
    assert (
        text_of(file) == '\noption java_package = "j";\noption java_multiple_files = true;\noption go_package = "g";\n'
    )


def test_a_message_that_is_called_as_the_entries_of_a_map_is_none() -> None:
    text = (
        'syntax = "proto3"; package p; message M { map<string, int32> a = 1; repeated N.AEntry b = 2; N n = 3; }'
        "message N { message AEntry {} map<string, M> c = 1; message CEntries {} }"
    )
    resolved = described(linked(parsed(text)))
    for file, name in ((parsed(text), "N.AEntry"), (resolved, ".p.N.AEntry")):
        assert f"  map<string, int32> a = 1;\n  repeated {name} b = 2;\n" in text_of(file)


def test_what_no_text_can_say_of_a_descriptor_is_told() -> None:
    file = pb.FileDescriptorProto()
    file.options.uninterpreted_option.add(aggregate_value="a: {" * 100_000).name.add(name_part="x", is_extension=True)
    with pytest.raises(ProtoError, match="deeper than 32"):
        text_of(file)
    file.options.uninterpreted_option[0].aggregate_value = 'a: "\\q"'
    with pytest.raises(ProtoError, match="a backslash that means nothing"):
        text_of(file)
    file = pb.FileDescriptorProto()
    message = file.message_type.add(name="M")
    message.field.add(name="g", number=1, type=pb.FieldDescriptorProto.TYPE_GROUP, type_name=".Other")
    with pytest.raises(ProtoError, match="the message of group 'g' does not stand beside it"):
        text_of(file)


@pytest.mark.parametrize("module", [api_pb2, descriptor_pb2, struct_pb2])
def test_descriptors_that_protoc_made_come_out_as_texts_that_are_read(module: Any) -> None:
    once = text_of(pb.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb))
    again = parsed(once, "again")
    assert text_of(again) == once
    assert linked(again).name == "again"


def test_texts_of_an_option_in_many_parts_are_joined_in_time() -> None:
    text = text_of(parsed("option x = { a: " + '"a" ' * 50_000 + "};"))
    assert text.count("a") == 50_001
