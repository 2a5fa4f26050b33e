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
from concurrent.futures import Executor, Future
from typing import Any, Final, Protocol, TypeVar

from connect.api.errors import LogError

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Enough that some may wait for a disk while others go on. A thread is made when no other is idle.
_THREADS: Final = 16
#: Of one topic, so that a topic on a slow disk leaves the others' threads alone.
_SYNCS_OF_TOPIC: Final = 4
_SYNC_THREADS: Final = 64


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


class Pool(Executor):
    """Threads made on demand, up to a limit; work waits in one queue, in order.

    The threads are daemons: one that hangs in a disk does not keep the process from ending.
    """

    def __init__(self, limit: int, name: str) -> None:
        self._limit = limit
        self._name = name
        self._changed = threading.Condition(threading.Lock())
        self._work: deque[Callable[[], None]] = deque()
        self._threads: list[threading.Thread] = []
        self._idle = 0  # threads that wait for work, also those that were just woken
        self._is_closed = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a call on a thread; see `Executor`."""
        future: Future[T] = Future()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:
                    future.set_exception(error)

        self.start(work)
        return future

    def start(self, work: Callable[[], None]) -> None:
        """Run a call on a thread, of which nobody awaits the end. What it raises is logged.

        Raises:
            LogError: The pool is closed.
        """
        with self._changed:
            if self._is_closed:
                raise LogError("the log is closed")
            self._work.append(work)
            if self._idle >= len(self._work):
                self._changed.notify()
            elif len(self._threads) < self._limit:
                name = f"{self._name}-{len(self._threads)}"
                self._begin(threading.Thread(target=self._run, name=name, daemon=True))

    def _begin(self, thread: threading.Thread) -> None:
        try:
            thread.start()
        except RuntimeError:  # the system has no more of them: one that is there does the work when it is free
            if not self._threads:
                self._work.pop()
                raise
        else:
            self._threads.append(thread)

    def close(self) -> None:
        """Take no more work; the threads end once what was given is done."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def join(self, deadline: float | None = None) -> list[str]:
        """Wait until the threads have ended, to a moment of `time.monotonic`.

        Return the names of those that have not.
        """
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return [thread.name for thread in self._threads if thread.is_alive()]

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._work:
                    if self._is_closed:
                        return
                    self._idle += 1
                    self._changed.wait()
                    self._idle -= 1
                work = self._work.popleft()
            try:
                work()
            except BaseException:
                log.exception("work on a thread of the log failed")
            del work  # what it holds is free while this waits


class Threads:
    """Pools for blocking calls; all of one log share them.

    Appends have their own, so that readers never hold them up.
    """

    def __init__(self) -> None:
        self._is_closed = False
        self.executor = Pool(_THREADS, "connect-log")
        self.appends = Pool(_THREADS, "connect-log-append")
        self.syncs = Syncs()

    async def run(self, call: Callable[[], T]) -> T:
        """Run a blocking call. When the caller is cancelled, the call still ends by itself.

        Raises:
            LogError: The log is closed.
        """
        if self._is_closed:
            raise LogError("the log is closed")
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
    """

    def __init__(self) -> None:
        self.pool = Pool(_SYNC_THREADS, "connect-log-sync")
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
            try:
                partition.sync()
            except BaseException as raised:
                error = raised
            for each in told:
                each(error)
            with self._lock:
                if self._waiting[partition]:
                    ready.append(partition)
                else:
                    del self._waiting[partition]
