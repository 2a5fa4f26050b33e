from __future__ import annotations

import pytest
from google.protobuf import api_pb2, descriptor_pb2, struct_pb2

from connect.registry.protobuf.parsing import parse_text
from connect.registry.protobuf.printing import text_of

TEXT = """syntax = "proto3";
package a.b;

import public "x.proto";

option java_package = "j";
option (file).meta = { doc : "x" };

message M {
  option deprecated = true;
  reserved 7, 10 to max;
  reserved "x";
  map<string, N> names = 1 [deprecated = true, json_name = "n"];
  optional string o = 2;
  repeated uint64 many = 5;
  oneof which {
    int32 i = 3;
    N n = 4;
  }

  message N {
    .a.b.M back = 1;
  }

  enum E {
    reserved -5 to -1;
    Z = 0;
  }
}

extend google.protobuf.FieldOptions {
  string my = 50000;
}

service S {
  rpc Do (M) returns (stream M) {
    option deprecated = true;
  }
  rpc More (stream M) returns (M);
}
"""


def test_a_file_in_that_form_is_written_as_it_was() -> None:
    assert text_of(parse_text(TEXT)) == TEXT


def test_proto2_is_written_with_its_labels_and_defaults() -> None:
    text = (
        'syntax = "proto2";\n\nmessage A {\n  required int32 x = 1 [default = -3];\n'
        '  optional string t = 2 [default = "a\\"b"];\n  extensions 100 to 199;\n}\n'
    )
    assert text_of(parse_text(text)) == text


@pytest.mark.parametrize("module", [api_pb2, descriptor_pb2, struct_pb2])
def test_files_of_others_come_out_as_texts_that_are_read(module: object) -> None:
    file = descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)  # type: ignore[attr-defined]
    once = text_of(file)
    assert text_of(parse_text(once)) == once
