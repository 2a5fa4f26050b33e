"""A map kept in a compacted topic: the newest value of each key, in memory and durable in the log.

Kafka's KafkaBasedLog with a table on top. Every store of a worker is one of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connect.ports import Acks, Cluster, Columns, Producer, TopicPartition
from connect.stores.topics import ensure_topic


class CompactedTopic:
    """Keys to values, as bytes. Open it before use; one owner writes.

    Args:
        partitions: Used when the topic has to be created; an existing topic keeps its own.
    """

    def __init__(self, cluster: Cluster, topic: str, *, partitions: int = 1) -> None:
        self.topic = topic
        self._cluster = cluster
        self._partitions = partitions
        self._entries: dict[bytes, bytes] = {}
        self._producer: Producer | None = None

    async def open(self) -> None:
        """Create the topic if need be and read it from its start."""
        # Small segments, since compaction leaves the newest one alone.
        configs = {"cleanup.policy": "compact", "segment.bytes": str(16 << 20)}
        count = await ensure_topic(self._cluster.admin, self.topic, partitions=self._partitions, configs=configs)
        for partition in range(count):
            await self._read(TopicPartition(self.topic, partition))
        self._producer = self._cluster.producer(client_id=f"connect-{self.topic}")

    async def aclose(self) -> None:
        """Flush and release; safe to call twice and without open."""
        if self._producer is not None:
            await self._producer.aclose()

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, None if there is none."""
        return self._entries.get(key)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield what is there, in the order of first writing."""
        return iter(list(self._entries.items()))

    async def put(self, entries: Mapping[bytes, bytes | None], *, acks: Acks = "durable", timestamp_ms: int) -> None:
        """Write entries; None deletes. They become durable together where the topic has one partition: one batch.

        Memory changes once the log has them, so what `get` says is never ahead of what a crash would leave.
        """
        if not entries:
            return
        assert self._producer is not None, f"{self.topic} is open"
        columns = Columns(values=list(entries.values()), keys=list(entries), timestamps=timestamp_ms)
        await self._producer.append(self.topic, columns, acks=acks)
        self._apply(entries)

    def _apply(self, entries: Mapping[bytes, bytes | None]) -> None:
        for key, value in entries.items():
            if value is None:
                self._entries.pop(key, None)
            else:
                self._entries[key] = value

    async def _read(self, partition: TopicPartition) -> None:
        info = await self._cluster.admin.describe_topic(self.topic)
        offset = info.partitions[partition.partition].log_start_offset
        end = info.partitions[partition.partition].log_end_offset
        while offset < end:
            for batch in await self._cluster.admin.fetch(partition, offset):
                keys = batch.columns.keys or []
                self._apply({k: v for k, v in zip(keys, batch.columns.values, strict=False) if k is not None})
                offset = batch.next_offset
