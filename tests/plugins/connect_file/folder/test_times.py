"""Times of records, and how they are written in names."""

import datetime as dt

import pytest

from connect.api import INT64, DataError, Schema
from connect_file.folder.times import TimeFormat, Times, schedule_slot, zone_of

MOMENT = int(dt.datetime(2024, 2, 9, 23, 4, 5, 67_000, tzinfo=dt.UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd", "2024-02-09"),
        ("'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH", "year=2024/month=02/day=09/hour=23"),
        ("yyMd", "2429"),
        ("HHmmss.SSS", "230405.067"),
        ("DDD", "040"),
        ("'o''clock'", "o'clock"),
        ("''yy''", "'24'"),
        ("y", "2024"),
    ],
)
def test_a_pattern_is_written_as_java_does(pattern, text):
    assert TimeFormat(pattern).text(MOMENT) == text


def test_a_quote_without_an_end_is_refused():
    with pytest.raises(ValueError, match="has no end"):
        TimeFormat("'year")


@pytest.mark.parametrize("pattern", ["EEE", "yyyyy", "MMM", "ww", "h", "SSSS"])
def test_a_letter_that_is_not_known_is_refused_by_name(pattern):
    with pytest.raises(ValueError, match=f"'{pattern}' is not known"):
        TimeFormat(pattern)


def test_a_time_is_that_of_its_zone_also_where_summer_begins():
    written = TimeFormat("HH:mm", "Europe/Berlin")
    before = int(dt.datetime(2024, 3, 31, 0, 59, tzinfo=dt.UTC).timestamp() * 1000)
    assert [written.text(before), written.text(before + 60_000)] == ["01:59", "03:00"]


def test_times_are_rounded_down_to_the_duration():
    assert TimeFormat("HH:mm", duration_ms=600_000).text(MOMENT) == "23:00"


@pytest.mark.parametrize("moment", [-(10**15), 10**15])
def test_a_time_that_no_date_has_is_an_error(moment):
    with pytest.raises((OverflowError, ValueError)):
        TimeFormat("yyyy").text(moment)


def test_a_zone_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="name of a time zone"):
        zone_of("../etc/passwd")


def test_a_schedule_counts_from_midnight_of_the_zone():
    at = dt.datetime(2024, 1, 2, 22, 30, tzinfo=dt.UTC).timestamp()
    day = 86_400_000
    assert schedule_slot(at, day, "UTC") == schedule_slot(at + 3600, day, "UTC")
    assert schedule_slot(at, day, "Europe/Berlin") + 1 == schedule_slot(at + 3600, day, "Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "moment_ms"),
    [
        (1500, 1500),
        (dt.datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=dt.UTC), 1500),
        (dt.datetime(1970, 1, 1, 0, 0, 1), 1000),
        (dt.date(1970, 1, 2), 86_400_000),
        ("1970-01-01T00:00:01+00:00", 1000),
    ],
)
def test_a_field_with_a_time_may_be_of_any_kind_that_has_one(batch, value, moment_ms):
    assert Times("RecordField", "at").of(batch([{"at": value}])) == [moment_ms]


@pytest.mark.parametrize("value", [None, "yesterday", True, 1.5, {}])
def test_a_field_without_a_time_is_a_bad_record(batch, value):
    with pytest.raises(DataError, match=r"field 'at', which timestamp\.field names, is no time"):
        Times("RecordField", "at").of(batch([{"at": value}]))


@pytest.mark.parametrize("timestamps", [None, [5, None], -1])
def test_a_record_without_a_timestamp_is_a_bad_record(batch, timestamps):
    with pytest.raises(DataError, match="has no timestamp"):
        Times("Record", None).of(batch([1, 2], timestamps=timestamps))


def test_the_clock_never_goes_back(batch, monkeypatch):
    times, now = Times("Wallclock", None), 100.0
    monkeypatch.setattr("connect_file.folder.times.time.time", lambda: now)
    assert times.of(batch([1])) == 100_000
    now = 50.0
    assert times.of(batch([1])) == 100_000


def test_a_record_without_the_field_of_its_time_names_the_key(batch):
    with pytest.raises(DataError, match=r"has no field 'at', which timestamp\.field names"):
        Times("RecordField", "at").of(batch([{}], schema=Schema.struct({"b": INT64})))


@pytest.mark.parametrize(
    ("zone", "duration_ms", "moments"),
    [
        ("UTC", 420_000, [3_600_000_000_000, 3_600_000_360_000]),
        ("Africa/Monrovia", 0, [2_669_000, 2_671_000]),
    ],
    ids=["rounded to what an hour is no multiple of", "an offset of 44 minutes and a half"],
)
def test_a_time_is_written_the_same_whatever_was_written_before_it(zone, duration_ms, moments):
    alone = [TimeFormat("HH", zone, duration_ms).text(moment) for moment in moments]
    assert alone[0] != alone[1]
    together = TimeFormat("HH", zone, duration_ms)
    assert [together.text(moment) for moment in moments] == alone
