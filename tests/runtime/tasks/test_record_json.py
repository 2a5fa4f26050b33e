from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import orjson
import pytest

from connect.api import INT32, Field, Schema, SchemaType, Struct
from connect.runtime.tasks.record_json import as_json, as_shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": 1, "b": [True, None, "ä"]}, '{"a":1,"b":[true,null,"ä"]}'),
        (b"\x00\xff", '{"base64":"AP8="}'),
        (Decimal("1.10"), '"1.10"'),
        (float("nan"), '"nan"'),
        (1 << 200, str(1 << 200)),
        (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), '"2026-01-02T00:00:00+00:00"'),
        ({1: "x"}, '[[1,"x"]]'),
        ("half \ud800", '"half \\ud800"'),
    ],
)
def test_nothing_is_lost_that_json_has_a_way_for(value: Any, text: str) -> None:
    assert as_json(value).decode() == text


def test_a_struct_is_an_object() -> None:
    schema = Schema(SchemaType.STRUCT, fields=[Field("n", 0, INT32)])
    assert as_json(Struct(schema, {"n": 5})) == b'{"n":5}'


def test_what_json_has_no_way_for_is_its_text() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise ValueError("no")

    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert json.loads(as_json(Odd())) == "Odd, whose repr raised ValueError"
    assert json.loads(as_json(deep)).startswith("list, whose repr raised")


def test_an_answer_has_what_every_reader_of_json_can_read() -> None:
    data = {"a": [1, 1 << 70, 1.5, float("nan")], "b": b"\x00", "d": Decimal("1.10"), "m": {1: {2}}}
    shown = {"a": [1, str(1 << 70), 1.5, "nan"], "b": {"base64": "AA=="}, "d": "1.10", "m": [[1, [2]]]}
    assert as_shown(data) == shown


def test_an_answer_has_the_text_of_what_is_nested_deeper_than_readers_of_json_go() -> None:
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    shown = orjson.loads(orjson.dumps(as_shown(deep)))
    for _ in range(100):
        (shown,) = shown
    assert shown.startswith("[[[")
