"""Topics of a Kafka cluster, fencing of producers, and reads without a group.

Requests of librdkafka's administrator are answered on its own thread; what blocks is made on the cluster's pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from confluent_kafka import IsolationLevel, KafkaException, Producer
from confluent_kafka import TopicPartition as TheirPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
)

from connect.api.errors import (
    ConfigError,
    ConnectError,
    EnvironmentFault,
    InternalTopicError,
    LogError,
    OffsetOutOfRangeError,
    UnknownTopicOrPartitionError,
)
from connect.kafka.errors import AUTHORIZATION, STATE_OPERATIONS, UNREACHABLE, Principal, ours, refusal
from connect.kafka.reading import Readers
from connect.kafka.threads import LEADER_S, REQUEST_S, Threads, answered
from connect.kafka.topics import Topics, no_partition
from connect.ports import STATE_TOPIC_CONFIGS, PartitionInfo, TopicConfigEntry, TopicInfo, TransactionInfo
from connect.ports.admin import ConfigSource
from connect.records import FetchedBatch, Isolation, RawFetch, TopicPartition
from connect.topic_names import is_closed

#: How long a topic that was made, or deleted, may take to be seen so by the brokers.
_SEEN_S: Final = 15.0
_LOOK_AGAIN_S: Final = 0.05
#: Producers that are fenced at once.
_FENCED_AT_ONCE: Final = 8
#: Kafka's numbers of who set a config: the topic, or the brokers, for now or in their files.
_SOURCES: Final[Mapping[int, ConfigSource]] = {1: "topic", 2: "log", 3: "log", 4: "log"}
#: librdkafka's names of operations.
_CONSTANT: Final = {"DescribeConfigs": "DESCRIBE_CONFIGS"} | {
    each: each.upper() for each in STATE_OPERATIONS if each != "DescribeConfigs"
}
_READ_COMMITTED: Final = IsolationLevel.READ_COMMITTED


class KafkaAdmin:
    """See `connect.ports.Admin` for the contract. What brokers do not tell through librdkafka is -1: the segments and
    bytes of a partition.

    Args:
        principal: Who the client is.
        fencer: Makes a producer of a transactional id.
        holds_state: Says which topics hold the worker's state.
    """

    def __init__(
        self,
        client: AdminClient,
        threads: Threads,
        topics: Topics,
        readers: Readers,
        *,
        principal: Principal,
        fencer: Callable[[str], Producer],
        holds_state: Callable[[str], bool],
    ) -> None:
        self._client = client
        self._threads = threads
        self._topics = topics
        self._readers = readers
        self._principal = principal
        self._fencer = fencer
        self._holds_state = holds_state
        #: Those that producers of this process were made with. Kept by the cluster.
        self.transactional_ids: set[str] = set()

    # -- topics ------------------------------------------------------------------------------------------------------

    async def create_topic(
        self,
        name: str,
        *,
        partitions: int | None = 1,
        configs: Mapping[str, str] | None = None,
        replication_factor: int | None = None,
    ) -> TopicInfo:
        """Create a topic; see the port."""
        is_count = isinstance(partitions, int) and not isinstance(partitions, bool) and partitions > 0
        if partitions is not None and not is_count:
            raise ConfigError(f"topic {name!r} cannot have {partitions!r} partitions", code="log.invalid_partitions")
        given = {**(STATE_TOPIC_CONFIGS if self._holds_state(name) else {}), **(configs or {})}
        factor = -1 if replication_factor is None else replication_factor
        count = -1 if partitions is None else partitions
        new = NewTopic(name, num_partitions=count, replication_factor=factor, config=given)
        (future,) = self._client.create_topics([new], request_timeout=REQUEST_S).values()
        await answered(future, f"create topic {name!r}", needs=self._principal.topic("Create", name))
        await self._until(name, lambda found: found is not None and len(found.partitions) >= max(count, 1))
        return await self._described_soon(name)

    async def _described_soon(self, name: str) -> TopicInfo:
        """Describe a topic that is there, though its leaders may not know yet."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _SEEN_S
        while True:
            try:
                return await self.describe_topic(name)
            except UnknownTopicOrPartitionError:
                if loop.time() >= deadline:
                    raise
                await asyncio.sleep(_LOOK_AGAIN_S)

    async def delete_topic(self, name: str) -> None:
        """Delete a topic with its records and every group's offsets for it."""
        if await self.partitions(name) is None:
            raise await self._threads.run(lambda: self._topics.missing(name), f"look for topic {name!r}")
        (future,) = self._client.delete_topics([name], request_timeout=REQUEST_S).values()
        await answered(future, f"delete topic {name!r}", needs=self._principal.topic("Delete", name))
        await self._until(name, lambda found: found is None)

    async def alter_topic(self, name: str, configs: Mapping[str, str | None]) -> TopicInfo:
        """Change some of a topic's configs; see the port."""
        await self.describe_topic(name)
        policy = configs.get("cleanup.policy", "compact")
        if self._holds_state(name) and policy != "compact":
            raise ConfigError(
                f"topic {name!r} holds state, which retention would delete: "
                "its cleanup.policy is compact and nothing else",
                config_path="cleanup.policy",
            )
        entries = [
            ConfigEntry(
                key,
                value if value is not None else "",
                incremental_operation=AlterConfigOpType.SET if value is not None else AlterConfigOpType.DELETE,
            )
            for key, value in configs.items()
        ]
        resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=entries)
        (future,) = self._client.incremental_alter_configs([resource], request_timeout=REQUEST_S).values()
        await answered(future, f"alter topic {name!r}", needs=self._principal.topic("AlterConfigs", name))
        self._topics.forget(name)
        return await self.describe_topic(name)

    async def add_partitions(self, name: str, total: int) -> TopicInfo:
        """Raise the number of partitions; see the port."""
        count = len((await self.describe_topic(name)).partitions)
        if self._holds_state(name):
            # A key's records would lie in two partitions, and the older one might be read last.
            raise InternalTopicError(f"topic {name!r} holds state: it gets no more partitions")
        if isinstance(total, bool) or not isinstance(total, int) or total <= count:
            raise ConfigError(
                f"topic {name!r} has {count} partition(s); {total!r} is not more, and partitions cannot be taken away",
                code="log.invalid_partitions",
                hint=f"Give a whole number of more than {count}.",
            )
        (future,) = self._client.create_partitions([NewPartitions(name, total)], request_timeout=REQUEST_S).values()
        await answered(future, f"add partitions to topic {name!r}", needs=self._principal.topic("Alter", name))
        await self._until(name, lambda found: found is not None and len(found.partitions) >= total)
        return await self._described_soon(name)

    async def topic_configs(self, name: str) -> tuple[TopicConfigEntry, ...]:
        """Return every config of a topic as it is in force."""
        found = await self._configs(name)
        return tuple(
            TopicConfigEntry(each.name, _text(each), _SOURCES.get(int(each.source), "default"))
            for each in sorted(found, key=lambda each: str(each.name))
        )

    async def _configs(self, name: str) -> list[Any]:
        resource = ConfigResource(ConfigResource.Type.TOPIC, name)
        (future,) = self._client.describe_configs([resource], request_timeout=REQUEST_S).values()
        needs = self._principal.topic("DescribeConfigs", name)
        return list((await answered(future, f"look at the configs of topic {name!r}", needs=needs)).values())

    async def _configs_if_allowed(self, name: str) -> list[Any]:
        """Return a topic's configs; none where they are not to be seen, as who writes and reads needs not see them. Of
        those that hold state they have to be."""
        try:
            return await self._configs(name)
        except EnvironmentFault as error:
            if error.code != AUTHORIZATION or self._holds_state(name):
                raise
            return []

    async def delete_records(self, partition: TopicPartition, before_offset: int) -> int:
        """Delete the records before an offset; see the port."""
        await self._check_there(partition)
        theirs = TheirPartition(partition.topic, partition.partition, before_offset)
        needs = self._principal.topic("Delete", partition.topic)
        (future,) = self._client.delete_records([theirs], request_timeout=REQUEST_S).values()
        try:
            return int((await answered(future, f"delete records of {partition}", needs=needs)).low_watermark)
        except OffsetOutOfRangeError as error:
            info = (await self.describe_topic(partition.topic)).partitions[partition.partition]
            raise OffsetOutOfRangeError(
                f"offset {before_offset} is outside {partition}, which has {info.log_start_offset} to "
                f"{info.log_end_offset}"
            ) from error

    async def list_topics(self) -> list[str]:
        """Return all names, sorted."""
        return await self._threads.run(self._topics.names, "list topics")

    async def describe_topic(self, name: str) -> TopicInfo:
        """Return what is known of a topic."""
        found = await self.describe_topics([name])
        if name not in found:
            raise await self._threads.run(lambda: self._topics.missing(name), f"look for topic {name!r}")
        return found[name]

    async def describe_topics(self, names: Collection[str]) -> dict[str, TopicInfo]:
        """Return those of some topics that exist, by name."""
        if not names:
            return {}
        found = await self._threads.run(lambda: self._topics.describe(names), "look at topics")
        try:
            return await self._described(found)
        except UnknownTopicOrPartitionError:  # one was deleted meanwhile
            found = await self._threads.run(lambda: self._topics.describe(names), "look at topics")
            return await self._described(found)

    async def _described(self, found: Mapping[str, Any]) -> dict[str, TopicInfo]:
        parts = [TopicPartition(name, part.id) for name, topic in found.items() for part in topic.partitions]
        starts, ends, stable, configs = await asyncio.gather(
            self._offsets(parts, OffsetSpec.earliest()),
            self._offsets(parts, OffsetSpec.latest()),
            self._offsets(parts, OffsetSpec.latest(), isolation=_READ_COMMITTED),
            asyncio.gather(*(self._configs_if_allowed(name) for name in found)),
        )
        infos = {}
        for (name, topic), entries in zip(found.items(), configs, strict=True):
            numbers = sorted(part.id for part in topic.partitions)
            infos[name] = TopicInfo(
                name,
                _topic_id(topic),
                tuple(
                    PartitionInfo(number, starts[at], ends[at], -1, -1, last_stable_offset=stable[at])
                    for number in numbers
                    if (at := TopicPartition(name, number)) in starts
                ),
                {each.name: _text(each) for each in entries if _SOURCES.get(int(each.source)) == "topic"},
                is_closed(name),
            )
        return infos

    async def _offsets(
        self, parts: Collection[TopicPartition], spec: OffsetSpec, *, isolation: IsolationLevel | None = None
    ) -> dict[TopicPartition, int]:
        if not parts:
            return {}
        asked = {TheirPartition(at.topic, at.partition): spec for at in parts}
        options = {} if isolation is None else {"isolation_level": isolation}
        found: dict[TopicPartition, int] = {}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + REQUEST_S
        while asked:
            # A request waits for the leader that was known, also where that one has died.
            futures = self._client.list_offsets(asked, request_timeout=LEADER_S, **options)
            for at, future in futures.items():
                try:
                    answer = await answered(
                        future,
                        f"look at the offsets of {at.topic}-{at.partition}",
                        needs=self._principal.topic("Describe", at.topic),
                    )
                except EnvironmentFault as error:  # a leader that has died, or is elected just now
                    if error.code != UNREACHABLE or loop.time() >= deadline:
                        raise
                else:
                    found[TopicPartition(at.topic, at.partition)] = int(answer.offset)
            asked = {at: spec for at in asked if TopicPartition(at.topic, at.partition) not in found}
            if asked:
                await asyncio.sleep(_LOOK_AGAIN_S)
        return found

    async def end_offsets(
        self, parts: Collection[TopicPartition], *, isolation: Isolation
    ) -> dict[TopicPartition, int]:
        """Return where readers of partitions stop for now."""
        return await self._offsets(
            parts, OffsetSpec.latest(), isolation=_READ_COMMITTED if isolation == "read_committed" else None
        )

    async def partitions(self, name: str) -> int | None:
        """Return the number of partitions, None when there is no such topic."""
        return await self._threads.run(lambda: self._topics.count(name), f"look for topic {name!r}")

    async def _check_there(self, at: TopicPartition) -> None:
        count = await self.partitions(at.topic)
        if count is None:
            raise await self._threads.run(lambda: self._topics.missing(at.topic), f"look for topic {at.topic!r}")
        if not 0 <= at.partition < count:
            raise no_partition(at, count)

    async def _until(self, name: str, is_so: Callable[[Any], bool]) -> None:
        """Wait until the brokers see a change of a topic as whoever asks next should."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _SEEN_S
        while not is_so((await self._threads.run(lambda: self._topics.describe([name]), "look at topics")).get(name)):
            if loop.time() >= deadline:
                raise EnvironmentFault(
                    f"the brokers took the change of topic {name!r}, and do not show it within {_SEEN_S:g} s",
                    code=UNREACHABLE,
                )
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def check_state(self) -> None:
        """Look whether the worker may do all that it will do with the topics of its state, as far as they are there.

        Raises:
            EnvironmentFault: kafka.authorization, with all that is missing.
        """
        found = await self._threads.run(
            lambda: self._topics.describe(self._principal.state, with_rights=True), "look at the topics of the state"
        )
        for name, topic in found.items():
            allowed = {each.name for each in topic.authorized_operations or ()}
            if not allowed:  # a broker that does not say: who sees the topic may describe it at least
                continue
            missing = [each for each in STATE_OPERATIONS if _CONSTANT[each] not in allowed and each != "Create"]
            if missing:
                needs = replace(self._principal.topic("Read", name), operations=tuple(missing))
                raise refusal(f"use topic {name!r}", needs)

    # -- transactions ------------------------------------------------------------------------------------------------

    async def list_transactions(self) -> list[TransactionInfo]:
        """Return the transactional ids of this process: librdkafka cannot ask the brokers for others."""
        return [TransactionInfo(each, is_open=False) for each in sorted(self.transactional_ids)]

    async def fence_producers(self, transactional_ids: Collection[str]) -> None:
        """Shut out whoever has these transactional ids; see the port."""
        at_once = asyncio.Semaphore(_FENCED_AT_ONCE)

        def fence(transactional_id: str) -> None:
            producer = self._fencer(transactional_id)
            try:
                producer.init_transactions(REQUEST_S)
            except KafkaException as error:
                needs = self._principal.transaction(transactional_id)
                raise ours(error, f"fence the producers of {transactional_id!r}", needs=needs) from error

        failures: list[ConnectError] = []

        async def fenced(transactional_id: str) -> None:
            async with at_once:
                if failures:
                    return
                try:
                    await self._threads.run(lambda: fence(transactional_id), f"fence {transactional_id!r}")
                except ConnectError as error:
                    failures.append(error)

        # What has begun ends before a failure is told: a late one would shut out whom the next try has let in.
        await asyncio.gather(*(fenced(each) for each in sorted(set(transactional_ids))))
        if failures:
            raise failures[0]

    # -- reading -----------------------------------------------------------------------------------------------------

    async def offset_for_time(self, partition: TopicPartition, timestamp_ms: int) -> int | None:
        """Return the first offset at or after a time, None when there is none."""
        await self._check_there(partition)
        found = await self._offsets([partition], OffsetSpec.for_timestamp(timestamp_ms))
        return found[partition] if found[partition] >= 0 else None

    async def fetch(
        self,
        partition: TopicPartition,
        offset: int,
        *,
        max_bytes: int = 1 << 20,
        isolation: Isolation = "read_uncommitted",
    ) -> list[FetchedBatch]:
        """Read from an offset without a group; see the port."""
        await self._check_there(partition)
        return await self._readers.read(partition, offset, max_bytes=max_bytes, isolation=isolation)

    async def fetch_raw(
        self,
        partition: TopicPartition,
        offset: int,
        *,
        max_bytes: int = 1 << 20,
        isolation: Isolation = "read_uncommitted",
    ) -> RawFetch:
        """Refused: librdkafka takes record batches apart by itself."""
        raise LogError(
            f"record batches of {partition} cannot be had as they are stored: a Kafka cluster gives records",
            code="log.unsupported",
            hint="Read its records with `fetch`.",
        )


def _topic_id(topic: Any) -> str:
    """Return a topic's id as Kafka writes it: base64 in the alphabet for URLs."""
    return str(topic.topic_id).replace("+", "-").replace("/", "_")


def _text(entry: Any) -> str:
    return "" if entry.value is None else str(entry.value)
