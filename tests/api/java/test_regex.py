"""What the translator writes; that the engine then finds what Java finds is tested in tests/api/test_patterns.py."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from connect.api.java.regex import translate


@given(st.text())
def test_a_quoted_text_stands_for_itself(text: str) -> None:
    quoted = "\\Q" + text.replace("\\E", "") + "\\E"
    assert regex.compile(translate(quoted), regex.V1).fullmatch(text.replace("\\E", ""))


@given(st.text(alphabet="ab.*+?()[]{}^$|\\-&,:<>=!#0123456789pQEkdwx"))
def test_any_text_is_translated_to_what_the_engine_takes_or_refused_with_a_reason(pattern: str) -> None:
    try:
        written = translate(pattern)
    except ValueError as error:
        assert str(error)
        return
    regex.compile(written, regex.V1)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", "Unclosed group near index 1"),
        ("a)", "Unmatched closing ')' near index 1"),
        ("[a", "Unclosed character class near index 2"),
        ("*a", "Dangling meta character '*' near index 0"),
        ("a{2,1}", "Illegal repetition range near index 6"),
        (r"\k<none>", "named capturing group <none> does not exist"),
        (r"\p{Nothing}", "Unknown character property name {Nothing}"),
        ("(?<1a>x)", "capturing group name does not start with a Latin letter"),
        ("\\", "a backslash at the end of the pattern"),
        ("(" * 200 + "a" + ")" * 200, "more than 80 groups or classes inside each other"),
        (
            "((a{1000}){1000}){1000}",
            "elements and more when its repeated parts are written out; at most 30000 are taken",
        ),
    ],
)
def test_what_java_refuses_and_what_is_too_large_is_refused_in_javas_words(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^Invalid regex: ") as raised:
        translate(pattern)
    assert said in str(raised.value)
