"""Committed offsets of consumer groups: a map in memory, durable in `__consumer_offsets`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from connect.api.errors import ConflictError
from connect.log.admin import LogAdmin
from connect.log.offset_records import decode_key, decode_value, encode_key, encode_value
from connect.log.producer import LogProducer
from connect.log.topics import CONSUMER_OFFSETS
from connect.ports import Columns, OffsetAndMetadata, TopicPartition


class LogGroups:
    """See `connect.ports.Groups` for the contract. The topic is read at first use and made at first commit."""

    def __init__(self, admin: LogAdmin, producer: LogProducer, clock: Callable[[], int]) -> None:
        self._admin = admin
        self._producer = producer
        self._clock = clock
        self._groups: dict[str, dict[TopicPartition, OffsetAndMetadata]] = {}
        self._loading = asyncio.Lock()
        self._is_loaded = False

    async def list(self) -> list[str]:
        """Return the names of groups with committed offsets, sorted."""
        await self._load()
        return sorted(group for group, offsets in self._groups.items() if offsets)

    async def offsets(self, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
        """Return a group's committed offsets; none for an unknown group."""
        await self._load()
        return dict(self._groups.get(group, {}))

    async def commit(self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Commit durably; memory follows the disk, so that `offsets` never says more than a crash would leave."""
        await self._load()
        now_ms = self._clock()
        stamped = {
            partition: committed if committed.commit_timestamp >= 0 else replace(committed, commit_timestamp=now_ms)
            for partition, committed in offsets.items()
        }
        await self._write(group, stamped, now_ms)

    async def delete_offsets(self, group: str, partitions: Sequence[TopicPartition] | None = None) -> None:
        """Forget these partitions' offsets, or all of the group's."""
        known = await self.offsets(group)
        gone = [partition for partition in known if partitions is None or partition in partitions]
        await self._write(group, dict.fromkeys(gone), self._clock())

    async def forget_topic(self, topic: str) -> None:
        """Forget every group's offsets for a topic that is deleted."""
        for group in await self.list():
            gone = [partition for partition in self._groups[group] if partition.topic == topic]
            await self.delete_offsets(group, gone)

    async def _write(self, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata | None], now_ms: int) -> None:
        if not offsets:
            return
        if await self._admin.partitions(CONSUMER_OFFSETS) is None:
            await self._create()
        keys = [encode_key(group, partition) for partition in offsets]
        values = [None if committed is None else encode_value(committed) for committed in offsets.values()]
        columns = Columns(values, keys, now_ms)
        await self._producer.append(CONSUMER_OFFSETS, columns, partition=0, acks="durable")
        for partition, committed in offsets.items():
            self._apply(group, partition, committed)

    async def _create(self) -> None:
        try:
            await self._admin.create_topic(CONSUMER_OFFSETS, configs={"cleanup.policy": "compact"})
        except ConflictError:  # made by another commit in between
            return

    async def _load(self) -> None:
        if self._is_loaded:
            return
        async with self._loading:
            if not self._is_loaded:
                for partition in range(await self._admin.partitions(CONSUMER_OFFSETS) or 0):
                    await self._read(TopicPartition(CONSUMER_OFFSETS, partition))
                self._is_loaded = True

    async def _read(self, partition: TopicPartition) -> None:
        info = (await self._admin.describe_topic(CONSUMER_OFFSETS)).partitions[partition.partition]
        offset = info.log_start_offset
        while offset < info.log_end_offset:
            for batch in await self._admin.fetch(partition, offset):
                keys = batch.columns.keys or ()
                for key, value in zip(keys, batch.columns.values, strict=True) if keys else ():
                    named = decode_key(key) if key is not None else None
                    if named is not None:
                        self._apply(*named, None if value is None else decode_value(value))
                offset = batch.next_offset

    def _apply(self, group: str, partition: TopicPartition, committed: OffsetAndMetadata | None) -> None:
        offsets = self._groups.setdefault(group, {})
        if committed is None:
            offsets.pop(partition, None)
        else:
            offsets[partition] = committed
