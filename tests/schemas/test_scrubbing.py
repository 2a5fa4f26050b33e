from __future__ import annotations

import pytest

from connect_schemas.scrubbing import scrubbed, split


@pytest.mark.parametrize(
    ("name", "made"),
    [("unit-price", "unit_price"), ("1st", "x1st"), ("a b*~", "a_b__7E"), ("é", "_C3_A9"), ("_a.", "_a_")],
)
def test_a_name_is_made_as_java_encodes_it(name: str, made: str) -> None:
    assert scrubbed(name, odd_first="0123456789") == made


def test_what_a_format_does_not_take_in_front_has_an_x_before_it() -> None:
    assert scrubbed("_a-b", odd_first="_") == "x_a_b"
    assert scrubbed("_a-b", odd_first="") == "_a_b"


def test_a_full_name_is_parted_and_each_part_scrubbed() -> None:
    assert split("a-b.c.D", None) == (["a-b", "c"], "D")
    assert split("a-b.c-d.", str.upper) == (["A-B"], "C-D")
    assert split("D", None) == ([], "D")
