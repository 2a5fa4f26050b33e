"""A worker's membership in its group: who is alive, and who leads.

Workers of one `group.id` are members of the consumer group of that name, which reads the topic of configs. That topic
has one partition; who has it leads. Sticky assignment leaves it with the member that has it, a worker that stops gives
it up at once, and one that dies loses it, and its membership, after `session.timeout.ms`. Nothing is read there, and
nothing is committed.

A member that the brokers have not heard of for so long takes its membership for lost by itself; one that was frozen
hears of it when it wakes up. It does not come back under the same ID.

The client ID of a member tells the ID of its membership, and a digest of the topics in which it keeps the group's
state: two that differ would each lead, and shut out each other without end, or run every task twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from typing import Final

from connect.api import ConfigError, ConnectError, EnvironmentFault
from connect.api.error_codes import register_code
from connect.ports import Cluster, Consumer, Subscription
from connect.records import TopicPartition
from connect.runtime.tasks.delivery import may_pass
from connect.runtime.worker_config import WorkerConfig
from connect.stores.compacted import ensure_compacted_topic

logger = logging.getLogger(__name__)

GROUP_TAKEN: Final = register_code(
    "worker.group_taken",
    "The worker's group has members of another kind: workers of Kafka Connect, or consumers of somebody else.",
    "Stop every worker of Kafka Connect that has this group.id, and start again; one that was killed counts as alive "
    "for its session.timeout.ms.",
)

STATE_ELSEWHERE: Final = register_code(
    "worker.state_elsewhere",
    "A worker of the group keeps the group's state in other topics than this one.",
    "Give all workers of the group the same config.storage.topic, offset.storage.topic, status.storage.topic and "
    "workers.storage.topic, or this one a group.id of its own; a worker that was killed counts as alive for its "
    "session.timeout.ms.",
)

#: What a look at the group takes at most; what has become of the membership is noticed within it.
LOOK_MS: Final = 200
#: Of a worker; where nothing is set, as Kafka Connect has the first. The second makes a change of the group quick: the
#: others hear of it with their next heartbeat.
_SESSION_MS: Final = "10000"
_HEARTBEAT_MS: Final = "1000"
_REBALANCE_MS: Final = "60000"


class Membership:
    """One membership. For the event loop.

    Attributes:
        id: Of this membership, and of no other.
        leads: Set while this member leads.
        lost: Set once the group goes on without it: all that runs here for the group is to stop.
    """

    def __init__(self, cluster: Cluster, config: WorkerConfig) -> None:
        self.id = secrets.token_hex(4)
        self.leads = asyncio.Event()
        self.lost = asyncio.Event()
        self._cluster = cluster
        self._config = config
        self._prefix = f"connect-{config.group_id}-"
        topics = (
            config.config_storage_topic,
            config.offset_storage_topic,
            config.status_storage_topic,
            config.workers_topic,
        )
        self._state = hashlib.sha256("\n".join(topics).encode()).hexdigest()[:8]
        self._leader_at = TopicPartition(config.config_storage_topic, 0)
        self._consumer: Consumer | None = None
        self._looking: asyncio.Task[None] | None = None
        self._member_id = ""

    async def join(self) -> None:
        """Join the group, and look after the membership from then on. Waits for the group to take this member in.

        Raises:
            ConfigError, EnvironmentFault: It cannot. worker.group_taken: workers of Kafka Connect are alive in it;
                worker.state_elsewhere: so are workers with other topics; kafka.authorization: the worker may not be a
                member.
        """
        given = self._config.originals
        await ensure_compacted_topic(
            self._cluster.admin,
            self._config.config_storage_topic,
            replication_factor=self._config.config_storage_replication_factor,
        )
        self._consumer = await self._cluster.consumer(
            Subscription((self._config.config_storage_topic,), reads=False),
            group=self._config.group_id,
            client_id=f"{self._prefix}{self.id}.{self._state}",
            configs={
                "session.timeout.ms": str(given.get("session.timeout.ms", _SESSION_MS)),
                "heartbeat.interval.ms": str(given.get("heartbeat.interval.ms", _HEARTBEAT_MS)),
                # So long a rebalance waits for a member that does not join.
                "max.poll.interval.ms": str(given.get("rebalance.timeout.ms", _REBALANCE_MS)),
            },
        )
        try:
            while not self._member_id:
                await self._look(self._consumer, may_fail=True)
        except ConfigError as error:
            if error.code != "kafka.group_protocol":
                raise
            raise EnvironmentFault(
                f"group {self._config.group_id!r} has members of another kind: a worker of Kafka Connect is alive in "
                "it. This worker runs nothing beside it",
                code=GROUP_TAKEN,
            ) from error
        await self._refuse_state_elsewhere(self._consumer)
        self._looking = asyncio.create_task(self._keep(self._consumer), name=f"membership {self.id}")

    async def aclose(self) -> None:
        """Leave the group at once; safe to call twice, and without `join`."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        self.leads.clear()
        if self._consumer is not None:
            await self._consumer.aclose()

    async def alive(self) -> frozenset[str]:
        """Return the IDs of the group's members.

        Raises:
            EnvironmentFault: The brokers do not tell.
        """
        return frozenset(await self._members())

    async def _members(self) -> dict[str, str]:
        """Return the digest of state's topics for the ID of each member, '' where it tells none; see `alive`."""
        found = await self._cluster.groups.members(self._config.group_id)
        alive = {
            member: state
            for member, _, state in (
                each.removeprefix(self._prefix).partition(".") for each in found if each.startswith(self._prefix)
            )
        }
        if self.id not in alive:  # who asks is a member, or hears soon that it is none
            raise EnvironmentFault(
                f"group {self._config.group_id!r}: the brokers do not know this worker as a member just now",
                hint="Another broker takes over the group; it goes on by itself then.",
            )
        return alive

    async def _refuse_state_elsewhere(self, consumer: Consumer) -> None:
        while not self.lost.is_set():
            try:
                found = await self._members()
            except EnvironmentFault as error:
                if not may_pass(error):
                    raise
                logger.warning("%s", error.message)
                await self._look(consumer)  # it is heard meanwhile, and paces the tries
                continue
            if all(state in ("", self._state) for state in found.values()):
                return
            config = self._config
            raise ConfigError(
                f"group {config.group_id!r} has a worker that keeps the state of the group in other topics than "
                f"{config.config_storage_topic!r}, {config.offset_storage_topic!r}, {config.status_storage_topic!r} "
                f"and {config.workers_topic!r}. This worker runs nothing beside it",
                code=STATE_ELSEWHERE,
            )

    async def _keep(self, consumer: Consumer) -> None:
        while not self.lost.is_set():
            try:
                await self._look(consumer)
            except ConnectError as error:  # nothing that passes: the next life says what it is
                logger.error("%s", error.message)
                self._lose()
            except Exception:  # a defect: nobody would know any more whether it is a member
                logger.exception("the look at group %s failed", self._config.group_id)
                self._lose()

    async def _look(self, consumer: Consumer, *, may_fail: bool = False) -> None:
        try:
            await consumer.poll(timeout_ms=LOOK_MS)
            now = await consumer.member_id()
        except EnvironmentFault as error:  # the group says in its own time what has become of the membership
            if may_fail and not may_pass(error):
                raise
            logger.warning("%s", error.message)
            await asyncio.sleep(LOOK_MS / 1000)
            return
        held = consumer.assignment - consumer.revoking
        if self._member_id and (now != self._member_id or (self.leads.is_set() and self._leader_at not in held)):
            self._lose()
            return
        self._member_id = now
        if consumer.revoking:
            await consumer.release(consumer.revoking)
        if self._leader_at in held and now:
            self.leads.set()

    def _lose(self) -> None:
        self.leads.clear()
        self.lost.set()
        logger.error(
            "this worker is no member of group %s any more, since the brokers did not hear of it for longer than "
            "session.timeout.ms: its tasks stop here, and the other workers run them",
            self._config.group_id,
        )
