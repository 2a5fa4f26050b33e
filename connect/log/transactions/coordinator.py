"""The transaction coordinator: who owns a transactional id, which partitions its transaction touched, how it ends.

    EMPTY ──────── first partition ──────> ONGOING
    ONGOING ────── commit ───────────────> PREPARE_COMMIT ── markers written ──> COMPLETE_COMMIT
    ONGOING ────── abort, fence, timeout > PREPARE_ABORT ─── markers written ──> COMPLETE_ABORT
    COMPLETE_* ─── first partition ──────> ONGOING

The record of PREPARE_COMMIT in `__transaction_state`, on disk, is the moment of commit: the transaction's batches are
on disk before it. From then on, whatever happens, every partition gets its marker: now, at the next look, or when the
log is opened again. So no later transaction of the same producer has records before COMPLETE_COMMIT is on disk, too:
the marker that a loss of power leaves to be written must not commit the records of another. A transaction that is not
prepared when the log is opened is aborted once its timeout has passed, or at once by the next producer with its id.
What a crash left open without any record is aborted on opening.

All of it runs on the event loop; each id has a lock, and what was begun under it runs to its end also when the caller
is cancelled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from connect.api.errors import (
    ConfigError,
    ConflictError,
    ConnectError,
    CorruptBatchError,
    EnvironmentFault,
    ProducerFencedError,
    TransactionStateError,
)
from connect.log.appender import Appender
from connect.log.clients.append_queue import AppendQueue
from connect.log.inspection.scan import PassedOver, records_in, walk_batches
from connect.log.log_config import LogConfig
from connect.log.storage.partition import Partition
from connect.log.threads import Threads
from connect.log.topics import CONSUMER_OFFSETS, TOPIC_EXISTS, TRANSACTION_STATE, Topics
from connect.log.transactions.producer_ids import ProducerIds
from connect.log.transactions.records import (
    Status,
    TransactionRecord,
    decode_transaction,
    decode_transaction_key,
    encode_transaction,
    encode_transaction_key,
)
from connect.ports import Acks, TransactionInfo
from connect.records import Columns, TopicPartition

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Kafka stops one short of the largest int16, so that a last fence is always possible.
_EPOCH_MAX: Final = (1 << 15) - 2
_ID_BYTES_MAX: Final = (1 << 15) - 1


class PendingOffsets(Protocol):
    """What the groups do when a transaction with offsets ends."""

    def resolve(self, producer_id: int, *, is_commit: bool) -> None:
        """Apply, or drop, the offsets that were sent to the producer's transaction."""


@dataclass(slots=True)
class _Entry:
    """One transactional id. `record` is what is stored, or about to be."""

    transactional_id: str
    record: TransactionRecord
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_timed_out: bool = False  # its last transaction was aborted behind its producer's back
    is_fenced: bool = False  # the epoch was raised to end the ongoing transaction
    completed_end: int = 0  # an offset in `__transaction_state` behind the last COMPLETE_COMMIT


@dataclass(frozen=True, slots=True)
class ProducerId:
    """What identifies a producer in its batches."""

    producer_id: int
    epoch: int


class Transactions:
    """See the module. Made by `LogCluster`, which calls `open` once, `abort_timed_out` now and then, and `aclose`."""

    def __init__(
        self,
        topics: Topics,
        queue_of: Callable[[str], AppendQueue],
        threads: Threads,
        clock: Callable[[], int],
        ids: ProducerIds,
        append: Appender,
        create_topic: Callable[[str], Coroutine[Any, Any, object]],
        config: LogConfig,
    ) -> None:
        self._topics = topics
        self._queue_of = queue_of
        self._threads = threads
        self._clock = clock
        self._ids = ids
        self._append_columns = append
        self._create_topic = create_topic
        self._timeout_ms_max = config.transaction_max_timeout_ms
        self._expiration_ms = config.transactional_id_expiration_ms
        self._entries: dict[str, _Entry] = {}
        self._running: set[asyncio.Task[Any]] = set()
        #: Set by the groups.
        self.offsets: PendingOffsets | None = None

    async def open(self, *, was_clean: bool) -> None:
        """Read the stored states, and end what was decided, or left open, before."""
        await self._threads.run(self._load)
        for entry in list(self._entries.values()):
            if entry.record.is_decided:
                await self._settle(entry)  # one that cannot be ended now is tried again, and holds up no start
        if not was_clean:
            await self._abort_strays()

    async def aclose(self) -> None:
        """Wait for what is running."""
        while self._running:
            await asyncio.wait(list(self._running))

    # -- for producers -----------------------------------------------------------------------------------------------

    async def producer_id(self) -> ProducerId:
        """Return a fresh id for an idempotent producer without transactions."""
        return ProducerId(await self._threads.run(self._ids.take), 0)

    async def init(self, transactional_id: str, timeout_ms: int) -> ProducerId:
        """Take a transactional id: fence its producer, abort what that one left open, and return the new epoch.

        Raises:
            ConfigError: The id, or the timeout, cannot be.
        """
        if not transactional_id or len(transactional_id.encode()) > _ID_BYTES_MAX:
            raise ConfigError(
                "transactional.id: a text of 1 to 32767 bytes is expected", config_path="transactional.id"
            )
        if not 1 <= timeout_ms <= self._timeout_ms_max:
            message = (
                f"transaction.timeout.ms: {timeout_ms} is not between 1 and "
                f"transaction.max.timeout.ms {self._timeout_ms_max}"
            )
            raise ConfigError(message, config_path="transaction.timeout.ms")
        return await self._to_its_end(self._init(transactional_id, timeout_ms))

    async def _init(self, transactional_id: str, timeout_ms: int) -> ProducerId:
        entry = self._entries.get(transactional_id)
        if entry is None:
            fresh = TransactionRecord(-1, -1, timeout_ms)
            entry = self._entries.setdefault(transactional_id, _Entry(transactional_id, fresh))
        async with entry.lock:
            self._entries[transactional_id] = entry  # it may have been forgotten while this waited
            record = entry.record
            if record.is_decided:
                await self._finish(entry)
            elif record.status is Status.ONGOING:
                self._fence(entry)
                await self._end(entry, is_commit=False)
            producer_id, epoch = record.producer_id, record.epoch + 1
            if producer_id < 0 or epoch >= _EPOCH_MAX:
                producer_id, epoch = await self._threads.run(self._ids.take), 0
            entry.record = TransactionRecord(producer_id, epoch, timeout_ms, updated_ms=self._clock())
            entry.is_timed_out = entry.is_fenced = False
            await self._store(entry, "durable")
            return ProducerId(producer_id, epoch)

    async def fence(self, transactional_id: str) -> None:
        """Take an id from whoever has it, and abort what that one left open; an id that is not known is passed over."""
        entry = self._entries.get(transactional_id)
        if entry is not None:
            await self._to_its_end(self._init(transactional_id, entry.record.timeout_ms))

    def known(self) -> list[TransactionInfo]:
        """Return every id, with what its transaction has touched where one is open; sorted."""
        found = []
        for transactional_id, entry in sorted(self._entries.items()):
            is_open = entry.record.status is Status.ONGOING or entry.record.is_decided
            partitions = frozenset(entry.record.partitions) if is_open else frozenset[TopicPartition]()
            found.append(TransactionInfo(transactional_id, is_open, partitions))
        return found

    async def add(self, transactional_id: str, producer: ProducerId, partitions: Iterable[TopicPartition]) -> None:
        """Make partitions part of the transaction, which begins with the first ones.

        Raises:
            ProducerFencedError, TransactionStateError: See `check`.
        """
        await self._to_its_end(self._add(self._checked(transactional_id, producer), producer, set(partitions)))

    async def _add(self, entry: _Entry, producer: ProducerId, partitions: set[TopicPartition]) -> None:
        async with entry.lock:
            self.check(entry.transactional_id, producer)
            record = entry.record
            if record.status is Status.ONGOING and partitions <= record.partitions:
                return
            await self._completed(entry)
            before = (record.status, record.partitions, record.started_ms)
            if record.status is not Status.ONGOING:
                record.status, record.partitions, record.started_ms = Status.ONGOING, set(), self._clock()
            record.partitions = record.partitions | partitions
            try:
                # Not synced: should the machine lose it, opening finds the open transaction in the partitions.
                await self._store(entry, "written")
            except BaseException:
                record.status, record.partitions, record.started_ms = before
                raise

    async def _completed(self, entry: _Entry) -> None:
        """Return when the end of the transaction before is on disk.

        As a rule it is, by the time the next one begins.
        """
        if not all(part.is_synced_to(entry.completed_end) for part in self._state_parts()):
            await self._threads.sync(self._state_parts())

    def _state_parts(self) -> tuple[Partition, ...]:
        topic = self._topics.find(TRANSACTION_STATE)
        return topic.partitions if topic is not None else ()

    def _fence(self, entry: _Entry) -> None:
        """Raise the epoch, once, so that the producer cannot go on with what is being ended."""
        if not entry.is_fenced:
            entry.record.epoch += 1
            entry.is_fenced = True

    def check(self, transactional_id: str, producer: ProducerId) -> None:
        """Check that a producer still has its transactional id.

        Raises:
            ProducerFencedError: Another producer has taken it.
            TransactionStateError: Its transaction took longer than its timeout, and was aborted; or is being ended.
        """
        self._checked(transactional_id, producer)

    def check_open(self, producer_id: int, epoch: int, partition: TopicPartition) -> None:
        """Check that a producer has a transaction open that holds a partition. For any thread.

        Raises:
            TransactionStateError: It has none; a batch of it would stay open for ever.
        """
        for entry in list(self._entries.values()):
            record = entry.record
            if (record.producer_id, record.epoch, record.status) == (producer_id, epoch, Status.ONGOING):
                if partition in record.partitions:
                    return
                break
        raise TransactionStateError(f"producer {producer_id} of epoch {epoch} has no open transaction with {partition}")

    def _checked(self, transactional_id: str, producer: ProducerId) -> _Entry:
        entry = self._entries.get(transactional_id)
        if entry is None:
            raise TransactionStateError(
                f"transactional.id {transactional_id!r} was not used for transactional.id.expiration.ms, "
                "and is forgotten",
                hint="Call init_transactions again.",
            )
        record = entry.record
        if (record.producer_id, record.epoch) != (producer.producer_id, producer.epoch):
            if self.is_timed_out(transactional_id, producer):
                raise TransactionStateError(
                    f"the transaction of {transactional_id!r} took longer than its {record.timeout_ms} ms "
                    "and was aborted",
                    hint="Call abort_transaction, then begin again; "
                    "raise transaction.timeout.ms, or make transactions shorter.",
                )
            raise ProducerFencedError(f"another producer has taken transactional.id {transactional_id!r}")
        if record.is_decided:
            raise TransactionStateError(
                f"the last transaction of {transactional_id!r} is decided, and is still being ended",
                hint="Wait until the disk takes writes again; it is then ended by itself.",
            )
        return entry

    def is_decided(self, transactional_id: str) -> bool:
        """Tell whether the transaction's outcome is stored, and partitions wait for their markers."""
        entry = self._entries.get(transactional_id)
        return entry is not None and entry.record.is_decided

    def is_timed_out(self, transactional_id: str, producer: ProducerId) -> bool:
        """Tell whether a producer's last transaction was aborted for its timeout."""
        entry = self._entries.get(transactional_id)
        return entry is not None and entry.is_timed_out and entry.record.epoch == producer.epoch + 1

    async def end(self, transactional_id: str, producer: ProducerId, *, is_commit: bool) -> None:
        """Commit or abort; returns when every partition has its marker.

        Raises:
            ProducerFencedError, TransactionStateError: See `check`.
            EnvironmentFault: The disk refused. Before the decision the transaction stays open and may be ended again;
                after it, it is ended as decided once the disk allows.
        """
        await self._to_its_end(self._end_checked(transactional_id, producer, is_commit=is_commit))

    async def _end_checked(self, transactional_id: str, producer: ProducerId, *, is_commit: bool) -> None:
        async with self._checked(transactional_id, producer).lock:
            entry = self._checked(transactional_id, producer)
            if entry.record.status is Status.ONGOING:  # else no partition was touched
                await self._end(entry, is_commit=is_commit)

    # -- by itself ---------------------------------------------------------------------------------------------------

    async def abort_timed_out(self) -> None:
        """Abort the transactions that took longer than their timeout, end those decided that a fault held up, and
        forget the ids that nobody used for long.
        """
        for entry in list(self._entries.values()):
            if entry.record.is_decided or self._is_late(entry.record):
                await self._to_its_end(self._settle(entry))
            elif self._is_unused(entry.record):
                await self._to_its_end(self._forget(entry))

    def _is_late(self, record: TransactionRecord) -> bool:
        return record.status is Status.ONGOING and self._clock() - record.started_ms > record.timeout_ms

    def _is_unused(self, record: TransactionRecord) -> bool:
        is_idle = record.status is not Status.ONGOING and not record.is_decided and record.updated_ms >= 0
        return is_idle and self._clock() - record.updated_ms > self._expiration_ms

    async def _forget(self, entry: _Entry) -> None:
        async with entry.lock:
            if not self._is_unused(entry.record):
                return  # a producer took it while this waited
            columns = Columns([None], [encode_transaction_key(entry.transactional_id)], self._clock())
            await self._append_columns(TRANSACTION_STATE, columns, partition=0)
            if self._entries.get(entry.transactional_id) is entry:
                del self._entries[entry.transactional_id]

    async def _settle(self, entry: _Entry) -> None:
        async with entry.lock:
            record = entry.record
            try:
                if record.is_decided:
                    await self._finish(entry)
                elif self._is_late(record):
                    if not entry.is_timed_out:
                        log.warning(
                            "transaction of %r aborted: it took longer than its %d ms",
                            entry.transactional_id,
                            record.timeout_ms,
                        )
                    self._fence(entry)
                    entry.is_timed_out = True
                    await self._end(entry, is_commit=False)
            except ConnectError as error:
                log.error("the transaction of %r cannot be ended yet: %s", entry.transactional_id, error.message)

    # -- ending ------------------------------------------------------------------------------------------------------

    async def _end(self, entry: _Entry, *, is_commit: bool) -> None:
        """Decide an ongoing transaction, durably, and end it. The caller holds the lock."""
        record = entry.record
        parts = [part for name in record.partitions if (part := self._find(name)) is not None]
        if is_commit:
            await self._threads.sync(parts)
        record.status = Status.PREPARE_COMMIT if is_commit else Status.PREPARE_ABORT
        try:
            await self._store(entry, "written")
        except EnvironmentFault:
            record.status = Status.ONGOING  # the record is not there, so nothing is decided
            raise
        await self._finish(entry)

    async def _finish(self, entry: _Entry) -> None:
        """Give every partition of a decided transaction its marker. The caller holds the lock."""
        record = entry.record
        is_commit = record.status is Status.PREPARE_COMMIT
        # The decision first; also one that was read on opening, which a killed process may not have synced.
        await self._threads.sync(self._state_parts())
        marks = [
            self._mark(name, record.producer_id, record.epoch, is_commit=is_commit)
            for name in sorted(record.partitions)
        ]
        # All are tried: one partition's disk does not keep the others waiting.
        for failure in await asyncio.gather(*marks, return_exceptions=True):
            if failure is not None:
                raise failure
        if self.offsets is not None and any(name.topic == CONSUMER_OFFSETS for name in record.partitions):
            self.offsets.resolve(record.producer_id, is_commit=is_commit)
        decided, partitions = record.status, record.partitions
        record.status = Status.COMPLETE_COMMIT if is_commit else Status.COMPLETE_ABORT
        record.partitions = set()
        try:
            await self._store(entry, "written")
        except EnvironmentFault:
            # It stays decided, until that is written too: who is told of the fault cannot take it for open, and abort
            # it.
            record.status, record.partitions = decided, partitions
            raise
        for part in self._state_parts():
            entry.completed_end = part.log_end_offset if is_commit else 0
            if is_commit:
                self._threads.syncs.request(part, _ignored)

    async def _mark(self, name: TopicPartition, producer_id: int, epoch: int, *, is_commit: bool) -> None:
        part = self._find(name)
        if part is None:
            return  # its topic was deleted, and the records with it
        now_ms = self._clock()

        def write() -> tuple[tuple[Partition, ...], int]:
            if part.open_transactions.get(producer_id) is not None:
                part.append_marker(producer_id, epoch, now_ms, is_commit=is_commit)
            return (part,), -1

        await self._queue_of(name.topic).append(write, "durable")

    def _find(self, name: TopicPartition) -> Partition | None:
        topic = self._topics.find(name.topic)
        return (
            topic.partitions[name.partition] if topic is not None and name.partition < len(topic.partitions) else None
        )

    def exists(self, name: TopicPartition) -> bool:
        """Tell whether a partition is there."""
        return self._find(name) is not None

    async def _abort_strays(self) -> None:
        """Abort what is open and part of no ongoing transaction: the record of its begin, or that it grew, was lost."""
        ongoing = {
            (entry.record.producer_id, name)
            for entry in self._entries.values()
            if entry.record.status is Status.ONGOING
            for name in entry.record.partitions
        }
        for topic in self._topics:
            for number, part in enumerate(topic.partitions):
                for producer_id in await self._threads.run(lambda part=part: part.open_transactions):  # type: ignore[misc]
                    if (producer_id, TopicPartition(topic.name, number)) not in ongoing:
                        log.warning(
                            "%s: aborting a transaction of producer %d that a crash left open", part.name, producer_id
                        )
                        await self._abort_stray(TopicPartition(topic.name, number), part, producer_id)

    async def _abort_stray(self, name: TopicPartition, part: Partition, producer_id: int) -> None:
        epoch = await self._threads.run(lambda: part.producer_epoch(producer_id))
        await self._mark(name, producer_id, epoch, is_commit=False)

    # -- storing -----------------------------------------------------------------------------------------------------

    async def _store(self, entry: _Entry, acks: Acks) -> None:
        if self._topics.find(TRANSACTION_STATE) is None:
            try:
                await self._create_topic(TRANSACTION_STATE)
            except ConflictError as error:
                if error.code != TOPIC_EXISTS:
                    raise
                log.debug("%s was made in between", TRANSACTION_STATE)
        now_ms = entry.record.updated_ms = self._clock()
        columns = Columns([encode_transaction(entry.record)], [encode_transaction_key(entry.transactional_id)], now_ms)
        await self._append_columns(TRANSACTION_STATE, columns, partition=0, acks=acks)

    def _load(self) -> None:
        topic = self._topics.find(TRANSACTION_STATE)
        for part in topic.partitions if topic is not None else ():
            passed_over = PassedOver(part.name)
            for batch in walk_batches(part):
                if batch.header.is_control or batch.header.is_transactional:
                    continue
                for offset, key, value in records_in(batch):
                    try:
                        self._take(key, value, part.log_end_offset)
                    except CorruptBatchError as error:
                        passed_over.take(offset, error.message)
            passed_over.close()

    def _take(self, key: bytes | None, value: bytes | None, end_offset: int) -> None:
        """Take a stored record. Raises `CorruptBatchError`: It cannot be read; what was known before stays."""
        if key is None:
            raise CorruptBatchError("its key is null")
        transactional_id = decode_transaction_key(key)
        if value is None:
            self._entries.pop(transactional_id, None)
        else:
            entry = _Entry(transactional_id, decode_transaction(value), completed_end=end_offset)
            self._entries[transactional_id] = entry

    async def _to_its_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Await work that a cancelled caller does not interrupt."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # The caller has it too, unless it was cancelled.
            log.debug("a transaction's step failed", exc_info=task.exception())


def _ignored(error: BaseException | None) -> None:
    """Nobody waits: who depends on it asks again."""
