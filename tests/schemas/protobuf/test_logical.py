"""Values of logical types as messages."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import DATE_NAME, DECIMAL_NAME, TIME_NAME, TIMESTAMP_NAME, DataError, Schema
from connect_schemas.protobuf.logical import PARTS, VALUES

SCHEMAS = {
    DECIMAL_NAME: Schema.decimal(2),
    DATE_NAME: Schema.date(),
    TIME_NAME: Schema.time(),
    TIMESTAMP_NAME: Schema.timestamp(),
}


def parts(name: str, value: Any) -> dict[str, Any]:
    return PARTS[name](SCHEMAS[name], value)


def value(name: str, **given: Any) -> Any:
    return VALUES[name](SimpleNamespace(**given))


def test_values_have_the_parts_of_their_messages() -> None:
    assert parts(DECIMAL_NAME, Decimal("-12.30")) == {"value": b"\xfb\x32", "precision": 4, "scale": 2}
    assert parts(DECIMAL_NAME, Decimal("0")) == {"value": b"\0", "precision": 1, "scale": 0}
    assert parts(DATE_NAME, dt.date(2020, 2, 29)) == {"year": 2020, "month": 2, "day": 29}
    assert parts(TIME_NAME, dt.time(23, 59, 58, 7000)) == {
        "hours": 23, "minutes": 59, "seconds": 58, "nanos": 7_000_000
    }  # fmt: skip
    before = dt.datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=dt.UTC)
    assert parts(TIMESTAMP_NAME, before) == {"seconds": -1, "nanos": 999_000_000}


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_every_number_comes_back_as_it_was(number: Decimal) -> None:
    back = value(DECIMAL_NAME, **parts(DECIMAL_NAME, number))
    assert back == number
    assert back.as_tuple().exponent == number.as_tuple().exponent


@given(st.dates(), st.times().map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000)))
def test_every_day_and_time_comes_back_as_it_was(day: dt.date, time: dt.time) -> None:
    assert value(DATE_NAME, **parts(DATE_NAME, day)) == day
    assert value(TIME_NAME, **parts(TIME_NAME, time)) == time
    moment = dt.datetime.combine(day, time, tzinfo=dt.UTC)
    assert value(TIMESTAMP_NAME, **parts(TIMESTAMP_NAME, moment)) == moment


def test_a_precision_rounds_as_javas_does() -> None:
    assert value(DECIMAL_NAME, value=b"\x04\xd7", precision=3, scale=2) == Decimal("12.4")
    assert value(DECIMAL_NAME, value=b"\x04\xd7", precision=0, scale=-1) == Decimal("1239E1")


@pytest.mark.parametrize(
    ("name", "given"),
    [
        (DECIMAL_NAME, {"value": b"", "precision": 0, "scale": 0}),
        (DATE_NAME, {"year": 0, "month": 1, "day": 1}),
        (DATE_NAME, {"year": 2021, "month": 2, "day": 29}),
        (TIME_NAME, {"hours": 24, "minutes": 0, "seconds": 0, "nanos": 0}),
        (TIME_NAME, {"hours": 1, "minutes": 0, "seconds": 0, "nanos": 1_000_000_000}),
        (TIMESTAMP_NAME, {"seconds": 1 << 62, "nanos": 0}),
        (TIMESTAMP_NAME, {"seconds": 0, "nanos": -1}),
    ],
)
def test_a_message_that_is_no_value_is_told(name: str, given: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"is no|no digits"):
        value(name, **given)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_value_of_another_type_is_told(name: str) -> None:
    with pytest.raises(DataError, match="Invalid type for"):
        parts(name, "x")


def test_a_number_that_is_none_is_told() -> None:
    with pytest.raises(DataError, match="Invalid value for Decimal"):
        parts(DECIMAL_NAME, Decimal("NaN"))
