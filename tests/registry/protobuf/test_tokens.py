from __future__ import annotations

import pytest

from connect.registry.protobuf.tokens import InvalidProtoError, quoted, tokens_of, unquoted


def test_words_without_comments_and_with_their_lines() -> None:
    found = [(token.kind, token.text, token.line) for token in tokens_of('a // b\n/* c\n */ 0x1F "d" {.5e3}')]
    assert found == [
        ("name", "a", 1),
        ("number", "0x1F", 3),
        ("text", '"d"', 3),
        ("sign", "{", 3),
        ("number", ".5e3", 3),
        ("sign", "}", 3),
        ("end", "the end", 3),
    ]


@pytest.mark.parametrize("text", ["#", '"open', "/* open", "'a\nb'", "§"])
def test_what_is_no_word_is_told_with_its_line(text: str) -> None:
    with pytest.raises(InvalidProtoError, match=r"^line 2: "):
        list(tokens_of(f"a\n{text}"))


def test_a_long_text_that_never_ends_is_read_in_time() -> None:
    with pytest.raises(InvalidProtoError):
        list(tokens_of('"' + "\\\\" * 1_000_000))


def test_escapes() -> None:
    token = next(tokens_of(r'"a\n\x41\101\"\\é\q"'))
    assert unquoted(token) == 'a\nAA"\\éq'
    assert unquoted(next(tokens_of(quoted('a"\\\n\r')))) == 'a"\\\n\r'
