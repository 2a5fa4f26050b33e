"""Timestamps as people write them."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect.cli.timestamps import parse_timestamp_ms, timestamp_text


@pytest.mark.parametrize(
    ("text", "timestamp_ms"),
    [
        ("0", 0),
        ("-1", -1),
        ("1767268800000", 1_767_268_800_000),
        ("2026-01-01T12:00:00Z", 1_767_268_800_000),
        ("2026-01-01T12:00:00", 1_767_268_800_000),
        ("2026-01-01T13:00:00.250+01:00", 1_767_268_800_250),
        ("2026-01-01", 1_767_225_600_000),
    ],
)
def test_iso_dates_are_utc_unless_they_name_a_zone_and_numbers_are_milliseconds(text: str, timestamp_ms: int) -> None:
    assert parse_timestamp_ms(text, "--from-datetime") == timestamp_ms


@pytest.mark.parametrize("text", ["yesterday", "--5", "\u00b2", "1_000", "9" * 5000])
def test_what_is_no_date_is_refused_with_its_option(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--to-datetime: '{text}' is not a date"):
        parse_timestamp_ms(text, "--to-datetime")


@pytest.mark.parametrize("timestamp_ms", [-1, 1 << 62])
def test_no_timestamp_and_one_that_no_calendar_holds_are_a_dash(timestamp_ms: int) -> None:
    assert timestamp_text(timestamp_ms) == "-"


def test_a_timestamp_is_read_back_as_it_was_written() -> None:
    assert timestamp_text(1_767_268_800_250) == "2026-01-01T12:00:00.250Z"
    assert parse_timestamp_ms(timestamp_text(1_767_268_800_250), "--from-datetime") == 1_767_268_800_250
