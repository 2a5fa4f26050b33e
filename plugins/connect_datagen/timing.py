"""Event times: when records happened, by a clock of their own that advances with them, and some of them late."""

from __future__ import annotations

import random
from dataclasses import dataclass

from connect_datagen.clock import Clock


@dataclass(frozen=True, slots=True)
class Times:
    """The event times of a stream.

    Attributes:
        start_ms: Of the first record, in ms since 1970.
        clock: When each record falls due, from there.
        late_share: The share of records that come late, 0 to 1.
        late_ms_max: How much older than its neighbours such a one is at most.
    """

    start_ms: int
    clock: Clock
    late_share: float = 0.0
    late_ms_max: int = 0

    def at(self, number: float) -> int:
        """Return the time of a record, in ms since 1970."""
        return self.start_ms + int(self.clock.seconds(number) * 1000)

    def column(self, first: int, count: int, rng: random.Random) -> list[int]:
        """Return the times of `count` records from number `first` on."""
        start_ms, seconds = self.start_ms, self.clock.seconds
        return self.some_late([start_ms + int(seconds(n) * 1000) for n in range(first, first + count)], rng)

    def some_late(self, times: list[int], rng: random.Random) -> list[int]:
        """Return times of which some are set back."""
        if not self.late_share or not self.late_ms_max:
            return times
        share, most, draw = self.late_share, self.late_ms_max, rng.random
        return [time - 1 - int(draw() * most) if draw() < share else time for time in times]
