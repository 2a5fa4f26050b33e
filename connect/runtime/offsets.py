"""What users do with a connector's offsets: look, alter, reset (KIP-875).

A source's offsets are in the offset store, and only its connector knows what they mean: it is asked before anything
is stored. A sink's are those of its consumer group in the log. Both are changed only while the connector is STOPPED;
the herder sees to that, and holds every other request back meanwhile.

Source of rules and messages: Kafka 4.3.1, AbstractHerder, Worker.modifyConnectorOffsets, SinkUtils.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connect.api import ConfigError, NotFoundError
from connect.api.config_values import whole_number
from connect.api.contract import looked_of
from connect.api.error_codes import register_code
from connect.api.patterns import compile_pattern
from connect.ports import Cluster
from connect.records import OffsetAndMetadata, TopicPartition
from connect.runtime.border.watchdog import Watchdog
from connect.runtime.config_prefixes import strip_prefix
from connect.runtime.factory import connector_desc
from connect.runtime.instances import ask
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginHost
from connect.runtime.tasks.transactional import fence_tasks, tasks_max
from connect.runtime.worker_config import WorkerConfig
from connect.stores.offset_topics import OffsetTopics
from connect.stores.offsets import OffsetStore

OFFSETS_INVALID = register_code(
    "offsets.invalid",
    "Offsets to set that are none of this connector's.",
    "Read the connector's offsets first, and send back what has that shape.",
)

#: A source or sink partition with its offset; None where it is to be forgotten.
Entry = tuple[Mapping[str, Any], Mapping[str, Any] | None]


def sink_group(worker: WorkerConfig, name: str, config: Mapping[str, Any]) -> str:
    """Return the consumer group of a sink connector."""
    own = strip_prefix(config, "consumer.override.").get("group.id")
    return str(own or strip_prefix(worker.originals, "consumer.").get("group.id") or f"connect-{name}")


class Offsets:
    """The offsets of connectors, as users see them. For the event loop; changes are durable when they return.

    Args:
        timeout_s: How long a connector's `alter_offsets` may take; it is asked before anything changes.
    """

    def __init__(
        self,
        cluster: Cluster,
        plugins: PluginHost,
        worker: WorkerConfig,
        stores: OffsetTopics,
        *,
        watchdog: Watchdog | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        self._cluster = cluster
        self._plugins = plugins
        self._worker = worker
        self._stores = stores
        self._watchdog = watchdog
        self._timeout_s = timeout_s

    async def read(self, name: str, config: Mapping[str, str]) -> list[Entry]:
        """Return what is committed for a connector; of a sink in order."""
        if not self._is_sink(config):
            store = await self._stores.to_read(_own_topic(config))  # looking makes no topic
            await store.settle(name)
            return list(store.all(name))
        committed = await self._cluster.groups.offsets(sink_group(self._worker, name, config))
        return [
            ({"kafka_partition": at.partition, "kafka_topic": at.topic}, {"kafka_offset": found.offset})
            for at, found in sorted(committed.items())
        ]

    async def alter(self, name: str, config: Mapping[str, str], entries: Sequence[Entry]) -> bool:
        """Set offsets, all or none; return whether the connector has looked at them.

        The connector must not run. A cancelled call may have set them, and of a sink's only those that are forgotten.

        Raises:
            ConfigError: They are none of this connector's.
            ConflictError: log.group_in_use.
        """
        if self._is_sink(config):
            wanted = group_offsets(name, entries)
            await self._check_partitions(name, wanted)
            return await self._alter_sink(name, config, wanted)
        for partition, _ in entries:
            if partition is None:
                raise ConfigError(f"connector {name!r}: partition objects cannot be null", code=OFFSETS_INVALID)
        return await self._alter_source(name, config, entries)

    async def reset(self, name: str, config: Mapping[str, str]) -> bool:
        """Forget every offset of a connector; return whether it was told."""
        committed = await self.read(name, config)
        if self._is_sink(config):
            wanted = dict.fromkeys(group_offsets(name, committed))
            # A sink that keeps offsets in its target may have some there that its group never had.
            return await self._alter_sink(name, config, wanted, told=await self._all_partitions(config))
        return await self._alter_source(name, config, [(partition, None) for partition, _ in committed])

    # -- parts -----------------------------------------------------------------------------------------------------

    async def _alter_source(self, name: str, config: Mapping[str, str], entries: Sequence[Entry]) -> bool:
        looked = await self._ask(name, config, list(entries))
        await self._fence(name, config)
        await (await self._settled(name, config)).put(name, entries)
        return looked

    async def _fence(self, name: str, config: Mapping[str, str]) -> None:
        """Shut out tasks of before that are still at work somewhere: they must not change the offsets back."""
        if self._worker.exactly_once_sources:
            await fence_tasks(self._cluster, self._worker, name, tasks=tasks_max(config))

    async def _settled(self, name: str, config: Mapping[str, Any]) -> OffsetStore:
        """Return the store of a source's offsets, once it is known what is committed there."""
        store = await self._stores.of(_own_topic(config))
        await store.settle(name)
        return store

    async def _alter_sink(
        self,
        name: str,
        config: Mapping[str, str],
        wanted: Mapping[TopicPartition, int | None],
        *,
        told: Iterable[TopicPartition] = (),
    ) -> bool:
        asked = {**dict.fromkeys(told), **wanted}
        looked = await self._ask(name, config, {(at.topic, at.partition): offset for at, offset in asked.items()})
        group, groups = sink_group(self._worker, name, config), self._cluster.groups
        kept = {at: OffsetAndMetadata(offset) for at, offset in wanted.items() if offset is not None}
        gone = [at for at, offset in wanted.items() if offset is None]
        if gone:
            await groups.delete_offsets(group, gone)
        if kept:
            await groups.commit(group, kept)
        return looked

    async def _all_partitions(self, config: Mapping[str, str]) -> list[TopicPartition]:
        """Return the partitions that a sink's config means, of the topics that are there."""
        named = {topic.strip() for topic in str(config.get("topics") or "").split(",")} - {""}
        if pattern := str(config.get("topics.regex") or ""):
            topics = await self._cluster.admin.list_topics()
            named |= set(await asyncio.to_thread(_matching, pattern, topics))
        found = await self._cluster.admin.describe_topics(named)
        return [TopicPartition(name, one.partition) for name in sorted(found) for one in found[name].partitions]

    async def _check_partitions(self, name: str, wanted: Mapping[TopicPartition, int | None]) -> None:
        for at, offset in wanted.items():
            count = await self._cluster.admin.partitions(at.topic)
            if offset is not None and (count is None or at.partition >= count):
                there = "no such topic" if count is None else f"the topic has partitions 0 to {count - 1}"
                raise ConfigError(
                    f"connector {name!r}: the offset of {at} cannot be set: {there}", code=OFFSETS_INVALID
                )

    async def _ask(self, name: str, config: Mapping[str, str], offsets: Any) -> bool:
        """Have an instance of the connector look at offsets; what it raises names the connector."""
        return await ask(
            self._plugins,
            name,
            config,
            "alter_offsets",
            offsets,
            answer=looked_of,
            doing="check the offsets",
            otherwise="nothing was changed",
            timeout_s=self._timeout_s,
            watchdog=self._watchdog,
        )

    def _is_sink(self, config: Mapping[str, str]) -> bool:
        try:
            return connector_desc(self._plugins, config).kind is PluginKind.SINK
        except ConfigError as error:
            raise NotFoundError(f"{error.message}; its offsets cannot be told", code="plugin.missing") from error


def _own_topic(config: Mapping[str, Any]) -> str | None:
    return str(config.get("offsets.storage.topic") or "").strip() or None


def _matching(pattern: str, topics: Iterable[str]) -> list[str]:
    compiled = compile_pattern(pattern, key="topics.regex")
    return [topic for topic in topics if compiled.fullmatch(topic) is not None]


def group_offsets(name: str, entries: Sequence[Entry]) -> dict[TopicPartition, int | None]:
    """Return a sink's partitions with their offsets; numbers may be text, as Kafka takes them.

    Raises:
        ConfigError: offsets.invalid.
    """
    found: dict[TopicPartition, int | None] = {}
    for partition, offset in entries:
        if not partition:
            raise ConfigError(
                f"connector {name!r}: The partition for a sink connector offset cannot be null or missing",
                code=OFFSETS_INVALID,
            )
        topic, number = partition.get("kafka_topic"), partition.get("kafka_partition")
        if topic is None or number is None:
            raise ConfigError(
                f"connector {name!r}: The partition for a sink connector offset must contain "
                "the keys 'kafka_topic' and 'kafka_partition'",
                code=OFFSETS_INVALID,
            )
        at = TopicPartition(str(topic), _whole(name, number, "partition"))
        if offset is None:
            found[at] = None
        elif "kafka_offset" not in offset or offset["kafka_offset"] is None:
            raise ConfigError(
                f"connector {name!r}: The offset for a sink connector should either be null "
                "or contain the key 'kafka_offset'",
                code=OFFSETS_INVALID,
            )
        else:
            found[at] = _whole(name, offset["kafka_offset"], "offset")
    return found


def _whole(name: str, value: Any, what: str) -> int:
    number = whole_number(value) if isinstance(value, str) else value if type(value) is int else None
    if number is None:
        raise ConfigError(
            f"connector {name!r}: Failed to parse the following Kafka {what} value in the provided offsets: "
            f"'{value}'. {what.capitalize()} values for sink connectors need to be integers.",
            code=OFFSETS_INVALID,
        )
    bits = 31 if what == "partition" else 63
    if not 0 <= number < 1 << bits:
        raise ConfigError(
            f"connector {name!r}: Kafka {what} {number} in the provided offsets is out of range; "
            f"0 to {(1 << bits) - 1} is expected",
            code=OFFSETS_INVALID,
        )
    return number
