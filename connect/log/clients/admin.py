"""Topics, and reads without a group."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping

from connect.api.errors import UnknownTopicOrPartitionError
from connect.log.clients.fetched import decode_slice, first_offset_at
from connect.log.storage.partition import Partition
from connect.log.threads import Threads
from connect.log.topics import Topics
from connect.log.transactions.coordinator import Transactions
from connect.ports import STATE_TOPIC_CONFIGS, TopicConfigEntry, TopicInfo, TransactionInfo
from connect.records import FetchedBatch, Isolation, RawFetch, TopicPartition


class LogAdmin:
    """See `connect.ports.Admin` for the contract.

    Args:
        creating: Awaited before a topic is created that is not there, with its name.
        changed: Called on the event loop after a topic was created or got partitions.
        deleted: Awaited after a topic was deleted, with its name.
    """

    def __init__(
        self,
        topics: Topics,
        threads: Threads,
        creating: Callable[[str], Awaitable[None]],
        changed: Callable[[], None],
        deleted: Callable[[str], Awaitable[None]],
    ) -> None:
        self._topics = topics
        self._threads = threads
        self._creating = creating
        self._changed = changed
        self._deleted = deleted
        #: Set by the cluster, which makes them later.
        self.transactions: Transactions | None = None

    async def create_topic(
        self,
        name: str,
        *,
        partitions: int | None = 1,
        configs: Mapping[str, str] | None = None,
        replication_factor: int | None = None,
    ) -> TopicInfo:
        """Create a topic; see the port. There is one copy of everything, so the replication factor says nothing."""

        def create() -> TopicInfo:
            given = dict(configs or {})
            if self._topics.holds_state(name):
                given = {**STATE_TOPIC_CONFIGS, **given}
            return self._topics.create(name, 1 if partitions is None else partitions, given).describe()

        if self._topics.find(name) is None:
            await self._creating(name)
        info = await self._threads.run(create)
        self._changed()
        return info

    async def delete_topic(self, name: str) -> None:
        """Delete a topic with its records and every group's offsets for it."""
        await self._threads.run(lambda: self._topics.delete(name))
        await self._deleted(name)

    async def alter_topic(self, name: str, configs: Mapping[str, str | None]) -> TopicInfo:
        """Change some of a topic's configs; see the port."""
        return await self._threads.run(lambda: self._topics.alter(name, configs).describe())

    async def add_partitions(self, name: str, total: int) -> TopicInfo:
        """Raise the number of partitions; see the port."""
        info = await self._threads.run(lambda: self._topics.add_partitions(name, total).describe())
        self._changed()
        return info

    async def topic_configs(self, name: str) -> tuple[TopicConfigEntry, ...]:
        """Return every config of a topic as it is in force."""
        return self._topics.describe_configs(name)

    async def delete_records(self, partition: TopicPartition, before_offset: int) -> int:
        """Delete the records before an offset; see the port."""
        part = self._find(partition)
        return await self._threads.run(lambda: part.delete_records(before_offset))

    async def list_topics(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(topic.name for topic in self._topics)

    async def describe_topic(self, name: str) -> TopicInfo:
        """Return what is known of a topic."""
        return await self._threads.run(self._topics.get(name).describe)

    async def describe_topics(self, names: Collection[str]) -> dict[str, TopicInfo]:
        """Return those of some topics that exist, by name."""
        found = [topic for name in names if (topic := self._topics.find(name)) is not None]

        def describe() -> dict[str, TopicInfo]:
            infos = {}
            for topic in found:
                with contextlib.suppress(UnknownTopicOrPartitionError):  # deleted meanwhile
                    infos[topic.name] = topic.describe()
            return infos

        return await self._threads.run(describe)

    async def partitions(self, name: str) -> int | None:
        """Return the number of partitions, None when there is no such topic."""
        topic = self._topics.find(name)
        return None if topic is None else len(topic.partitions)

    async def list_transactions(self) -> list[TransactionInfo]:
        """Return every transactional id; see the port."""
        assert self.transactions is not None
        return self.transactions.known()

    async def fence_producers(self, transactional_ids: Collection[str]) -> None:
        """Shut out whoever has these transactional ids; see the port."""
        assert self.transactions is not None
        for transactional_id in sorted(set(transactional_ids)):
            await self.transactions.fence(transactional_id)

    async def offset_for_time(self, partition: TopicPartition, timestamp_ms: int) -> int | None:
        """Return the first offset at or after a time, None when there is none."""
        part = self._find(partition)

        def find() -> int | None:
            from_offset = part.log_start_offset
            while (stored := part.find_time(timestamp_ms, from_offset)) is not None and stored.headers:
                offset = first_offset_at(stored, timestamp_ms, from_offset)
                if offset is not None:
                    return offset
                from_offset = stored.headers[-1].next_offset
            return None

        return await self._threads.run(find)

    async def fetch(
        self,
        partition: TopicPartition,
        offset: int,
        *,
        max_bytes: int = 1 << 20,
        isolation: Isolation = "read_uncommitted",
    ) -> list[FetchedBatch]:
        """Read from an offset without a group; see the port."""
        part = self._find(partition)

        def read() -> list[FetchedBatch]:
            stored = part.read(offset, max_bytes=max_bytes, isolation=isolation)
            return decode_slice(part, partition, stored, offset)

        return await self._threads.run(read)

    async def fetch_raw(
        self,
        partition: TopicPartition,
        offset: int,
        *,
        max_bytes: int = 1 << 20,
        isolation: Isolation = "read_uncommitted",
    ) -> RawFetch:
        """Read stored record batches as they are."""
        part = self._find(partition)

        def read() -> RawFetch:
            stored = part.read(offset, max_bytes=max_bytes, isolation=isolation)
            data = b""
            if stored.headers:
                first, last = stored.headers[0].position, stored.headers[-1].end
                data = stored.data if (first, last) == (0, len(stored.data)) else stored.data[first:last]
            return RawFetch(data, part.log_start_offset, part.log_end_offset, part.last_stable_offset, stored.aborted)

        return await self._threads.run(read)

    def _find(self, partition: TopicPartition) -> Partition:
        return self._topics.get(partition.topic).partition(partition.partition)
