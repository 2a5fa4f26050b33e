"""Brokers that are stopped, killed and cut off under their clients, and come back at the same address."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from connect.testing.crash import Proxy
from tests.support.kafka_broker import KafkaBroker, free_ports

ASK_S = 10.0


class FrailBroker(KafkaBroker):
    """A broker that keeps its addresses from one start to the next.

    Attributes:
        proxied: A second address for clients, behind `proxy`; brokers tell clients to come back by the same way.
    """

    def __init__(self, root: Path, **properties: str) -> None:
        super().__init__(root)
        self._more = {name.replace("_", "."): value for name, value in properties.items()}
        self._ports: list[int] = []
        self._has_served = False
        self.proxy: Proxy | None = None
        self.proxied = ""

    def __enter__(self) -> Self:
        super().__enter__()
        self._has_served = True
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            super().__exit__(*exception)
        finally:
            if self.proxy is not None:
                self.proxy.__exit__(None, None, None)

    @property
    def has_ended(self) -> bool:
        """Whether its process has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    async def begin(self) -> None:
        """Start again what was stopped or killed."""
        await asyncio.to_thread(self.__enter__)

    async def end(self, *, cleanly: bool = True) -> None:
        """Stop, or end as a crash does."""
        await asyncio.to_thread(self.stop if cleanly else self.kill)

    def empty(self) -> None:
        """Delete all topics but Kafka's own, and the groups without members. Blocks."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        names = [name for name in admin.list_topics(timeout=ASK_S).topics if not name.startswith("__")]
        for topic in (admin.delete_topics(names) if names else {}).values():
            topic.result(ASK_S)
        groups = [each.group_id for each in admin.list_consumer_groups(request_timeout=ASK_S).result(ASK_S).valid]
        for group in (admin.delete_consumer_groups(groups, request_timeout=ASK_S) if groups else {}).values():
            with contextlib.suppress(KafkaException):  # of a worker that was killed a moment ago
                group.result(ASK_S)

    def _choose_ports(self) -> list[int]:
        if not self._has_served:
            self._ports = free_ports(4)
            if self.proxy is not None:
                self.proxy.__exit__(None, None, None)
            self.proxy = Proxy("127.0.0.1", self._ports[3]).__enter__()
            self.proxied = f"127.0.0.1:{self.proxy.port}"
        return self._ports[:3]

    def _changes(self, properties: dict[str, str]) -> dict[str, str]:
        protocols = properties["listener.security.protocol.map"]
        return {
            "listeners": f"{properties['listeners']},PROXIED://127.0.0.1:{self._ports[3]}",
            "advertised.listeners": f"{properties['advertised.listeners']},PROXIED://{self.proxied}",
            "listener.security.protocol.map": f"{protocols},PROXIED:PLAINTEXT",
            # A broker that was killed is let in again once its controller has given its former life up.
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "500",
            **self._more,
        }
