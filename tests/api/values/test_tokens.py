from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connect.api.values.tokens import Tokens


def all_of(tokens: Tokens) -> list[str]:
    found = []
    while tokens.more:
        found.append(tokens.next())
    return found


@given(st.text())
def test_the_tokens_of_a_text_are_all_of_it(text: str) -> None:
    assert "".join(all_of(Tokens(text))) == text


@given(st.text(alphabet='a\\:,{}[]" '))
def test_a_mark_is_a_place_to_go_back_to(text: str) -> None:
    tokens = Tokens(text)
    tokens.next()
    mark = tokens.mark()
    rest = all_of(tokens)
    tokens.rewind(mark)
    assert all_of(tokens) == rest


def test_a_backslash_takes_a_delimiter_its_meaning() -> None:
    assert all_of(Tokens(r"a\,b,c")) == [r"a\,b", ",", "c"]


def test_a_token_is_taken_where_it_is_the_expected_one_and_blanks_do_not_count() -> None:
    tokens = Tokens(" \t[ x ]")
    assert tokens.begins() == "["
    assert not tokens.take("{")
    assert tokens.take("[")
    assert tokens.next() == " x "
    assert tokens.take("]")
    assert not tokens.take("]")


def test_four_tokens_are_taken_at_once_or_none() -> None:
    tokens = Tokens("1:2:3")
    assert tokens.next_four() == "1:2:"
    assert tokens.next_four() is None
    assert tokens.next() == "3"
