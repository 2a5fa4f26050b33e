"""Topics that a config names for the worker's own use: for source offsets, and for dead letters.

A topic of offsets is closed to everybody's records as long as a connector names it, so one that is used for something
else must not become one, and one that is not compacted would lose offsets; one that is would lose letters. What the
name alone tells is known without a log; the rest needs the topics that are there, and the configs of the other
connectors.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connect.api import EnvironmentFault, Problem
from connect.ports import Cluster, TopicInfo
from connect.records import TopicPartition, why_no_topic
from connect.runtime.connector_config import DEAD_LETTER_TOPIC
from connect.runtime.model import PluginKind
from connect.runtime.tasks.delivery import REFUSALS
from connect.runtime.worker_config import WorkerConfig
from connect.stores.offsets import problem_of
from connect.topic_names import is_closed

OFFSETS_TOPIC: Final = "offsets.storage.topic"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the connectors that are there use topics for.

    Attributes:
        offsets: The topics that hold source offsets.
        letters, written: By topic the connector whose dead letter queue it is; a source that has written to it.
    """

    offsets: frozenset[str]
    letters: Mapping[str, str]
    written: Mapping[str, str]

    @classmethod
    def of(
        cls,
        worker: WorkerConfig,
        configs: Mapping[str, Mapping[str, Any]],
        written_by: Callable[[str], Collection[str]],
    ) -> Neighbours:
        """Look at configs as they are stored: a name that is a reference is nobody's.

        Args:
            written_by: The topics that a connector has written to; none of a sink.
        """
        own = {_text(config, OFFSETS_TOPIC) for config in configs.values()} - {""}
        letters = {_text(config, DEAD_LETTER_TOPIC): name for name, config in configs.items()}
        written = {topic: name for name in configs for topic in written_by(name)}
        return cls(frozenset((worker.offset_storage_topic, *own)), letters, written)


def name_problems(worker: WorkerConfig, kind: PluginKind, config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the names alone."""
    for key in (DEAD_LETTER_TOPIC, *((OFFSETS_TOPIC,) if kind is PluginKind.SOURCE else ())):
        name = _text(config, key)
        why = why_no_topic(name) if name else None
        if why is not None:
            yield _invalid(key, name, f"no topic can have that name: {why}")
        elif key == OFFSETS_TOPIC and (taken := _taken(worker, name)) is not None:
            yield _invalid(key, name, taken)


def _taken(worker: WorkerConfig, topic: str) -> str | None:
    others = {
        "config.storage.topic": worker.config_storage_topic,
        "status.storage.topic": worker.status_storage_topic,
        "config.history.storage.topic": worker.history_topic,
    }
    for key, other in others.items():
        if topic == other:
            return f"{key} of the worker names the same topic; each holds one kind of state"
    return "topics of that name are the log's own" if is_closed(topic) else None


async def topic_problems(
    cluster: Cluster,
    kind: PluginKind,
    config: Mapping[str, Any],
    neighbours: Callable[[], Neighbours],
) -> list[Problem]:
    """Return what is wrong with topics whose names are right.

    Args:
        neighbours: Asked only where the config names a topic of offsets: it looks at each connector that is there.
    """
    dead, found = _text(config, DEAD_LETTER_TOPIC), list[Problem]()
    own = _text(config, OFFSETS_TOPIC) if kind is PluginKind.SOURCE else ""
    if dead and why_no_topic(dead) is None:
        if cluster.is_internal(dead):
            found.append(_invalid(DEAD_LETTER_TOPIC, dead, "the topic is internal: it takes no dead letters"))
        elif dead == own:
            found.append(_invalid(DEAD_LETTER_TOPIC, dead, "the connector keeps its offsets in it"))
        elif "compact" in (kept := await _policy_if_seen(cluster, dead)):
            loses = f"it has cleanup.policy={kept}, which keeps one letter of each key alone, and none without a key"
            found.append(_invalid(DEAD_LETTER_TOPIC, dead, f"{loses}; set it to delete, or name another topic"))
    if own and why_no_topic(own) is None and own not in (around := neighbours()).offsets:
        why = _used(own, around) or await _unfit(cluster, own)
        if why is not None:
            found.append(_invalid(OFFSETS_TOPIC, own, f"{why}; name a topic that is for offsets alone, or a new one"))
    return found


def _used(topic: str, neighbours: Neighbours) -> str | None:
    if topic in neighbours.letters:
        return f"it is the dead letter queue of connector {neighbours.letters[topic]}"
    if topic in neighbours.written:
        return f"connector {neighbours.written[topic]} writes its records to it"
    return None


async def _unfit(cluster: Cluster, topic: str) -> str | None:
    """Return why a topic that is there cannot hold offsets."""
    info = (await cluster.admin.describe_topics([topic])).get(topic)
    if info is None or cluster.is_internal(topic):  # a new one; or the worker's or the log's, which is told already
        return None
    policy = await _policy(cluster, topic)
    if policy != "compact":
        return f"it has cleanup.policy={policy}, and offsets need compact"
    return await _strange(cluster, info)


async def _policy_if_seen(cluster: Cluster, topic: str) -> str:
    """As `_policy`, '' also where a cluster does not show a topic's configs: writing to it needs no more than Write."""
    try:
        return await _policy(cluster, topic)
    except EnvironmentFault as error:
        if error.code not in REFUSALS or topic not in await cluster.admin.describe_topics([topic]):
            raise
        return ""


async def _policy(cluster: Cluster, topic: str) -> str:
    """Return a topic's cleanup.policy, '' where it is not there."""
    if topic not in await cluster.admin.describe_topics([topic]):
        return ""
    entries = await cluster.admin.topic_configs(topic)
    return next(entry.value for entry in entries if entry.name == "cleanup.policy").strip()


async def _strange(cluster: Cluster, info: TopicInfo) -> str | None:
    """Return what the first records of a topic are, where none of them is an offset."""
    first: str | None = None
    for part in info.partitions:
        at = TopicPartition(info.name, part.partition)
        for batch in (await cluster.admin.fetch(at, part.log_start_offset))[:1]:
            keys = batch.columns.keys or [None] * len(batch)
            for offset, key, value in zip(batch.offsets, keys, batch.columns.values, strict=True):
                why = "its key is null" if key is None else problem_of(key, b"{}" if value is None else value)
                if why is None:
                    return None
                first = first or f"at {at}, offset {offset}, {why}"
    return None if first is None else f"it holds other records than source offsets: {first}"


def _invalid(key: str, value: str, why: str) -> Problem:
    return Problem(key, f"Invalid value {value} for configuration {key}: {why}")


def _text(config: Mapping[str, Any], key: str) -> str:
    return str(config.get(key) or "").strip()
