"""The threads on which the log does its file work.

The fsyncs of partitions have their own, of which one slow disk gets but a few.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol, TypeVar

from connect.api.errors import LogError
from connect.figures import FINE_BOUNDS_S, Histogram
from connect.pool import Pool

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Enough that some may wait for a disk while others go on. A thread is made when no other is idle.
_THREADS: Final = 16
#: Of one topic, so that a topic on a slow disk leaves the others' threads alone.
_SYNCS_OF_TOPIC: Final = 4
_SYNC_THREADS: Final = 64
_CLOSED: Final = "the log is closed"


class Syncable(Protocol):
    """What has an end that a sync brings to disk: a partition. Hashed by identity."""

    @property
    def name(self) -> str:
        """Topic and number, as `orders-0`."""

    @property
    def is_synced(self) -> bool:
        """Whether nothing is there to bring to disk. Any thread."""

    def sync(self) -> None:
        """Bring all that was appended to disk. Blocks."""


class Threads:
    """Pools for blocking calls; all of one log share them.

    Appends have their own, so that readers never hold them up.
    """

    def __init__(self) -> None:
        self._is_closed = False
        self.executor = Pool(_THREADS, "connect-log", closed=_CLOSED)
        self.appends = Pool(_THREADS, "connect-log-append", closed=_CLOSED)
        self.syncs = Syncs()

    async def run(self, call: Callable[[], T]) -> T:
        """Run a blocking call. When the caller is cancelled, the call still ends by itself.

        Raises:
            LogError: The log is closed.
        """
        if self._is_closed:
            raise LogError(_CLOSED)
        return await asyncio.get_running_loop().run_in_executor(self.executor, call)

    async def sync(self, partitions: Iterable[Syncable]) -> None:
        """Return when all that was appended to these partitions is on disk. No thread waits meanwhile.

        Raises:
            EnvironmentFault: See `Partition.sync`; the others are brought to disk all the same.
        """
        loop = asyncio.get_running_loop()
        waiting: list[asyncio.Future[None]] = []
        for partition in partitions:
            if not partition.is_synced:
                waiting.append(loop.create_future())
                self.syncs.request(partition, _settler(loop, waiting[-1]))
        for failure in await asyncio.gather(*waiting, return_exceptions=True):
            if isinstance(failure, BaseException):
                raise failure

    def close(self) -> None:
        """Take no more work."""
        self._is_closed = True
        for pool in self._pools:
            pool.close()

    def join(self, deadline: float | None = None) -> list[str]:
        """Wait for what is running; return the names of threads that are still at work at a moment. Blocks."""
        return [name for pool in self._pools for name in pool.join(deadline)]

    @property
    def _pools(self) -> tuple[Pool, ...]:
        return self.executor, self.appends, self.syncs.pool


def _settler(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> Callable[[BaseException | None], None]:
    def settle(error: BaseException | None) -> None:
        if not future.done():
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

    def call(error: BaseException | None) -> None:
        try:
            loop.call_soon_threadsafe(settle, error)
        except RuntimeError:  # the loop is closed, and nobody waits
            log.debug("nobody waits for a sync any more")

    return call


#: Told once, on the sync's thread: None, or why the partition is not on disk.
Told = Callable[[BaseException | None], None]


class Syncs:
    """One fsync at a time of a partition, a few of a topic; those who wait hold no thread.

    Who asks while an fsync is under way is told after the next one, with all others who asked meanwhile. Answers of a
    partition come in the order of the asking.

    Attributes:
        seconds: How long they took, one that failed too.
    """

    def __init__(self) -> None:
        self.pool = Pool(_SYNC_THREADS, "connect-log-sync", closed=_CLOSED)
        self.seconds = Histogram(FINE_BOUNDS_S)
        self._lock = threading.Lock()
        self._waiting: dict[Syncable, list[Told]] = {}  # a partition is here while it waits or is at work
        self._ready: dict[str, deque[Syncable]] = {}  # by topic: those that no thread has taken yet
        self._running: dict[str, int] = {}

    def request(self, partition: Syncable, told: Told) -> None:
        """Ask that what was appended so far be brought to disk. Any thread."""
        topic = partition.name.rpartition("-")[0]
        with self._lock:
            waiting = self._waiting.get(partition)
            if waiting is not None:
                waiting.append(told)
                return
            running = self._running.get(topic, 0)
            if running < _SYNCS_OF_TOPIC:
                try:
                    self.pool.start(lambda: self._run(topic))
                except LogError as error:
                    told(error)
                    return
                self._running[topic] = running + 1
            self._waiting[partition] = [told]
            self._ready.setdefault(topic, deque()).append(partition)

    def _run(self, topic: str) -> None:
        while True:
            with self._lock:
                ready = self._ready.get(topic)
                if not ready:
                    self._running[topic] -= 1
                    if not self._running[topic]:
                        self._running.pop(topic)
                        self._ready.pop(topic, None)
                    return
                partition = ready.popleft()
                told, self._waiting[partition] = self._waiting[partition], []
            error: BaseException | None = None
            began_s = time.perf_counter()
            try:
                partition.sync()
            except BaseException as raised:
                error = raised
            took_s = time.perf_counter() - began_s
            for each in told:
                each(error)
            with self._lock:
                self.seconds.observe(took_s)
                if self._waiting[partition]:
                    ready.append(partition)
                else:
                    del self._waiting[partition]
