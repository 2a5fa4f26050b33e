"""The appends of one topic, in the order of the calls, off the event loop.

A job goes to the end of the queue; a thread takes all that is there, writes job after job, and answers those that wait
for the write alone. Jobs that wait for the disk are answered after one fsync a partition for all of them, made when
the queue has been handed on, so that other appends never wait for a disk and many durable ones share one fsync.

Capacity: `append` waits while `PENDING_MAX` jobs with acks=none are under way; the others are bounded by their
callers, who each wait for an answer. A cancelled caller's job is written all the same.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Final

from connect.api.errors import ConnectError
from connect.log.partition import Partition
from connect.log.topic_config import LONG_MAX
from connect.ports import Acks

log = logging.getLogger(__name__)

#: Jobs with acks=none that may be under way before the next one waits.
PENDING_MAX: Final = 8

#: Does the write; returns the partitions written to, and the first base offset.
Write = Callable[[], tuple[tuple[Partition, ...], int]]


@dataclass(slots=True, eq=False)
class _Job:
    write: Write
    is_durable: bool
    done: asyncio.Future[int]
    partitions: tuple[Partition, ...] = ()
    base_offset: int = -1
    error: BaseException | None = field(default=None)


class AppendQueue:
    """Runs the writes of one topic one after another. `append` is for the event loop's thread.

    Args:
        appended: Called on the event loop after a write that readers can now see.
    """

    def __init__(self, executor: Executor, appended: Callable[[], None]) -> None:
        self._executor = executor
        self._appended = appended
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._jobs: deque[_Job] = deque()
        self._is_running = False
        self._open: set[asyncio.Future[int]] = set()
        self._unacknowledged: set[asyncio.Future[int]] = set()
        self._failure: BaseException | None = None
        self._flushing: dict[Partition, asyncio.TimerHandle] = {}

    async def append(self, write: Write, acks: Acks) -> int:
        """Queue a write and wait as `acks` says; return the first base offset, -1 with acks=none."""
        done: asyncio.Future[int] = self._loop.create_future()
        self._open.add(done)
        done.add_done_callback(self._open.discard)
        with self._lock:
            self._jobs.append(_Job(write, acks == "durable", done))
            start, self._is_running = not self._is_running, True
        if start:
            self._executor.submit(self._run)
        if acks != "none":
            return await done
        self._unacknowledged.add(done)
        done.add_done_callback(self._note_unacknowledged)
        if len(self._unacknowledged) > PENDING_MAX:
            await asyncio.wait([done])
        return -1

    async def drain(self) -> None:
        """Wait for the writes with acks=none. Raises what the first failed one raised."""
        if self._unacknowledged:
            await asyncio.wait(list(self._unacknowledged))
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    async def aclose(self) -> None:
        """Wait until every queued write is answered; failures are their callers' matter."""
        for timer in self._flushing.values():
            timer.cancel()
        while self._open:
            await asyncio.wait(list(self._open))

    def _note_unacknowledged(self, done: asyncio.Future[int]) -> None:
        self._unacknowledged.discard(done)
        if not done.cancelled() and done.exception() is not None:
            self._failure = self._failure or done.exception()

    # -- on the log's threads ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        with self._lock:
            jobs = list(self._jobs)
            self._jobs.clear()
        for job in jobs:
            try:
                job.partitions, job.base_offset = job.write()
            except BaseException as error:
                job.error = error
        durable = [job for job in jobs if job.is_durable and job.error is None]
        self._loop.call_soon_threadsafe(self._answer, [job for job in jobs if job not in durable])
        with self._lock:
            self._is_running = bool(self._jobs)
            if self._is_running:
                self._executor.submit(self._run)
        if durable:
            self._sync(durable)

    def _sync(self, jobs: list[_Job]) -> None:
        failures: dict[Partition, BaseException] = {}
        for partition in {partition: None for job in jobs for partition in job.partitions}:
            try:
                partition.sync()
            except BaseException as error:
                failures[partition] = error
        for job in jobs:
            job.error = next((failures[p] for p in job.partitions if p in failures), None)
        self._loop.call_soon_threadsafe(self._answer, jobs)

    # -- on the event loop -------------------------------------------------------------------------------------------

    def _answer(self, jobs: Iterable[_Job]) -> None:
        for job in jobs:
            for partition in job.partitions:
                self._flush_later(partition)
            if job.done.done():
                continue
            if job.error is None:
                job.done.set_result(job.base_offset)
            else:
                job.done.set_exception(job.error)
        self._appended()

    def _flush_later(self, partition: Partition) -> None:
        """Sync a partition `flush.ms` after its first append that is not yet on disk, where the topic sets that."""
        flush_ms = partition.config.flush_ms
        if flush_ms < LONG_MAX and partition not in self._flushing:
            self._flushing[partition] = self._loop.call_later(flush_ms / 1000, self._flush, partition)

    def _flush(self, partition: Partition) -> None:
        self._flushing.pop(partition, None)
        self._executor.submit(_sync_quietly, partition)


def _sync_quietly(partition: Partition) -> None:
    try:
        partition.sync()
    except ConnectError as error:  # whoever asks for the disk next gets it too
        log.error("flush.ms of %s: %s", partition.name, error.message)
