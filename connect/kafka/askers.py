"""Consumers that ask what their groups have committed, and never join them.

One is made for each group that is asked about, and kept for the next time: to make one costs some milliseconds and
connections, and who looks at lags looks again. What nobody asked for `KEPT_S` goes with the next sweep.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException
from confluent_kafka import TopicPartition as TheirPartition

log = logging.getLogger(__name__)

#: How long one that nobody asks is kept.
KEPT_S: Final = 30.0
#: How many are kept at most: each has a thread a broker.
KEPT_MAX: Final = 64


class Askers:
    """The consumers of one cluster; for the threads of a pool, all of it blocks.

    Args:
        make: Makes the consumer of a group.
        clock: Seconds that never go back.
    """

    def __init__(self, make: Callable[[str], Consumer], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._make = make
        self._clock = clock
        self._lock = threading.Lock()
        #: Those that nobody asks now, the one that was asked last at the end; and since when.
        self._idle: dict[str, tuple[Consumer, float]] = {}
        self._is_closed = False

    @property
    def count(self) -> int:
        """How many are kept."""
        return len(self._idle)

    def committed(self, group: str, partitions: Sequence[TheirPartition], timeout_s: float) -> list[Any]:
        """Return what a group has committed of these partitions, each with an error of its own.

        Raises:
            KafkaException: No coordinator answers, or it refuses.
        """
        with self._lock:
            kept = self._idle.pop(group, None)
        asker = self._make(group) if kept is None else kept[0]
        try:
            found: list[Any] = asker.committed(list(partitions), timeout=timeout_s)
        except BaseException:
            _close([asker])
            raise
        self._keep(group, asker)
        return found

    def _keep(self, group: str, asker: Consumer) -> None:
        over = []
        with self._lock:
            if self._is_closed or group in self._idle:  # another thread asked of the same group meanwhile
                over.append(asker)
            else:
                self._idle[group] = asker, self._clock()
                while len(self._idle) > KEPT_MAX:
                    over.append(self._idle.pop(next(iter(self._idle)))[0])
        _close(over)

    def sweep(self) -> None:
        """Close those that nobody asked for `KEPT_S`."""
        before = self._clock() - KEPT_S
        with self._lock:
            old = [group for group, (_, since) in self._idle.items() if since <= before]
            over = [self._idle.pop(group)[0] for group in old]
        _close(over)

    def close(self) -> None:
        """Close all, and keep none any more."""
        with self._lock:
            self._is_closed = True
            over = [asker for asker, _ in self._idle.values()]
            self._idle.clear()
        _close(over)


def _close(askers: Sequence[Consumer]) -> None:
    for asker in askers:
        try:
            asker.close()
        except (KafkaException, RuntimeError) as error:
            log.debug("a consumer that asked for offsets was not closed: %s", error)
