"""MaskField: fields become the empty value of their type, or a replacement."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pytest

from connect.api import INT32, STRING, ConfigError, DataError, Record, Schema
from tests.support.transforms import make_transform, transformed


@pytest.mark.parametrize(
    ("value", "empty"),
    [
        (True, False), (5, 0), (1.5, 0.0), ("secret", ""), (Decimal("1.5"), Decimal(0)), ([1], []), ({"a": 1}, {}),
        (dt.date(2024, 1, 31), dt.date(1970, 1, 1)), (dt.time(12), dt.time(0)),
        (dt.datetime(2024, 1, 31, tzinfo=dt.UTC), dt.datetime(1970, 1, 1, tzinfo=dt.UTC)), (None, None),
    ],
)  # fmt: skip
def test_a_field_becomes_the_empty_value_of_its_type(value: Any, empty: Any) -> None:
    made = transformed("MaskField$Value", {"a": value, "b": value}, fields="a")
    assert made == {"a": empty, "b": value}
    assert type(made["a"]) is type(empty)


@pytest.mark.parametrize(
    ("value", "schema", "replacement", "expected"),
    [
        ("secret", None, "***", "***"),
        (7, None, "3", 3),
        (7, Schema("int8"), "300", 44),
        (7, Schema("int16"), "-40000", 25536),
        (7, Schema("int32"), "3000000000", -1_294_967_296),
        (7, Schema("int64"), str(1 << 63), -(1 << 63)),
        (7, None, str((1 << 63) - 1), (1 << 63) - 1),
        (7, None, "-1.9", -1),
        (7, None, "0.9", 0),
        (7, None, "1e64", 0),
        (1.5, None, "1e300", 1e300),
        (1.5, Schema("float32"), "-1e300", -math.inf),
        (1.5, None, "0.1", 0.1),
        (1.5, Schema("float32"), "0.1", 0.10000000149011612),
        (Decimal("1.5"), None, "2.50", Decimal("2.50")),
        (None, None, "x", None),
    ],
)
def test_text_and_numbers_become_the_replacement_in_their_own_type(
    value: Any, schema: Schema | None, replacement: str, expected: Any
) -> None:
    row = None if schema is None else Schema.struct({"a": schema})
    assert transformed("MaskField$Value", {"a": value}, row, fields="a", replacement=replacement) == {"a": expected}


@pytest.mark.parametrize("value", [b"bytes", True, [1], dt.date(2024, 1, 31)])
def test_what_is_no_text_and_no_number_takes_no_replacement(value: Any) -> None:
    with pytest.raises(DataError, match="with custom replacement"):
        transformed("MaskField$Value", {"a": value}, fields="a", replacement="x")


def test_bytes_structs_and_a_replacement_that_is_no_number_are_refused() -> None:
    with pytest.raises(DataError, match="Cannot mask value of type"):
        transformed("MaskField$Value", {"a": b"x"}, fields="a")
    row = Schema.struct({"a": Schema.struct({"b": INT32})})
    with pytest.raises(DataError, match="Cannot mask value of type"):
        transformed("MaskField$Value", {"a": {"b": 1}}, row, fields="a")
    with pytest.raises(DataError, match="Unable to convert x"):
        transformed("MaskField$Value", {"a": 1}, fields="a", replacement="x")


def test_a_missing_field_is_added_with_null_without_schema_and_passed_over_with_one() -> None:
    assert transformed("MaskField$Value", {"a": 1}, fields="b") == {"a": 1, "b": None}
    assert transformed("MaskField$Value", {"a": 1}, Schema.struct({"a": INT32}), fields="b") == {"a": 1}


def test_the_schema_stays_and_the_given_value_too() -> None:
    row, given = Schema.struct({"a": STRING}), {"a": "secret"}
    made = make_transform("MaskField$Value", fields="a").apply(Record("t", given, value_schema=row))
    assert made is not None
    assert made.value_schema is row
    assert (made.value, given) == ({"a": ""}, {"a": "secret"})


def test_a_whole_value_that_is_null_is_refused() -> None:
    with pytest.raises(DataError, match="null"):
        transformed("MaskField$Value", None, fields="a")


def test_a_nested_field_and_the_key_are_masked() -> None:
    config = {"fields": "to.zip", "replacement": "***", "field_syntax_version": "V2"}
    assert transformed("MaskField$Value", {"to": {"zip": "1"}}, **config) == {"to": {"zip": "***"}}
    made = make_transform("MaskField$Key", fields="a").apply(Record("t", {"a": 1}, key={"a": 1}))
    assert made == Record("t", {"a": 1}, key={"a": 0})


def test_no_fields_are_refused() -> None:
    with pytest.raises(ConfigError, match="'fields' must not be empty"):
        make_transform("MaskField$Value", fields="")
