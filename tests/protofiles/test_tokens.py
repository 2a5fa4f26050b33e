"""The words of a `.proto` text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_protofiles.tokens import TEXT_CHARS_MAX, ProtoError, string_bytes, tokens


def test_words_come_without_blanks_and_comments() -> None:
    found = tokens('\ufeffmessage A { // a comment\n  /* another * one\n */ int32 a=0x1F; } "x" .5e3')
    assert [one.text for one in found] == [
        "message", "A", "{", "int32", "a", "=", "0x1F", ";", "}", '"x"', ".5e3", ""
    ]  # fmt: skip
    assert [one.kind for one in found][-3:] == ["string", "number", "end"]


@pytest.mark.parametrize("text", ["message A { é }", '"not ended', "/* not ended", "a # b", "\0"])
def test_what_is_no_word_is_told_with_its_place(text: str) -> None:
    with pytest.raises(ProtoError, match=r"line 1, column \d+: .* is no word of a schema"):
        tokens(text)


def test_a_text_that_is_too_long_is_refused_at_once() -> None:
    with pytest.raises(ProtoError, match="characters at most"):
        tokens(" " * (TEXT_CHARS_MAX + 1))


@pytest.mark.parametrize("text", ['"' + "\\\\" * 1_000_000, "/*" + "*" * 2_000_000, "'" + "a" * 2_000_000])
def test_what_never_ends_is_told_in_time_and_memory(text: str) -> None:
    with pytest.raises(ProtoError, match=r"line 1, column [12]: "):
        tokens(text)


@pytest.mark.parametrize(
    ("token", "data"),
    [
        ('"plain é"', "plain é".encode()),
        (r'"\a\b\f\n\r\t\v\\\'\"\?"', b"\a\b\f\n\r\t\v\\'\"?"),
        (r"'\x41\101\7'", b"AA\7"),
        (r'"\u00e9\U0001F600"', "é😀".encode()),
    ],
)
def test_backslashes_in_strings_mean_what_the_language_says(token: str, data: bytes) -> None:
    assert string_bytes(token) == data


@pytest.mark.parametrize("token", [r'"\q"', r'"\x"', r'"\ud800"', r'"\UFFFFFFFF"'])
def test_a_backslash_that_means_nothing_is_an_error(token: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        string_bytes(token)


@given(st.text())
def test_any_text_is_words_or_an_error(text: str) -> None:
    try:
        found = tokens(text)
    except ProtoError:
        return
    assert found[-1].kind == "end"
