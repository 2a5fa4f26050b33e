"""Random texts match their pattern."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_datagen.regex import RegexProblem, draw, parse

atoms = st.sampled_from(["a", "\\d", "\\w", ".", "[a-c_]", "[^a-z]", "\\.", "[\\]x-]", "\\n"])
patterns = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: "(" + "|".join(parts) + ")"),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{0,2}", "{1,}"])).map(lambda p: f"(?:{p[0]}){p[1]}"),
    ),
    max_leaves=6,
)


@given(patterns, st.integers(0, 2**32))
def test_what_is_drawn_matches(pattern, seed):
    texts = draw(parse(pattern), random.Random(seed), 20)
    assert len(texts) == 20
    assert all(re.fullmatch(pattern, text) for text in texts)


@pytest.mark.parametrize("pattern", ["User_[1-9]", "^Page_[1-9][0-9]?$", "Item_[1-9][0-9]{0,2}", "[a-f0-9]{32}", ""])
def test_patterns_as_people_write_them(pattern):
    assert all(re.fullmatch(pattern, text) for text in draw(parse(pattern), random.Random(1), 200))


def test_every_text_of_a_small_pattern_comes_up():
    assert set(draw(parse("[ab](c|d)"), random.Random(1), 200)) == {"ac", "ad", "bc", "bd"}


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(a", "'\\)' is missing"),
        ("a)", "unexpected '\\)'"),
        ("[a", "it ends too early"),
        ("[b-a]", "range b-a is out of order"),
        ("a{2,1}", "repeats from 2 to 1 are out of order"),
        ("a{99999}", "longer than 65536 characters"),
        ("(((a{999}){999}){999}){999}", "longer than 65536 characters"),
        ("a{x}", "a '{' must begin"),
        *((text, "a '{' must begin") for text in ("a{" + "9" * 5000 + "}", "a{1," + "9" * 5000 + "}", "a{\u0664}")),
        ("*a", "has no meaning here"),
        ("\\bword", "'\\\\b' is not understood"),
        ("(?<name>a)", "only '\\(\\?:' is understood"),
        ("a\\", "it ends too early"),
    ],
)
def test_what_is_not_understood_is_named(pattern, message):
    with pytest.raises(RegexProblem, match=message):
        parse(pattern)
