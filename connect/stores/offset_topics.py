"""Which topic a connector's source offsets are in: the worker's, or one of its own (`offsets.storage.topic`).

A topic of a connector's own is opened when it is first asked for, read once, and kept in memory as the worker's is;
connectors that name the same one share it. It is made, compacted, where it is missing. As long as a connector names it,
it is reserved: closed to the records of clients and to deletion, as every topic that the worker lives by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from connect.ports import Cluster
from connect.stores.compacted import CompactedTopic
from connect.stores.offsets import OffsetStore, problem_of
from connect.stores.releasing import release_all


class OffsetTopics:
    """The offset stores of one worker. For the event loop.

    Attributes:
        shared: The worker's own store.

    Args:
        shared: The worker's topic, which its owner opens and closes.
        reserved: The topics of the worker's state, reserved beside those of connectors.
        partitions, replication_factor: How many a topic gets that has to be made, and on how many brokers each is.
        left_open, follows: See `CompactedTopic`.
    """

    def __init__(
        self,
        cluster: Cluster,
        shared: CompactedTopic,
        clock_ms: Callable[[], int],
        *,
        reserved: Collection[str],
        partitions: int = 1,
        replication_factor: int | None = None,
        left_open: Callable[[], Collection[str]] = tuple,
        follows: bool = False,
    ) -> None:
        self.shared = OffsetStore(shared, clock_ms)
        self._shared = shared
        self._cluster = cluster
        self._clock_ms = clock_ms
        self._partitions = partitions
        self._replication_factor = replication_factor
        self._left_open = left_open
        self._follows = follows
        self._always = frozenset(reserved)
        self._reserved = self._always
        #: By topic: its id when it was opened, what reads it, and its store.
        self._open: dict[str, tuple[str, CompactedTopic, OffsetStore]] = {}
        self._opening = asyncio.Lock()

    async def aclose(self) -> None:
        """Release the topics of connectors, each of them whatever the others raise; safe to call twice."""
        opened, self._open = self._open, {}
        await release_all(topic.aclose for _, topic, _ in opened.values())

    async def reserve(self, topics: Collection[str]) -> None:
        """Reserve the topics that connectors name now, and no other ones any more; durable."""
        wanted = self._always | frozenset(topics)
        if wanted != self._reserved:
            await self._cluster.reserve(sorted(wanted))
            self._reserved = wanted

    async def of(self, topic: str | None) -> OffsetStore:
        """Return the store of a connector that keeps its offsets in a topic; None, or the worker's own: the shared one.

        What other workers have written is there.

        Raises:
            EnvironmentFault: That is not to be had just now.
            ConfigError: The topic is not compacted, or cannot be made.
            CorruptBatchError: A stored batch is damaged.
        """
        await self._shared.catch_up()
        if topic is None or topic == self.shared.topic:
            return self.shared
        async with self._opening:
            known = self._open.get(topic)
            if known is not None and known[0] == await self._id(topic):
                await known[1].catch_up()
                return known[2]
            if known is not None:  # it was deleted since, and what is in memory with it
                del self._open[topic]
                await known[1].aclose()
            opened = CompactedTopic(
                self._cluster,
                topic,
                partitions=self._partitions,
                problem=problem_of,
                remembers_deletions=True,
                replication_factor=self._replication_factor,
                left_open=self._left_open,
                follows=self._follows,
            )
            try:
                await opened.open()
            except BaseException:
                await opened.aclose()
                raise
            store = OffsetStore(opened, self._clock_ms, fallback=self.shared)
            store.load()
            self._open[topic] = (await self._id(topic), opened, store)
            return store

    async def to_read(self, topic: str | None) -> OffsetStore:
        """As `of`, for who only looks: a topic that is missing stays so, and the shared store has all that there is."""
        if topic is not None and not await self._id(topic):
            return self.shared
        return await self.of(topic)

    async def _id(self, topic: str) -> str:
        found = await self._cluster.admin.describe_topics([topic])
        return found[topic].topic_id if topic in found else ""
