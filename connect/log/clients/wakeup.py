"""Wakes the consumers that wait on the event loop, and only those whose topics got something.

All of it is for the event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


class Wakeup:
    """One consumer's: a counter that rises, and a way to wait until it does.

    Take `count`, look, and wait with that count: a change between the look and the wait is not missed.
    """

    def __init__(self) -> None:
        self.count = 0
        self._waiters: set[asyncio.Future[None]] = set()

    def fire(self) -> None:
        """Wake whoever waits."""
        self.count += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, seen: int, timeout_s: float) -> bool:
        """Return True once the count differs from `seen`, False after `timeout_s`."""
        if self.count != seen:
            return True
        if timeout_s <= 0:
            return False
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            done, _ = await asyncio.wait([waiter], timeout=timeout_s)
            return bool(done)
        finally:
            self._waiters.discard(waiter)


class Wakeups:
    """Who is to be woken for which topic. A hundred idle consumers cost an append to another topic nothing."""

    def __init__(self) -> None:
        self._topics: dict[Wakeup, frozenset[str]] = {}
        self._watching: dict[str, set[Wakeup]] = {}

    def watch(self, wakeup: Wakeup, topics: Iterable[str]) -> None:
        """Fire at appends to these topics, in place of those watched before, and when topics come or go."""
        self.forget(wakeup)
        self._topics[wakeup] = frozenset(topics)
        for topic in self._topics[wakeup]:
            self._watching.setdefault(topic, set()).add(wakeup)

    def forget(self, wakeup: Wakeup) -> None:
        """Fire no more. An unknown one is no error."""
        for topic in self._topics.pop(wakeup, frozenset()):
            watching = self._watching[topic]
            watching.discard(wakeup)
            if not watching:
                del self._watching[topic]

    def appended(self, topic: str) -> None:
        """Take note of records that readers of a topic can now see."""
        for wakeup in self._watching.get(topic, ()):
            wakeup.fire()

    def topics_changed(self) -> None:
        """Take note of a topic that was created or deleted: it may concern everyone."""
        for wakeup in list(self._topics):
            wakeup.fire()
