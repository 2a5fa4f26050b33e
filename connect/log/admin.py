"""Topics, and reads without a group."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from connect.log.fetched import decode_slice, first_offset_at
from connect.log.partition import Partition
from connect.log.threads import Threads
from connect.log.topics import Topics
from connect.ports import FetchedBatch, RawFetch, TopicInfo, TopicPartition


class LogAdmin:
    """See `connect.ports.Admin` for the contract.

    Args:
        created: Called on the event loop after a topic was created.
        deleted: Awaited after a topic was deleted, with its name.
    """

    def __init__(
        self,
        topics: Topics,
        threads: Threads,
        created: Callable[[], None],
        deleted: Callable[[str], Awaitable[None]],
    ) -> None:
        self._topics = topics
        self._threads = threads
        self._created = created
        self._deleted = deleted

    async def create_topic(
        self, name: str, *, partitions: int = 1, configs: Mapping[str, str] | None = None
    ) -> TopicInfo:
        """Create a topic; see the port."""

        def create() -> TopicInfo:
            return self._topics.create(name, partitions, configs or {}).describe()

        info = await self._threads.run(create)
        self._created()
        return info

    async def delete_topic(self, name: str) -> None:
        """Delete a topic with its records and every group's offsets for it."""
        await self._threads.run(lambda: self._topics.delete(name))
        await self._deleted(name)

    async def list_topics(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(topic.name for topic in self._topics)

    async def describe_topic(self, name: str) -> TopicInfo:
        """Return what is known of a topic."""
        return await self._threads.run(self._topics.get(name).describe)

    async def partitions(self, name: str) -> int | None:
        """Return the number of partitions, None when there is no such topic."""
        topic = self._topics.find(name)
        return None if topic is None else len(topic.partitions)

    async def offset_for_time(self, partition: TopicPartition, timestamp_ms: int) -> int | None:
        """Return the first offset at or after a time, None when there is none."""
        part = self._find(partition)

        def find() -> int | None:
            from_offset = 0
            while (stored := part.find_time(timestamp_ms, from_offset)) is not None and stored.headers:
                offset = first_offset_at(stored, timestamp_ms)
                if offset is not None:
                    return offset
                from_offset = stored.headers[-1].next_offset
            return None

        return await self._threads.run(find)

    async def fetch(self, partition: TopicPartition, offset: int, *, max_bytes: int = 1 << 20) -> list[FetchedBatch]:
        """Read from an offset without a group; [] at the log end offset."""
        part = self._find(partition)

        def read() -> list[FetchedBatch]:
            return decode_slice(part, partition, part.read(offset, max_bytes=max_bytes), offset)

        return await self._threads.run(read)

    async def fetch_raw(self, partition: TopicPartition, offset: int, *, max_bytes: int = 1 << 20) -> RawFetch:
        """Read stored record batches as they are."""
        part = self._find(partition)

        def read() -> RawFetch:
            stored = part.read(offset, max_bytes=max_bytes)
            data = stored.data[stored.headers[0].position : stored.headers[-1].end] if stored.headers else b""
            end = part.log_end_offset
            return RawFetch(data, part.log_start_offset, high_watermark=end, last_stable_offset=end)

        return await self._threads.run(read)

    def _find(self, partition: TopicPartition) -> Partition:
        return self._topics.get(partition.topic).partition(partition.partition)
