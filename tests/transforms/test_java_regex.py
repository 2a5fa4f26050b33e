"""Java's patterns mean here what they mean there."""

from __future__ import annotations

import pytest

from connect.api import DataError
from connect_transforms.java_regex import compile_pattern
from connect_transforms.java_replacement import expand


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\Qa.b\E+", "a.bb"),
        (r"(?<year>\d{4})-\k<year>", "2024-2024"),
        (r"[a-z&&[^aeiou]]+", "xyz"),
        (r"[a-c[x-z]]+", "abxz"),
        (r"[^\d\s]+", "été"),
        (r"[\D]+", "é_"),
        (r"\p{Lu}\p{Lower}+", "Éab"),
        (r"\P{L}+", "12-"),
        (r"a\h\Rb\z", "a\t\r\nb"),
        (r"a++b", "aab"),
        (r"(?i)TOPIC", "topic"),
        (r"[]a]+", "]a"),
        (r"[a\-z]+", "a-z"),
        (r"[\w.-]+", "a.b-c"),
        (r"[\w-.]+", "a.b-c"),
        (r"[\d-x[yz]-]+", "1-xy-"),
        (r"^*a$?", "a"),
        (r"\x{1F600}\u0041\x41\0101", "\U0001f600AAA"),
        (r"[[a-z]&&[def]]", "e"),
        (r"[\Q]^\E]+", "]^"),
    ],
)
def test_a_pattern_matches_the_whole_text(pattern: str, text: str) -> None:
    assert compile_pattern(pattern).fullmatch(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\d", "\u0661"),
        (r"\w", "é"),
        (r"\s", "\xa0"),
        (r"[a-z&&[^aeiou]]", "a"),
        (r"[^a-z&&[abc]]", "a"),
        (r"[^\W]", "é"),
    ],
)
def test_a_pattern_does_not_match(pattern: str, text: str) -> None:
    assert not compile_pattern(pattern).fullmatch(text)


@pytest.mark.parametrize("pattern", ["(", "[", "[a&&", "*", "a{,3}", "a{2,1}", r"\p{Nope}", r"\y", "(?P<a>x)", "a\\", r"\k<a", "(?<=a+)b", r"\G", r"\x{zz}", r"\x{110000}"])  # fmt: skip
def test_a_wrong_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="Invalid regex"):
        compile_pattern(pattern)


def test_a_replacement_takes_groups_by_number_and_name() -> None:
    match = compile_pattern("(?<a>x)(y)?").fullmatch("x")
    assert match is not None
    assert expand(match, r"$1-${a}-$2-$11-\$1") == "x-x--x1-$1"


@pytest.mark.parametrize("replacement", ["$3", "${b}", "${a", "$x", "$", "a\\"])
def test_a_wrong_replacement_is_refused(replacement: str) -> None:
    match = compile_pattern("(?<a>x)").fullmatch("x")
    assert match is not None
    with pytest.raises(DataError):
        expand(match, replacement)
