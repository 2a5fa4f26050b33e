"""Committing a source's offsets, and acknowledging its records, behind a flush of what was appended.

Offsets are pending from their records' append on. A commit takes all that are: the producer's flush, the letters', then
the offset store's put; so the store is never ahead of durable data. It comes every `offset.flush.interval.ms`, sooner
where nothing more was appended, and at a pause and at the end. Who waits to hear of each record does not wait for that:
a flush of its own follows each append.

A failure is logged, and what it was for is tried again later; one that does not pass by itself ends the task.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from connect.api import ConnectError
from connect.ports import Producer
from connect.runtime.tasks.acknowledgements import Acknowledgements
from connect.runtime.tasks.delivery import may_pass
from connect.runtime.tasks.meter import TaskMeter
from connect.runtime.tasks.source_offsets import PendingOffsets, SourceOffset
from connect.runtime.worker_config import WorkerConfig
from connect.stores.offsets import OffsetStore

#: A task that has nothing to do commits this soon: what it costs is nothing then, and a crash repeats less.
QUIET_COMMIT_S = 5.0
#: How long after a failed flush what the plugin waits to hear of is flushed again.
FLUSH_AGAIN_S: Final = 1.0


class Commits:
    """The commits of one source task that writes without transactions. For the event loop.

    Args:
        acks: Of a task that wants to hear of each record; None of all others.
        flush_letters: Returns when the letters of all that was skipped are on disk.
        on_committed: Hears of offsets that are committed.
        on_durable: Called when records are durable that the plugin waits to hear of.
        is_stopping: Whether the task is to stop: a failure is then logged, whatever it is, since others may come
            behind it.
        meter: Where commits are counted.
    """

    def __init__(
        self,
        producer: Producer,
        store: OffsetStore,
        connector: str,
        worker: WorkerConfig,
        acks: Acknowledgements | None,
        *,
        flush_letters: Callable[[], Awaitable[None]],
        on_committed: Callable[[Sequence[SourceOffset]], None],
        on_durable: Callable[[], None],
        is_stopping: Callable[[], bool],
        log: logging.Logger,
        meter: TaskMeter | None = None,
    ) -> None:
        self._meter = meter or TaskMeter()
        self._producer = producer
        self._store = store
        self._connector = connector
        self._interval_s = worker.offset_flush_interval_ms / 1000
        self._timeout_ms = worker.offset_flush_timeout_ms
        self._acks = acks
        self._flush_letters = flush_letters
        self._on_committed = on_committed
        self._on_durable = on_durable
        self._is_stopping = is_stopping
        self._log = log
        self._pending = PendingOffsets()
        #: Set while offsets wait to be committed.
        self._is_due = asyncio.Event()
        #: Set while a commit is wanted before its time.
        self._is_wanted = asyncio.Event()
        self._is_committing = asyncio.Lock()
        self._is_acknowledging = asyncio.Lock()
        self._appended_at = self._committed_at = time.monotonic()

    def reached(self, offsets: Sequence[SourceOffset], *, appended: bool = True, soon: bool = False) -> None:
        """Take offsets whose records are in the log.

        Args:
            appended: A whole poll was: the quiet time before a commit begins anew.
            soon: The plugin asks for a commit before its time.
        """
        self._pending.add(offsets)
        if appended:
            self._appended_at = time.monotonic()
        self._is_due.set()
        if soon:
            self._is_wanted.set()

    async def commit_regularly(self) -> None:
        """Commit whenever it is time, beside polls, which may take theirs. Ends by a failure alone."""
        self._committed_at = time.monotonic()
        while True:
            await self._is_due.wait()
            quiet_at = max(self._appended_at, self._committed_at) + QUIET_COMMIT_S
            wait_s = min(self._committed_at + self._interval_s, quiet_at) - time.monotonic()
            if wait_s > 0 and not self._is_wanted.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._is_wanted.wait()
            else:
                await self.commit()

    async def commit(self) -> None:
        """Make what was appended durable, then store its offsets. A failure is logged, and tried again later; one that
        does not pass is raised."""
        async with self._is_committing:
            self._committed_at = time.monotonic()
            self._is_due.clear()
            self._is_wanted.clear()
            offsets = self._pending.take()
            if not offsets:
                return
            began_s = time.perf_counter()
            try:
                async with asyncio.timeout(self._timeout_ms / 1000):
                    await self._producer.flush()
                    await self._flush_letters()
                    await self._store.put(self._connector, offsets)
            except BaseException as error:
                self._meter.committed(time.perf_counter() - began_s, failed=True)
                self._pending.put_back(offsets)
                self._is_due.set()
                if not self._may_be_tried_again(error):
                    raise
                self._log.error("source offsets were not committed: %s", self._why_not_flushed(error))
            else:
                self._meter.committed(time.perf_counter() - began_s)
                self._on_committed(offsets)

    async def make_durable_regularly(self, acks: Acknowledgements) -> None:
        """Bring to disk what the plugin waits to hear of, beside polls, as soon as it was appended."""
        while True:
            await acks.is_waiting.wait()
            if not await self.make_durable():
                await asyncio.sleep(FLUSH_AGAIN_S)

    async def make_durable(self) -> bool:
        """Bring to disk what the plugin waits to hear of, if anything. A failure is logged, and returns False: it is
        tried again later; one that does not pass is raised."""
        if (acks := self._acks) is None:
            return True
        async with self._is_acknowledging:
            if not (taken := acks.take()):
                return True
            try:
                async with asyncio.timeout(self._timeout_ms / 1000):
                    await self._producer.flush()
            except BaseException as error:
                acks.put_back(taken)
                if not self._may_be_tried_again(error):
                    raise
                self._log.warning("records cannot be acknowledged now: %s", self._why_not_flushed(error))
                return False
            acks.durable(taken)
            self._on_durable()
            return True

    def _may_be_tried_again(self, error: BaseException) -> bool:
        if isinstance(error, ConnectError):
            return may_pass(error) or self._is_stopping()
        return isinstance(error, TimeoutError)

    def _why_not_flushed(self, error: BaseException) -> str:
        return str(error) or f"it took longer than offset.flush.timeout.ms={self._timeout_ms}"
