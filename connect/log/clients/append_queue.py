"""The appends of one topic, in the order of the calls, off the event loop.

A job goes to the end of the queue; a thread takes all that is there, writes job after job, and answers those that wait
for the write alone. Jobs that wait for the disk are answered when their partitions are synced: `Syncs` makes one fsync
at a time of a partition, for all who wait, so that other appends never wait for a disk and many durable ones share one
fsync. Of the appends to one partition the durable ones are answered in the order of the writes.

Capacity: `append` waits while `PENDING_MAX` jobs with acks=none are under way; the others are bounded by their
callers, who each wait for an answer. A cancelled caller's job is written all the same.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from connect.api.errors import ConnectError, LogError
from connect.log.storage.partition import Partition
from connect.log.threads import Threads
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
    unsynced: int = 0


class AppendQueue:
    """Runs the writes of one topic one after another. `append` is for the event loop's thread.

    Args:
        appended: Called on the event loop after a write that readers can now see.
    """

    def __init__(self, threads: Threads, appended: Callable[[], None]) -> None:
        self._threads = threads
        self._appended = appended
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._jobs: deque[_Job] = deque()
        self._is_running = False
        self._open: set[_Job] = set()  # not answered yet, whether or not their callers still wait
        self._idle: asyncio.Future[None] | None = None  # set by who waits until all are answered
        self._unacknowledged: set[asyncio.Future[int]] = set()
        self._failure: BaseException | None = None
        self._flushing: dict[Partition, asyncio.TimerHandle] = {}

    async def append(self, write: Write, acks: Acks) -> int:
        """Queue a write and wait as `acks` says; return the first base offset, -1 with acks=none."""
        done: asyncio.Future[int] = self._loop.create_future()
        job = _Job(write, acks == "durable", done)
        self._open.add(job)
        with self._lock:
            self._jobs.append(job)
            start, self._is_running = not self._is_running, True
        if start:
            self._hand_over()
        if acks != "none":
            return await done
        self._unacknowledged.add(done)
        done.add_done_callback(self._note_unacknowledged)
        if len(self._unacknowledged) > PENDING_MAX:
            await asyncio.wait([done])
        return -1

    async def drain(self) -> None:
        """Wait until all that was queued before is written, also what nobody waits for.

        Raises what the first failed write with acks=none raised.
        """
        if self._open:
            await self.append(_nothing, "written")
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    async def aclose(self) -> None:
        """Wait until every queued write is answered, also those of cancelled callers; failures are theirs to mind."""
        for timer in self._flushing.values():
            timer.cancel()
        while self._open:
            self._idle = self._idle or self._loop.create_future()
            await asyncio.wait([self._idle])

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
            else:
                job.is_durable = job.is_durable or any(partition.is_flush_due for partition in job.partitions)
                job.unsynced = len(job.partitions) if job.is_durable else 0
        self._tell([job for job in jobs if not job.unsynced])  # even if none: readers can see what was written
        with self._lock:
            more = self._is_running = bool(self._jobs)
        if more:
            self._hand_over()
        durable = [job for job in jobs if job.unsynced]
        for partition in {partition: None for job in durable for partition in job.partitions}:
            self._request_sync(partition, [job for job in durable if partition in job.partitions])

    def _hand_over(self) -> None:
        """Let a thread write what is queued.

        Where the log was closed, which had waited long enough, say so. Any thread.
        """
        try:
            self._threads.appends.start(self._run)
        except LogError as error:
            with self._lock:
                left, self._is_running = list(self._jobs), False
                self._jobs.clear()
            for job in left:
                job.error = error
            self._tell(left)

    def _request_sync(self, partition: Partition, jobs: list[_Job]) -> None:
        def told(error: BaseException | None) -> None:
            with self._lock:
                for job in jobs:
                    job.unsynced -= 1
                    job.error = job.error or error
                ready = [job for job in jobs if not job.unsynced]
            if ready:
                self._tell(ready)

        self._threads.syncs.request(partition, told)

    def _tell(self, jobs: list[_Job]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._answer, jobs)
        except RuntimeError:  # the loop is closed, and nobody waits
            log.debug("nobody waits for %d appends any more", len(jobs))

    # -- on the event loop -------------------------------------------------------------------------------------------

    def _answer(self, jobs: Iterable[_Job]) -> None:
        for job in jobs:
            self._open.discard(job)
            for partition in job.partitions:
                self._flush_later(partition)
            if job.done.done():
                continue
            if job.error is None:
                job.done.set_result(job.base_offset)
            else:
                job.done.set_exception(job.error)
        if self._idle is not None and not self._open:
            self._idle.set_result(None)
            self._idle = None
        self._appended()

    def _flush_later(self, partition: Partition) -> None:
        """Sync a partition `flush.ms` after its first append that is not yet on disk, where the topic sets that."""
        flush_ms = partition.config.flush_ms
        if flush_ms < LONG_MAX and partition not in self._flushing:
            self._flushing[partition] = self._loop.call_later(flush_ms / 1000, self._flush, partition)

    def _flush(self, partition: Partition) -> None:
        self._flushing.pop(partition, None)
        self._threads.syncs.request(partition, functools.partial(_log_failure, partition))


def _nothing() -> tuple[tuple[Partition, ...], int]:
    return (), -1


def _log_failure(partition: Partition, error: BaseException | None) -> None:
    if isinstance(error, ConnectError):  # whoever asks for the disk next gets it too
        log.error("flush.ms of %s: %s", partition.name, error.message)
    elif error is not None:
        log.error("flush.ms of %s", partition.name, exc_info=error)
