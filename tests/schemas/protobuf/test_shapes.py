"""What a message looks like."""

from __future__ import annotations

from connect_protofiles import linked, parsed
from connect_schemas.protobuf.shapes import MessageShape, shape_of


def shape(text: str, message: str = "M") -> MessageShape:
    return shape_of(linked(parsed(text)).pool.FindMessageTypeByName(message))


def test_fields_that_are_optional_are_told_from_those_that_are_not() -> None:
    made = shape('syntax = "proto3"; message M { int32 a = 1; optional int32 b = 2; oneof o { int32 c = 3; } }')
    assert [(one.name, one.is_marked, one.is_proto3_optional) for one in made.fields] == [
        ("a", False, False), ("b", True, True), ("c", False, False),
    ]  # fmt: skip
    made = shape(
        "message M { optional int32 a = 1; required int32 b = 2; repeated int32 c = 3; oneof o { int32 d = 4; } }"
    )
    assert [(one.name, one.is_marked, one.is_proto3_optional) for one in made.fields] == [
        ("a", True, False), ("b", False, False), ("c", False, False), ("d", False, False),
    ]  # fmt: skip


def test_oneofs_are_those_that_are_written() -> None:
    made = shape(
        'syntax = "proto3"; message M { optional int32 a = 1; oneof o { int32 b = 2; int32 c = 3; }'
        "oneof p { bool d = 4; } }"
    )
    assert {oneof: [one.name for one in of] for oneof, of in made.oneofs.items()} == {
        ("o", 0): ["b", "c"], ("p", 1): ["d"]
    }  # fmt: skip


def test_a_map_is_one_by_name_and_shape_too() -> None:
    made = shape(
        'syntax = "proto3"; message M { map<string, int32> a = 1; repeated BEntry b = 2; repeated CEntry c = 3;'
        "BEntry d = 4; message BEntry { string key = 1; int32 value = 2; }"
        "message CEntry { string key = 1; repeated int32 value = 2; } }"
    )
    assert [one.is_map for one in made.fields] == [True, True, False, False]


def test_a_field_has_what_confluents_option_says() -> None:
    made = shape(
        'syntax = "proto3"; message M { int32 a = 1 [(confluent.field_meta) = {params: [{key: "k", value: "v"}]}]; }'
    )
    assert made.fields[0].meta.params == {"k": "v"}
