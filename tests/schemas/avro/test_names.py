"""Names that Avro takes, and what is made of others."""

from __future__ import annotations

import pytest

from connect_schemas.avro import names


@pytest.mark.parametrize(
    ("name", "scrubbed"),
    [
        ("plain_1", "plain_1"),
        ("a-b", "a_b"),
        ("1a", "x1a"),
        ("a b", "a_b"),
        ("x~*", "x_7E_"),
        ("é", "_C3_A9"),
        ("", ""),
    ],
)
def test_what_avro_does_not_take_is_encoded_as_in_a_url(name: str, scrubbed: str) -> None:
    assert names.scrubbed(name) == scrubbed


def test_a_full_name_is_parted_at_its_last_dot() -> None:
    assert names.split("a.b.C", scrub=False) == ("a.b", "C")
    assert names.split("C", scrub=False) == (None, "C")
    assert names.split("my-ns.1C", scrub=True) == ("my_ns", "x1C")
    assert names.full("my-ns.1C", scrub=True) == "my_ns.x1C"
    assert names.full("my-ns.1C", scrub=False) == "my-ns.1C"
    assert names.full(None, scrub=True) is None


def test_a_name_begins_with_no_digit() -> None:
    assert [names.is_name(name) for name in ("_a1", "1a", "a.b", "")] == [True, False, False, False]
