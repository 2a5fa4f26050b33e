"""Plain numbers about what happens again and again: histograms of seconds, and Kafka's moving rates and averages.

They cost a batch of records about a microsecond, and a record nothing: who counts calls them once a batch. Nothing here
knows who reads; a reader on another thread may see one batch in some numbers and not yet in others.

Rates, averages and extremes are over Kafka's moving window, `metrics.sample.window.ms` = 30000 and
`metrics.num.samples` = 2: of the last 30 to 60 seconds.

Source: Kafka, SampledStat.java, Rate.java, Avg.java, Max.java of `org.apache.kafka.common.metrics.stats`.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

#: Upper bounds of the buckets where there are many histograms, in seconds; the last one, without a bound, is added.
BOUNDS_S: Final = (0.01, 0.1, 1.0, 10.0)
#: The same where there is one of a worker.
FINE_BOUNDS_S: Final = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0)
#: The same where a quantile is read from them.
BATCH_BOUNDS_S: Final = (
    0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0,
)  # fmt: skip
#: How long one sample of a window lasts.
SAMPLE_S: Final = 30.0
#: How many samples a window has, the one under way too.
SAMPLES: Final = 2


class Histogram:
    """How often something took how long. One thread at a time may `observe`.

    Attributes:
        bounds: The upper bounds of all buckets but the last, in seconds, rising.
        counts: Of each bucket, not summed up.
        sum_s: All that was observed, in seconds.
    """

    __slots__ = ("bounds", "counts", "sum_s")

    def __init__(self, bounds: Sequence[float] = BOUNDS_S) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Take one time; what the clock makes negative counts as 0."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        if seconds > 0:
            self.sum_s += seconds

    def add(self, other: Histogram) -> None:
        """Take all that another one of the same bounds has."""
        assert self.bounds == other.bounds, "their buckets are the same"
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.sum_s += other.sum_s


class Window:
    """Sum, count and extremes of what was recorded in the last 30 to 60 seconds. One thread at a time may `record`.

    Where nothing was, all of them are 0; Kafka has NaN there, which a sum over many series would not outlive.
    """

    __slots__ = ("_now", "_old")

    def __init__(self) -> None:
        # (began, sum, count, min, max): made anew with each record, so that a reader never sees half of one.
        self._now = (time.monotonic(), 0.0, 0, 0.0, 0.0)
        self._old = (self._now[0] - SAMPLE_S, 0.0, 0, 0.0, 0.0)

    def record(self, value: float, now_s: float | None = None) -> None:
        """Take one value.

        Args:
            now_s: The monotonic clock, where the caller has just asked for it.
        """
        now_s = time.monotonic() if now_s is None else now_s
        began, total, count, low, high = self._now
        if now_s - began >= SAMPLE_S:
            self._old, self._now = self._now, (now_s, value, 1, value, value)
        elif count:
            # Not min and max, which take half as long again as all of this.
            low, high = (value if value < low else low), (value if value > high else high)
            self._now = (began, total + value, count + 1, low, high)
        else:
            self._now = (began, value, 1, value, value)

    def _samples(self, now_s: float) -> list[tuple[float, float, int, float, float]]:
        return [one for one in (self._old, self._now) if now_s - one[0] < SAMPLES * SAMPLE_S and one[2]]

    def sum(self, now_s: float) -> float:
        """Return the sum."""
        return sum(one[1] for one in self._samples(now_s))

    def rate(self, now_s: float) -> float:
        """Return the sum for each second; a window that has just begun counts as one whole sample more, as Kafka's."""
        old, now = self._old, self._now
        oldest_s = old[0] if now_s - old[0] < SAMPLES * SAMPLE_S and old[2] else now[0]
        elapsed_s = now_s - oldest_s
        if elapsed_s < SAMPLE_S:
            elapsed_s += SAMPLE_S
        return self.sum(now_s) / elapsed_s

    def avg(self, now_s: float) -> float:
        """Return the mean."""
        samples = self._samples(now_s)
        count = sum(one[2] for one in samples)
        return sum(one[1] for one in samples) / count if count else 0.0

    def max(self, now_s: float) -> float:
        """Return the largest."""
        return max((one[4] for one in self._samples(now_s)), default=0.0)

    def min(self, now_s: float) -> float:
        """Return the smallest."""
        return min((one[3] for one in self._samples(now_s)), default=0.0)


class Shares:
    """How much of its life something was in which state. One thread may `enter`.

    Attributes:
        state: The present one.
    """

    __slots__ = ("_began_s", "_since_s", "_spent_s", "state")

    def __init__(self, state: str) -> None:
        self._began_s = self._since_s = time.monotonic()
        self._spent_s: dict[str, float] = {}
        self.state = state

    def enter(self, state: str) -> None:
        """Begin another state."""
        now_s = time.monotonic()
        self._spent_s[self.state] = self._spent_s.get(self.state, 0.0) + now_s - self._since_s
        self.state, self._since_s = state, now_s

    def of(self, state: str, now_s: float) -> float:
        """Return the share of a state since the beginning, 0 to 1."""
        spent_s = self._spent_s.get(state, 0.0) + (now_s - self._since_s if state == self.state else 0.0)
        whole_s = now_s - self._began_s
        return min(1.0, spent_s / whole_s) if whole_s > 0 else 0.0
