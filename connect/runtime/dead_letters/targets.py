"""Where a letter is replayed to, and whether its connector is done with the record.

A sink's letter goes to the connector that failed on it, by the topic that only that one reads; a source's to the topic
that its record was meant for. A record that the sink has not committed yet comes again by itself: to replay it as well
would deliver it twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from connect.api import ConfigError, ConnectError
from connect.ports import Cluster
from connect.records import TopicPartition
from connect.runtime.connector_config import DEAD_LETTER_TOPIC
from connect.runtime.dead_letters.letters import Letter
from connect.runtime.factory import connector_desc
from connect.runtime.model import PluginKind
from connect.runtime.offsets import sink_group
from connect.runtime.plugins import PluginHost
from connect.runtime.tasks.replays import Place, replay_topic
from connect.runtime.worker_config import WorkerConfig

#: Returns a connector's config as it runs, None where there is none of this name.
ConfigOf = Callable[[str], Mapping[str, str] | None]

#: The longest that a commit is waited for beyond `offset.flush.interval.ms`.
_COMMIT_SLACK_S: Final = 10.0
_LOOK_AGAIN_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Target:
    """Where a letter goes.

    Attributes:
        topic: The topic to append to.
        connector: The sink that reads it there; None for a topic that anybody may read.
        place: Where the record came from first, for the sink.
        converts: Whether the record is still to be converted, as a source's may be.
    """

    topic: str
    connector: str | None = None
    place: Place | None = None
    converts: bool = False


class Targets:
    """Finds the targets of one replay's letters, from the configs as they are when it begins.

    Args:
        names: All connectors.
        is_running: Says whether a connector is to come to its next commit by itself.
        to: A topic that takes all letters.
    """

    def __init__(
        self,
        cluster: Cluster,
        plugins: PluginHost,
        worker: WorkerConfig,
        names: Sequence[str],
        config_of: ConfigOf,
        is_running: Callable[[str], bool],
        *,
        to: str | None,
    ) -> None:
        self._cluster = cluster
        self._worker = worker
        self._is_running = is_running
        self._to = to
        self._configs = {name: config for name in names if (config := config_of(name)) is not None}
        self._kinds = {name: _kind(plugins, config) for name, config in self._configs.items()}
        self._waited: set[str] = set()

    def owners(self, queue: str) -> list[str]:
        """Return the connectors whose dead letters go to a queue."""
        return [n for n, config in self._configs.items() if config.get(DEAD_LETTER_TOPIC, "").strip() == queue]

    def of(self, letter: Letter) -> Target | str:
        """Return a letter's target, or why it has none."""
        source = letter.is_of_source
        if self._to is not None:
            if source and "json" in (letter.key_form, letter.value_form):
                return "a record that is not converted yet goes to its own topic alone: leave the topic out"
            return Target(self._to)
        if source:
            if not letter.topic:
                return "it does not tell which topic it was meant for; name one"
            if self._cluster.is_internal(letter.topic):
                return f"it was meant for topic {letter.topic!r}, which is internal"
            return Target(letter.topic, converts="json" in (letter.key_form, letter.value_form))
        name = letter.connector
        if not name:
            owners = self.owners(letter.queue)
            if len(owners) != 1:
                owned = (
                    f"several connectors name this queue ({', '.join(owners)})"
                    if owners
                    else "no connector names this topic as its dead letter queue"
                )
                return f"no header tells which connector failed, and {owned}; give --to TOPIC"
            name = owners[0]
        kind = self._kinds.get(name)
        if kind is None:
            return f"there is no connector {name!r} (any more); name a topic to send it to"
        if kind is not PluginKind.SINK:
            return f"connector {name!r} is no sink: it reads no topic"
        topic = letter.topic
        if not topic:
            topics = self._topics(name)
            if len(topics) != 1:
                return f"it does not tell its topic, and connector {name!r} reads several; name a topic to send it to"
            topic = topics[0]
        return Target(replay_topic(name), name, Place(topic, letter.original_partition, letter.original_offset))

    def _topics(self, name: str) -> list[str]:
        return [topic.strip() for topic in self._configs[name].get("topics", "").split(",") if topic.strip()]

    async def not_passed(
        self, letters: Iterable[tuple[Letter, Target]], is_ended: Callable[[], bool]
    ) -> dict[int, str]:
        """Return which letters' records the connector reads again by itself, by their place in what was given, and why.

        The commit of a connector that runs is waited for, once.
        """
        places = [self._read_at(letter, target) for letter, target in letters]
        asked = [(index, *at) for index, at in enumerate(places) if at is not None]
        found: dict[int, str] = {}
        for name in {name for _, name, _, _ in asked}:
            mine = [(index, at, offset) for index, own, at, offset in asked if own == name]
            for index in await self._open_of(name, mine, is_ended):
                found[index] = (
                    f"connector {name!r} has not committed beyond the record, so it reads it again by itself; "
                    "let it run, or discard what it is to skip"
                )
        return found

    def _read_at(self, letter: Letter, target: Target) -> tuple[str, TopicPartition, int] | None:
        """Return where the connector reads the record, None where nobody knows."""
        name = target.connector
        if name is None:  # no sink gets it that would get it again
            return None
        if letter.retry_offset is not None:
            return name, TopicPartition(replay_topic(name), 0), letter.retry_offset
        if not letter.topic or letter.original_partition is None or letter.original_offset is None:
            return None
        return name, TopicPartition(letter.topic, letter.original_partition), letter.original_offset

    async def _open_of(
        self, name: str, mine: Sequence[tuple[int, TopicPartition, int]], is_ended: Callable[[], bool]
    ) -> list[int]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._worker.offset_flush_interval_ms / 1000 + _COMMIT_SLACK_S
        while True:
            still = await self._behind(name, mine)
            if not still or name in self._waited or is_ended() or not self._is_running(name):
                return still
            if loop.time() >= deadline:
                self._waited.add(name)
                return still
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _behind(self, name: str, mine: Sequence[tuple[int, TopicPartition, int]]) -> list[int]:
        group = sink_group(self._worker, name, self._configs[name])
        topics = {at.topic for _, at, _ in mine}
        offsets = await self._cluster.groups.offsets(group, topics)
        there = await self._cluster.admin.describe_topics(topics)
        behind = []
        for index, at, offset in mine:
            if at.topic not in there or not self._reads(name, at.topic):
                continue  # it is not read any more
            committed = offsets.get(at)
            if committed is None or committed.offset <= offset:
                behind.append(index)
        return behind

    def _reads(self, name: str, topic: str) -> bool:
        config = self._configs[name]
        return bool(config.get("topics.regex", "").strip()) or topic in (*self._topics(name), replay_topic(name))

    async def consumed(self, connector: str) -> tuple[TopicPartition, int] | None:
        """Return up to where a connector has read its replay topic, None where there is nothing to tell."""
        at = TopicPartition(replay_topic(connector), 0)
        group = sink_group(self._worker, connector, self._configs[connector])
        found = await self._cluster.groups.offsets(group, [at.topic])
        return (at, found[at].offset) if at in found else None


def _kind(plugins: PluginHost, config: Mapping[str, str]) -> PluginKind | None:
    try:
        return connector_desc(plugins, config).kind
    except ConnectError:  # its plugin is gone: nothing reads for it
        return None


async def check_topic(cluster: Cluster, topic: str, *, queue: str) -> None:
    """Refuse a topic that letters cannot be sent to.

    Raises:
        UnknownTopicOrPartitionError: It is not there.
        ConfigError: It is internal, or the queue itself.
    """
    if topic == queue:
        raise ConfigError(
            f"topic {topic!r} is the queue itself: its letters would come back as letters that nobody can tell apart",
            code="request.invalid",
            hint="Name another topic, or leave it out: each letter goes to where its record failed.",
        )
    found = await cluster.admin.describe_topic(topic)
    if found.internal or cluster.is_internal(topic):
        raise ConfigError(f"topic {topic!r} is internal: no letters go there", code="request.invalid")
