"""A map kept in a compacted topic: the newest value of each key, in memory and durable in the log.

Kafka's KafkaBasedLog with a table on top. Every store of a worker is one of these.

A record that its store cannot read is passed over, as Kafka Connect's stores do: it is logged with topic, partition and
offset, and the value before it stays in force. That value is written once more, since compaction keeps only the newest
record of a key, which would be the one that nobody can read. A damaged *batch* is another matter: nobody knows which
keys were in it, so opening fails, and the operator decides.

Records may also be written within somebody's transaction, together with records of other topics (`append_within`).
Those count once it is committed, and reading takes committed records alone; what a producer that is gone has left open
is aborted before the topic is read.

Of a topic that several workers write, each *follows* it: what others write comes into memory, and the log's order
decides what counts, whoever wrote it. An own write is in memory once it is answered, as it is without.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from connect.api import ConfigError, ConnectError, EnvironmentFault, RecordTooLargeError
from connect.api.error_codes import register_code
from connect.ports import STATE_TOPIC_CONFIGS, Acks, Admin, Cluster, Producer
from connect.records import Appended, Columns, FetchedBatch, TopicPartition
from connect.stores.fenced import FencedProducer
from connect.stores.following import Follower
from connect.stores.topics import ensure_topic
from connect.stores.unsettled import SETTLED_WITHIN_S, Written
from connect.write_order import WriteOrder

logger = logging.getLogger(__name__)

NOT_COMPACTED = register_code(
    "config.storage_topic",
    "A topic of the worker's state is not compacted, so retention would delete what is in it.",
    "Stop the worker, and set it right with 'connect topic alter TOPIC --config cleanup.policy=compact --data-dir "
    "DIR', on a Kafka cluster with 'kafka-configs --bootstrap-server BROKER --alter --entity-type topics --entity-name "
    "TOPIC --add-config cleanup.policy=compact'; or name another topic in the worker's config.",
)

PARTITIONED = register_code(
    "config.storage_topic_partitions",
    "A topic of the worker's state that must have one partition has several.",
    "Name another topic in the worker's config; it is made where it is missing.",
)

#: Says why a store cannot read a record, by its key and value; None where it can.
Problem = Callable[[bytes, bytes], str | None]

K = TypeVar("K")
V = TypeVar("V")

#: A value, None where it is deleted, and when it was written.
_Stamped = tuple[bytes | None, int]

#: How many records that cannot be read are logged one by one; of those beyond, only how many.
_LOGGED_MAX = 100
_LOOK_AGAIN_S = 0.05


async def ensure_compacted_topic(
    admin: Admin, topic: str, *, partitions: int = 1, replication_factor: int | None = None
) -> int:
    """Return the number of partitions of a topic for a worker's state; make it first where it is missing."""
    return await ensure_topic(
        admin, topic, partitions=partitions, configs=STATE_TOPIC_CONFIGS, replication_factor=replication_factor
    )


class CompactedTopic:
    """Keys to values, as bytes. Open it before use. For the event loop; reading never waits.

    One owner writes, unless it `follows`.

    Args:
        partitions, replication_factor: Used when the topic has to be created; an existing topic keeps its own.
        problem: Which records are passed over when the topic is read.
        remembers_deletions: `stamp` and `deleted` know of deleted keys, as long as compaction leaves their tombstones.
        left_open: Returns transactional ids of lives before, in which something may have been left open here that the
            log does not tell of.
        follows: Others write the topic, too.
        is_single: All records have one order, so it must have one partition.

    Attributes:
        through: What writes go through where it is set: those of the one worker that may.
        on_change: Of a topic that is followed, called with each key that has changed; it must not raise.
    """

    def __init__(
        self,
        cluster: Cluster,
        topic: str,
        *,
        partitions: int = 1,
        problem: Problem = lambda _key, _value: None,
        remembers_deletions: bool = False,
        replication_factor: int | None = None,
        left_open: Callable[[], Collection[str]] = tuple,
        follows: bool = False,
        is_single: bool = False,
    ) -> None:
        self.topic = topic
        self.through: FencedProducer | None = None
        self.on_change: Callable[[bytes], None] = lambda _key: None
        self._cluster = cluster
        self._partitions = partitions
        self._problem = problem
        self._remembers_deletions = remembers_deletions
        self._replication_factor = replication_factor
        self._left_open = left_open
        self._is_single = is_single
        self._entries: dict[bytes, bytes] = {}
        self._stamps: dict[bytes, int] = {}
        self._producer: Producer | None = None
        self._order: WriteOrder[bytes, _Stamped] = WriteOrder(self._set)
        self._unreadable: set[bytes] = set()  # keys whose newest record cannot be read
        self._passed_over = 0
        #: Writes within transactions whose outcome nobody has told yet.
        self._unsettled: list[Written] = []
        self._follower = Follower(cluster, topic, self._take_followed) if follows else None
        #: Of a topic that is followed: where the record lies that each key has its value from.
        self._places: dict[bytes, tuple[int, int]] = {}
        #: How far each partition was read, of a topic that is followed.
        self._followed_to: dict[int, int] = {}

    async def open(self) -> None:
        """Create the topic if need be and read it from its start, all of it into memory.

        Raises:
            ConfigError: config.storage_topic: it is not compacted. config.storage_topic_partitions: it has several.
            CorruptBatchError: A stored batch is damaged.
        """
        count = await ensure_compacted_topic(
            self._cluster.admin,
            self.topic,
            partitions=self._partitions,
            replication_factor=self._replication_factor,
        )
        await self._check_policy()
        if self._is_single and count != 1:
            raise ConfigError(
                f"topic {self.topic!r} has {count} partitions, and what it holds has one order: it must have a single "
                "one",
                code=PARTITIONED,
            )
        if self._follower is not None:
            await self._follower.open()
            # Somebody's transaction may be under way; who has to know what lies behind it catches up.
            await self._follower.catch_up(SETTLED_WITHIN_S, stable=True)
            self._producer = self._cluster.producer(client_id=f"connect-{self.topic}", internal=True)
            return
        await self._end_transactions()
        seen: dict[bytes, tuple[int, int]] | None = {} if count > 1 else None
        for partition in range(count):
            await self._read(TopicPartition(self.topic, partition), seen)
        if self._passed_over > _LOGGED_MAX:
            logger.error(
                "%s: %d more records cannot be read and are passed over", self.topic, self._passed_over - _LOGGED_MAX
            )
        self._producer = self._cluster.producer(client_id=f"connect-{self.topic}", internal=True)
        await self.mend()

    async def exists(self) -> bool:
        """Whether somebody has made the topic."""
        return await self._cluster.admin.partitions(self.topic) is not None

    async def make_again(self) -> None:
        """Make the topic that somebody has deleted, with all that is in memory, as old as it is.

        Raises:
            EnvironmentFault: It cannot be made just now.
        """
        logger.error("topic %s is not there any more; it is made again, with what this worker knows of it", self.topic)
        await ensure_compacted_topic(
            self._cluster.admin, self.topic, partitions=self._partitions, replication_factor=self._replication_factor
        )
        entries: dict[bytes, bytes | None] = dict(self._entries)
        await self.put(entries, timestamp_ms=[self._stamps[key] for key in entries])

    async def aclose(self) -> None:
        """Wait for writes under way, flush and release; safe to call twice and without open."""
        await self._order.settled()
        if self._follower is not None:
            await self._follower.aclose()
        if self._producer is not None:
            await self._producer.aclose()

    @property
    def trouble(self) -> str | None:
        """Why what others write is not read just now; None where it is."""
        return None if self._follower is None else self._follower.trouble

    async def catch_up(self, within_s: float = SETTLED_WITHIN_S) -> None:
        """Have in memory what is in the topic now. At once where nobody else writes it.

        Raises:
            EnvironmentFault: It was not read within `within_s`.
        """
        if self._follower is not None:
            await self._follower.catch_up(within_s)

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, None if there is none."""
        return self._entries.get(key)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield what is there, in the order of first writing."""
        return iter(list(self._entries.items()))

    def order(self, key: bytes) -> int:
        """Return a number by which what is there lies in the log, of a topic of one partition: the lower in front. Of
        one that nobody else writes, keys are as old as they were first written."""
        if (place := self._places.get(key)) is not None:
            return place[1]
        return next(number for number, known in enumerate(self._entries) if known == key)

    def stamp(self, key: bytes) -> int | None:
        """Return the timestamp of a key's newest record, None where there is none."""
        return self._stamps.get(key)

    def deleted(self) -> list[bytes]:
        """Return the keys that are known to be deleted; none without `remembers_deletions`."""
        return [key for key in self._stamps if key not in self._entries]

    def unreadable(self) -> list[bytes]:
        """Return the keys that had, when the topic was opened, only records that cannot be read; sorted."""
        return sorted(key for key in self._unreadable if key not in self._entries)

    async def put(
        self,
        entries: Mapping[bytes, bytes | None],
        *,
        acks: Acks = "durable",
        timestamp_ms: int | Sequence[int],
        through: FencedProducer | None = None,
    ) -> None:
        """Write entries; None deletes. They become durable together where the topic has one partition: one batch.

        Memory changes once the log has them, so what `get` says is never ahead of what a crash would leave; of two
        writes of a key the later call's value stays, also where its answer came first. A cancelled call is carried out.

        Args:
            timestamp_ms: One for all, or one each.
            through: What this write goes through; `self.through` where left out.
        """
        if not entries:
            return
        assert self._producer is not None, f"{self.topic} is open"
        columns = Columns(values=list(entries.values()), keys=list(entries), timestamps=timestamp_ms)
        append = self._fitting((through or self.through or self._producer).append(self.topic, columns, acks=acks))
        if self._follower is None:
            await self._order.write(append, _stamped(entries, columns))
        else:
            await self._order.write(self._append_followed(append, _stamped(entries, columns)), {})

    async def _fitting(self, append: Awaitable[Appended | None]) -> Appended | None:
        try:
            return await append
        except RecordTooLargeError as error:  # its hint is for a connector's records
            raise RecordTooLargeError(
                error.message,
                hint=f"It is what the worker stores of one connector or task: make that smaller, or raise "
                f"max.message.bytes of topic {self.topic!r} and, on a Kafka cluster, the worker's "
                "producer.max.request.size.",
            ) from error

    async def _append_followed(self, append: Awaitable[Appended | None], stamped: Mapping[bytes, _Stamped]) -> None:
        where = await append
        assert where is not None, "an append with acks tells where the records are"
        self._set_placed(stamped, where)

    def _set_placed(self, stamped: Mapping[bytes, _Stamped], where: Appended) -> None:
        """Set entries of our own, where nothing that lies behind them was read before."""
        for (key, entry), place in zip(stamped.items(), where.places(), strict=True):
            if self._is_newer(key, place, entry[1]):
                self._set_followed(key, entry, place)

    def _is_newer(self, key: bytes, place: tuple[int, int], stamp: int) -> bool:
        """Whether a record counts more than the one that a key has its value from.

        A key lies in two partitions where somebody raised their number: there the timestamp decides.
        """
        before = self._places.get(key)
        if before is None or before[0] == place[0]:
            return before is None or place[1] > before[1]
        return stamp >= self._stamps.get(key, 0)

    async def append_within(
        self,
        producer: Producer,
        entries: Mapping[bytes, bytes | None],
        *,
        owner: str,
        timestamp_ms: int | Sequence[int],
    ) -> Written:
        """Append entries within a producer's open transaction; who called tells what becomes of them.

        Args:
            producer: A transactional one that may append to internal topics.
            owner: Whose entries these are, for `settle`.
        """
        columns = Columns(values=list(entries.values()), keys=list(entries), timestamps=timestamp_ms)
        where = await self._fitting(producer.append(self.topic, columns))
        assert where is not None, "an append with acks tells where the records are"
        assert where.pieces, "there are entries"
        written = Written(owner, entries, where, partial(self._take_written, _stamped(entries, columns), where))
        self._unsettled = [before for before in self._unsettled if not before.is_settled]
        self._unsettled.append(written)
        return written

    async def settle(self, owner: str, *, within_s: float = SETTLED_WITHIN_S) -> None:
        """Find out what became of an owner's writes within transactions, where nobody has told.

        A commit that is under way is waited for, and so are the writes of callers that are gone. So it is for when the
        producers are shut out, or have come to rest. Of a topic that is followed, what others have written is there
        then.

        Raises:
            EnvironmentFault: A transaction stays open, or the disk is at work, for longer than `within_s`.
        """
        try:
            async with asyncio.timeout(within_s):
                await self._order.settled_so_far()
        except TimeoutError:
            raise EnvironmentFault(
                f"{self.topic}: what was written before was not on disk within {within_s:g} s",
                hint="See what keeps the disk of the log busy, and try again.",
            ) from None
        for written in list(self._unsettled):
            if not written.is_settled and written.owner == owner:
                await written.ask(self._cluster.admin, self.topic, within_s)
        self._unsettled = [written for written in self._unsettled if not written.is_settled]
        await self.catch_up(within_s)

    def _take_written(self, stamped: Mapping[bytes, _Stamped], where: Appended, _: Written) -> None:
        if self._follower is None:
            self._order.set(stamped)
        else:
            self._set_placed(stamped, where)

    def _set(self, key: bytes, stamped: _Stamped) -> None:
        value, stamp = stamped
        set_or_drop(self._entries, key, value)
        if value is not None or self._remembers_deletions:
            self._stamps[key] = stamp
        else:
            self._stamps.pop(key, None)

    async def _check_policy(self) -> None:
        entries = await self._cluster.admin.topic_configs(self.topic)
        policy = next(entry.value for entry in entries if entry.name == "cleanup.policy")
        if {word.strip() for word in policy.split(",") if word.strip()} != {"compact"}:
            raise ConfigError(
                f"topic {self.topic!r} holds the worker's state and must have cleanup.policy=compact; "
                f"it has {policy!r}",
                code=NOT_COMPACTED,
            )

    async def _end_transactions(self) -> None:
        """Abort what producers of a life before have left open here: it would hide all that lies behind it."""
        admin = self._cluster.admin
        open_here = [
            info.transactional_id
            for info in await admin.list_transactions()
            if any(at.topic == self.topic for at in info.partitions)
        ]
        if open_here:
            logger.info("%s: ending transactions that were left open: %s", self.topic, ", ".join(open_here))
            await admin.fence_producers(open_here)

    # -- reading -------------------------------------------------------------------------------------------------------

    async def _read(self, partition: TopicPartition, seen: dict[bytes, tuple[int, int]] | None) -> None:
        """Take a partition's records.

        Args:
            seen: Of each key so far, timestamp and partition. A key lies in two partitions where somebody raised their
                number; the newer record counts then, not the partition that is read later.
        """
        info = await self._cluster.admin.describe_topic(self.topic)
        offset = info.partitions[partition.partition].log_start_offset
        end = info.partitions[partition.partition].log_end_offset
        while offset < end:
            batches = await self._cluster.admin.fetch(partition, offset, isolation="read_committed")
            if not batches:
                batches = await self._end_what_hides(partition, offset)
            for batch in batches:
                self._take(batch, seen)
                offset = batch.next_offset

    async def _end_what_hides(self, partition: TopicPartition, offset: int) -> list[FetchedBatch]:
        """Abort what a life before has left open, of which the log does not tell; return what lay behind it."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SETTLED_WITHIN_S
        if left_open := self._left_open():
            logger.info("%s: ending transactions that may have been left open: %s", partition, ", ".join(left_open))
            await self._cluster.admin.fence_producers(left_open)
        while left_open and loop.time() < deadline:  # its end is on its way
            if batches := await self._cluster.admin.fetch(partition, offset, isolation="read_committed"):
                return batches
            await asyncio.sleep(_LOOK_AGAIN_S)
        raise EnvironmentFault(
            f"{partition}: a transaction that is open at offset {offset} hides what lies behind it",
            hint="Let its producer end it, and start again.",
        )

    def _take_followed(self, batch: FetchedBatch) -> None:
        first = batch.offsets[0] if len(batch.offsets) else batch.next_offset - 1
        if first < self._followed_to.get(batch.partition, 0):
            self._begin_anew(batch.partition)
        self._followed_to[batch.partition] = batch.next_offset
        for offset, key, value, stamp in self._readable(batch):
            if self._is_newer(key, (batch.partition, offset), stamp):
                self._set_followed(key, (value, stamp), (batch.partition, offset))

    def _begin_anew(self, partition: int) -> None:
        """Go by what the partition has from here on: offsets go back where another topic has the name by now."""
        self._places = {key: place for key, place in self._places.items() if place[0] != partition}
        logger.error(
            "topic %s was deleted and made anew while it was in use: what this worker knew of it stays in memory and "
            "is not in the topic. Restart all workers to go by the topic alone, or write again what is missing there",
            self.topic,
        )

    def _set_followed(self, key: bytes, entry: _Stamped, place: tuple[int, int]) -> None:
        before = self._entries.get(key)
        self._places[key] = place
        self._set(key, entry)
        if entry[0] != before:
            self.on_change(key)

    def _take(self, batch: FetchedBatch, seen: dict[bytes, tuple[int, int]] | None) -> None:
        for _, key, value, stamp in self._readable(batch):
            if seen is not None:
                before = seen.get(key)
                if before is not None and before[1] != batch.partition and before[0] > stamp:
                    continue
                seen[key] = (stamp, batch.partition)
            self._set(key, (value, stamp))

    def _readable(self, batch: FetchedBatch) -> Iterator[tuple[int, bytes, bytes | None, int]]:
        """Yield offset, key, value and timestamp of the records that count."""
        columns = batch.columns
        keys = columns.keys or [None] * len(columns)
        for offset, key, value, stamp in zip(batch.offsets, keys, columns.values, columns.stamps, strict=True):
            if key is None:
                self._pass_over(batch, offset, key, "its key is null")
                continue
            problem = None if value is None else self._problem(key, value)  # a tombstone is one, whatever the key
            if problem is not None:
                self._pass_over(batch, offset, key, problem)
                continue
            self._unreadable.discard(key)
            yield offset, key, value, stamp

    def _pass_over(self, batch: FetchedBatch, offset: int, key: bytes | None, problem: str) -> None:
        self._passed_over += 1
        if key is not None:
            self._unreadable.add(key)
        if self._passed_over <= _LOGGED_MAX:
            # Never the value: it may hold a secret.
            logger.error(
                "%s-%d: the record at offset %d with key %.200r cannot be read and is passed over: %s",
                batch.topic,
                batch.partition,
                offset,
                key,
                problem,
            )

    async def mend(self) -> None:
        """Write again what a record that cannot be read would hide from compaction; for the one who may write."""
        hidden: dict[bytes, bytes | None] = {
            key: value for key in sorted(self._unreadable) if (value := self._entries.get(key)) is not None
        }
        if not hidden:
            return
        try:
            await self.put(hidden, timestamp_ms=[self._stamps[key] for key in hidden])  # as old as they are
        except ConnectError as error:
            logger.warning(
                "%s: the values before records that cannot be read were not written again: %s",
                self.topic,
                error.message,
            )
        else:
            logger.warning(
                "%s: %d values before records that cannot be read were written again", self.topic, len(hidden)
            )


def set_or_drop(entries: dict[K, V], key: K, value: V | None) -> None:
    """Have in a store's memory what its topic has of a key: None where that is deleted."""
    if value is None:
        entries.pop(key, None)
    else:
        entries[key] = value


def _stamped(entries: Mapping[bytes, bytes | None], columns: Columns) -> dict[bytes, _Stamped]:
    return {
        _kept(key): (None if value is None else _kept(value), stamp)
        for (key, value), stamp in zip(entries.items(), columns.stamps, strict=True)
    }


def _kept(text: bytes) -> bytes:
    """Return a text in memory of its own size: what orjson has written keeps a page, up to 4 KiB for one of 7 bytes."""
    return bytes(memoryview(text))
