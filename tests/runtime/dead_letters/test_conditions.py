"""Conditions: what holds, and what is refused with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import ConfigError
from connect.runtime.dead_letters.conditions import condition
from connect.runtime.dead_letters.letters import Cause, Letter

VALUE = b'{"n": 1.10, "id": 12345678901234567890, "c": "US", "o": {"a": [1, true, null]}, "z": "007"}'
LETTER = Letter(
    "dead", 2, 9, 0, b"k1", VALUE, [("h", b"x"), ("bin", b"\xff")],
    Cause("data.constraint", "org.x.E", "TASK_PUT", message='no "a"', details={"sqlstate": "23502", "extra": "e"}),
    "orders sink", 1, "orders", 0, 41, 1_700_000_000_000, 1,
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "code = data.constraint and sqlstate=23502",
        "code == data.constraint",
        "connector = 'orders sink' and stage in (TASK_PUT, TRANSFORMATION)",
        "code = x or (partition = 0 and offset >= 41 and offset < 42)",
        "letter.partition = 2 and letter.offset = 9 and task = 1 and replays = 1",
        "not (code = x) and not code = y",
        "value.n = 1.1 and value.id = 12345678901234567890 and value.c != DE",
        "value.o.a.0 = 1 and value.o.a.1 = true",
        "value.missing != 1 and value.o.a.2 != 1 and header.none != x",
        "value.z = 007 and not value.z = 7",
        "value ~ '\"c\"' and key = k1 and header.h = x and header.bin ~ base64",
        'message = "no \\"a\\""',
        "time >= 2023-11-14T22:13:20Z and time < '2023-11-15' and time = 1700000000000",
        "cause.extra = e and class ~ org.",
        "NOT code = x AND code = data.constraint",
    ],
)
def test_it_holds(text: str) -> None:
    assert condition(text).matches(LETTER)


@pytest.mark.parametrize("text", ["column = x", "offset > 41", "value.missing = 1", "value.n < 1", "sqlstate ~ 99"])
def test_it_does_not_hold(text: str) -> None:
    assert not condition(text).matches(LETTER)


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("colour = 1", "character 1: there is no field 'colour'; known are code"),
        ("code", "=, !=, <, <=, >, >=, ~ or in behind 'code' is expected, and not the end"),
        ("code =", "character 7: a value is expected"),
        ("code = a b", "character 10: 'and', 'or' or the end is expected, and not 'b'"),
        ("(code = a", "')' is expected"),
        ("code in a", "'(' is expected"),
        ("and = 1", "a field is expected"),
        ("time > yesterday", "is no time"),
        ("code = 'open", "begins nothing"),
        ("not " * 40 + "code = a", "nested deeper than 30"),
        ("x" * 5000, "at most 4096"),
        ("__import__('os') = 1", "there is no field '__import__'"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, mentions: str) -> None:
    with pytest.raises(ConfigError) as raised:
        condition(text)
    assert raised.value.code == "dlq.condition"
    assert mentions in raised.value.message


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    try:
        assert condition(text).matches(LETTER) in (True, False)
    except ConfigError as error:
        assert error.code == "dlq.condition"
