"""A bound on open append files, so that a thousand partitions do not take a thousand descriptors."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Protocol


class Releasable(Protocol):
    """What holds an open file and can do without it."""

    def try_release(self) -> bool:
        """Close the file unless it is in use right now."""


class OpenFiles:
    """Holders of open files, those opened longest ago first. At most `limit`, but for ones that are busy."""

    def __init__(self, limit: int = 256) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._holders: OrderedDict[Releasable, None] = OrderedDict()

    def opened(self, holder: Releasable) -> None:
        """Take note of a file that was opened; close older ones beyond the limit."""
        with self._lock:
            self._holders[holder] = None
            surplus = list(self._holders)[: max(0, len(self._holders) - self._limit)]
        for other in surplus:
            if other is not holder:
                other.try_release()

    def forget(self, holder: Releasable) -> None:
        """Take note of a file that was closed."""
        with self._lock:
            self._holders.pop(holder, None)
