"""The producer: columns -> partitions -> record batches -> one queued write.

Which partition a record goes to says `connect.codec.placement`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter

from connect.api.errors import EnvironmentFault, InternalTopicError, RecordTooLargeError, TransactionStateError
from connect.codec.encode import EncodedBatch, encode
from connect.codec.header import LOG_APPEND_TIME
from connect.codec.placement import Placement, approximate_bytes
from connect.log.clients.append_queue import AppendQueue
from connect.log.clients.producer_config import ProducerConfig
from connect.log.clients.record_checks import check_raw, check_records
from connect.log.storage.partition import Partition
from connect.log.threads import Threads
from connect.log.topics import Topic, Topics
from connect.log.transactions.session import Session
from connect.ports import Acks
from connect.records import Appended, Columns, OffsetAndMetadata, TopicPartition

#: Called with producer id, epoch and partition. Raises `TransactionStateError`.
CheckOpen = Callable[[int, int, TopicPartition], None]

#: What one append has for one partition.
_Share = tuple[Partition, list[EncodedBatch]]


class _Places:
    """Where the records of one append are, as far as it has come."""

    def __init__(self) -> None:
        self.pieces: list[tuple[int, int, int]] = []
        self.rows: list[int] | None = None

    def add(self, partition: Partition, base_offset: int, count: int) -> None:
        if count:
            self.pieces.append((int(partition.name.rpartition("-")[2]), base_offset, count))

    def appended(self) -> Appended:
        return Appended(tuple(self.pieces), self.rows)


class LogProducer:
    """Appends to the bundled log; see `connect.ports.Producer` for the contract.

    Args:
        session: Gives batches their producer id and sequence numbers, and makes transactions; None appends plainly.
        check_open: Checks that a raw batch's transaction is open, else nothing would ever end it.
        is_internal: May append to internal topics.
    """

    def __init__(
        self,
        topics: Topics,
        queue_of: Callable[[str], AppendQueue],
        threads: Threads,
        clock: Callable[[], int],
        config: ProducerConfig,
        session: Session | None = None,
        check_open: CheckOpen | None = None,
        *,
        is_internal: bool = False,
    ) -> None:
        self._topics = topics
        self._queue_of = queue_of
        self._threads = threads
        self._clock = clock
        self._config = config
        self._session = session
        self._check_open = check_open
        self._is_internal = is_internal
        self._placement = Placement()
        self._written: dict[Partition, None] = {}  # those appended to; never forgotten, since asking one is cheap
        self._used: dict[str, AppendQueue] = {}
        #: By topic: columns whose append the disk refused half-way, what is left of them, and where the rest is.
        self._unfinished: dict[str, tuple[Columns, list[_Share], _Places, list[Partition]]] = {}

    @property
    def gathered_bytes(self) -> int:
        """None: an append waits for a thread of this process alone."""
        return 0

    async def append(
        self, topic: str, columns: Columns, *, partition: int | None = None, acks: Acks = "written"
    ) -> Appended | None:
        """Append n records; see the port."""
        self._check_is_open_to_us(topic)
        return await self.append_for_log(topic, columns, partition=partition, acks=acks)

    async def append_for_log(
        self, topic: str, columns: Columns, *, partition: int | None = None, acks: Acks = "written"
    ) -> Appended | None:
        """Append n records of the log's own making, whatever the topic: a group's offsets in a transaction."""
        target = self._topics.get(topic)
        if partition is not None:
            target.partition(partition)
        places = _Places()
        if not len(columns):
            return places.appended()
        if self._session is not None:
            await self._append_sequenced(self._session, target, columns, partition, acks, places)
            return places.appended() if acks != "none" else None

        def write() -> tuple[tuple[Partition, ...], int]:
            check_records(target, columns, self._clock)
            shares = self._share_out(target, columns, partition, places)
            # All is encoded, and every limit checked, before the first write: a record too large leaves nothing behind.
            encoded = [(target.partitions[number], self._encode(target, share)) for number, share in shares]
            return self._append_shares(topic, columns, encoded, places)

        await self._queue(topic).append(lambda: self._finish(topic, columns, places) or write(), acks)
        return places.appended() if acks != "none" else None

    async def _append_sequenced(
        self,
        session: Session,
        target: Topic,
        columns: Columns,
        partition: int | None,
        acks: Acks,
        places: _Places,
    ) -> None:
        def share_out() -> list[tuple[int, Columns]]:
            check_records(target, columns, self._clock)
            return self._share_out(target, columns, partition, places)

        if partition is None and len(target.partitions) > 1:
            shares = await self._threads.run(share_out)
            numbers = [number for number, _ in shares]
        else:  # one hop to a thread for all of it, since it is known where the records go
            shares, numbers = None, [partition or 0]
        producer = await session.joined(TopicPartition(target.name, number) for number in numbers)

        def write() -> tuple[tuple[Partition, ...], int]:
            encoded = []
            for number, share in shares if shares is not None else share_out():
                part = target.partitions[number]
                encoded.append((part, session.sequenced(part, producer, self._encode(target, share))))
            return self._append_shares(target.name, columns, encoded, places)

        await self._queue(target.name).append(lambda: self._finish(target.name, columns, places) or write(), acks)

    async def append_raw(
        self, topic: str, partition: int, batches: bytes, *, acks: Acks = "written", check_records: bool = False
    ) -> int:
        """Append whole record batches; see the port."""
        self._check_is_open_to_us(topic)
        target = self._topics.get(topic)
        part = target.partition(partition)

        def write() -> tuple[tuple[Partition, ...], int]:
            checked = check_raw(target, batches, self._clock(), check_records=check_records)
            for batch in checked:
                if batch.is_sequenced and (header := batch.header).is_transactional and self._check_open is not None:
                    self._check_open(header.producer_id, header.producer_epoch, TopicPartition(topic, partition))
            self._written[part] = None
            offset = part.append(checked)
            return (part,), offset

        return await self._queue(topic).append(write, "written" if acks == "none" else acks)

    def _check_is_open_to_us(self, topic: str) -> None:
        if not self._is_internal and self._topics.is_internal(topic):
            raise InternalTopicError(
                f"topic {topic!r} is internal: it takes no records but the log's and the worker's own"
            )

    # -- transactions ------------------------------------------------------------------------------------------------

    async def init_transactions(self) -> None:
        """Take the transactional id; see the port."""
        await self._transactional().init()

    async def begin_transaction(self) -> None:
        """Begin a transaction; see the port."""
        self._transactional().begin()

    async def send_offsets_to_transaction(
        self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]
    ) -> None:
        """Make a group's offsets part of the transaction; see the port."""
        await self._transactional().send_offsets(self.append_for_log, group, offsets)

    async def commit_transaction(self) -> None:
        """Commit; see the port."""
        session = self._transactional()
        for queue in list(self._used.values()):
            await queue.drain()
        await session.end(is_commit=True)

    async def abort_transaction(self) -> None:
        """Abort; see the port."""
        await self._transactional().end(is_commit=False)

    def _transactional(self) -> Session:
        if self._session is None or not self._session.is_transactional:
            raise TransactionStateError(
                "this producer has no transactional.id", hint="Make it with the config transactional.id."
            )
        return self._session

    async def flush(self) -> None:
        """Bring to disk what this producer appended; see the port."""
        for queue in list(self._used.values()):
            await queue.drain()
        for partition in list(self._written):
            if partition.is_deleted:
                del self._written[partition]
        await self._threads.sync(list(self._written))

    async def aclose(self) -> None:
        """Flush; abort a transaction that is still open."""
        try:
            await self.flush()
        finally:
            if self._session is not None:
                await self._session.aclose()

    def _queue(self, topic: str) -> AppendQueue:
        queue = self._used[topic] = self._queue_of(topic)
        return queue

    # -- on the log's threads ----------------------------------------------------------------------------------------

    def _append_shares(
        self, topic: str, columns: Columns, shares: list[_Share], places: _Places, written: Sequence[Partition] = ()
    ) -> tuple[tuple[Partition, ...], int]:
        """Write each partition's batches; where the disk refuses half-way, keep what is left for the same columns.

        Args:
            places: Is told where the records are.
            written: The partitions of these columns that were written to before; they are told like the others.
        """
        self._written.update(dict.fromkeys(part for part, _ in shares))
        offsets: list[int] = []
        for index, (part, batches) in enumerate(shares):
            begin = part.open().log_end_offset
            try:
                if batches:
                    offsets.append(part.append(batches))
                    places.add(part, offsets[-1], sum(batch.count for batch in batches))
                else:  # the write was done before, and what failed came after it
                    part.sync()
            except EnvironmentFault:
                written_count = part.log_end_offset - begin
                places.add(part, begin, written_count)
                left = _after(batches, written_count)
                done = [*written, *(part for part, _ in shares[:index])]
                self._unfinished[topic] = (columns, [(part, left), *shares[index + 1 :]], places, done)
                raise
        return (*written, *(part for part, _ in shares)), offsets[0] if offsets else -1

    def _finish(self, topic: str, columns: Columns, places: _Places) -> tuple[tuple[Partition, ...], int] | None:
        """Go on with columns of which a part was written; None where these are others."""
        unfinished = self._unfinished.pop(topic, None)
        if unfinished is None or unfinished[0] is not columns:
            return None
        _, shares, before, written = unfinished
        places.pieces, places.rows = before.pieces, before.rows
        return self._append_shares(topic, columns, shares, places, written)

    def _share_out(
        self, topic: Topic, columns: Columns, partition: int | None, places: _Places
    ) -> list[tuple[int, Columns]]:
        """Return each partition's records, in order."""
        if partition is not None:
            return [(partition, columns)]
        numbers = self._placement.partitions(topic.name, len(topic.partitions), columns)
        if isinstance(numbers, int):
            return [(numbers, columns)]
        rows: dict[int, list[int]] = {}
        for row, number in enumerate(numbers):
            rows.setdefault(number, []).append(row)
        shares = sorted(rows.items())
        places.rows = [row for _, own in shares for row in own]
        return [(number, _take(columns, own)) for number, own in shares]

    def _encode(self, topic: Topic, columns: Columns) -> list[EncodedBatch]:
        config = topic.config
        batch_bytes = min(self._config.batch_bytes, config.max_message_bytes)
        rows = max(1, len(columns) * batch_bytes // max(1, approximate_bytes(columns)))
        batches: list[EncodedBatch] = []
        for start in range(0, len(columns), rows):
            whole = start == 0 and rows >= len(columns)
            self._encode_within(topic, columns if whole else columns.cut(start, start + rows), batches)
        return batches

    def _encode_within(self, topic: Topic, columns: Columns, batches: list[EncodedBatch]) -> None:
        """Encode as one batch, or as halves where that exceeds `max.message.bytes`."""
        config = topic.config
        codec = config.codec or self._config.codec
        if config.is_log_append_time:
            batch = encode(columns, codec=codec, attributes=LOG_APPEND_TIME, max_timestamp=self._clock())
        else:
            batch = encode(columns, codec=codec)
        if batch.size_bytes <= config.max_message_bytes:
            batches.append(batch)
        elif len(columns) == 1:
            raise _too_large(topic, columns, batch.size_bytes)
        else:
            half = len(columns) // 2
            self._encode_within(topic, columns.cut(0, half), batches)
            self._encode_within(topic, columns.cut(half), batches)


def _after(batches: list[EncodedBatch], records: int) -> list[EncodedBatch]:
    """Return the batches behind the first so many records."""
    left = list(batches)
    while left and records >= left[0].count:
        records -= left.pop(0).count
    return left


def _too_large(topic: Topic, columns: Columns, size_bytes: int) -> RecordTooLargeError:
    key = columns.keys[0] if columns.keys is not None else None
    shown = "without a key" if key is None else f"with key {key[:60]!r}"
    value = columns.values[0]
    return RecordTooLargeError(
        f"a record {shown} and a value of {len(value or b'')} bytes takes {size_bytes} bytes as a batch; "
        f"max.message.bytes of topic {topic.name!r} is {topic.config.max_message_bytes}"
    )


def _take(columns: Columns, rows: list[int]) -> Columns:
    if len(rows) == 1:
        return columns.cut(rows[0], rows[0] + 1)
    pick = itemgetter(*rows)
    timestamps = columns.timestamps
    return Columns(
        pick(columns.values),
        pick(columns.keys) if columns.keys is not None else None,
        timestamps if isinstance(timestamps, int) else pick(timestamps),
        pick(columns.headers) if columns.headers is not None else None,
    )
