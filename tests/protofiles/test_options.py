"""Protobuf's own options out of texts."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2 as pb

from connect_protofiles.options import interpret
from connect_protofiles.parsing import parsed
from connect_protofiles.tokens import ProtoError

TEXT = """
option java_package = "a.\\"b";
option optimize_for = CODE_SIZE;
option (mine) = 5;
option php_generic_services = true;
message M {
  option deprecated = true;
  repeated int32 a = 1 [packed = true, (confluent.field_meta).doc = "d", jstype = JS_STRING];
  oneof o { string s = 2; }
  message N { optional string b = 1 [features = { field_presence: EXPLICIT }]; }
  extensions 100 to 200 [declaration = { number: 100 full_name: ".x" type: "string" }];
}
enum E { option allow_alias = true; A = 0 [deprecated = true]; }
service S { rpc R (M) returns (M) { option idempotency_level = IDEMPOTENT; } }
"""


def test_each_kind_of_options_is_set_and_others_stay() -> None:
    given = parsed(TEXT)
    file = interpret(given)
    message = file.message_type[0]
    assert (file.options.java_package, file.options.optimize_for) == ('a."b', pb.FileOptions.CODE_SIZE)
    assert [one.name[0].name_part for one in file.options.uninterpreted_option] == [
        "mine", "php_generic_services"
    ]  # fmt: skip
    assert message.options.deprecated
    assert (message.field[0].options.packed, message.field[0].options.jstype) == (True, pb.FieldOptions.JS_STRING)
    assert [len(one.name) for one in message.field[0].options.uninterpreted_option] == [2]
    assert message.nested_type[0].field[0].options.features.field_presence == pb.FeatureSet.EXPLICIT
    assert message.extension_range[0].options.declaration[0].full_name == ".x"
    assert file.enum_type[0].options.allow_alias
    assert file.enum_type[0].value[0].options.deprecated
    assert file.service[0].method[0].options.idempotency_level == pb.MethodOptions.IDEMPOTENT
    assert given == parsed(TEXT), "what is given stays as it was"


@pytest.mark.parametrize(
    "said", ["features.odd = A", "deprecated = 5.5", "deprecated.x = true", "features = 3", "uninterpreted_option = {}"]
)
def test_what_is_no_option_is_told(said: str) -> None:
    with pytest.raises(ProtoError, match="option"):
        interpret(parsed(f"message M {{ option {said}; }}"))
