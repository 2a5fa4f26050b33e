"""The runs of a source task that polls by the clock: each from its time on until all that there is has been brought.

A time that comes while a run goes on is passed over, so runs never overlap; so is one at which the task did not run, or
was paused.

Somebody may set the clock. A plan is right as long as the clock has not gone back behind the moment at which it was
made; where it has, times that have come already would come again. By a little, as of a clock that is corrected, they do
not, and neither do times of the day within some hours; else the clock is what it says, and the plan is made anew.
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
#: How far the clock may be set back without times coming again: any, and those of the day.
_BACK_S: Final = 60.0
_BACK_OF_DAY_S: Final = 3 * 3600.0


class Runs:
    """Of one source task. For the event loop.

    Args:
        clock: The time, in s since the epoch.
        passed: The time that nobody sets, in s.
    """

    def __init__(
        self,
        schedule: Schedule,
        log: logging.Logger | logging.LoggerAdapter[Any],
        *,
        at_start: bool = False,
        clock: Callable[[], float] = time.time,
        passed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._schedule = schedule
        self._log = log
        self._clock = clock
        self._passed = passed
        self._began_s = passed()
        self.is_under_way = at_start
        self._planned_s = self._next_s = 0.0
        self._back_s = _BACK_OF_DAY_S if schedule.names_hours else _BACK_S
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
        if self.is_under_way:
            return True
        now_s = self._clock()
        if now_s < self._planned_s - self._back_s:
            self._log.warning(
                "the clock was set back by %.0f s or more: the schedule begins anew", self._planned_s - now_s
            )
            self._plan()
        elif now_s >= self._next_s:
            self.is_under_way = True
            self._began_s = self._passed()
            self._log.info("a scheduled run begins")
        return self.is_under_way

    def end(self) -> None:
        """The run has brought all that there was."""
        self.is_under_way = False
        self._log.info("the scheduled run has ended after %.1f s", self._passed() - self._began_s)
        self._plan()

    def _plan(self) -> None:
        self._planned_s = self._clock()
        self._next_s = self._schedule.after(self._planned_s)
        self._log.info("the next scheduled run begins at %s", datetime.fromtimestamp(self._next_s, UTC).isoformat())
