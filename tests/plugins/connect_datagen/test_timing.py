"""Event times: by number, and some late."""

import random

from connect_datagen.clock import Clock, parse_rate
from connect_datagen.timing import Times


def test_times_follow_from_the_number():
    times = Times(1000, Clock(parse_rate("10")))
    assert times.column(5, 3, random.Random(1)) == [1500, 1600, 1700] == [times.at(n) for n in (5, 6, 7)]


def test_some_are_late_and_the_same_ones_each_time():
    times = Times(10**12, Clock(parse_rate("1000")), 0.25, 50)
    made = times.column(0, 4000, random.Random(1))
    behind = [10**12 + number - time for number, time in enumerate(made)]
    assert set(behind) == set(range(51))
    assert 800 < sum(ms > 0 for ms in behind) < 1200
    assert made == times.column(0, 4000, random.Random(1))
