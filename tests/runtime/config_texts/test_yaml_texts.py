from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import ConfigError
from connect.runtime.config_texts.yaml_texts import ALIASES_MAX, parse_yaml

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Co"], exclude_characters="\ufeff\u2028\u2029")
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
)


@given(JSON.filter(lambda value: value is not None))
def test_json_is_yaml_and_read_as_json(value: Any) -> None:
    assert parse_yaml(json.dumps(value, ensure_ascii=False), "here") == [value]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("2024-01-01", "2024-01-01"),
        ("010", "010"),
        ("08", "08"),
        ("+5", "+5"),
        ("-5", -5),
        ("1.5", 1.5),
        ("1.10", "1.10"),
        ("0.10000000000000000001", "0.10000000000000000001"),
        ("9" * 5000, "9" * 5000),
        ("1e999", "1e999"),
        ("0x10", "0x10"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("True", True),
        ("~", None),
        ("1e3", "1e3"),
        (".5", ".5"),
        ("=", "="),
        ("'8083'", "8083"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_words_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    assert parse_yaml(f"key: {text}", "here") == [{"key": value}]


def test_keys_are_texts_and_merges_hold() -> None:
    assert parse_yaml("8083: a\ntrue: b\nnull: c\n", "here") == [{"8083": "a", "true": "b", "": "c"}]
    text = "base: &base {a: 1, b: 2}\nown:\n  <<: *base\n  b: 3\n"
    assert parse_yaml(text, "here") == [{"base": {"a": 1, "b": 2}, "own": {"a": 1, "b": 3}}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\na: 2\n", "^here is no YAML that can be read: line 2: a is given twice"),
        ("a: !!python/object/apply:os.system [id]", "could not determine a constructor"),
        ("a: !!python/name:os.system ''", "could not determine a constructor"),
        ("&a [*a]", "a value holds itself"),
        ("a: &a x\nb: [" + "*a, " * (ALIASES_MAX + 1) + "]", "more than 1000 aliases"),
        ("a: \x00", "unacceptable character|special characters"),
        ("\t- a", "line 1"),
        ("[" * 5000, "no YAML that can be read"),
    ],
)
def test_what_is_no_data_is_refused_with_its_line(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_yaml(text, "here")


def test_aliases_of_aliases_are_refused_before_they_are_written_out() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(ConfigError, match="more than 100,000 values"):
        parse_yaml("\n".join(lines), "here")


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_yaml(text, "here")
    except ConfigError as refused:
        assert refused.message.startswith("here ")
