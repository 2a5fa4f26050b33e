"""The syntax of references, as Kafka's ConfigTransformer reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.runtime.providers.references import (
    Encoded,
    Reference,
    filled,
    parts_of,
    refer,
    references_in,
    written,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("${file:/run/s.properties:pw}", [("file", "/run/s.properties", "pw")]),
        ("${env:PGPASSWORD}", [("env", "", "PGPASSWORD")]),
        ("jdbc://${a:p:k}@${b:k}/${a:p:k}", [("a", "p", "k"), ("b", "", "k"), ("a", "p", "k")]),
        ("${vault:path:key:with:colons}", [("vault", "path", "key:with:colons")]),
        ("${vault::key}", [("vault", "", "key")]),
        ("${vault:path:}", [("vault", "path", "")]),
        ("${plain} $${x} {a:b} $a:b", []),
        ("${a:b", []),
        ("", []),
    ],
)
def test_references_are_found(text: str, found: list[tuple[str, str, str]]) -> None:
    assert [(one.provider, one.path, one.key) for one in references_in(text)] == found


def test_a_reference_to_no_provider_of_ours_is_text() -> None:
    assert parts_of("${a:k} and ${b:k}", ["b"]) == ("${a:k} and ", Reference("b", "", "k", "${b:k}"))
    assert refer("${a:k}", ["a"])
    assert not refer("${a:k}", ["b"])


def test_what_a_value_holds_is_not_looked_through_again() -> None:
    parts = parts_of("${a:k}${a:k}", ["a"])
    assert filled(parts, {"${a:k}": "${a:k}x"}) == "${a:k}x${a:k}x"


def test_what_was_made_of_a_value_is_used_and_not_shown() -> None:
    parts = ("x=", Encoded("p%40ss"))
    assert filled(parts, {}) == "x=p%40ss"
    assert written(parts) == "x=[hidden]"


@given(st.text(alphabet="${}:ab \n", max_size=30))
def test_taken_apart_and_written_again_a_text_is_the_same(text: str) -> None:
    assert written(parts_of(text, ["a", "b", "ab", ""])) == text
