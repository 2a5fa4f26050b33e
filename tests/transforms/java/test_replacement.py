"""The replacement texts of Java's Matcher.replaceFirst."""

from __future__ import annotations

import pytest

from connect.api import DataError, compile_pattern
from connect_transforms.java.replacement import expand


def expanded(replacement: str, pattern: str = "(?<name>a+)(b)?", text: str = "aab") -> str:
    match = compile_pattern(pattern).search(text)
    assert match is not None
    return expand(match, replacement)


@pytest.mark.parametrize(
    ("replacement", "expected"),
    [
        ("x", "x"), ("$1", "aa"), ("$0", "aab"), ("${name}-$2", "aa-b"), ("$10", "aa0"), ("$13x", "aa3x"),
        pytest.param("$1" + "9" * 5000, "aa" + "9" * 5000, id="digits"), ("$01", "aa"),
        (r"\$1", "$1"), (r"\\", "\\"), (r"\x", "x"), ("", ""),
    ],
)  # fmt: skip
def test_groups_are_filled_in_and_a_backslash_takes_the_next_character_as_it_is(
    replacement: str, expected: str
) -> None:
    assert expanded(replacement) == expected


def test_a_group_that_took_no_part_is_empty() -> None:
    assert expanded("<$2>", text="aa") == "<>"


@pytest.mark.parametrize(
    ("replacement", "why"),
    [
        ("$3", "No group 3"), ("${nope}", r"No group with name \{nope\}"), ("${name", "No group with name"),
        ("$", "Illegal group reference"), ("$x", "Illegal group reference"),
        ("a\\", "character to be escaped is missing"),
    ],
)  # fmt: skip
def test_a_reference_to_nothing_is_an_error(replacement: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        expanded(replacement)
