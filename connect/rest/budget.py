"""How much memory requests take together, and giving it back to the system after a burst of large ones.

The process keeps what it freed for the next batch of records (see `connect.runtime.tuning`); after a burst of large
requests that would be for ever, so the heap is trimmed once they have ended.
"""

from __future__ import annotations

import asyncio
from typing import Final

from connect.runtime.tuning import give_back_memory

#: From so many bytes on that were used since the last time, the heap is trimmed.
_WORTH_BYTES: Final = 16 << 20
#: Some time after the last of them, since a burst has pauses.
_QUIET_S: Final = 1.0


class Budget:
    """Bytes that are held for requests at once. For one event loop.

    Args:
        max_bytes: What all of them may hold together.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held_bytes = 0
        self._used_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._trimming: asyncio.Task[None] | None = None

    def share(self) -> Share:
        """Return one request's part, of nothing yet."""
        return Share(self)

    def take(self, size_bytes: int) -> bool:
        """Count bytes as held; False where they would be too many."""
        if self.held_bytes + size_bytes > self.max_bytes:
            return False
        self.held_bytes += size_bytes
        return True

    def give(self, held_bytes: int, used_bytes: int) -> None:
        """Count bytes as free again, and note how many were used for them, counted or not."""
        self.held_bytes -= held_bytes
        assert self.held_bytes >= 0, "more was given back than was taken"
        self._used_bytes += used_bytes
        if self._used_bytes >= _WORTH_BYTES:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(_QUIET_S, self._trim)

    def _trim(self) -> None:
        self._timer, self._used_bytes = None, 0
        if self._trimming is None or self._trimming.done():
            self._trimming = asyncio.create_task(asyncio.to_thread(give_back_memory))


class Share:
    """What one request holds of a budget. The first `FREE_BYTES` are not counted, so that small ones always get in."""

    FREE_BYTES: Final = 64 << 10

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._size_bytes = 0
        self._counted_bytes = 0

    def grow(self, size_bytes: int) -> bool:
        """Hold more; False where the budget has no room for it."""
        counted = max(0, self._size_bytes + size_bytes - self.FREE_BYTES) - self._counted_bytes
        if not self._budget.take(counted):
            return False
        self._size_bytes += size_bytes
        self._counted_bytes += counted
        return True

    def release(self) -> None:
        """Hold nothing any more."""
        counted, self._counted_bytes = self._counted_bytes, 0
        size, self._size_bytes = self._size_bytes, 0
        self._budget.give(counted, size)
