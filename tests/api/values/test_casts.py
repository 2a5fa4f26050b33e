from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from connect.api import BOOLEAN, BYTES, FLOAT32, INT8, INT64, OPTIONAL_STRING, STRING, DataError, Schema
from connect.api.values.casts import cast, decimal_of

AT = dt.datetime(2024, 2, 29, 1, 2, 3, 4000, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("to", "value", "schema", "result"),
    [
        (INT8, 300, None, 44),
        (INT64, "7.9", None, 7),
        (INT64, AT, Schema.timestamp(), 1_709_168_523_004),
        (FLOAT32, 0.1, None, 0.10000000149011612),
        (BOOLEAN, 2, None, True),
        (STRING, [1, "a"], None, '[1,"a"]'),
        (STRING, [0.10000000149011612], Schema.array(FLOAT32), "[0.1]"),
        (BYTES, bytearray(b"x"), None, b"x"),
        (Schema.decimal(1), 3, None, Decimal("3.0")),
        (Schema.date(), AT, Schema.timestamp(), AT.date()),
        (Schema.time(), AT, Schema.timestamp(), AT.time()),
        (Schema.timestamp(), AT.date(), Schema.date(), AT.replace(hour=0, minute=0, second=0, microsecond=0)),
        (Schema.timestamp(), 5, None, dt.datetime(1970, 1, 1, 0, 0, 0, 5000, tzinfo=dt.UTC)),
        (OPTIONAL_STRING, None, None, None),
    ],
)
def test_a_value_becomes_one_of_the_wanted_type(to: Schema, value: Any, schema: Schema | None, result: Any) -> None:
    found = cast(to, value, schema)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("to", "value", "said"),
    [
        (STRING, None, "Unable to convert a null value to a schema that requires a value"),
        (INT8, "x", r"Unable to convert x \(class java\.lang\.String\) to a number"),
        (BYTES, "x", r"Unable to convert x \(class java\.lang\.String\) to Schema\{BYTES\}"),
        (Schema.decimal(0), True, r"Unable to convert true \(class java\.lang\.Boolean\)"),
    ],
)
def test_where_there_is_no_way_the_error_names_value_and_class(to: Schema, value: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        cast(to, value)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e3", Decimal("1e3")), ("+.5", Decimal("0.5")), (" 1", None), ("NaN", None), ("1e9999999999", None), ("", None)],
)
def test_a_text_is_a_number_where_javas_bigdecimal_reads_one(text: str, number: Decimal | None) -> None:
    assert decimal_of(text) == number
