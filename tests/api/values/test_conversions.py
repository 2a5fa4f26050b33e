from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from connect.api import (
    BOOLEAN,
    BYTES,
    FLOAT32,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    OPTIONAL_INT32,
    STRING,
    DataError,
    Schema,
    Struct,
)
from connect.api.values import convert

MOMENT = dt.datetime(2017, 1, 3, 6, 30, 1, 864000, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("to", "value", "result"),
    [
        (BOOLEAN, "true", True),
        (BOOLEAN, 0.5, False),
        (INT8, 300, 44),
        (INT32, 1e30, -1),
        (INT64, float("nan"), 0),
        (INT64, 1 << 70, 0),
        (FLOAT32, 0.1, 0.10000000149011612),
        (FLOAT64, "1e3", 1000.0),
        (STRING, [1, "a"], '[1,"a"]'),
        (BYTES, bytearray(b"x"), b"x"),
        (Schema.decimal(2), 300, Decimal("300.0")),
        (Schema.decimal(2), b"\x30\x39", Decimal("123.45")),
        (Schema.array(STRING), "[1,2]", [1, 2]),
        (Schema.map(STRING, STRING), '{"a":1}', {"a": 1}),
        (Schema.date(), "2019-08-23", dt.date(2019, 8, 23)),
        (Schema.date(), 1, dt.date(1970, 1, 2)),
        (Schema.timestamp(), "1.9", dt.datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=dt.UTC)),
        (OPTIONAL_INT32, None, None),
    ],
)
def test_a_value_becomes_what_java_would_make_of_it(to: Schema, value: Any, result: Any) -> None:
    assert convert(to, value) == result


def test_dates_times_and_timestamps_become_each_other() -> None:
    assert convert(Schema.date(), MOMENT, Schema.timestamp()) == MOMENT.date()
    assert convert(Schema.time(), MOMENT, Schema.timestamp()) == MOMENT.time()
    assert convert(Schema.timestamp(), MOMENT.date(), Schema.date()) == MOMENT.replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    assert convert(Schema.timestamp(), dt.time(1), Schema.time()) == dt.datetime(1970, 1, 1, 1, tzinfo=dt.UTC)
    assert convert(INT64, MOMENT, Schema.timestamp()) == 1483425001864


@pytest.mark.parametrize(
    ("to", "value", "schema", "said"),
    [
        (INT8, "abc", None, r"abc \(class java\.lang\.String\) to a number"),
        (INT8, " 5", None, r" 5 \(class java\.lang\.String\) to a number"),
        (INT64, MOMENT, STRING, r"Tue Jan 03 06:30:01 UTC 2017 \(class java\.util\.Date\) to Schema\{STRING\}"),
        (Schema.array(STRING), "300", None, r"300 \(class java\.lang\.Short\) to Schema\{ARRAY\}"),
        (Schema.struct({}), {"a": 1}, None, r"\{a=1\} \(class java\.util\.LinkedHashMap\) to Schema\{STRUCT\}"),
        (Schema.decimal(2), "x", None, r"x \(class java\.lang\.String\) to a number"),
        (BYTES, 5, None, r"5 \(class java\.lang\.Integer\) to Schema\{BYTES\}"),
    ],
)
def test_where_there_is_no_way_the_message_says_from_what_to_what(
    to: Schema, value: Any, schema: Any, said: str
) -> None:
    with pytest.raises(DataError, match=f"Unable to convert {said}"):
        convert(to, value, schema)


def test_null_is_no_value_where_one_is_required_and_so_is_the_text_null() -> None:
    for to, value in ((INT8, None), (Schema.date(), "null")):
        with pytest.raises(DataError, match="null value to a schema that requires a value"):
            convert(to, value)


def test_a_struct_stays_one() -> None:
    struct = Struct(Schema.struct({"a": INT8}), {"a": 1})
    assert convert(Schema.struct({}), struct) is struct
    with pytest.raises(DataError, match=r"\(class org\.apache\.kafka\.connect\.data\.Struct\)"):
        convert(Schema.map(STRING, STRING), struct)
