"""One worker of a group is active, and the others stand by: for workers on a Kafka cluster.

Workers of one `group.id` keep their state in the same topics, and each of these has one owner. Who reads partition 0 of
the topic of configs as a member of the consumer group `group.id` is that owner: the group's protocol sees to it that
there is one, that a worker which dies loses its place after `session.timeout.ms`, and that one which joins takes no
place that is held. Nothing is read there, and nothing is committed.

A bundled log needs none of this, since its directory has one owner.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from connect.api import EnvironmentFault
from connect.ports import Cluster, Consumer, Groups, Subscription
from connect.records import TopicPartition
from connect.runtime.worker_config import WorkerConfig
from connect.stores.compacted import ensure_compacted_topic

logger = logging.getLogger(__name__)

#: What a look at the group takes at most; a place that is gone is noticed within it.
_LOOK_MS: Final = 500
#: The group's keys of a worker, as Kafka Connect has them.
_GROUP_KEYS: Final = ("session.timeout.ms", "heartbeat.interval.ms")


class StopWaiting(Exception):
    """The worker is to stop, and was not active yet."""


class Place:
    """The place of a group's active worker. For the event loop.

    Attributes:
        lost: Set once another worker may have it: all that runs here is to stop.
    """

    def __init__(self, groups: Groups, consumer: Consumer, at: TopicPartition, group: str) -> None:
        self.lost = asyncio.Event()
        self._groups = groups
        self._consumer = consumer
        self._at = at
        self._group = group

    async def take(self, stop: asyncio.Event) -> None:
        """Wait for the place, for as long as it takes.

        Raises:
            StopWaiting: `stop` was set first.
        """
        is_told = False
        while not await self._holds():
            if stop.is_set():
                raise StopWaiting
            if not is_told and (is_told := await self._has_others()):
                logger.info("another worker of group %s is active: standing by to take over", self._group)

    async def keep(self) -> None:
        """Look after the place until it is lost."""
        while await self._holds():
            pass
        logger.error(
            "this worker is no longer the active one of group %s, since the brokers did not hear of it for longer than "
            "session.timeout.ms: its connectors stop here, and another worker may run them",
            self._group,
        )
        self.lost.set()

    async def _holds(self) -> bool:
        try:
            await self._consumer.poll(timeout_ms=_LOOK_MS)
        except EnvironmentFault as error:  # the group says in its own time what has become of the place
            logger.warning("%s", error.message)
            await asyncio.sleep(_LOOK_MS / 1000)
        held = self._consumer.assignment - self._consumer.revoking
        self._consumer.pause(*held)
        if self._consumer.revoking:
            await self._consumer.release(self._consumer.revoking)
        return self._at in held

    async def _has_others(self) -> bool:
        """Whether the group has further members. One that is alone may wait as well: joining takes its time."""
        try:
            return len((await self._groups.describe(self._group)).members) > 1
        except EnvironmentFault:  # told by the look at the place
            return False


@asynccontextmanager
async def active_worker(
    cluster: Cluster, config: WorkerConfig, stop: asyncio.Event | None = None
) -> AsyncIterator[Place]:
    """Be the active worker of a group; wait first until no other is.

    Args:
        stop: Ends the wait once it is set.

    Raises:
        StopWaiting: `stop` was set before this worker was active.
    """
    topic, group = config.config_storage_topic, config.group_id
    await ensure_compacted_topic(cluster.admin, topic, replication_factor=config.config_storage_replication_factor)
    consumer = await cluster.consumer(
        Subscription((topic,)),
        group=group,
        client_id=f"connect-{group}",
        configs={
            "auto.offset.reset": "latest",
            **{key: str(config.originals[key]) for key in _GROUP_KEYS if key in config.originals},
        },
    )
    try:
        place = Place(cluster.groups, consumer, TopicPartition(topic, 0), group)
        await place.take(asyncio.Event() if stop is None else stop)
        logger.info("this worker is the active one of group %s", group)
        keeping = asyncio.create_task(place.keep(), name=f"the place of group {group}")
        try:
            yield place
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
    finally:
        await consumer.aclose()
