"""The runs of a source task that polls by the clock: each from its time on until all that there is has been brought.

A time that comes while a run goes on is passed over, so runs never overlap; so is one at which the task did not run, or
was paused.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from connect.runtime.schedule import Schedule, ScheduleConfig

#: How long is waited at most before the clock is looked at again: somebody may set it.
_LOOK_S: Final = 10.0


class Runs:
    """Of one source task. For the event loop.

    Args:
        clock: The time, in s since the epoch.
    """

    def __init__(
        self,
        schedule: Schedule,
        log: logging.Logger | logging.LoggerAdapter[Any],
        *,
        at_start: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._schedule = schedule
        self._log = log
        self._clock = clock
        self._began_s = clock()
        self.is_under_way = at_start
        self._next_s = 0.0
        if not at_start:
            self._plan()

    @classmethod
    def of(cls, config: ScheduleConfig, log: logging.Logger | logging.LoggerAdapter[Any]) -> Runs | None:
        """Return the runs that a config asks for; None where it asks for none."""
        schedule = config.schedule
        return None if schedule is None else cls(schedule, log, at_start=config.schedule_at_start)

    def wait_s(self) -> float:
        """Return how long to wait before the clock is looked at again."""
        return min(max(self._next_s - self._clock(), 0.0), _LOOK_S)

    def begin_if_due(self) -> bool:
        """Begin a run if it is time; return whether one is under way."""
        if not self.is_under_way and self._clock() >= self._next_s:
            self.is_under_way = True
            self._began_s = self._clock()
            self._log.info("a scheduled run begins")
        return self.is_under_way

    def end(self) -> None:
        """The run has brought all that there was."""
        self.is_under_way = False
        self._log.info("the scheduled run has ended after %.1f s", self._clock() - self._began_s)
        self._plan()

    def _plan(self) -> None:
        self._next_s = self._schedule.after(self._clock())
        self._log.info("the next scheduled run begins at %s", datetime.fromtimestamp(self._next_s, UTC).isoformat())
