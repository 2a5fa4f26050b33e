"""What makes a producer idempotent or transactional: its id and epoch, and the state of its transaction.

    NEW ── init ──> READY ── begin ──> OPEN ── commit, abort ──> READY
    any ── aclose ─> CLOSED

A producer without a transactional id is NEW until its first append and READY from then on. One that is CLOSED begins
nothing any more: who still holds it, as code that was left behind, can write nothing with it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto

from connect.api.errors import EnvironmentFault, LogError, TransactionStateError
from connect.codec.encode import EncodedBatch, with_producer
from connect.log.appender import Appender
from connect.log.groups.coordinator import LogGroups
from connect.log.storage.partition import Partition
from connect.log.storage.producer_state import next_sequence
from connect.log.transactions.coordinator import ProducerId, Transactions
from connect.records import OffsetAndMetadata, TopicPartition

log = logging.getLogger(__name__)


class _State(Enum):
    NEW = auto()
    READY = auto()
    OPEN = auto()
    CLOSED = auto()


class Session:
    """One producer's. On the event loop, but for `sequenced`."""

    def __init__(
        self, transactions: Transactions, groups: LogGroups, transactional_id: str | None, timeout_ms: int
    ) -> None:
        self._transactions = transactions
        self._groups = groups
        self._transactional_id = transactional_id
        self._timeout_ms = timeout_ms
        self._producer: ProducerId | None = None
        self._joined: set[TopicPartition] = set()
        #: What this transaction has appended to, and what the one before it had.
        self._used: set[TopicPartition] = set()
        self._before: set[TopicPartition] = set()
        self._state = _State.NEW

    @property
    def is_transactional(self) -> bool:
        """True for a producer with a transactional id."""
        return self._transactional_id is not None

    async def init(self) -> None:
        """Take the transactional id."""
        assert self._transactional_id is not None
        self._check_not_closed()
        self._producer = await self._transactions.init(self._transactional_id, self._timeout_ms)
        self._state = _State.READY

    def begin(self) -> None:
        """Begin a transaction; nothing is stored before the first append."""
        self._check_not_closed()
        if self._state is _State.NEW:
            raise TransactionStateError("init_transactions was not called")
        if self._state is _State.OPEN:
            raise TransactionStateError("a transaction is open already", hint="Commit it or abort it first.")
        self._before, self._used = self._used or self._before, set()
        self._joined.clear()
        self._state = _State.OPEN

    async def joined(self, partitions: Iterable[TopicPartition]) -> ProducerId:
        """Make partitions part of the transaction, where there is one; return the id to write with."""
        if self._transactional_id is None:
            if self._producer is None:
                self._producer = await self._transactions.producer_id()
            return self._producer
        producer = self._in_transaction()
        self._transactions.check(self._transactional_id, producer)
        wanted = set(partitions)
        self._used |= wanted
        new = wanted - self._joined
        if new and not self._joined:
            # Most transactions touch what the one before did: one record of it all, and not one a partition. Where
            # nothing is appended there, no marker is written.
            new |= {name for name in self._before if self._transactions.exists(name)}
        if new:
            await self._transactions.add(self._transactional_id, producer, new)
            self._joined |= new
        return producer

    def sequenced(self, part: Partition, producer: ProducerId, batches: Sequence[EncodedBatch]) -> list[EncodedBatch]:
        """Return batches with the producer's id and the sequence numbers that come next in a partition. Blocks."""
        sequence = part.next_sequence(producer.producer_id, producer.epoch)
        result = []
        for batch in batches:
            result.append(
                with_producer(
                    batch, producer.producer_id, producer.epoch, sequence, is_transactional=self.is_transactional
                )
            )
            sequence = next_sequence(sequence, batch.count)
        return result

    async def send_offsets(
        self, append: Appender, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]
    ) -> None:
        """Make a group's offsets part of the transaction.

        Args:
            append: The producer's own, without the check of internal topics.
        """
        await self._groups.send(append, self._in_transaction().producer_id, group, offsets)

    async def end(self, *, is_commit: bool) -> None:
        """Commit or abort."""
        assert self._transactional_id is not None
        producer = self._in_transaction()
        try:
            await self._transactions.end(self._transactional_id, producer, is_commit=is_commit)
        except EnvironmentFault:
            if self._transactions.is_decided(self._transactional_id):
                self._ended()  # it ends as decided, once the disk allows
            raise
        except TransactionStateError:
            if is_commit or not self._transactions.is_timed_out(self._transactional_id, producer):
                raise
            await self.init()  # aborted already, for its timeout
        self._ended()

    def _ended(self) -> None:
        if self._state is not _State.CLOSED:  # closed meanwhile, it stays so
            self._state = _State.READY

    async def aclose(self) -> None:
        """Abort what is open; from here on nothing is begun."""
        if self._transactional_id is None:
            return
        was_open, self._state = self._state is _State.OPEN, _State.CLOSED
        producer = self._producer
        if not was_open or producer is None:
            return
        try:
            await self._transactions.end(self._transactional_id, producer, is_commit=False)
        except LogError as error:
            log.debug("there was nothing to abort: %s", error.message)

    def _check_not_closed(self) -> None:
        if self._state is _State.CLOSED:
            raise TransactionStateError("the producer is closed", hint="Make another one.")

    def _in_transaction(self) -> ProducerId:
        if self._state is not _State.OPEN or self._producer is None:
            raise TransactionStateError("no transaction is open", hint="Call begin_transaction first.")
        return self._producer
