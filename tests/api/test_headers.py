from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from connect.api import (
    BYTES,
    INT32,
    INT64,
    OPTIONAL_INT32,
    OPTIONAL_STRING,
    STRING,
    DataError,
    Header,
    Headers,
    Schema,
    SchemaType,
)


def test_headers_answer_by_name() -> None:
    headers = Headers().add("a", 1).add("b", 2).add("a", 3)
    last = headers.last("a")
    assert last is not None
    assert last.value == 3
    assert [h.value for h in headers.all("a")] == [1, 3]
    assert [h.name for h in headers.without("a")] == ["b"]


def test_the_latest_of_each_name_can_be_kept() -> None:
    headers = Headers().add("a", 1).add("b", 2).add("a", 3).add("b", 4)
    assert [h.value for h in headers.latest()] == [3, 4]
    assert [h.value for h in headers.latest("a")] == [2, 3, 4]


def test_headers_can_be_changed_or_left_out_in_a_copy() -> None:
    headers = Headers().add("a", 1).add("b", 2)
    assert headers.mapped(lambda h: Header(h.name, h.value * 10), "a") == [("a", 10, None), ("b", 2, None)]
    assert headers.mapped(lambda h: None if h.name == "b" else h) == [("a", 1, None)]
    assert len(headers) == 2


def test_a_primitive_type_gives_the_schema() -> None:
    headers = Headers().add_as("a", "x", SchemaType.STRING).add_as("b", None, "string").add_as("c", 1, "int64")
    assert [h.schema for h in headers] == [STRING, OPTIONAL_STRING, INT64]


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (None, OPTIONAL_INT32),
        (dt.datetime(2024, 1, 1, tzinfo=dt.UTC), Schema.timestamp()),
        (5, Schema.timestamp()),
        (["x"], Schema.array(INT32)),
    ],
)
def test_value_and_schema_must_only_be_of_one_type(value: Any, schema: Schema) -> None:
    assert Headers().add("a", value, schema) == [("a", value, schema)]


@pytest.mark.parametrize(
    ("value", "schema", "said"),
    [
        ("x", BYTES, r"The value x is not compatible with the schema Schema\{BYTES\}"),
        (True, INT32, "The value true is not compatible"),
        (3_000_000_000, INT32, "The value 3000000000 is not compatible"),
        (None, INT32, r"A null value requires an optional schema but was Schema\{INT32\}"),
    ],
)
def test_value_and_schema_of_two_types_are_refused(value: Any, schema: Schema, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Headers().add("a", value, schema)
