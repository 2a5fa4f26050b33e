from __future__ import annotations

import datetime as dt
import time
from decimal import Context, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import INT32, DataError, Schema, SchemaType, logical
from connect.api.java import moment_of

milliseconds = st.datetimes(timezones=st.just(dt.UTC)).map(
    lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)
)


@given(st.integers(-(10**40), 10**40), st.integers(-5, 40))
def test_decimals_come_back_from_their_bytes(unscaled: int, scale: int) -> None:
    schema, value = Schema.decimal(scale), logical.scaled(unscaled, scale)
    assert (
        logical.DECIMAL.to_logical(schema, logical.DECIMAL.from_logical(schema, value)).as_tuple() == value.as_tuple()
    )


@given(st.dates(), st.times().map(lambda t: t.replace(microsecond=0)), milliseconds)
def test_dates_times_and_timestamps_come_back_from_their_numbers(day: dt.date, time: dt.time, at: dt.datetime) -> None:
    for kind, schema, value in (
        (logical.DATE, Schema.date(), day),
        (logical.TIME, Schema.time(), time),
        (logical.TIMESTAMP, Schema.timestamp(), at),
    ):
        assert kind.to_logical(schema, kind.from_logical(schema, value)) == value


def test_bytes_are_as_short_as_javas() -> None:
    short = [logical.decimal_bytes(n).hex() for n in (0, 127, 128, -128, -129)]
    assert short == ["00", "7f", "0080", "80", "ff7f"]


def test_a_decimal_of_thousands_of_digits_passes() -> None:
    value = logical.scaled(10**6000 + 1, 3)
    assert (
        logical.DECIMAL.to_logical(Schema.decimal(3), logical.DECIMAL.from_logical(Schema.decimal(3), value)) == value
    )


@pytest.mark.parametrize(
    ("kind", "schema", "value", "said"),
    [
        (logical.DECIMAL, Schema.decimal(0), Decimal("1.28"), "Schema has scale 0, value has scale 2"),
        (logical.DECIMAL, Schema(SchemaType.BYTES), Decimal(1), "scale parameter not found"),
        (logical.DECIMAL, Schema(SchemaType.BYTES, parameters={"scale": "x"}), Decimal(1), "'x' is not a whole number"),
        *(
            (
                logical.DECIMAL,
                Schema(SchemaType.BYTES, parameters={"scale": scale}),
                Decimal(1),
                "is not a whole number of 32",
            )
            for scale in ("9" * 5000, str(1 << 31), "\u0664", "1_0", "")
        ),
        (logical.DECIMAL, Schema.decimal(0), Decimal("NaN"), "Invalid value for Decimal: NaN"),
        (logical.DATE, INT32, dt.date(2024, 1, 1), "conversion of Date object but the schema does not match"),
        (logical.DATE, Schema.date(), moment_of(1), "should not have any time fields"),
        (logical.TIME, Schema.time(), moment_of(-1), "should not have any date fields"),
        (logical.TIMESTAMP, Schema.timestamp(), 5, r"expected Date but was class java\.lang\.Integer"),
    ],
)
def test_what_has_no_base_value_is_refused(kind: logical.LogicalType, schema: Schema, value: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        kind.from_logical(schema, value)


@pytest.mark.parametrize(
    ("kind", "schema", "base", "said"),
    [
        (logical.DECIMAL, Schema.decimal(0), b"", "at least one byte"),
        (logical.TIME, Schema.time(), 86_400_000, "less than 86400000"),
        (logical.DATE, Schema.date(), 10**7, "outside the years 1 to 9999"),
        (logical.TIMESTAMP, INT32, 0, "conversion of Timestamp object but the schema does not match"),
    ],
)
def test_what_is_no_base_value_is_refused(kind: logical.LogicalType, schema: Schema, base: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        kind.to_logical(schema, base)


@pytest.mark.parametrize("kind", [logical.DATE, logical.TIME, logical.TIMESTAMP, logical.DECIMAL])
def test_the_schema_of_another_type_is_refused_both_ways(kind: logical.LogicalType) -> None:
    other = Schema.timestamp() if kind is not logical.TIMESTAMP else Schema.date()
    value = {"Date": dt.date(2024, 1, 1), "Time": dt.time(1), "Timestamp": dt.datetime(2024, 1, 1, tzinfo=dt.UTC)}
    with pytest.raises(DataError):
        kind.from_logical(other, value.get(kind.word, Decimal(1)))
    with pytest.raises(DataError):
        kind.to_logical(other, b"\x01" if kind is logical.DECIMAL else 1)


@pytest.mark.parametrize("digits", [1, 2466, 2467, 5001, 60_000])
def test_numbers_of_any_size_are_decimals_of_their_digits_and_back(digits: int) -> None:
    number = 7 * 10 ** (digits - 1) + (3 * 10 ** (digits // 2) if digits > 2 else 0)
    for whole in (number, -number):
        made = logical.scaled(whole, 5)
        assert made == Decimal(whole).scaleb(-5, Context(prec=digits + 1)) and made.as_tuple().exponent == -5
        assert logical.unscaled(made, 5) == whole


def test_a_record_whose_decimal_is_all_of_it_is_read_and_written_in_time() -> None:
    raw = b"\x7f" * 200_000
    began = time.process_time()
    value = logical.scaled(int.from_bytes(raw, "big"), 3)
    assert logical.decimal_bytes(logical.unscaled(value, 3)) == raw
    assert time.process_time() - began < 15, "by the square of its digits these are 40 s"
