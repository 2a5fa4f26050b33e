from __future__ import annotations

import pytest

from connect.registry.subjects import (
    Qualified,
    context_of,
    is_context,
    is_valid,
    normalized,
    qualified,
    scope_of,
    within,
)


@pytest.mark.parametrize(
    ("text", "context", "subject"),
    [
        ("orders-value", ".", "orders-value"),
        (":.test:orders", ".test", "orders"),
        (":.test:", ".test", ""),
        (":.test", ".test", ""),
        (":.:orders", ".", "orders"),
        (":.a:b:c", ".a", "b:c"),
    ],
)
def test_a_subject_says_its_context(text: str, context: str, subject: str) -> None:
    assert qualified(text) == Qualified(context, subject)


def test_the_default_context_is_never_written_out() -> None:
    assert normalized(":.:orders") == "orders" and normalized(":.test:orders") == ":.test:orders"


def test_what_a_schema_refers_to_is_of_its_own_context_unless_it_names_one() -> None:
    assert within(":.test:a", "b") == ":.test:b"
    assert within(":.test:a", ":.other:b") == ":.other:b"
    assert within(":.test:a", ":.:b") == "b"


def test_a_context_is_no_subject_and_the_default_one_has_the_global_settings() -> None:
    assert is_context(":.test:") and not is_context(":.test:a") and context_of(":.test:a") == ".test"
    assert scope_of(".test") == ":.test:" and scope_of(".") is None


@pytest.mark.parametrize("subject", ["", ":.test:", "a\nb", "__GLOBAL", ":.test:__EMPTY"])
def test_schemas_are_not_registered_under_what_is_no_subject(subject: str) -> None:
    assert not is_valid(subject)
