"""Exactly-once sources (KIP-618): a source task whose records and source offsets are committed in one transaction.

The loop is that of `source_task.py`. What differs is what becomes of a poll's records:

    init_transactions ── fences who had the task's transactional.id, however late that one still runs
    begin ── records ── ... ── records ── offset records ── commit ── memory, acknowledgements, observers
                                    └──── a failure, or the connector's wish ── abort

- **Where a transaction ends** is `transaction.boundary`: with `poll` behind a poll; with `interval` behind the first
  poll once `transaction.boundary.interval.ms` is over, or without one; with `connector` where the task says, and what
  it has not ended by its stop is aborted and comes again.
- **Source offsets** are records of the offsets topic within the same transaction: committed with the records they
  cover, or not at all. Memory, where a task's start looks for them, takes them behind the commit; where nobody was told
  its outcome, the next start asks the log (`OffsetStore.settle`).
- **A poll is whole.** None is cut by an end that is not the connector's. One whose append fails leaves nothing. The
  polls before it that share its transaction are committed if it had written nothing; if it had, those of `poll`, which
  share it by chance, are appended once more without it, and those of an interval come again.
- **Nothing is told early.** `commit`, `commit_records`, counts and observers hear of what is committed. Of a
  transaction that the connector aborts the offsets count as read: they are committed without its records.
- A transaction without records and without offsets is none: nothing is written.

`transaction.py` has the life of a transaction, `transactional.py` the task's one writer; here is which polls are in
one.

A commit is under way beside the next polls, and what they brought meanwhile is committed together: with `poll`, too,
where a transaction holds whole polls, and one where the source is slower than the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connect.api import Batch, ConnectError, SourceTask
from connect.api.contract import records_of
from connect.ports import Producer
from connect.records import Appended
from connect.runtime.connector_config import SourceConnectorConfig
from connect.runtime.tasks.acknowledgements import Acknowledgements
from connect.runtime.tasks.boundaries import TransactionContextImpl, parts_of
from connect.runtime.tasks.outgoing import Outgoing
from connect.runtime.tasks.pacing import SourcePace
from connect.runtime.tasks.source_offsets import PendingOffsets, SourceOffset, offsets_of
from connect.runtime.tasks.source_task import Converted, SourceTaskRunner, listed
from connect.runtime.tasks.tolerance import Interrupted
from connect.runtime.tasks.traces import end_all
from connect.runtime.tasks.transaction import Part, Transaction, explain
from connect.runtime.tasks.transactional import timeout_ms, transactional_id

#: So many polls wait while a transaction is committed, before no more is polled, or fewer, where they hold
#: `task.max.inflight.bytes`. Together they become the next one, so that a slow disk is waited for less often than once
#: a poll.
QUEUED_MAX: Final = 8
_REASON: Final = "since the worker's exactly.once.source.support is enabled"


@dataclass(frozen=True, slots=True)
class _Polled:
    """One poll's records. `ends` has one entry a part: how many of those that go into the log, how many of the batches
    that the source returned, and how it ends."""

    converted: Converted
    ends: Sequence[tuple[int, int, bool | None]]

    def parts(self) -> Iterator[tuple[Sequence[Outgoing], Sequence[Batch], bool | None]]:
        """Yield the parts in order."""
        out_at = batch_at = 0
        for out_count, batch_count, end in self.ends:
            out_to, batch_to = out_at + out_count, batch_at + batch_count
            yield self.converted.outgoing[out_at:out_to], self.converted.polled[batch_at:batch_to], end
            out_at, batch_at = out_to, batch_to


class ExactlyOnceSourceTaskRunner(SourceTaskRunner):
    """Runs one source task in transactions; see the module."""

    _config: SourceConnectorConfig

    @property
    def is_drained(self) -> bool:
        return super().is_drained and not self._queue and not self._in_hand_bytes

    @property
    def in_hand_bytes(self) -> int:
        return self._in_hand_bytes

    async def _prepare(self) -> None:
        assert isinstance(self.spec.config, SourceConnectorConfig)
        self._config = self.spec.config
        self._boundary = self._config.transaction_boundary.lower()
        interval_ms = self._config.transaction_boundary_interval_ms
        self._interval_s = (self.around.worker.offset_flush_interval_ms if interval_ms is None else interval_ms) / 1000
        #: Held while a poll is appended, and while a transaction is ended: by the loop, or by the committer.
        self._turn = asyncio.Lock()
        self._transaction: Transaction
        #: Set when something may have come for the committer.
        self._is_due = asyncio.Event()
        #: Committed offsets on their way to the worker's own topic.
        self._to_copy = PendingOffsets()
        #: Polls that wait for those before them.
        self._queue: list[_Polled] = []
        #: Bytes of those, and of the ones that are being appended.
        self._in_hand_bytes = 0
        self._has_room = asyncio.Event()
        #: Of polls that are converted and not handed over yet: where their transactions end.
        self._ends: deque[list[tuple[int, int, bool | None]]] = deque()
        #: Of the poll in conversion: how many batches each part has, and how it ends.
        self._cuts: list[tuple[int, bool | None]] = []
        self._requests: TransactionContextImpl | None = None
        self._gives_records = False
        if self._boundary == "connector":
            self.context.transaction = self._requests = TransactionContextImpl()
        await super()._prepare()
        if self._requests is not None and type(self._plugin).poll_batch is SourceTask.poll_batch:
            # The records themselves: a request names one of them.
            self._poll_method, self._gives_records = self._plugin.poll, True
        await self._store.settle(self.id.connector)
        await self._store.copy_missing(self.id.connector)

    async def _make_producer(self, client_id: str, configs: dict[str, Any]) -> Producer:
        """Make the transactional producer, and shut out who had its id before."""
        own = {
            "transactional.id": transactional_id(self.around.worker, self.id.connector, self.id.task),
            "enable.idempotence": "true",
        }
        for key, value in own.items():
            if str(configs.get(key, value)) != value:
                self.log.warning("%s=%s of task %s is not heeded, %s", key, configs[key], self.id, _REASON)
        interval_ms = int(self._interval_s * 1000) if self._boundary == "interval" else 0
        self._timeout_ms = str(timeout_ms(configs, interval_ms=interval_ms))
        configs = {**configs, **own, "transaction.timeout.ms": self._timeout_ms}
        producer = self.around.cluster.producer(client_id=client_id, configs=configs, internal=True)
        await producer.init_transactions()
        return producer

    def _prepare_commits(self, producer: Producer) -> None:
        """A transaction is what commits. A poll that failed half-way leaves nothing: its transaction is aborted."""
        self._transaction = Transaction(
            self.id,
            producer,
            self._store,
            self._acks,
            flush_letters=self._settling.flush,
            on_committed=self._tell_what_is_committed,
            check_placed=lambda: self.around.check_placed(self.id),
            log=self.log,
            meter=self.meter,
        )

    # -- the end of the loop ---------------------------------------------------------------------------------------

    async def _ask_half_way(self) -> None:
        """Nothing is to be asked; see `_prepare_commits`."""

    async def _make_durable(self) -> bool:
        """What is acknowledged is committed, so durable. Where very much waits to be, an interval ends early."""
        if self._acks is not None and self._acks.is_full and self._boundary == "interval":
            async with self._turn:
                await self._transaction.end()
        return True

    async def _make_durable_for(self, acks: Acknowledgements) -> None:
        """Nothing is to be done beside the commits."""
        await self.asked.stopping.wait()

    async def _commit(self) -> None:
        """Commit what is in hand, on a pause and at the end; abort what only the connector may commit."""
        if self._appending is not None and not self._appending.done():
            return  # it waits for the log, and goes on with that
        async with self._turn:
            if self._transaction.is_broken or (self._requests is not None and not self._pausing_only):
                await self._transaction.abort()
            elif self._requests is None:
                await self._transaction.end()
            elif self._transaction.is_open:
                self._tell_of_open()
        await self._copy()

    def _tell_of_open(self) -> None:
        """Warn of a pause within a transaction that only the connector may end: the plugin, which goes on where it is,
        could not be made to poll its records again."""
        self.log.warning(
            "task %s is paused within a transaction that its connector has not ended: until it is resumed, readers of "
            "committed records wait for it; after transaction.timeout.ms=%s of its producer it is aborted, and once "
            "resumed the task fails then, and its records come again",
            self.id,
            self._timeout_ms,
        )

    @property
    def _pausing_only(self) -> bool:
        """Whether the loop goes on after this, with the transaction as it is."""
        return self.pausing and not self.stopping

    async def _commit_regularly(self) -> None:
        """End a transaction whose interval is over, though no poll comes; copy offsets now and then."""
        copy_s = self.around.worker.offset_flush_interval_ms / 1000
        copied_at = time.monotonic()
        is_timed = self._boundary == "interval"
        while True:
            ends = is_timed and self._transaction.is_begun and not self._transaction.is_broken
            end_at = self._transaction.began_at + self._interval_s if ends else math.inf
            copy_at = copied_at + copy_s if self._to_copy else math.inf
            now = time.monotonic()
            if now >= end_at:
                async with self._turn:
                    if self._is_interval_over():  # a poll may have ended it meanwhile, and begun another
                        await self._transaction.end()
            elif now >= copy_at:
                copied_at = now
                await self._copy()
            elif end_at < math.inf or (copy_at < math.inf and not is_timed):
                await asyncio.sleep(min(end_at, copy_at) - now)
            else:  # a transaction that begins meanwhile may be over before that
                self._is_due.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if copy_at == math.inf else copy_at - now):
                        await self._is_due.wait()

    async def _copy(self) -> None:
        await self._store.copy(self.id.connector, self._to_copy.take())

    # -- polls -----------------------------------------------------------------------------------------------------

    def _listed(self, result: Any) -> list[Batch]:
        """Return a poll's batches; where the connector ends transactions, none goes over such an end."""
        if self._requests is None:
            return listed(self._plugin, result)
        plugin = self._plugin

        def listed_part(part: Any) -> list[Batch]:
            return listed(plugin, records_of(plugin, "poll", part) if self._gives_records else part)

        parts = parts_of(plugin, result, self._requests, listed_part)
        self._cuts = [(len(batches), end) for batches, end in parts]
        return [batch for batches, _ in parts for batch in batches]

    def _converted(self, batches: list[Batch]) -> Converted:
        if self._requests is None:
            return super()._converted(batches)
        whole = Converted()
        ends: list[tuple[int, int, bool | None]] = []
        at = 0
        for count, end in self._cuts:
            part = batches[at : at + count]
            try:
                one = super()._converted(part) if part else Converted()
            except Interrupted:
                self._polled = batches  # all of it comes again
                raise
            whole.take(one)
            ends.append((len(one.outgoing), len(one.polled), end))
            at += count
            if one.outcome.ending is not None:
                whole.outcome.ending = one.outcome.ending
                break
        if whole.outgoing or whole.polled:
            self._ends.append(ends)
        return whole

    async def _wait_for_more(self) -> bool:
        if self._requests is not None and (end := self._requests.take_end()) is not None:
            async with self._turn:  # asked for by a poll that brought nothing
                await self._transaction.end_as_asked(end)
        return await super()._wait_for_more()

    # -- a poll's records ------------------------------------------------------------------------------------------

    def _append_pace(self) -> SourcePace | None:
        return None  # a transaction's records are seen together

    async def _has_space(self) -> bool:
        return True  # `_make_room` has seen to it

    async def _make_room(self) -> None:
        while self._appending is not None:
            if self._appending.done():
                await self._finish_append()
            elif len(self._queue) < QUEUED_MAX and self._in_hand_bytes < self.bytes_max:
                return
            else:
                self._has_room.clear()
                room = asyncio.ensure_future(self._has_room.wait())
                await self._until_one_is_done(self._appending, room)
                room.cancel()

    def _hand_over(self, converted: Converted) -> None:
        whole = [(len(converted.outgoing), len(converted.polled), None)]
        self._in_hand_bytes += converted.size_bytes
        self._queue.append(_Polled(converted, self._ends.popleft() if self._requests is not None else whole))
        if self._appending is None:
            self._appending = self.begin(self._append_queued())

    async def _append_queued(self) -> None:
        """Append the polls that wait, those too that come meanwhile; a commit is of all that waited before it."""
        while self._queue:
            # What waits for its turn waits before its transaction, which has a timeout: and one poll after the other.
            count = 1 if self.pace.is_limited else len(self._queue)
            group, self._queue = self._queue[:count], self._queue[count:]
            self._has_room.set()
            if self.pace.is_limited:
                await self.pace.pay([out for polled in group for out in polled.converted.outgoing])
            async with self._turn:
                try:
                    await self._append_group(group)
                except BaseException as error:
                    for polled in group:
                        end_all(polled.converted.spans, error)
                    explain(error, self.id)
                    raise
            self._in_hand_bytes -= sum(polled.converted.size_bytes for polled in group)
            self._has_room.set()
            if self._transaction.is_begun or self._to_copy:
                self._is_due.set()

    async def _append_group(self, group: Sequence[_Polled]) -> None:
        """Append some polls' records, and end the transaction where one ends. A poll that holds a record which ends the
        task leaves nothing, since a poll is whole."""
        whole: list[_Polled] = []
        for polled in group:
            outcome = polled.converted.outcome
            if outcome.ending is not None:
                await self._settling.keep_last()
                raise outcome.ending
            await self._settling.settle(outcome.failures)
            try:
                for outgoing, batches, end in polled.parts():
                    await self._append_part(outgoing, batches)
                    await self._transaction.end_as_asked(end)
            except ConnectError:
                if self._transaction.is_broken and whole and self._boundary == "poll":
                    # The polls before it were in the same transaction by chance alone: once more, without this one.
                    await self._transaction.abort()
                    for before in whole:
                        await self._append_part(before.converted.outgoing, before.converted.polled, is_settled=True)
                raise
            whole.append(polled)
        if self._boundary == "poll" or (self._boundary == "interval" and self._is_interval_over()):
            await self._transaction.end()
        for polled in whole:
            if polled.converted.outgoing:
                self.meter.end_to_end.observe(time.monotonic() - polled.converted.polled_s)
                end_all(polled.converted.spans)

    async def _append_part(
        self, outgoing: Sequence[Outgoing], polled: Sequence[Batch], *, is_settled: bool = False
    ) -> None:
        """Append a part of a poll.

        Args:
            is_settled: It was appended before; what the topic does not allow of it is skipped already.
        """
        assert self._appends is not None
        transaction = self._transaction
        transaction.enter()
        before = transaction.parts
        if outgoing:
            await transaction.begin()
        try:
            await self._appends.append(deque(outgoing), [])
            failures = self._appends.take_failures()
            await self._settling.settle([] if is_settled else failures)
        except BaseException:
            if self._acks is not None:
                self._acks.polled((), is_whole=False)
            transaction.is_broken = transaction.parts > before or self._requests is not None
            raise
        transaction.reached(offsets_of(polled))
        if self._acks is not None:
            self._acks.polled(polled, is_whole=True)

    def _after_append(self, out: Outgoing, where: Appended | None) -> None:
        if self._acks is not None:
            self._acks.landed(out, where)
        self._meter_write(out)
        self._transaction.appended(Part(out.topic, out.partition, len(out.columns), out.size_bytes))

    def _is_interval_over(self) -> bool:
        return time.monotonic() >= self._transaction.began_at + self._interval_s

    def _tell_what_is_committed(self, appended: Sequence[Part], offsets: Sequence[SourceOffset]) -> None:
        for topic, partition, records, size_bytes in appended:
            self.records += records
            self.size_bytes += size_bytes
            self.tell_delivered(topic, partition, records, size_bytes)
        if self._acks is not None:
            self._idling.is_woken.set()  # the plugin is told before the next poll, which may be long
        if offsets:
            self._to_copy.add(offsets)
            self._committed(offsets)
