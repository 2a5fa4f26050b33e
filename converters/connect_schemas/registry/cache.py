"""What was asked lately: so many answers, and none that is too old."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any


class Recent:
    """The answers that were used last. Not for several threads at once: its owner has a lock.

    Args:
        count_max: How many; the one that was used longest ago goes first.
        ttl_s: How long an answer counts; None for ever.
    """

    def __init__(
        self, count_max: int, ttl_s: float | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._count_max = max(1, count_max)
        self._ttl_s = ttl_s
        self._clock = clock
        self._found: OrderedDict[Hashable, tuple[Any, float]] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        """Return an answer, None where there is none."""
        found = self._found.get(key)
        if found is None:
            return None
        if self._ttl_s is not None and self._clock() - found[1] >= self._ttl_s:
            del self._found[key]
            return None
        self._found.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, answer: Any) -> None:
        """Remember an answer."""
        self._found[key] = (answer, self._clock())
        self._found.move_to_end(key)
        while len(self._found) > self._count_max:
            self._found.popitem(last=False)

    def clear(self) -> None:
        """Forget all of them."""
        self._found.clear()

    def __len__(self) -> int:
        return len(self._found)
