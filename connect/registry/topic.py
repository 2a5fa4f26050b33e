"""The topic `_schemas`: read from its start and followed, and written by one server at a time.

What is read is what counts: a write is answered once it has come back from the log, so that memory is never ahead of
what a crash would leave.

Of several servers on a Kafka cluster none leads. Whoever has something to write takes the right to: a transactional id
that all of them know. Taking it shuts out who had it before, and aborts what that one had not committed; then the topic
is read to its end, which a record that says nothing marks, and only then decided what is written. A commit by one who
has lost the right is refused by the brokers, and decided anew. So no two servers can write what contradicts, however
long one of them was frozen. (See decision 0102.)

On the bundled log one process owns the directory, and writes are appends.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from connect.api import ConfigError, ConflictError, ConnectError, EnvironmentFault, RecordTooLargeError
from connect.ports import Admin, Cluster, Producer
from connect.records import Appended, Columns, FetchedBatch
from connect.registry import errors
from connect.registry.memory import Memory
from connect.registry.records import Key, Record, UnreadableError, tombstone
from connect.stores.fenced import REBALANCING, FencedProducer
from connect.stores.following import Follower
from connect.stores.topics import ensure_topic

logger = logging.getLogger(__name__)

T = TypeVar("T")
_Append = Callable[..., Awaitable[Appended | None]]
#: What is to be written, and what is answered once it is.
Decided = tuple[Sequence[Record], T]

#: What the topic is made with; the Java registry's own.
_CONFIGS: Final = {"cleanup.policy": "compact"}
#: How long reading the whole topic may take as a server starts.
_READ_WITHIN_S: Final = 300.0
#: How long a write may take to come back; then its fate is not known.
_BACK_WITHIN_S: Final = 30.0
#: How long a server that stops looks whether the topic ends with a record.
_END_WITHIN_S: Final = 5.0
#: How often a write is decided anew where another server took the right in between, and how long it waits before.
_TRIES: Final = 20
_AGAIN_S: Final = 0.2
#: How often it is looked whether the topic is still what it must be, and how long that may take.
_LOOK_EACH_S: Final = 60.0
_LOOK_WITHIN_S: Final = 5.0
#: How many records that cannot be read are logged one by one.
_LOGGED_MAX: Final = 100


def topic_fault(name: str, partitions: int, policy: str) -> str | None:
    """Say what keeps a topic from being a registry's; None where nothing does.

    Args:
        policy: Its cleanup.policy.
    """
    if partitions != 1:
        return (
            f"topic {name!r} has {partitions} partitions; the schema registry's must have one, which orders all of its "
            "records"
        )
    if "compact" not in policy or "delete" in policy:
        return f"topic {name!r} has cleanup.policy={policy}: schemas would be deleted with time"
    return None


async def look_at_topic(admin: Admin, name: str) -> str | None:
    """Ask a cluster what keeps a topic from being a registry's; None where nothing does, and where it is not there yet.

    Raises:
        EnvironmentFault: The cluster does not answer.
    """
    partitions = await admin.partitions(name)
    if partitions is None:
        return None
    policy = next((one.value for one in await admin.topic_configs(name) if one.name == "cleanup.policy"), "")
    return topic_fault(name, partitions, policy)


class SchemaTopic:
    """For the event loop. Open it before use.

    Args:
        is_shared: Other processes may write it, too: the topic of a Kafka cluster.
        replication_factor: Used where the topic has to be made.

    Attributes:
        memory: What the topic says, as far as it was read.
        passed_over: How many records could not be read.
    """

    def __init__(self, cluster: Cluster, name: str, *, is_shared: bool, replication_factor: int | None = None) -> None:
        self.name = name
        self.memory = Memory()
        self.passed_over = 0
        self._cluster = cluster
        self._is_shared = is_shared
        self._replication_factor = replication_factor
        self._follower = Follower(cluster, name, self._take)
        self._lock = asyncio.Lock()
        self._taken_to = 0
        self._odd: deque[int] = deque(maxlen=_LOGGED_MAX)
        self._is_read = False
        self._last = -1
        self._moved = asyncio.Event()
        self._plain: Producer | None = None
        self._right: FencedProducer | None = None
        self._unfit: str | None = None
        self._look_again_s = 0.0

    @property
    def trouble(self) -> str | None:
        """Why the topic cannot be read just now; None where it can."""
        return self._follower.trouble

    async def open(self) -> None:
        """Make the topic where it is missing, and read all of it.

        Raises:
            ConfigError: registry.topic: it has several partitions, or is not compacted.
            EnvironmentFault: It cannot be read.
        """
        admin = self._cluster.admin
        await ensure_topic(
            admin, self.name, partitions=1, configs=_CONFIGS, replication_factor=self._replication_factor
        )
        if (why := await look_at_topic(admin, self.name)) is not None:
            raise ConfigError(why, code=errors.TOPIC_UNFIT, config_path="registry.storage.topic")
        await self._follower.open()
        await self._follower.catch_up(_READ_WITHIN_S)
        self._is_read = True

    async def unfit(self) -> str | None:
        """Say what of the topic is not as it must be by now: somebody may have changed it while it was in use.

        None where all is right, and where the cluster does not tell: then reading fails too, and says so.
        """
        loop = asyncio.get_running_loop()
        if loop.time() >= self._look_again_s:
            self._look_again_s = loop.time() + _LOOK_EACH_S
            try:
                async with asyncio.timeout(_LOOK_WITHIN_S):
                    self._unfit = await look_at_topic(self._cluster.admin, self.name)
            except (ConnectError, TimeoutError) as error:
                logger.info("%s could not be looked at: %s", self.name, error)
        return self._unfit

    async def aclose(self) -> None:
        """Read and write no more; safe to call twice, and without `open`."""
        if self._right is not None:
            await self._right.aclose()
        if self._is_shared and self._is_read and self.trouble is None:
            self._is_read = False
            await self._end_with_a_record()
        for one in (self._plain, self._follower):
            if one is not None:
                await one.aclose()

    async def _end_with_a_record(self) -> None:
        """Put a NOOP behind a transaction's end, if that is the last of the topic, whoever left it.

        Karapace has read the topic once it has a record of the last offset, and what ends a transaction is none: it
        would take nothing but reads for ever.
        """
        producer = self._cluster.producer(client_id=f"connect-{self.name}", internal=True)
        try:
            async with asyncio.timeout(_END_WITHIN_S):
                (partition,) = (await self._cluster.admin.describe_topic(self.name)).partitions
                if partition.log_end_offset > self._last + 1:
                    key, value = tombstone(Key("NOOP"))
                    await producer.append(self.name, Columns([value], [key]), acks="durable")
        except (ConnectError, TimeoutError) as error:
            logger.warning("%s ends with a transaction, which Karapace waits behind: %s", self.name, error)
        finally:
            await producer.aclose()

    async def change(self, decide: Callable[[], Awaitable[Decided[T]]]) -> T:
        """Write what is decided by all that the topic says, and return the answer once that is read back.

        One change at a time is decided. A cancelled call may have written or not.

        Args:
            decide: Returns the records, none where nothing is to be written, and the answer. It is called again where
                another server wrote in between.

        Raises:
            RegistryError: What `decide` raises; 42209, or 50001 where the log refuses, it is not known what became of
                the write, or a registry of another kind wrote what contradicts it.
        """
        async with self._lock:
            for attempt in range(_TRIES):
                try:
                    return await self._change(decide)
                except ConflictError as error:
                    if error.code != REBALANCING:
                        raise
                    await self._give_up_right()
                    logger.info("%s: another server writes it; decided anew", self.name)
                await asyncio.sleep(_AGAIN_S * random.uniform(0, 1 + attempt))
            raise errors.store_failed(
                f"Register operation failed: other servers wrote {self.name} in between {_TRIES} times"
            )

    async def _change(self, decide: Callable[[], Awaitable[Decided[T]]]) -> T:
        try:
            append = await self._writing()
            records, answer = await decide()
            if records:
                await self._written(append, records)
            return answer
        except (errors.RegistryError, ConflictError):
            raise
        except RecordTooLargeError as error:
            raise errors.too_large() from error
        except ConnectError as error:
            logger.error("%s could not be written: %s", self.name, error.message)
            raise errors.store_failed(f"Error while writing to the topic {self.name}: {error.message}") from error

    async def _written(self, append: _Append, records: Sequence[Record]) -> None:
        """Append records, and return once they have come back."""
        columns = Columns(
            values=[value for _, value in records],
            keys=[key for key, _ in records],
            timestamps=time.time_ns() // 1_000_000,
        )
        where = await append(self.name, columns, acks="durable")
        assert where is not None, "an append with acks tells where the records are"
        last = max(offset for _, offset in where.places())
        try:
            async with asyncio.timeout(_BACK_WITHIN_S):
                while self._taken_to <= last:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            raise EnvironmentFault(
                f"what was written did not come back within {_BACK_WITHIN_S:g} s"
                + (f": {self.trouble}" if self.trouble else "")
            ) from None
        if any(offset in self._odd for _, offset in where.places()):
            raise EnvironmentFault(
                f"what was written contradicts what another registry wrote to {self.name} meanwhile, and is passed over"
            )

    async def _writing(self) -> _Append:
        """Return what appends, with the right to do so, once all is read that others have written before."""
        if not self._is_shared:
            if self._plain is None:
                self._plain = self._cluster.producer(client_id=f"connect-{self.name}", internal=True)
            return self._plain.append
        if self._right is None:
            right = FencedProducer(self._cluster, f"connect-registry-{self.name}", on_fenced=_nothing)
            try:
                await right.open()
                # As Confluent's registry does it: once this has come back, all before it has.
                await self._written(right.append, [tombstone(Key("NOOP"))])
            except BaseException:
                await right.aclose()
                raise
            self._right = right
        return self._right.append

    async def _give_up_right(self) -> None:
        right, self._right = self._right, None
        if right is not None:
            await right.aclose()

    def _take(self, batch: FetchedBatch) -> None:
        if len(batch.offsets) and batch.offsets[0] < self._taken_to:
            logger.error(
                "topic %s was deleted and made anew while it was in use: what this server knew of it stays in memory "
                "and is not in the topic. Restart all servers to go by the topic alone, or register again what is gone",
                self.name,
            )
        columns = batch.columns
        keys = columns.keys or [None] * len(columns)
        for offset, key, value, stamp in zip(batch.offsets, keys, columns.values, columns.stamps, strict=True):
            try:
                if key is None:
                    raise UnreadableError("its key is null")
                self.memory.apply(key, value, stamp)
            except UnreadableError as error:
                self.passed_over += 1
                self._odd.append(offset)
                if self.passed_over <= _LOGGED_MAX:
                    logger.error(
                        "%s-%d: the record at offset %d with key %.200r is passed over: %s",
                        batch.topic,
                        batch.partition,
                        offset,
                        key,
                        error,
                    )
        self._taken_to = batch.next_offset
        self._last = int(batch.offsets[-1]) if len(batch.offsets) else self._last
        self._moved.set()


def _nothing() -> None:
    """Who is fenced is told by the append that fails."""
