"""How bytes are shown that nobody chose a converter for; searches are in tests/rest/test_v1_topic_search.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.runtime.topic_search import VALUE_BYTES_MAX, converter_keys, guessed


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_shown_as_something_that_json_has(data: bytes) -> None:
    shown = guessed(data)
    assert isinstance(shown, str | dict | list)
    if isinstance(shown, str):
        assert shown.encode() == data


def test_numbers_stay_the_text_that_they_are_and_long_text_is_cut_between_characters() -> None:
    assert guessed(b"0123") == "0123"
    assert guessed(b"x" + "ü".encode() * VALUE_BYTES_MAX) == "x" + "ü" * (VALUE_BYTES_MAX // 2 - 1)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("9007199254740993", 9007199254740993),
        ("18446744073709551616", "18446744073709551616"),
        ("1234567890123456789.01", "1234567890123456789.01"),
        ("0.30000000000000004", 0.30000000000000004),
        ("1000000000.10", 1000000000.1),
    ],
)
def test_numbers_in_json_keep_their_digits(number: str, shown: object) -> None:
    assert guessed(b'{"n": [%b]}' % number.encode()) == {"n": [shown]}


def test_keys_of_converters_are_told_from_others() -> None:
    assert converter_keys({"value.converter": "J", "value.converter.x": "1", "topics": "t"}) == {
        "value.converter": "J",
        "value.converter.x": "1",
    }
