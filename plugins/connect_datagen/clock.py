"""How many records come when: a rate, steady, in bursts or over the day, and the time that record `n` falls due.

The time of a record follows from its number alone, so that a stream's event times are the same however it is cut into
polls, and after a restart.
"""

from __future__ import annotations

import bisect
import datetime as dt
import itertools
import math
import re
from dataclasses import dataclass
from typing import Final

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PHASE: Final = re.compile(r"([0-9]*\.?[0-9]+) +for +([0-9]*\.?[0-9]+) *(ms|s|m|h|d)")
_STEADY: Final = re.compile(r"[0-9]*\.?[0-9]+")
_DAILY: Final = re.compile(r"daily +([0-9]*\.?[0-9]+)")
#: The hours of a day: least at four in the morning, most at four in the afternoon; 1 in the mean.
_DAY: Final = tuple(1 - 0.8 * math.cos((hour - 3.5) / 24 * 2 * math.pi) for hour in range(24))
_DAY_S: Final = 86_400.0
_PHASES_MAX: Final = 1000
_RATE_MAX: Final = 1e9
#: One phase may be empty, but a round of all must not take longer for a record than anybody waits.
_SPAN_S_MAX: Final = 366 * _DAY_S
_EXPECTED: Final = "'1000', '100 for 50s, 5000 for 10s' or 'daily 1000'"


class RateProblem(ValueError):
    """What is wrong with a rate."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Records per second, in phases that come again and again.

    Attributes:
        phases: Pairs of records per second and seconds; one of infinite length for a steady rate.
        daily: Whether the phases are those of a day, and so begin at midnight, UTC.
    """

    phases: tuple[tuple[float, float], ...]
    daily: bool = False


def parse_rate(text: str) -> Rate:
    """Return the rate that a text says: '1000', '100 for 50s, 5000 for 10s' or 'daily 1000'.

    Raises:
        RateProblem: It says none, or one that makes no records.
    """
    text = text.strip()
    if _STEADY.fullmatch(text):
        return Rate(((_checked(float(text), text), math.inf),))
    if found := _DAILY.fullmatch(text):
        mean = _checked(float(found[1]), text)
        return Rate(tuple((mean * part, _DAY_S / len(_DAY)) for part in _DAY), daily=True)
    parts = [_PHASE.fullmatch(part.strip()) for part in text.split(",")]
    phases = [(float(found[1]), float(found[2]) * _UNITS_S[found[3]]) for found in parts if found is not None]
    if len(phases) != len(parts):
        raise RateProblem(f"expected records per second as {_EXPECTED}")
    if len(phases) > _PHASES_MAX:
        raise RateProblem(f"{len(phases)} phases are more than {_PHASES_MAX}")
    if any(seconds <= 0 for _, seconds in phases) or sum(seconds for _, seconds in phases) > _SPAN_S_MAX:
        raise RateProblem("each phase must last, and all together a year at most")
    _checked(max(rate for rate, _ in phases), text)
    return Rate(tuple(phases))


def _checked(rate: float, text: str) -> float:
    if not 1e-6 <= rate <= _RATE_MAX:
        raise RateProblem(f"{text!r} is not between a record in a million seconds and {_RATE_MAX:.0f} a second")
    return rate


class Clock:
    """The seconds from the start of a stream until its record `n` falls due.

    Args:
        start_s: Where in the phases the stream begins; for those of a day the seconds since midnight.
    """

    def __init__(self, rate: Rate, start_s: float = 0.0) -> None:
        self._steady = rate.phases[0][0] if math.isinf(rate.phases[0][1]) else 0.0
        if self._steady:
            return
        self._phases = [phase for phase in rate.phases if phase[0] > 0]
        # What is due by the start of each phase; phases without records are passed over, and count as time only.
        starts = [0.0, *itertools.accumulate(seconds for _, seconds in rate.phases)]
        self._cycle_s = starts.pop()
        self._starts_s = [start for start, phase in zip(starts, rate.phases, strict=True) if phase[0] > 0]
        counts = [0.0, *itertools.accumulate(rate * seconds for rate, seconds in self._phases)]
        self._cycle_count = counts.pop()
        self._counts = counts
        self._start_s = start_s % self._cycle_s
        self._start_count = self._count_at(self._start_s)

    def seconds(self, number: float) -> float:
        """Return when record `number` falls due."""
        if self._steady:
            return number / self._steady
        cycles, within = divmod(number + self._start_count, self._cycle_count)
        place = bisect.bisect_right(self._counts, within) - 1
        inside_s = (within - self._counts[place]) / self._phases[place][0]
        return cycles * self._cycle_s + self._starts_s[place] + inside_s - self._start_s

    def _count_at(self, seconds: float) -> float:
        """Return how many are due by some second of the first cycle."""
        total = 0.0
        for (rate, length), start in zip(self._phases, self._starts_s, strict=True):
            total += rate * min(max(seconds - start, 0.0), length)
        return total


def parse_instant(text: str) -> int:
    """Return the milliseconds since 1970 of an ISO 8601 time (UTC where it names no zone), or of their number.

    Raises:
        ValueError: It is neither.
    """
    if re.fullmatch(r"-?[0-9]{1,15}", text):
        return int(text)
    moment = dt.datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return (aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
