"""The waits of a source between polls that bring nothing: growing ones, until it is woken.

What wakes it: its plugin (`SourceTaskContext.wakeup`), a stop, a pause, and what ends beside the polls.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

#: The pause between two polls of a source that has nothing, in seconds: at first, by how much it grows, and at most: as
#: Kafka's file source waits. The growth is what a record that comes late waits at most, as a share of how late it is.
#: Before its first record a source grows faster: many that have nothing cost least, while others are made beside them.
IDLE_WAIT_MIN_S: Final = 0.005
IDLE_WAIT_GROWTH: Final = 1.25
IDLE_WAIT_GROWTH_AT_FIRST: Final = 2.0
IDLE_WAIT_MAX_S: Final = 1.0
#: The longest wait that a plugin may ask for, in seconds.
POLL_WAIT_MAX_S: Final = 60.0


class Idling:
    """One source task's waits. For the event loop on which it is made; `wakeup` from any thread.

    Attributes:
        is_woken: Set when a wait for the next poll is to end.
    """

    def __init__(self) -> None:
        self.is_woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._is_wake_due = False
        self._wait_s = IDLE_WAIT_MIN_S
        self._growth = IDLE_WAIT_GROWTH_AT_FIRST

    def wait_s(self, told: object) -> float:
        """Return how long the next poll may wait.

        Args:
            told: What the plugin says, who may have set it to anything.
        """
        if isinstance(told, int | float) and told > 0:
            return min(max(told, IDLE_WAIT_MIN_S), POLL_WAIT_MAX_S)
        return self._wait_s

    def brought(self) -> None:
        """A poll brought something."""
        self._wait_s, self._growth = IDLE_WAIT_MIN_S, IDLE_WAIT_GROWTH

    def was_woken(self) -> None:
        """A wait was ended early."""
        self._wait_s = IDLE_WAIT_MIN_S

    def waited(self) -> None:
        """A wait went to its end."""
        self._wait_s = min(self._wait_s * self._growth, IDLE_WAIT_MAX_S)

    def wakeup(self) -> None:
        """See `SourceTaskContext.wakeup`. The loop hears of it once a poll, however often it comes."""
        if self._is_wake_due or self.is_woken.is_set():
            return  # a poll is still to begin
        self._is_wake_due = True
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._is_wake_due = False  # first, since from here on another wakeup has to be heard, or finds the event set
        self.is_woken.set()
