"""Whether one schema reads what another writes."""

from __future__ import annotations

import pytest

from connect_protofiles import linked, parsed
from connect_schemas.protobuf.resolving import why_not, why_not_message


def why(reader: str, writer: str) -> str | None:
    head = 'syntax = "proto3"; '
    return why_not(linked(parsed(head + reader)), linked(parsed(head + writer)))


@pytest.mark.parametrize(
    ("reader", "writer"),
    [
        ("message M { int32 a = 1; }", "message M { int32 b = 1; string c = 2; }"),
        ("message M { int64 a = 1; string b = 2; string c = 3; }", "message M { bool a = 1; bytes b = 2; }"),
        ("message M { repeated string a = 1; }", "message M { string a = 1; }"),
        ("message M { E a = 1; enum E { Z = 0; } }", "message M { int32 a = 1; }"),
        ("message N {} message M { M m = 1; }", "message M { M m = 1; }"),
        ("message M { map<string, int32> a = 1; }",
         "message M { repeated AEntry a = 1; message AEntry { string key = 1; int64 value = 2; } }"),
    ],
)  # fmt: skip
def test_bytes_that_mean_the_same_are_read(reader: str, writer: str) -> None:
    assert why(reader, writer) is None


@pytest.mark.parametrize(
    ("reader", "writer", "reason"),
    [
        ("message N {}", "message M {}", "it has no message M"),
        ("message M { string a = 1; }", "message M { int32 a = 1; }", "is a text or bytes there, and a whole number"),
        ("message M { sint32 a = 1; }", "message M { int32 a = 1; }", "a number with a sign there"),
        ("message M { repeated int32 a = 1; }", "message M { int32 a = 1; }", "repeated in one of them alone"),
        ("message M { N a = 1; message N { float x = 3; } }", "message M { N a = 1; message N { double x = 3; } }",
         "field 3 of M.N is a float there, and a double here"),
        ("message M { string b = 1; string a = 2; }", "message M { string a = 1; string b = 2; }",
         "field 'a' of M is 2 there, and 1 here"),
        ("message M { string a = 5; }", "message M { string a = 1; }", "field 'a' of M is 5 there, and 1 here"),
    ],
)  # fmt: skip
def test_what_is_read_otherwise_is_told(reader: str, writer: str, reason: str) -> None:
    assert reason in (why(reader, writer) or "")


def test_fields_of_versions_are_known_by_their_numbers() -> None:
    head = 'syntax = "proto3"; '
    older, newer = (
        linked(parsed(head + text)).message_types_by_name["M"]
        for text in ("message M { string a = 1; string b = 2; }", "message M { string b = 1; string a = 2; }")
    )
    assert why_not_message(newer, older) is None
