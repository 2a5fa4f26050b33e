"""JSON and Java properties, as texts have them."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect.runtime.config_texts.parsing import parse_json, parse_numbered


def test_json_that_cannot_be_parsed_names_its_file_and_a_mark_in_front_is_no_part_of_it() -> None:
    assert parse_json('\ufeff{"a": 1}', "a.json") == {"a": 1}
    with pytest.raises(ConfigError, match=r"a\.json is not JSON"):
        parse_json("{", "a.json")


def test_properties_without_a_value_are_none_unless_the_file_says_so() -> None:
    assert parse_numbered("a=1\n\na = 2", "x") == [(1, "a", "1"), (3, "a", "2")]
    assert parse_numbered("just words", "x", may_be_empty=True) == [(1, "just", "words")]
    with pytest.raises(ConfigError, match="x is not JSON, and holds no KEY=VALUE"):
        parse_numbered("words\n", "x")
    with pytest.raises(ConfigError, match=r"x: line 2: "):
        parse_numbered("a=1\nb=\\u12", "x")


def test_a_line_that_goes_on_very_often_is_read_in_time_that_grows_with_it() -> None:
    lines = 300_000
    ((_, key, value),) = parse_numbered("a=" + "b\\\n" * lines, "x")
    assert (key, len(value)) == ("a", lines)
