"""A source task's transaction: what is in it, and how it ends.

It begins with the first record, or with the offsets alone of some that were all dropped, and is committed with its
offsets or aborted whole. What nobody told the outcome of ends the task; its next start asks the log.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from connect.api import ConnectError
from connect.api.errors import ProducerFencedError, TransactionStateError
from connect.ports import Producer
from connect.runtime.model import TaskId
from connect.runtime.tasks.acknowledgements import Acknowledgements
from connect.runtime.tasks.meter import TaskMeter
from connect.runtime.tasks.source_offsets import PendingOffsets, SourceOffset
from connect.stores.offsets import OffsetStore

#: After so long without a transaction the id is taken once more: the log forgets those that nobody uses for a week.
RENEWED_AFTER_S: Final = 3600.0


class Part(NamedTuple):
    """What one append put into a transaction."""

    topic: str
    partition: int | None
    records: int
    size_bytes: int


class Transaction:
    """The transactions of one source task, one after the other. For the event loop, one call at a time.

    Attributes:
        is_open: Whether the log has one open.
        is_broken: Whether only an abort can come now.
        began_at: When the one under way began, in the monotonic clock.

    Args:
        producer: Whose `init_transactions` has returned.
        acks: Of a task that wants to hear of each record; None of all others.
        flush_letters: Returns when the letters of all that was skipped are on disk.
        on_committed: Hears of what was committed.
        check_placed: Raises where the task is another worker's by now; asked before its id is taken once more.
        meter: Where commits are counted.
    """

    def __init__(
        self,
        task: TaskId,
        producer: Producer,
        store: OffsetStore,
        acks: Acknowledgements | None,
        *,
        flush_letters: Callable[[], Awaitable[None]],
        on_committed: Callable[[Sequence[Part], Sequence[SourceOffset]], None],
        check_placed: Callable[[], Awaitable[None]],
        log: logging.Logger,
        meter: TaskMeter | None = None,
    ) -> None:
        self._meter = meter or TaskMeter()
        self.is_open = self.is_broken = False
        self.began_at = 0.0
        self._task = task
        self._producer = producer
        self._store = store
        self._acks = acks
        self._flush_letters = flush_letters
        self._on_committed = on_committed
        self._check_placed = check_placed
        self._log = log
        self._used_at = time.monotonic()
        self._appended: list[Part] = []
        self._pending = PendingOffsets()

    @property
    def is_begun(self) -> bool:
        """Whether something waits for the end: records, or the offsets alone of some that were all dropped."""
        return self.is_open or bool(self._pending)

    @property
    def parts(self) -> int:
        """How many appends it holds."""
        return len(self._appended)

    def enter(self) -> None:
        """Take note of when one begins, before its first part is appended or dropped."""
        if not self.is_begun:
            self.began_at = time.monotonic()

    async def begin(self) -> None:
        """Open one where none is."""
        if not self.is_open:
            if time.monotonic() - self._used_at > RENEWED_AFTER_S:
                await self._renew()
            await self._producer.begin_transaction()
            self.is_open, self._used_at = True, time.monotonic()

    async def _renew(self) -> None:
        """Take the id once more, unless the task runs elsewhere by now, as where its worker was frozen: else it would
        shut out that one, and repeat what that one has committed. One that is moved from here on shuts out this one."""
        await self._check_placed()
        await self._producer.init_transactions()
        await self._check_placed()

    def appended(self, part: Part) -> None:
        """Take note of what was appended."""
        self._appended.append(part)

    def reached(self, offsets: Sequence[SourceOffset]) -> None:
        """Take the offsets of what was appended, or dropped."""
        self._pending.add(offsets)

    async def end_as_asked(self, end: bool | None) -> None:
        """Do what the connector asked for: commit, abort, or go on.

        What it aborts counts as read: its offsets are committed, without its records.
        """
        if end is None:
            return
        if not end:
            offsets = self._pending.take()
            told = [record._replace(metadata=None) for record in self._acks.take()] if self._acks is not None else []
            await self.abort()
            self._pending.add(offsets)
            if self._acks is not None:
                self._acks.put_back(told)
        await self.end()

    async def end(self) -> None:
        """Commit what is in hand with its offsets; nothing where only an abort may come. Raises what ends the task:
        nobody knows what became of it then."""
        if self.is_broken:
            return
        offsets = self._pending.take()
        if not self.is_open and not offsets:
            return
        self.is_broken = True  # until the commit has been answered
        await self.begin()
        written, began_s = None, time.perf_counter()
        try:
            if offsets:
                await self._flush_letters()
                written = await self._store.put_within(self._producer, self._task.connector, offsets)
            await self._producer.commit_transaction()
        except BaseException as error:
            self._meter.committed(time.perf_counter() - began_s, failed=True)
            explain(error, self._task)
            raise
        self.is_open = self.is_broken = False
        if written is not None:
            written.committed()
        appended, self._appended = self._appended, []
        self._meter.committed(time.perf_counter() - began_s)
        self._meter.ended_transaction(sum(part.records for part in appended))
        if self._acks is not None:
            self._acks.durable(self._acks.take())
        self._on_committed(appended, offsets)

    async def abort(self) -> None:
        """Leave nothing of what is in hand: it comes again. A failure is logged: whoever takes the id aborts, too."""
        self._pending.take()
        self._appended = []
        if self._acks is not None:
            self._acks.take()
        was_open, self.is_open, self.is_broken = self.is_open, False, False
        if not was_open:
            return
        try:
            await self._producer.abort_transaction()
        except ConnectError as error:
            self._log.warning("task %s: its transaction was not aborted: %s", self._task, error.message)


def explain(error: BaseException, task: TaskId) -> None:
    """Say, once, what a producer's error means for the task."""
    if isinstance(error, ConnectError) and error.message.startswith(f"task {task} "):
        return
    if isinstance(error, ProducerFencedError):
        error.message = f"task {task} is shut out, so that no two write for it: {error.message}"
        error.hint = (
            "Restart the task to take its place back. If it happens again, something else uses this "
            "transactional.id: give each worker a group.id of its own."
        )
    elif isinstance(error, TransactionStateError):
        error.message = f"task {task} cannot commit, and its records come again: {error.message}"
        error.hint = (
            "Restart the task. Raise producer.override.transaction.timeout.ms where its transactions rightly take so "
            "long."
        )
