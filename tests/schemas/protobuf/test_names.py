"""Names between Connect and Protobuf."""

from __future__ import annotations

import pytest

from connect_schemas.protobuf.names import entry_of, map_of, scrubbed, split


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("order_1", "order_1"), ("", ""), ("_id", "x_id"), ("1st", "x1st"), ("a-b", "a_b"), ("a b", "a_b"),
        ("ä", "_C3_A4"), ("a~*", "a_7E_"),
    ],
)  # fmt: skip
def test_what_protobuf_does_not_take_is_replaced(name: str, made: str) -> None:
    assert scrubbed(name) == made


def test_a_full_name_is_a_package_and_a_name() -> None:
    assert split("a.b.C", scrub=False) == ("a.b", "C")
    assert split("C", scrub=False) == ("", "C")
    assert split("a-b.c$d..", scrub=True) == ("a_b", "c_24d")


@pytest.mark.parametrize(
    ("name", "entry", "back"),
    [
        ("attrs", "attrsEntry", "attrs"),
        ("ConnectDefault2", "ConnectDefault2Entry", "connect_default2"),
        ("some_BAR_map", "SomeBarMapEntry", "some_bar_map"),
    ],
)
def test_a_map_and_its_entry_have_a_name_by_each_other(name: str, entry: str, back: str) -> None:
    assert entry_of(name) == entry
    assert map_of(f"a.{entry}") == f"a.{back}"


def test_an_entry_of_another_name_is_a_map_of_that() -> None:
    assert map_of("a.Other") == "a.Other"
