"""A Kafka cluster as a whole: what is behind `bootstrap.servers`, opened and closed."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaException, Producer

from connect.api.errors import ConfigError, EnvironmentFault, LogError
from connect.client_values import numbers_out_of_bounds
from connect.kafka.admin import KafkaAdmin
from connect.kafka.admin_client import WatchedAdminClient
from connect.kafka.client_config import ClientConfigs, login_of, state_topics
from connect.kafka.clients import Told, make_client
from connect.kafka.consumer import KafkaConsumer
from connect.kafka.diagnosis import why_not_in
from connect.kafka.errors import AUTHENTICATION, UNREACHABLE, Principal, login_refused, ours
from connect.kafka.groups import KafkaGroups
from connect.kafka.producer import KafkaProducer
from connect.kafka.reading import Readers
from connect.kafka.threads import CLOSED, REQUEST_S, Threads
from connect.kafka.topics import LOOK_UP_S, Topics, TopicsOfOneCluster
from connect.ports import Subscription
from connect.records import Isolation
from connect.topic_names import is_closed

log = logging.getLogger(__name__)

W = TypeVar("W", bound=str)

#: How long opening waits for the cluster to answer; and each try of it.
OPEN_S: Final = 30.0
_TRY_S: Final = 3.0
#: How long closing waits for answers to requests that nobody waits for any more.
_GIVE_UP_S: Final = 1.0
#: A worker's own records are in the cluster by then, or are known not to be.
_STORE_DELIVERY_MS: Final = 30_000
_MAX_INT: Final = (1 << 31) - 1
#: What makes a producer be not idempotent, as with Kafka's own, unless idempotence is asked for.
_IDEMPOTENT_IN_FLIGHT_MAX: Final = 5
_STATE_TOPICS: Final = frozenset(("__consumer_offsets", "__transaction_state"))
_RESETS: Final = ("latest", "earliest", "none")
_ISOLATIONS: Final[tuple[Isolation, ...]] = ("read_uncommitted", "read_committed")
#: Kafka's max.poll.interval.ms.
_BOUND_MS: Final = 300_000
#: After so long without a heartbeat, which librdkafka sends from a thread of its own, a member that was killed leaves
#: its partitions to others. Kafka's consumers wait 45 s, Kafka Connect's workers as long as this.
_SESSION_MS: Final = 10_000
#: The brokers' group.min.session.timeout.ms, where nobody has set another.
_SESSION_LEAST_MS: Final = 6_000


class KafkaCluster:
    """See `connect.ports.Cluster` for the contract. All of it belongs to the event loop on which it was opened.

    What a worker reserves is closed to records of this worker's clients alone; others have the cluster's ACLs for that.
    """

    def __init__(
        self,
        configs: ClientConfigs,
        client: WatchedAdminClient,
        threads: Threads,
        cluster_id: str,
        principal: Principal,
    ) -> None:
        self._configs = configs
        self._client = client
        self._threads = threads
        self._cluster_id = cluster_id
        self._reserved: frozenset[str] = frozenset()
        self._is_closed = False
        self._principal = principal
        self._has_checked_state = False
        self._topics = Topics(client, principal)
        self._readers = Readers(self._reader, threads, principal)
        self._admin = KafkaAdmin(
            client,
            threads,
            self._topics,
            self._readers,
            principal=principal,
            fencer=self._fencer,
            holds_state=self.holds_state,
        )
        self._groups = KafkaGroups(
            client, threads, self._topics, principal, consumer=self._asking_consumer, make=self._administrator
        )

    @classmethod
    async def open(cls, worker: Mapping[str, Any]) -> KafkaCluster:
        """Find the cluster of a worker's keys.

        Raises:
            ConfigError: A key of the clients is wrong.
            EnvironmentFault: environment.unreachable: no broker answers. kafka.authentication: they do not let us in.
        """
        configs, threads, told = ClientConfigs(worker), Threads(), Told()
        made = configs.of("admin")
        for key, message in numbers_out_of_bounds(worker):  # of clients that are made later, too
            raise ConfigError(message, config_path=key)
        client = make_client(WatchedAdminClient, made, told, path="bootstrap.servers")
        try:
            cluster_id = await _found(client, threads, told, made)
        except BaseException:
            # Here, and not once nobody has it any more: a failure that is kept has it, by its frames.
            with contextlib.closing(threads):
                await threads.run(lambda: client.__exit__(None, None, None), "end requests")
            raise
        log.info("Kafka cluster %s at %s", cluster_id, configs.servers)
        principal = replace(
            told.principal, state=state_topics(worker), group=str(worker.get("group.id") or "connect-cluster")
        )
        return cls(configs, client, threads, cluster_id, principal)

    @property
    def sync_seconds(self) -> None:
        """None: the disks are the brokers'."""

    @property
    def cluster_id(self) -> str:
        """The cluster's own id."""
        return self._cluster_id

    @property
    def admin(self) -> KafkaAdmin:
        """Topics, and reads without a group."""
        return self._admin

    @property
    def groups(self) -> KafkaGroups:
        """Committed offsets of consumer groups."""
        return self._groups

    def is_internal(self, topic: str) -> bool:
        """Tell whether a topic is closed to records; see the port."""
        return is_closed(topic) or topic in self._reserved

    def holds_state(self, topic: str) -> bool:
        """Tell whether the brokers or the worker live by a topic; see the port."""
        return topic in _STATE_TOPICS or topic in self._reserved

    async def reserve(self, topics: Collection[str]) -> None:
        """Set the topics of this worker's state; see the port. Kept by this process.

        Raises:
            EnvironmentFault: kafka.authorization: the first time, when the worker may not do all that it will do there.
        """
        self._reserved = frozenset(topics)
        if not self._has_checked_state:
            self._has_checked_state = True
            await self._admin.check_state()

    def producer(
        self,
        *,
        client_id: str,
        configs: Mapping[str, str] | None = None,
        internal: bool = False,
        places: bool = True,
    ) -> KafkaProducer:
        """Make a producer; heeds the keys of Kafka's producers that `connect.kafka.client_config` knows."""
        self._check_open()
        made = self._producer_configs(client_id, configs or {}, is_store=internal)
        made["delivery.report.only.error"] = not places
        if "transactional.id" in made:
            self._admin.transactional_ids.add(made["transactional.id"])

        def make() -> tuple[Producer, Told]:
            told = Told()
            return make_client(Producer, made, told), told

        return KafkaProducer(
            make,
            self._topics_for(configs or {}),
            client_id=client_id,
            configs=made,
            refuses=(lambda topic: False) if internal else self.is_internal,
            metadata_of=self._metadata_consumer,
            places=places,
        )

    def _producer_configs(self, client_id: str, configs: Mapping[str, str], *, is_store: bool) -> dict[str, Any]:
        given = self._configs.of("producer", configs)
        is_transactional = "transactional.id" in given
        delivery_ms = _STORE_DELIVERY_MS if is_store and not is_transactional else _MAX_INT
        made = {
            "client.id": client_id,
            "acks": "all",
            "delivery.timeout.ms": str(delivery_ms),
            "message.max.bytes": str(1 << 20),
            "queue.buffering.max.kbytes": str(1 << 16),
            "topic.metadata.propagation.max.ms": "5000",
            **given,
        }
        if is_transactional:  # librdkafka asks for that
            timeout_ms = int(made.get("transaction.timeout.ms", 60_000))
            made["delivery.timeout.ms"] = str(min(int(made["delivery.timeout.ms"]), timeout_ms))
        lowered = (
            made["acks"] not in ("all", "-1")
            or int(made.get("retries", "1")) == 0
            or int(made.get("max.in.flight.requests.per.connection", "5")) > _IDEMPOTENT_IN_FLIGHT_MAX
        )
        made.setdefault("enable.idempotence", "false" if lowered and not is_transactional else "true")
        return made

    async def consumer(
        self,
        subscription: Subscription,
        *,
        group: str | None,
        client_id: str,
        configs: Mapping[str, str] | None = None,
    ) -> KafkaConsumer:
        """Make a consumer; heeds the keys of Kafka's consumers that `connect.kafka.client_config` knows."""
        self._check_open()
        given = self._configs.of("consumer", configs)
        reset = _one_of(given, "auto.offset.reset", _RESETS)
        isolation: Isolation = _one_of(given, "isolation.level", _ISOLATIONS)
        bound_ms = _positive(given, "max.poll.interval.ms", _BOUND_MS)
        made = self._consumer_configs(client_id, given, group, bound_ms)
        made["isolation.level"] = isolation

        def make() -> tuple[Consumer, Told]:
            told = Told()
            return make_client(Consumer, made, told), told

        consumer = KafkaConsumer(
            make,
            self._topics_for(configs or {}),
            self._threads,
            subscription,
            group=group,
            client_id=client_id,
            reset=reset,
            isolation=isolation,
            bound_s=bound_ms / 1000,
            end_offsets=functools.partial(self._admin.end_offsets, isolation=isolation),
        )
        await consumer.start()
        return consumer

    def _consumer_configs(
        self, client_id: str, given: Mapping[str, Any], group: str | None, bound_ms: int
    ) -> dict[str, Any]:
        # librdkafka wants a session to be no longer than the time between polls, which for Java's consumers may be
        # shorter than the shortest session that brokers take: the consumer keeps to that time by itself.
        session_ms = min(_positive(given, "session.timeout.ms", _SESSION_MS), max(bound_ms, _SESSION_LEAST_MS))
        return {
            "client.id": client_id,
            "queued.max.messages.kbytes": str(1 << 14),
            "fetch.queue.backoff.ms": "10",
            "fetch.wait.max.ms": "500",
            "check.crcs": "true",  # as Kafka's own consumers do: what a disk has damaged is no record
            **given,
            "max.poll.interval.ms": str(max(bound_ms, session_ms)),
            "session.timeout.ms": str(session_ms),
            "heartbeat.interval.ms": str(min(_positive(given, "heartbeat.interval.ms", 3000), max(1, session_ms // 3))),
            "group.id": group or f"{client_id}-alone",
            "auto.offset.reset": "error",
            "partition.assignment.strategy": "cooperative-sticky",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "allow.auto.create.topics": False,
        }

    async def aclose(self) -> None:
        """Release what reads, and take no more calls. Safe to call twice; producers and consumers are their makers'."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await self._threads.run(self._readers.close, "close the readers")
            await self._threads.run(lambda: self._client.give_up(_GIVE_UP_S), "end requests")
            await self._threads.run(lambda: self._groups.give_up(_GIVE_UP_S), "end requests")
        finally:
            self._threads.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise LogError(CLOSED)

    def _topics_for(self, configs: Mapping[str, str]) -> Topics:
        """Return what tells a client of topics."""
        if not self._configs.leads_elsewhere(configs):
            return self._topics
        made = self._configs.of("admin", login_of(configs))
        return TopicsOfOneCluster(self._client, self._principal, lambda: self._check_same_cluster(made))

    def _check_same_cluster(self, made: Mapping[str, Any]) -> None:
        """Refuse the brokers of another cluster than the worker's. Blocks."""
        told, servers = Told(), made["bootstrap.servers"]
        # Closed here, and not once nobody has it any more: a failure that is kept has it, by its frames.
        with make_client(WatchedAdminClient, made, told, path="bootstrap.servers") as client:
            found = _asked_for_id(client, made, told)
        if found != self._cluster_id:
            raise ConfigError(
                f"bootstrap.servers={servers} of a connector's client is Kafka cluster {found}, and the worker's is "
                f"{self._cluster_id}: a worker's connectors read and write in its own cluster",
                hint="Run this connector on a worker whose bootstrap.servers are those.",
                config_path="bootstrap.servers",
            )

    def _administrator(self) -> WatchedAdminClient:
        return make_client(WatchedAdminClient, self._configs.of("admin"), Told())

    def _reader(self, isolation: Isolation) -> Consumer:
        given = self._configs.of("consumer", {})
        made = self._consumer_configs("connect-reader", given, None, _BOUND_MS)
        made |= {"isolation.level": isolation, "queued.max.messages.kbytes": "4096"}
        # Nobody waits for records to come: the request that is under way when a reader is asked for the end of the log,
        # or for another partition, holds that up.
        made |= {"fetch.wait.max.ms": "50"}
        return make_client(Consumer, made, Told())

    def _metadata_consumer(self, group: str) -> Consumer:
        made = self._consumer_configs("connect-metadata", self._configs.of("consumer", {}), group, _BOUND_MS)
        return make_client(Consumer, made, Told())

    def _asking_consumer(self, group: str) -> Consumer:
        made = {
            **self._configs.of("admin"),  # who asks for them is who sets them
            "client.id": "connect-offsets",
            "group.id": group,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",  # offsets that a transaction is about to commit are waited for
        }
        return make_client(Consumer, made, Told())

    def _fencer(self, transactional_id: str) -> Producer:
        configs = {"transactional.id": transactional_id, "transaction.timeout.ms": "10000"}
        made = self._producer_configs("connect-fencer", configs, is_store=True)
        return make_client(Producer, made, Told())


async def _found(client: WatchedAdminClient, threads: Threads, told: Told, made: Mapping[str, Any]) -> str:
    """Return the cluster's id, once a broker answers."""
    deadline = time.monotonic() + OPEN_S
    servers, is_looked_at = str(made["bootstrap.servers"]), False

    def ask() -> str:
        try:
            return str(client.cluster_id(_TRY_S) or "")
        finally:
            client.poll(0)  # lets it tell what went wrong

    while True:
        doing = f"connect to the Kafka cluster at {servers}"
        try:
            if found := await threads.run(ask, doing):
                return found
            error: Exception = EnvironmentFault(f"{doing}: no broker says which cluster it is of", code=UNREACHABLE)
        except EnvironmentFault as raised:
            error = raised
        if told.last is not None:
            error = ours(told.last, doing)
        if not is_looked_at:
            is_looked_at = True
            finding = await threads.run(lambda: why_not_in(servers, made), doing, timeout_s=REQUEST_S)
            if finding is not None:
                raise login_refused(doing, finding.text, key=finding.key)
        if time.monotonic() >= deadline or getattr(error, "code", "") == AUTHENTICATION:
            raise error
        await asyncio.sleep(0.1)


def _asked_for_id(client: WatchedAdminClient, made: Mapping[str, Any], told: Told) -> str:
    """Return a cluster's id; where there is no answer soon, look why. Blocks."""
    servers = made["bootstrap.servers"]
    doing, is_looked_at = f"connect to the Kafka cluster at {servers}", False
    while True:
        try:
            return str(client.list_topics(timeout=LOOK_UP_S if is_looked_at else _TRY_S).cluster_id)
        except KafkaException as error:
            client.poll(0)
            if is_looked_at:
                raise ours(error, doing, because=told.last) from error
        is_looked_at = True
        finding = why_not_in(servers, made)
        if finding is not None:
            raise login_refused(doing, finding.text, key=finding.key)


def _one_of(configs: Mapping[str, Any], name: str, words: tuple[W, ...]) -> W:
    text = str(configs.get(name, words[0])).strip()
    for word in words:
        if text == word:
            return word
    raise ConfigError(f"{name}: {text!r} is not one of {', '.join(words)}", config_path=name)


def _positive(configs: Mapping[str, Any], name: str, default: int) -> int:
    text = str(configs.get(name, default)).strip()
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text)):
        raise ConfigError(f"{name}: {text!r} is not a positive number of ms", config_path=name)
    return int(text)
