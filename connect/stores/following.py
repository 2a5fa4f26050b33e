"""Following a topic that others write, too: all of it from its start, and then what comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from connect.api import ConnectError, EnvironmentFault
from connect.ports import Cluster, Consumer, Subscription, TopicInfo
from connect.records import FetchedBatch, TopicPartition

logger = logging.getLogger(__name__)

#: How long a poll waits for records; a record that comes is read at once.
_POLL_MS: Final = 1000
#: How long who follows waits after a failure of the brokers.
_AGAIN_S: Final = 0.5


class Follower:
    """Gives every committed record of a topic to `take`, each partition in the order of its offsets. For the event
    loop.

    Args:
        take: Called with each batch, between two awaits; it must not raise.

    Attributes:
        trouble: Why nothing is read just now; None where the brokers answer.
    """

    def __init__(self, cluster: Cluster, topic: str, take: Callable[[FetchedBatch], None]) -> None:
        self.trouble: str | None = None
        self._cluster = cluster
        self._topic = topic
        self._take = take
        self._consumer: Consumer | None = None
        self._reading: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()
        self._looking: asyncio.Task[TopicInfo] | None = None
        self._look_to_come: asyncio.Task[TopicInfo] | None = None

    async def open(self) -> None:
        """Begin to read; see `catch_up` for when all is there."""
        self._consumer = await self._cluster.consumer(
            Subscription((self._topic,)),
            group=None,
            client_id=f"connect-{self._topic}",
            configs={"auto.offset.reset": "earliest", "isolation.level": "read_committed"},
        )
        self._reading = asyncio.create_task(self._read(self._consumer), name=f"following {self._topic}")
        self._reading.add_done_callback(self._ended)

    async def aclose(self) -> None:
        """Read no more; safe to call twice, and without `open`."""
        ending = [task for task in (self._reading, self._looking, self._look_to_come) if task is not None]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        if self._consumer is not None:
            await self._consumer.aclose()

    async def catch_up(self, within_s: float, *, stable: bool = False) -> None:
        """Return once all is taken that is in the topic now, whatever transaction is under way before it.

        Args:
            stable: Only what lies before the first transaction that is under way.

        Raises:
            EnvironmentFault: It was not within `within_s`: the brokers do not answer, or a transaction stays open.
        """
        assert self._consumer is not None, f"{self._topic} is followed"
        try:
            async with asyncio.timeout(within_s):
                info = await self._look()
                ends = {
                    TopicPartition(self._topic, one.partition): (
                        one.last_stable_offset if stable else one.log_end_offset
                    )
                    for one in info.partitions
                }
                while not all(self._is_at(at, end) for at, end in ends.items()):
                    if self._reading is None or self._reading.done():
                        raise EnvironmentFault(f"{self._topic} is not read any more: {self.trouble}")
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            raise EnvironmentFault(
                f"{self._topic}: what is there now was not read within {within_s:g} s"
                + (f": {self.trouble}" if self.trouble else ""),
                hint="See that the brokers answer, and that no transaction of an earlier worker stays open; it goes on "
                "by itself then.",
            ) from None

    async def _look(self) -> TopicInfo:
        """Ask where the topic ends, once for all who want to know: a hundred tasks that start do so together."""
        if self._look_to_come is None:
            self._look_to_come = asyncio.create_task(self._look_after(self._looking))
            self._look_to_come.add_done_callback(lambda look: look.cancelled() or look.exception())
        look = self._look_to_come
        try:
            return await asyncio.shield(look)
        except asyncio.CancelledError:
            if not look.cancelled():  # it is who waits that is cancelled
                raise
            raise EnvironmentFault(f"{self._topic} is not read any more: its reader is closed") from None

    async def _look_after(self, before: asyncio.Task[TopicInfo] | None) -> TopicInfo:
        if before is not None:
            await asyncio.wait([before])
        # Who asks from here on may know of more than this look sees.
        self._looking, self._look_to_come = self._look_to_come, None
        return await self._cluster.admin.describe_topic(self._topic)

    def _ended(self, reading: asyncio.Task[None]) -> None:
        """Tell that nothing is read any more: by a defect, for nothing else ends it."""
        if not reading.cancelled() and (error := reading.exception()) is not None:
            self.trouble = f"{type(error).__name__}: {error}"
            logger.error("%s is not read any more", self._topic, exc_info=error)
            self._moved.set()

    def _is_at(self, partition: TopicPartition, end: int) -> bool:
        assert self._consumer is not None
        # A partition that was added since comes with one of the next polls.
        return end == 0 or (partition in self._consumer.assignment and self._consumer.position(partition) >= end)

    async def _read(self, consumer: Consumer) -> None:
        while True:
            try:
                batches = await consumer.poll(timeout_ms=_POLL_MS)
                self.trouble = None
            except ConnectError as error:
                if error.message != self.trouble:
                    logger.warning("%s cannot be read just now: %s", self._topic, error.message)
                self.trouble = error.message
                await asyncio.sleep(_AGAIN_S)
                continue
            for batch in batches:
                self._take(batch)
            self._moved.set()
