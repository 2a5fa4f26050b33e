"""Memory beside a log: whatever the order of the answers, memory holds what was written last."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Generic, TypeVar

log = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")


class WriteOrder(Generic[K, V]):
    """The writes of one map whose entries are appended to a log and set in memory once the log has them.

    A write is answered when it is on disk, so two answers may come in the other order than their writes. An entry is
    set only where no later write of its key was. On one event loop.
    """

    def __init__(self, set_entry: Callable[[K, V], None]) -> None:
        self._set_entry = set_entry
        self._ticket = 0
        self._set_by: dict[K, int] = {}  # of the writes under way at one time, so it stays small
        self._under_way: set[asyncio.Task[None]] = set()

    async def write(self, append: Coroutine[Any, Any, object], entries: Mapping[K, V]) -> None:
        """Await an append, then set its entries. Calls append in their order, if `append` waits for nothing before.

        A cancelled caller's write goes on, and its entries are set: the log will have them. What `append` raises is
        raised, and nothing is set.
        """
        self._ticket += 1
        task = asyncio.create_task(self._write(append, dict(entries), self._ticket))
        self._under_way.add(task)
        task.add_done_callback(self._done)
        await asyncio.shield(task)

    def set(self, entries: Mapping[K, V]) -> None:
        """Set entries that the log has already; writes that are still under way come before them in the log."""
        self._ticket += 1
        for key, value in entries.items():
            if self._under_way:
                self._set_by[key] = self._ticket
            self._set_entry(key, value)

    async def settled(self) -> None:
        """Wait for the writes under way, also those of cancelled callers; failures are their callers' matter."""
        while self._under_way:
            await asyncio.wait(list(self._under_way))

    async def settled_so_far(self) -> None:
        """Wait for the writes that are under way at the call, not for those that come meanwhile."""
        if self._under_way:
            await asyncio.wait(list(self._under_way))

    async def _write(self, append: Coroutine[Any, Any, object], entries: dict[K, V], ticket: int) -> None:
        await append
        for key, value in entries.items():
            if self._set_by.get(key, 0) < ticket:
                self._set_by[key] = ticket
                self._set_entry(key, value)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not self._under_way:
            self._set_by.clear()
        if not task.cancelled() and task.exception() is not None:
            log.debug("a write failed", exc_info=task.exception())  # the caller has it too, unless it was cancelled
