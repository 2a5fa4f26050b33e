"""Confluent's rules, one by one."""

from __future__ import annotations

import pytest

from connect.registry.protobuf.compatibility import Difference
from connect.registry.protobuf.schema import parse_protobuf
from connect.registry.schemas import Referred


def told(before: str, after: str, *referred: tuple[Referred, ...]) -> list[str]:
    head = 'syntax = "proto3"; '
    old, new = referred or ((), ())
    original, update = parse_protobuf(head + before, old, True), parse_protobuf(head + after, new, True)
    return update.problems(original, reader_name="new", writer_name="old")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("message M { int32 a = 1; }", "message M { int32 renamed = 1; string b = 2; }"),
        ("message M { int32 a = 1; string b = 2; }", "message M { int32 a = 1; }"),
        ("message M { int32 a = 1; bool b = 2; }", "message M { uint64 a = 1; int64 b = 2; }"),
        ("message M { sint32 a = 1; fixed32 b = 2; }", "message M { sint64 a = 1; sfixed32 b = 2; }"),
        ("message M { string a = 1; }", "message M { repeated bytes a = 1; }"),
        ("message M { E e = 1; } enum E { Z = 0; }", "message M { int32 e = 1; }"),
        ("message M {} enum E { Z = 0; A = 1; }", "message M {} enum F { Z = 0; }"),
        ("message M {}", "message N {} message M {}"),
        ("message M { int32 a = 1; }", "message M { oneof o { int32 a = 1; string b = 2; } }"),
        ("message M { oneof o { int32 a = 1; string b = 2; } }", "message M { int32 a = 1; string b = 2; }"),
        ("message M { oneof o { int32 a = 1; } int32 b = 2; }", "message M { int32 b = 2; }"),
        ("message M { N n = 1; message N {} }", "message M { .M.N n = 1; message N {} }"),
        ("message M { map<int32, string> m = 1; }", "message M { map<int64, bytes> m = 1; }"),
        ("message M { M inner = 1; int32 a = 2; }", "message M { M inner = 1; int64 a = 2; }"),
        ("message M { optional int32 a = 1; }", "message M { int32 a = 1; }"),
    ],
)
def test_changes_that_fit(before: str, after: str) -> None:
    assert told(before, after) == []


@pytest.mark.parametrize(
    ("before", "after", "kind", "path"),
    [
        ("package a; message M {}", "package b; message M {}", "PACKAGE_CHANGED", "#/"),
        ("message M {} message N {}", "message M {}", "MESSAGE_REMOVED", "#/N"),
        ("message M { message N {} }", "message M {}", "MESSAGE_REMOVED", "#/M/N"),
        ("message M { int32 a = 1; }", "message M { string a = 1; }", "FIELD_SCALAR_KIND_CHANGED", "#/M/1"),
        ("message M { int32 a = 1; }", "message M { sint32 a = 1; }", "FIELD_SCALAR_KIND_CHANGED", "#/M/1"),
        ("message M { int32 a = 1; }", "message M { M a = 1; }", "FIELD_KIND_CHANGED", "#/M/1"),
        ("message M { int32 a = 1; }", "message M { repeated int32 a = 1; }", "FIELD_NUMERIC_LABEL_CHANGED", "#/M/1"),
        ("message M { map<int32, M> m = 1; }", "message M { repeated M m = 1; }", "FIELD_KIND_CHANGED", "#/M/1"),
        (
            "message M { map<int32, M> m = 1; }",
            "message M { map<string, M> m = 1; }",
            "FIELD_SCALAR_KIND_CHANGED",
            "#/M/1",
        ),
        (
            "message M { N n = 1; } message N {}",
            "message M { O n = 1; } message N {} message O {}",
            "FIELD_NAMED_TYPE_CHANGED",
            "#/M/1",
        ),
        (
            "message M { oneof o { int32 a = 1; string b = 2; } }",
            "message M { oneof o { int32 a = 1; } }",
            "ONEOF_FIELD_REMOVED",
            "#/M/o/2",
        ),
        (
            "message M { int32 a = 1; int32 b = 2; }",
            "message M { oneof o { int32 a = 1; int32 b = 2; } }",
            "MULTIPLE_FIELDS_MOVED_TO_ONEOF",
            "#/M/o",
        ),
        (
            "message M { oneof o { int32 a = 1; } int32 b = 2; }",
            "message M { oneof o { int32 a = 1; int32 b = 2; } }",
            "FIELD_MOVED_TO_EXISTING_ONEOF",
            "#/M/o",
        ),
    ],
)
def test_changes_that_do_not_fit_are_told_with_their_place(before: str, after: str, kind: str, path: str) -> None:
    assert Difference(kind, path).told() in told(before, after)


def test_required_fields_may_neither_come_nor_go() -> None:
    one = parse_protobuf("message M { optional int32 a = 1; }", (), True)
    two = parse_protobuf("message M { optional int32 a = 1; required int32 b = 2; }", (), True)
    assert "REQUIRED_FIELD_ADDED" in two.problems(one, reader_name="new", writer_name="old")[0]
    assert "REQUIRED_FIELD_REMOVED" in one.problems(two, reader_name="new", writer_name="old")[0]


def test_a_message_of_many_oneofs_is_compared_in_time() -> None:
    text = "".join(f"oneof o{number} {{ bool f{number} = {number + 1}; }}" for number in range(3000))
    assert told(f"message M {{ {text} }}", f"message M {{ {text} }}") == []


def test_groups_are_compared_by_what_is_in_them_and_go_with_their_fields() -> None:
    def problems(before: str, after: str) -> list[str]:
        old, new = (parse_protobuf(f"message M {{ {body} }}", (), True) for body in (before, after))
        return new.problems(old, reader_name="new", writer_name="old")

    group = "optional group G = 1 { optional int32 a = 1; }"
    assert problems(group, group.replace("int32", "int64")) == problems(group, "") == []
    assert "FIELD_SCALAR_KIND_CHANGED" in problems(group, group.replace("int32", "string"))[0]
    # On the wire a message has a length, and a group has an end.
    assert "FIELD_KIND_CHANGED" in problems(group, "optional G g = 1; message G { optional int32 a = 1; }")[0]


def test_messages_of_imports_are_compared_too() -> None:
    def imported(kind: str) -> tuple[Referred, ...]:
        return (Referred("i.proto", f'syntax = "proto3"; package i; message I {{ {kind} a = 1; }}'),)

    text = 'import "i.proto"; message M { i.I i = 1; }'
    assert told(text, text, imported("int32"), imported("int64")) == []
    found = told(text, text, imported("int32"), imported("string"))
    assert "FIELD_SCALAR_KIND_CHANGED" in found[0] and "FIELD_NAMED_TYPE_CHANGED" in found[1]
