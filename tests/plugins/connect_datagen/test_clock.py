"""Rates: steady, in phases and over the day, and when each record falls due."""

import pytest

from connect_datagen.clock import Clock, RateProblem, parse_instant, parse_rate


def seconds(text, numbers, start_s=0.0):
    clock = Clock(parse_rate(text), start_s)
    return [round(clock.seconds(number), 6) for number in numbers]


def test_a_steady_rate_spreads_its_records_evenly():
    assert seconds("4", range(5)) == [0, 0.25, 0.5, 0.75, 1]


def test_phases_come_again_and_again():
    assert seconds("1 for 2s, 4 for 1s", range(8)) == [0, 1, 2, 2.25, 2.5, 2.75, 3, 4]


def test_a_phase_without_records_is_a_pause():
    assert seconds("0 for 1m, 2 for 500 ms", range(3)) == [60, 120.5, 181]


def test_a_day_has_its_quiet_and_its_busy_hours_and_the_mean_that_is_asked_for():
    clock = Clock(parse_rate("daily 10"))
    assert clock.seconds(864_000) == pytest.approx(86_400)
    hours = [0] * 24
    for number in range(0, 864_000, 100):
        hours[int(clock.seconds(number) // 3600)] += 100
    assert hours.index(min(hours)) in (3, 4)
    assert hours.index(max(hours)) in (15, 16)


def test_a_day_begins_where_the_stream_begins():
    noon = Clock(parse_rate("daily 10"), 12 * 3600.0)
    assert noon.seconds(0) == pytest.approx(0)
    assert noon.seconds(10_000) < Clock(parse_rate("daily 10")).seconds(10_000)


def test_times_never_go_back():
    clock = Clock(parse_rate("7 for 3s, 0 for 2s, 1000 for 1s"), 0.0)
    times = [clock.seconds(number) for number in range(5000)]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected records per second as '1000'"),
        ("fast", "expected records per second"),
        ("-1", "expected records per second"),
        ("0", "is not between a record in a million seconds"),
        ("1e99", "expected records per second"),
        ("9999999999", "is not between"),
        ("0 for 5s", "is not between"),
        ("5 for 0s", "each phase must last"),
        ("5 for 400d", "a year at most"),
        ("5 for 5", "expected records per second"),
        (", ".join(["1 for 1s"] * 1001), "1001 phases are more than 1000"),
    ],
)
def test_what_is_no_rate_is_told(text, message):
    with pytest.raises(RateProblem, match=message):
        parse_rate(text)


@pytest.mark.parametrize("text", ["2025-01-01", "2025-01-01T01:00:00+01:00", "2025-01-01T00:00:00Z", "1735689600000"])
def test_an_instant_is_a_time_of_iso_8601_or_milliseconds(text):
    assert parse_instant(text) == 1_735_689_600_000
    with pytest.raises(ValueError, match="isoformat"):
        parse_instant("yesterday")
