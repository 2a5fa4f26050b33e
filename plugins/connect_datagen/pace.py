"""How fast a task goes: it waits until records are due, and says how many are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

#: Records that fall due within so many ms travel together, so that a quick stream costs no poll a record.
GATHER_S: Final = 0.01
#: The longest wait inside one poll.
WAIT_S: Final = 1.0
#: A task that is further behind than this does not catch up: the pause is left out.
BEHIND_S: Final = 2.0


class Pace:
    """Lets through what is due by a clock that begins with the first call.

    Args:
        stopping: Ends a wait.
        due_s: When step `n` of the stream falls due, in seconds of the stream's own time; never falling.
        speedup: Seconds of the stream's time in one second; 0 for as fast as possible.
    """

    def __init__(self, stopping: threading.Event, due_s: Callable[[int], float], speedup: float) -> None:
        self._stopping = stopping
        self._due_s = due_s
        self._speedup = speedup
        self._zero_s: float | None = None

    def count(self, first: int, limit: int) -> int:
        """Return how many steps from `first` on are due, at most `limit`; 0 after a wait in which none came due.

        Blocks for at most `WAIT_S`.
        """
        if self._speedup <= 0 or limit <= 0:
            return limit
        at_s = self._due_s(first) / self._speedup
        now_s = time.monotonic()
        if self._zero_s is None or now_s - self._zero_s - at_s > BEHIND_S:
            self._zero_s = now_s - at_s
        # A little early, so that what comes next is not far behind.
        wait_s = at_s + min(GATHER_S, 1.0) - (now_s - self._zero_s)
        if wait_s > 0:
            self._stopping.wait(min(wait_s, WAIT_S))
            if wait_s > WAIT_S or self._stopping.is_set():
                return 0
        reached_s = (time.monotonic() - self._zero_s) * self._speedup
        low, high = 1, limit  # the first is due; the last that is, by halves
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self._due_s(first + middle - 1) <= reached_s else (low, middle - 1)
        return low
