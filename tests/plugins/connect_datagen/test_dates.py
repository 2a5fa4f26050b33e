"""Dates and times, and their texts by `format_as_time`."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_datagen.avro import AvroProblem
from tests.plugins.connect_datagen.schemas import drawn, field

LOG = "dd/MMM/yyyy:HH:mm:ss Z"


def text(pattern: str, **more: Any) -> dict[str, Any]:
    """A text with the pattern beside its `arg.properties`, as schema files have it."""
    return {"type": "string", "format_as_time": pattern, "arg.properties": more}


def test_a_text_that_counts_is_written_as_the_time_that_it_counts_to() -> None:
    declared = text(LOG, iteration={"start": 1_700_000_000_000, "step": 1000})
    assert drawn(declared, count=2) == ["14/Nov/2023:22:13:20 +0000", "14/Nov/2023:22:13:21 +0000"]


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_the_time_that_is_written_is_that_of_the_range(ms: int) -> None:
    (written,) = drawn(text("yyyy-MM-dd'T'HH:mm:ss.SSSX", range={"min": ms, "max": ms + 1}), count=1)
    if ms >= -12_219_292_800_000:  # before October 1582 Java's calendar is another
        assert dt.datetime.fromisoformat(written) == dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(
            milliseconds=ms
        )


def test_without_a_range_the_times_vary_and_are_like_people_s() -> None:
    years = set(map(int, drawn(text("yyyy"))))
    assert len(years) > 20
    assert min(years) >= 1970
    assert max(years) <= 2100


def test_it_may_stand_in_the_properties_too_and_have_something_around_it() -> None:
    day = drawn("string", count=1, format_as_time="yyyy", iteration={"start": 0}, prefix="in ")
    assert day == ["in 1970"]


@pytest.mark.parametrize("kind", ["int", "long"])
def test_a_number_stays_the_number_that_counts(kind: str) -> None:
    declared = {"type": kind, "format_as_time": "unix_long", "arg.properties": {"iteration": {"start": 1, "step": 10}}}
    assert drawn(declared, count=3) == [1, 11, 21]
    assert drawn({**declared, "type": "string"}, count=3) == ["1", "11", "21"]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (text("yyyy-bb"), "format_as_time 'yyyy-bb': Illegal pattern character 'b'"),
        (text("'at"), "Unterminated quote"),
        ({"type": "string", "format_as_time": 3}, "must be a pattern of Java's SimpleDateFormat, not 3"),
        ({"type": "long", "format_as_time": LOG}, "format_as_time of type long must be 'unix_long'"),
        ({"type": "double", "format_as_time": LOG}, "'format_as_time' not known for type double"),
        (text(LOG, iteration={"start": 1 << 60}), "step must lead from start towards restart"),
        (text(LOG, range={"min": 0, "max": 1 << 60}), "is empty or outside of timestamp-millis"),
        (text(LOG, regex="[a-z]", range={"min": 0}), "range and regex cannot stand together"),
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(declared: Any, said: str) -> None:
    with pytest.raises(AvroProblem) as caught:
        drawn(declared)
    assert said in str(caught.value)


def test_a_range_with_one_bound_goes_to_the_end_of_the_calendar() -> None:
    late = {"type": "int", "logicalType": "date"}
    assert min(drawn(late, range={"min": 2_000_000})) >= dt.date(7445, 1, 1)
    assert max(drawn(late, range={"max": -1})) < dt.date(1970, 1, 1)
    assert field(late).logical == "date"
