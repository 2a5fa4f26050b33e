"""The polls of a sink task: at most one is under way, beside the put of what the one before has brought.

What is in hand of an earlier poll counts as one that is under way and done already: it comes next. What a poll brings
counts for nothing before it is taken, so the consumer can always be set back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from connect.ports import Consumer
from connect.records import FetchedBatch, TopicPartition
from connect.runtime.tasks.context import SinkTaskContextImpl
from connect.runtime.tasks.sink_offsets import firsts


class SinkPolls:
    """The consumer of one sink task, and the poll that is under way. For the task's loop.

    Attributes:
        heard_at: When the group was heard last.

    Args:
        fetch_bytes: What one poll brings at most, but for a record that is larger.
    """

    def __init__(self, consumer: Consumer, context: SinkTaskContextImpl, *, fetch_bytes: int) -> None:
        self.heard_at = time.monotonic()
        self._consumer = consumer
        self._context = context
        self._fetch_bytes = fetch_bytes
        self._polling: asyncio.Future[list[FetchedBatch]] | None = None

    def begin(self, timeout_ms: int) -> asyncio.Future[list[FetchedBatch]]:
        """Return the poll that is under way; begin one where there is none."""
        if self._polling is None:
            self.heard_at = time.monotonic()
            poll = self._consumer.poll(timeout_ms=timeout_ms, max_bytes=self._fetch_bytes)
            self._polling = asyncio.create_task(poll)
        return self._polling

    def put_back(self, batches: list[FetchedBatch]) -> None:
        """Have the next poll bring these, which were taken already. None is under way."""
        if batches:
            self._polling = asyncio.get_running_loop().create_future()
            self._polling.set_result(batches)

    def take(self) -> list[FetchedBatch]:
        """Return what the poll has brought, which is done."""
        polling, self._polling = self._polling, None
        assert polling is not None, "a poll was begun"
        return polling.result()

    async def end(self) -> list[FetchedBatch]:
        """Return what the poll under way has brought; cancel it where that is nothing yet, which moves nothing."""
        polling, self._polling = self._polling, None
        if polling is None:
            return []
        if not polling.done():
            polling.cancel()
            await asyncio.wait({polling})
        return [] if polling.cancelled() else polling.result()

    async def drop(self) -> None:
        """End the poll under way, whatever it brings or raises."""
        polling, self._polling = self._polling, None
        if polling is not None:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)

    async def take_back(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Let the consumer go on from these offsets; drop what the poll under way brings of these partitions, and of
        those that the plugin has paused, which are read again when they are resumed."""
        if self._polling is None and not offsets:
            return
        kept: list[FetchedBatch] = []
        targets: dict[TopicPartition, int] = {}
        for batch in await self.end():
            partition = TopicPartition(batch.topic, batch.partition)
            if partition in self._context.paused:
                targets.setdefault(partition, batch.offsets[0])
            elif partition not in offsets:
                kept.append(batch)
        self.seek({**targets, **offsets})
        self.put_back(kept)

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Let the consumer go on from these offsets, as far as it has the partitions. No poll is under way."""
        for partition in offsets.keys() & self._consumer.assignment:
            self._consumer.seek(partition, offsets[partition])

    async def hear(self) -> bool:
        """Hear what the group says; return whether the assignment moves. What a poll under way brings is taken back."""
        self.seek(firsts(await self.end()))
        self.heard_at = time.monotonic()
        self._consumer.pause(*self._consumer.assignment)
        self.seek(firsts(await self._consumer.poll(timeout_ms=0)))
        self._consumer.resume(*(self._consumer.assignment - self._context.paused))
        return bool(self._consumer.revoking) or self._consumer.assignment != self._context.assigned
