"""TimestampConverter: dates between text, Unix numbers, and Connect's Date, Time and Timestamp."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from connect.api import INT32, INT64, STRING, Batch, ConfigError, ConnectError, DataError, Record, Schema
from tests.support.transforms import make_transform, transformed

AT = dt.datetime(2024, 1, 31, 12, 30, 15, 123000, tzinfo=dt.UTC)
AT_MS = 1_706_704_215_123
TEXT = "2024-01-31 12:30:15.123"
FORMAT = "yyyy-MM-dd HH:mm:ss.SSS"
#: The same time as each target has it.
SHOWN = {"string": TEXT, "unix": AT_MS, "Timestamp": AT, "Date": AT.date(), "Time": dt.time(12, 30, 15, 123000)}
SCHEMAS = {
    "string": STRING,
    "unix": INT64,
    "Timestamp": Schema.timestamp(),
    "Date": Schema.date(),
    "Time": Schema.time(),
}


@pytest.mark.parametrize("source", ["string", "unix", "Timestamp"])
@pytest.mark.parametrize("target", list(SHOWN))
def test_a_date_becomes_what_is_wanted_of_whatever_it_is(source: str, target: str) -> None:
    config = {"field": "at", "target_type": target, "format": FORMAT}
    assert transformed("TimestampConverter$Value", {"at": SHOWN[source]}, **config) == {"at": SHOWN[target]}
    row = Schema.struct({"at": SCHEMAS[source]}, name="row")
    made = make_transform("TimestampConverter$Value", **config).apply(
        Record("t", {"at": SHOWN[source]}, value_schema=row)
    )
    assert made is not None
    assert (made.value, made.value_schema) == (
        {"at": SHOWN[target]},
        Schema.struct({"at": SCHEMAS[target]}, name="row"),
    )


@pytest.mark.parametrize(
    ("precision", "number", "back"),
    [
        ("seconds", AT_MS // 1000, AT_MS // 1000 * 1000),
        ("milliseconds", AT_MS, AT_MS),
        ("microseconds", AT_MS * 1000, AT_MS),
        ("nanoseconds", AT_MS * 1_000_000, AT_MS),
    ],
)
def test_a_number_is_written_and_read_in_its_precision(precision: str, number: int, back: int) -> None:
    assert transformed("TimestampConverter$Value", AT, target_type="unix", unix_precision=precision) == number
    made = transformed("TimestampConverter$Value", number, target_type="Timestamp", unix_precision=precision)
    assert made == dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=back)


def test_numbers_before_1970_are_cut_towards_zero() -> None:
    before = dt.datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=dt.UTC)
    assert transformed("TimestampConverter$Value", before, target_type="unix", unix_precision="seconds") == -1


def test_nulls_stay_and_keep_their_place() -> None:
    row = Schema.struct({"at": Schema("int64", optional=True)}, optional=True)
    batch = Batch("t", [{"at": AT_MS}, None, {"at": None}], value_schema=row)
    made = make_transform("TimestampConverter$Value", field="at", target_type="Timestamp").apply_batch(batch)
    assert isinstance(made, Batch)
    assert made.values == [{"at": AT}, None, {"at": None}]


def test_a_nested_field_is_converted_and_the_given_value_left_alone() -> None:
    given = {"meta": {"at": AT_MS}}
    config = {"field": "meta.at", "target_type": "Timestamp", "field_syntax_version": "V2"}
    assert transformed("TimestampConverter$Value", given, **config) == {"meta": {"at": AT}}
    assert given == {"meta": {"at": AT_MS}}


@pytest.mark.parametrize("value", ["yesterday", "", "2024"])
def test_a_text_that_does_not_fit_the_format_is_an_error_that_shows_both(value: str) -> None:
    with pytest.raises(DataError, match=rf"value \({value}\) does not match pattern \(yyyy-MM-dd"):
        transformed("TimestampConverter$Value", value, target_type="unix", format=FORMAT)


@pytest.mark.parametrize("value", [True, 1.5, [1], b"x"])
def test_what_is_no_date_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match="does not support class"):
        transformed("TimestampConverter$Value", value, target_type="unix")


def test_a_schema_of_no_date_is_refused() -> None:
    with pytest.raises(ConnectError, match="does not correspond to a known timestamp type"):
        transformed("TimestampConverter$Value", 5, INT32, target_type="unix")


@pytest.mark.parametrize(
    "config",
    [
        {"target_type": "string"},
        {"target_type": "year"},
        {},
        {"target_type": "unix", "unix_precision": "hours"},
        {"target_type": "unix", "format": "nope"},
        {"target_type": "unix", "field": "`a", "field_syntax_version": "V2"},
    ],
)
def test_a_config_that_says_no_target_is_refused(config: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        make_transform("TimestampConverter$Value", **config)


def test_the_key_is_converted() -> None:
    made = make_transform("TimestampConverter$Key", target_type="Date").apply(Record("t", 1, key=AT_MS))
    assert made == Record("t", 1, key=AT.date())
