from __future__ import annotations

import pytest

from connect.registry.json_texts import DEPTH_MAX, load_json


def test_json_is_read() -> None:
    assert load_json('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}


def test_what_is_nested_too_deep_is_refused_before_it_is_parsed() -> None:
    assert load_json("[" * DEPTH_MAX + "]" * DEPTH_MAX)
    with pytest.raises(ValueError, match="nested too deep: more than 128"):
        load_json("[" * 100_000 + "]" * 100_000)


def test_half_of_a_character_is_refused_since_nothing_can_keep_it() -> None:
    assert load_json('["\\ud83d\\ude00", "\\\\ud800"]') == ["😀", "\\ud800"]
    for text in ('"\\ud800"', '{"\\uDFFF": 1}', '"\ud800"'):
        with pytest.raises(ValueError, match="half of a character"):
            load_json(text)


@pytest.mark.parametrize("text", ["", "{", "NaN", "[Infinity]", "1e400"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_json(text)
