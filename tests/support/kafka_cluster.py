"""Three real brokers, each a controller too, that are killed one by one while the others serve."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from confluent_kafka import ElectionType, KafkaException
from confluent_kafka import TopicPartition as TheirPartition
from confluent_kafka.admin import AdminClient

from tests.support.kafka_broker import KafkaBroker, free_ports

COUNT = TRANSACTION_PARTITIONS = 3
ASK_S = 10.0
#: How long brokers may take to agree on who does what.
FOUND_S = 60.0


class Node(KafkaBroker):
    """One of the brokers; keeps its ports.

    Args:
        ports: Of all nodes: their clients' and their controllers'.
    """

    def __init__(self, root: Path, number: int, ports: list[tuple[int, int]]) -> None:
        super().__init__(root)
        self.number = number
        self._of_all = ports

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not ended."""
        return self._process is not None

    def _choose_ports(self) -> list[int]:
        ours, controller = self._of_all[self.number - 1]
        return [ours, free_ports(1)[0], controller]

    def _changes(self, properties: dict[str, str]) -> dict[str, str]:
        voters = ",".join(f"{number}@127.0.0.1:{at[1]}" for number, at in enumerate(self._of_all, 1))
        return {
            "node.id": str(self.number),
            "controller.quorum.voters": voters,
            **{f"{topic}.replication.factor": str(COUNT) for topic in ("offsets.topic", "transaction.state.log")},
            "transaction.state.log.min.isr": "2",
            "offsets.topic.num.partitions": "3",
            "transaction.state.log.num.partitions": str(TRANSACTION_PARTITIONS),
            "default.replication.factor": str(COUNT),
            "min.insync.replicas": "2",
            # Who is killed is missed soon, and let in again soon.
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "500",
            "controller.quorum.election.timeout.ms": "500",
            "controller.quorum.fetch.timeout.ms": "1000",
            "replica.lag.time.max.ms": "3000",
            "replica.fetch.wait.max.ms": "200",
        }


class ThreeBrokers:
    """A context manager, which starts three brokers and stops those that run. Topics have three replicas where nobody
    says otherwise, of which two must be in sync."""

    def __init__(self, root: Path) -> None:
        ports = free_ports(2 * COUNT)
        pairs = list(zip(ports[::2], ports[1::2], strict=True))
        self.nodes = [Node(root / f"node-{number}", number, pairs) for number in range(1, COUNT + 1)]
        self._admin: AdminClient | None = None

    def __enter__(self) -> Self:
        self._at_once(lambda node: node.__enter__())
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        return self

    def __exit__(self, *exception: object) -> None:
        self._at_once(lambda node: node.stop())

    @property
    def bootstrap(self) -> str:
        """Where all of them are."""
        return ",".join(node.bootstrap for node in self.nodes)

    def node(self, number: int) -> Node:
        """Return a broker by its id."""
        return self.nodes[number - 1]

    def leader(self, topic: str, partition: int = 0) -> Node:
        """Return the broker that leads a partition."""
        assert self._admin is not None
        found = self._admin.list_topics(topic, timeout=ASK_S).topics[topic].partitions[partition]
        return self.node(found.leader)

    def in_sync(self, topic: str, partition: int = 0) -> set[int]:
        """Return the ids of the brokers that are in sync."""
        assert self._admin is not None
        return set(self._admin.list_topics(topic, timeout=ASK_S).topics[topic].partitions[partition].isrs)

    def coordinator(self, group: str) -> Node:
        """Return the broker that coordinates a group."""
        deadline = time.monotonic() + FOUND_S
        while True:
            # A client anew, since one remembers who it was.
            admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
            (future,) = admin.describe_consumer_groups([group], request_timeout=ASK_S).values()
            try:
                return self.node(future.result(ASK_S + 1).coordinator.id)
            except (KafkaException, TimeoutError):
                if time.monotonic() >= deadline:
                    raise
            time.sleep(0.1)

    def transaction_coordinator(self, transactional_id: str) -> Node:
        """Return the broker that coordinates the transactions of an id: who leads its partition of their topic."""
        number = 0
        for character in transactional_id:  # Java's hash of a text
            number = (31 * number + ord(character)) & 0xFFFFFFFF
        return self.leader("__transaction_state", (number & 0x7FFFFFFF) % TRANSACTION_PARTITIONS)

    def controller(self) -> Node:
        """Return the active controller."""
        assert self._admin is not None
        return self.node(self._admin.describe_cluster(request_timeout=ASK_S).result(ASK_S).controller.id)

    def elect(self, *partitions: tuple[str, int]) -> None:
        """Let the brokers that are to lead lead again, of partitions or of all: leaders change, and nobody dies."""
        assert self._admin is not None
        asked = [TheirPartition(*at) for at in partitions] or None
        self._admin.elect_leaders(ElectionType.PREFERRED, asked).result(ASK_S)

    def _at_once(self, do: Callable[[Node], object]) -> None:
        with ThreadPoolExecutor(COUNT) as pool:
            list(pool.map(do, self.nodes))
