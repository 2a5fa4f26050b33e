"""The port through which records are appended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from connect.records import (
    Appended,
    Columns,
    OffsetAndMetadata,
    TopicPartition,
)

Acks = Literal["none", "written", "durable"]
"""When an append is answered: 'none' before the write is done, 'written' once it is in the page cache (survives the
death of the process), 'durable' once it is on disk (survives the death of the machine)."""


class Producer(Protocol):
    """Appends records. One may serve many tasks; appends to one partition keep the order of the calls.

    With the config `transactional.id` it works in transactions, one at a time, and only in them:
    `init_transactions` once; then again and again `begin_transaction`, appends and `send_offsets_to_transaction`, and
    `commit_transaction` or `abort_transaction`.
    """

    @property
    def gathered_bytes(self) -> int:
        """So many bytes of one topic are better appended together than one after the other, where they are there at
        once; 0 where it makes no difference."""

    async def append(
        self, topic: str, columns: Columns, *, partition: int | None = None, acks: Acks = "written"
    ) -> Appended | None:
        """Append n records to a topic.

        Without `partition` each record with a key goes where Kafka's murmur2 partitioner puts it, and records without
        a key stick to one partition for a batch.

        Returns:
            Where they are; None where that is not known, as with acks 'none'.

        Raises:
            UnknownTopicOrPartitionError, RecordTooLargeError: Nothing was appended.
            InvalidRecordError: A timestamp out of the topic's bounds, a compacted topic and no key. Nothing appended.
            InternalTopicError: The topic is internal, and this producer was not made for those. Nothing appended.
            ProducerFencedError: Another producer has taken this one's `transactional.id`.
            EnvironmentFault: The disk refused. The same `columns`, the very object, can be appended again, as the next
                append to this topic: it goes on where it ended, and writes nothing twice.
        """

    async def append_raw(
        self, topic: str, partition: int, batches: bytes, *, acks: Acks = "written", check_records: bool = False
    ) -> int:
        """Append whole record batches (format v2, offsets assigned here); return the first base offset.

        Batches with a producer id are deduplicated by their sequence numbers: one that is there already is not
        appended again, and its offset is returned.

        Args:
            check_records: Also read every record inside; for batches that come from strangers. Their headers and
                checksums are always checked.

        Raises:
            CorruptBatchError: A batch fails its checks; none of `batches` was appended.
            OutOfOrderSequenceError: A batch before this one is missing.
            ProducerFencedError: The batch's producer epoch is not the newest.
            InternalTopicError: See `append`.
        """

    async def init_transactions(self) -> None:
        """Take the `transactional.id`: fence whoever had it, and abort the transaction that was left open.

        Raises:
            TransactionStateError: This producer has no `transactional.id`.
        """

    async def begin_transaction(self) -> None:
        """Begin a transaction. Raises `TransactionStateError` when one is open, or before `init_transactions`."""

    async def send_offsets_to_transaction(
        self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]
    ) -> None:
        """Make a group's offsets part of the transaction: committed with its records, or not at all."""

    async def commit_transaction(self) -> None:
        """Make all of the transaction visible, durably. Cancelled or failed, it is committed or aborted as a whole;
        `init_transactions` then tells nothing, the records do.

        Raises:
            ProducerFencedError: Another producer has taken the `transactional.id`; the transaction was aborted.
            TransactionStateError: None is open, or it was aborted because it took longer than `transaction.timeout.ms`.
        """

    async def abort_transaction(self) -> None:
        """Leave nothing of the transaction visible to read_committed readers; raises as `commit_transaction` does."""

    async def flush(self) -> None:
        """Return when all that this producer has appended is on disk. Raises `EnvironmentFault` when it cannot be."""

    async def aclose(self) -> None:
        """Flush and release. Safe to call twice."""
