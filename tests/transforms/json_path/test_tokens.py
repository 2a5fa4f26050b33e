"""The words of a JSONPath, taken one after the other."""

from __future__ import annotations

from typing import Any

import pytest

from connect_transforms.json_path.tokens import Tokens


def test_words_are_taken_one_after_the_other_and_blanks_are_passed_over() -> None:
    tokens = Tokens(" a [ 12 ]  == 'x' ")
    assert tokens.name() == "a"
    tokens.expect("[")
    assert tokens.integer() == 12
    assert tokens.take("]")
    assert tokens.operator(["=", "=="]) == "=="
    assert tokens.text_literal() == "x"
    tokens.end()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("-2", -2), ("1.5", 1.5), ("1e3", 1000.0), ("'it\\'s'", "it's"), ('"x"', "x"), ("true", True),
        ("false", False), ("null", None), ("[1, 'a', [true]]", [1, "a", [True]]), ("[]", []),
    ],
)  # fmt: skip
def test_a_literal_is_a_text_a_number_a_word_or_a_list(text: str, value: Any) -> None:
    tokens = Tokens(text)
    assert tokens.at_literal()
    found = tokens.literal()
    assert (found, type(found)) == (value, type(value))
    tokens.end()


@pytest.mark.parametrize(("text", "pattern"), [("/a.*/", "a.*"), ("/a/i", "(?i)a"), (r"/a\/b/", r"a\/b")])
def test_a_pattern_stands_between_slashes_with_its_flags(text: str, pattern: str) -> None:
    assert Tokens(text).regex() == pattern


def test_an_operator_is_the_longest_that_fits_and_none_where_the_term_ends() -> None:
    known = ["<", "<=", "in"]
    assert Tokens("<= 1").operator(known) == "<="
    for end in (")", "&& 1", "|| 1"):
        assert Tokens(end).operator(known) is None


def test_a_plain_field_is_taken_only_where_an_operator_or_the_end_follows() -> None:
    assert Tokens(".a == 1").plain_field() == "a"
    assert Tokens("['a b'] == 1").plain_field() == "a b"
    assert Tokens(".a.b == 1").plain_field() is None


@pytest.mark.parametrize(
    ("take", "text", "expected"),
    [
        (lambda tokens: (tokens.integer(), tokens.end()), "9" * 5000, "'.', '[' or the end at position 18"),
        (lambda tokens: (tokens.literal(), tokens.end()), "9" * 5000, "'.', '[' or the end at position 400"),
        (Tokens.name, "[", "a name at position 0 of '[', found '['"),
        (Tokens.text_literal, "x", "a text in quotes at position 0"),
        (Tokens.regex, "/", "a pattern between slashes"),
        (Tokens.literal, "", "a text, a number, true, false, null or a list at position 0 of '', found the end"),
        (Tokens.end, "x", "the end at position 0"),
    ],
)
def test_what_does_not_come_next_is_told_with_its_place(take: Any, text: str, expected: str) -> None:
    with pytest.raises(ValueError, match="expected ") as caught:
        take(Tokens(text))
    assert expected in str(caught.value)
