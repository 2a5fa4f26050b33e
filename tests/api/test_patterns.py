"""Java's patterns mean here what they mean there, and none takes more time or memory than it may."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import LOOP_LIMIT_S, DataError, SlowPatternError, compile_pattern, valid_pattern
from connect.api.patterns import Pattern
from connect_transforms.java.replacement import expand


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


@pytest.mark.parametrize(
    "pattern",
    [
        "(", "[", "[a&&", "*", "a{,3}", "a{2,1}", r"\p{Nope}", r"\y", "(?P<a>x)", "a\\", r"\k<a", r"\x{zz}",
        r"\x{110000}",
    ],
)  # fmt: skip
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


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\p{javaLowerCase}+\p{javaUpperCase}", "aéÉ"),
        (r"\p{javaWhitespace}\p{javaLetterOrDigit}+", "\x1ca1"),
        (r"\p{IsAlphabetic}+\p{IsLatin}\p{InGreek}", "éaα"),
        (r"(?U)\w+\d\b\s", "é\u0661\u3000"),
        (r"(?U)\p{Lower}+", "éß"),
        (r"(?i)\p{Lu}[^B]", "ac"),
        (r"(?iu)É\x{3a3}", "éς"),
        (r"(?x) a  b # what follows", "ab"),
        (r"(?d).\r", "a\r"),
        (r"(?s).+", "a\nb"),
        (r"(?m)a$\R^b\Z", "a\r\nb"),
        (r"\X\b{g}b", "e\u0301b"),
        (r"\Ga(?>b+)c", "abbc"),
        (r"[+--z]+", "-,z"),
        (r"[a||b]+", "|"),
        (r"[^\d\D]?", ""),
        (r"(a)\11", "aa1"),
        (r"(a)\1\Q0\E", "aa0"),
        (r"\N{GREEK SMALL LETTER ALPHA}", "α"),
        (r"\ud83d\ude00", "\U0001f600"),
    ],
)
def test_what_only_java_has_matches_too(pattern: str, text: str) -> None:
    assert compile_pattern(pattern).fullmatch(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(?i)É", "é"),
        (r"[^\d\D]", "a"),
        (r"[^[\p{L}][^\p{L}]]", "a"),
        (r".", "\x85"),
        (r"\1(a)", "a"),
        (r"(?iu)ß", "ss"),
        (r"\R{2}", "\r\n"),
        (r"(?m)^", ""),
    ],
)
def test_what_java_leaves_out_does_not_match(pattern: str, text: str) -> None:
    assert not compile_pattern(pattern).fullmatch(text)


@pytest.mark.parametrize(
    "pattern",
    [
        "a**", "a|*", "(?i)*a", "x{3000000000}", pytest.param(f"x{{{'9' * 5000}}}", id="digits"),
        pytest.param(f"x{{1,{'9' * 5000}}}", id="most digits"),
        "(?<1>a)", "(?<a>b)(?<a>c)", r"\k<a>(?<a>b)", "(?z)a", "[b-a]",
        r"[a-\d]", r"[\b]", "[]", ")", r"\p{javaNope}", r"\p{IsNope}", r"\p{InNope}", r"\p{}", r"\p{Lu", r"\0",
        r"\x4", "a{1", r"(?R)", "(?1)", "(a){e<=1}", "(?(1)a|b)", "(?&a)", r"\L<a>", r"\m", r"\K",
    ],
)  # fmt: skip
def test_what_java_refuses_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="Invalid regex"):
        valid_pattern(pattern)


SLOW = "(a|aa)+[bc]"


@pytest.mark.parametrize("limit_s", [0.2, LOOP_LIMIT_S])
def test_a_pattern_that_backtracks_for_ever_is_stopped_and_named(limit_s: float) -> None:
    pattern = compile_pattern(SLOW, key="topics.regex")
    began = time.monotonic()
    with pytest.raises(
        SlowPatternError, match=r"topics\.regex: pattern '\(a\|aa\)\+\[bc\]' takes longer than \d+ ms"
    ) as caught:
        pattern.fullmatch("a" * 60, limit_s=limit_s)
    assert time.monotonic() - began < limit_s + 20  # it would take years
    assert caught.value.code == "pattern.too_slow"
    assert caught.value.config_path == "topics.regex"


@pytest.mark.parametrize(("limit_s", "looks"), [(0.2, 1), (LOOP_LIMIT_S, 2)])
def test_only_the_few_ms_that_the_event_loop_has_are_given_twice(limit_s: float, looks: int) -> None:
    limits: list[float] = []

    class Compiled:
        """Stands for the engine's pattern, whose looks cannot be counted from outside."""

        @staticmethod
        def fullmatch(text: str, *, timeout: float) -> None:
            limits.append(timeout)
            raise TimeoutError

        search = fullmatch

    with pytest.raises(SlowPatternError):
        Pattern("a", Compiled).fullmatch("a", limit_s=limit_s)
    assert limits == [limit_s] * looks


def test_a_text_that_was_too_slow_once_is_refused_at_once() -> None:
    pattern = compile_pattern(SLOW)
    for _ in range(2):
        began = time.process_time()
        with pytest.raises(SlowPatternError):
            pattern.search("a" * 60, limit_s=0.5)
    assert time.process_time() - began < 0.25


@pytest.mark.parametrize("pattern", ["(a+)+$", "(x+x+)+y", r"(\w+\s?)+[!]", "(.*a){20}", "(a?){60}a{60}b"])
def test_patterns_known_for_backtracking_end_within_the_limit(pattern: str) -> None:
    began = time.process_time()
    with contextlib.suppress(SlowPatternError):
        compile_pattern(pattern).fullmatch("a" * 60 + "!!", limit_s=0.2)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "pattern",
    [
        "((((a{1000}){1000}){1000}){1000}){1000}",
        "(?:" * 60 + "a" + ")+" * 60,
        "(?:" * 5000 + "a" + ")" * 5000,
        "[" * 5000 + "a" + "]" * 5000,
        "a{1000000000}",
        "a" * 100_000,
        "|".join(f"(a{{{n}}}b)" for n in range(1000)),
    ],
)
def test_a_pattern_that_would_fill_the_memory_is_refused_at_once(pattern: str) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="Invalid regex"):
        compile_pattern(pattern)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("pattern", ["a{1,1000000000}", "(a{1,1000}){1,1000}", "(a{0,1000000}){0,1000000}", "a{10000}"])
def test_a_large_count_of_what_may_match_is_no_trouble(pattern: str) -> None:
    assert compile_pattern(pattern).fullmatch("a" * 10_000) is not None


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("[[^a][^b]]", "ab\u043a\n"),
        (r"[[^\u043a][^\u200d]]", "\u043a\u200da"),
        ("[^a]|[^b]", "abc"),
        ("a[^b]|a[^c]", ["ab", "ac", "aa"]),
        ("[x[^a][^,]]", "xa,"),
    ],
)
def test_a_union_of_negated_sets_of_one_character_is_what_is_in_either(pattern: str, texts: Sequence[str]) -> None:
    compiled = compile_pattern(pattern)
    assert [text for text in texts if not compiled.fullmatch(text)] == []


@given(st.data())
def test_unions_and_alternatives_of_nested_sets_match_what_set_theory_says(data: st.DataObject) -> None:
    some, everything = "ab\u043a,", set("ab\u043a,z")

    def drawn(depth: int) -> tuple[str, set[str]]:
        negated, text, members = data.draw(st.booleans()), "", set()
        for _ in range(data.draw(st.integers(1, 2))):
            nested = depth < 2 and data.draw(st.booleans())
            part, found = drawn(depth + 1) if nested else ((char := data.draw(st.sampled_from(some))), {char})
            text, members = text + part, members | found
        return f"[{'^' if negated else ''}{text}]", everything - members if negated else members

    sets = [drawn(0) for _ in range(data.draw(st.integers(1, 3)))]
    compiled = compile_pattern("|".join(text for text, _ in sets))
    assert {char for char in everything if compiled.fullmatch(char)} == set().union(*(found for _, found in sets))
