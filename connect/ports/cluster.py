"""The port that makes the others: one bundled data directory, or a Kafka cluster."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from connect.figures import Histogram
from connect.ports.admin import Admin
from connect.ports.consumer import Consumer, Subscription
from connect.ports.groups import Groups
from connect.ports.producer import Producer


class Cluster(Protocol):
    """A log: one bundled data directory, or a Kafka cluster. Opened and closed by `connect.app`."""

    @property
    def cluster_id(self) -> str:
        """Stable for the life of the data directory or cluster; 22 characters of URL-safe base64, as Kafka's."""

    @property
    def admin(self) -> Admin: ...

    @property
    def groups(self) -> Groups: ...

    @property
    def sync_seconds(self) -> Histogram | None:
        """How long the log's fsyncs took; None where the disk is another machine's."""

    def is_internal(self, topic: str) -> bool:
        """Tell whether a topic, there or not, is closed to records: by its name (`topic_names`), or reserved."""

    def holds_state(self, topic: str) -> bool:
        """Tell whether the log itself, or the worker that reserved a topic, lives by what it holds."""

    async def reserve(self, topics: Collection[str]) -> None:
        """Make these topics, there or not, internal from now on, in place of those reserved before; durable.

        For the one worker that keeps its state in them. Reading them is not restricted.
        """

    def producer(
        self,
        *,
        client_id: str,
        configs: Mapping[str, str] | None = None,
        internal: bool = False,
        places: bool = True,
    ) -> Producer:
        """Make a producer; with `internal` one that may append to internal topics, which is for the stores alone.

        Without `places` its appends need not say where the records are, which may cost less.

        `configs` takes Kafka's producer keys (`compression.type`, `batch.size`,
        `enable.idempotence`, `transactional.id`, `transaction.timeout.ms`, …).
        """

    async def consumer(
        self,
        subscription: Subscription,
        *,
        group: str | None,
        client_id: str,
        configs: Mapping[str, str] | None = None,
    ) -> Consumer:
        """Make a consumer that starts at the group's committed offsets, else by `auto.offset.reset` (latest, earliest,
        none), and reads as `isolation.level` says.
        """

    async def aclose(self) -> None:
        """Flush everything, mark a clean shutdown, give the directory up. Safe to call twice."""
