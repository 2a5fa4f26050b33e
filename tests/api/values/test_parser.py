from __future__ import annotations

from typing import Any

import pytest

from connect.api import FLOAT64, INT8, INT32, STRING, Schema
from connect.api.values import parse


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("300", "int16", 300),
        ("1e3", "int16", 1000),
        (" -5 ", "int8", -5),
        ("3.5", "float32", 3.5),
        ("1e300", "float64", None),
        ("true", "boolean", True),
        ("1,000", "int8", 1),
        ("2024-02-29T01:02:03.004Z", "int64", None),
        ("abc", "string", "abc"),
        ("24:00:00.000Z", "string", "24:00:00.000Z"),
        ("0000-00-00", "string", "0000-00-00"),
        ("[1", "string", "[1"),
        ("[1,null]", "string", "[1,null]"),
        ("99999999999999999999", "bytes", None),
    ],
)
def test_a_text_is_the_narrowest_thing_that_it_looks_like(text: str, schema: str, value: Any) -> None:
    found = parse(text)
    assert found is not None
    assert found[0] is not None
    assert found[0].type == schema
    assert value is None or found[1] == value


def test_null_is_nothing_and_no_text_is_text() -> None:
    assert (parse("null"), parse(" null "), parse("")) == (None, None, (STRING, ""))


def test_a_list_of_several_widths_takes_the_widest() -> None:
    assert parse("[1, 70000, 2]") == (Schema.array(INT32), [1, 70000, 2])
    assert parse("{a:1}") == (STRING, "{a:1}")
    assert parse('{"a":1,"b":1e300}') == (Schema.map(STRING, FLOAT64), {"a": 1.0, "b": 1e300})


def test_a_list_of_nothing_in_common_has_no_schema_for_its_items() -> None:
    assert parse('[1,"a",2]') == (Schema.array(None), [1, "a", 2])
    assert parse('{"a":1,"b":"x"}') == (Schema.map(STRING, None), {"a": 1, "b": "x"})
    assert parse("[]") == (Schema.array(None), [])


def test_quoted_text_stays_text_unless_it_is_a_date() -> None:
    assert parse('["1"]') == (Schema.array(STRING), ["1"])
    assert parse('["2024-02-29"]')[0] == Schema.array(Schema.date())  # type: ignore[index]
    assert parse('["a\\"b"]') == (Schema.array(STRING), ['a\\"b'])


def test_a_backslash_takes_a_delimiter_its_meaning() -> None:
    assert parse("[1\\,2]") == (STRING, "[1\\,2]")
    assert parse("{1:2}") == (Schema.map(INT8, INT8), {1: 2})


def test_keys_that_python_cannot_tell_apart_stay_text() -> None:
    for text in ("{1:2,true:3}", "{[1]:2}", "{{}:1}"):
        assert parse(text) == (STRING, text)
