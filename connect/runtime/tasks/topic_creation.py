"""The topics that a source connector makes: `topic.creation.default.*` and the `topic.creation.groups` (KIP-158).

A new topic belongs to the first group one of whose `include` patterns matches its whole name, and none of whose
`exclude` patterns does; else to the default group. Everything in a group but four keys is a config of the topic.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from connect.api import ConfigError, Pattern, UnknownTopicOrPartitionError, compile_pattern
from connect.api.errors import InternalTopicError
from connect.ports import Cluster
from connect.runtime.config_prefixes import strip_prefix
from connect.stores.topics import ensure_topic

PREFIX: Final = "topic.creation."
_OWN: Final = ("include", "exclude", "partitions", "replication.factor")


@dataclass(frozen=True, slots=True)
class TopicGroup:
    """How topics of one group are made. None is the Kafka cluster's default; that of the bundled log is 1."""

    include: tuple[Pattern, ...]
    exclude: tuple[Pattern, ...]
    partitions: int | None
    configs: Mapping[str, str]
    replication_factor: int | None = None

    def takes(self, topic: str) -> bool:
        """Whether a topic belongs to the group. May take as long as its patterns may: not on the event loop.

        Raises:
            SlowPatternError: A pattern takes too long.
        """
        included = any(pattern.fullmatch(topic) for pattern in self.include)
        return included and not any(pattern.fullmatch(topic) for pattern in self.exclude)


class TopicCreation:
    """Makes the topics that one source task writes to, where they are missing.

    Args:
        is_enabled: The worker's `topic.creation.enable`: without it a missing topic is an error.
    """

    def __init__(self, cluster: Cluster, groups: Sequence[TopicGroup], *, is_enabled: bool) -> None:
        self._cluster = cluster
        self._groups = groups
        self._is_enabled = is_enabled
        self._known: set[str] = set()

    async def ensure(self, topic: str) -> None:
        """Make sure that a topic is there; without a look at one that was there before.

        Raises:
            InternalTopicError: It is closed to connectors.
            UnknownTopicOrPartitionError: It is missing, and is not to be made.
            ConfigError, ConflictError, EnvironmentFault: It cannot be made.
        """
        if self._cluster.is_internal(topic):  # before it is created for nothing; one may have become it since
            raise InternalTopicError(f"topic {topic!r} is internal: a connector cannot write to it")
        if topic in self._known:
            return
        if self._is_enabled:
            # On a thread: the patterns of the groups are the user's.
            group = await asyncio.to_thread(lambda: next(group for group in self._groups if group.takes(topic)))
            await ensure_topic(
                self._cluster.admin,
                topic,
                partitions=group.partitions,
                configs=group.configs,
                replication_factor=group.replication_factor,
            )
        elif await self._cluster.admin.partitions(topic) is None:
            raise UnknownTopicOrPartitionError(
                f"topic {topic!r} does not exist and topic.creation.enable is false",
                hint=f"Create it with 'connect topic create {topic}'.",
            )
        self._known.add(topic)

    def forget(self, topic: str) -> bool:
        """Look for a topic again, since it seems to be gone; return whether it was known."""
        was_known = topic in self._known
        self._known.discard(topic)
        return was_known


def topic_groups(config: Mapping[str, Any], groups: Sequence[str]) -> list[TopicGroup]:
    """Return the groups of a connector config in the order in which they are tried; the last takes every topic.

    Args:
        groups: The value of `topic.creation.groups`.

    Raises:
        ConfigError: A number or a pattern is wrong.
    """
    default = _group(config, "default", partitions=None, replication_factor=None)
    named = [
        _group(config, name, partitions=default.partitions, replication_factor=default.replication_factor)
        for name in groups
        if name != "default"
    ]
    return [*named, replace(default, include=(compile_pattern("(?s).*"),), exclude=())]


def _group(
    config: Mapping[str, Any], name: str, *, partitions: int | None, replication_factor: int | None
) -> TopicGroup:
    own = strip_prefix(config, f"{PREFIX}{name}.")
    return TopicGroup(
        _patterns(f"{PREFIX}{name}.include", own.get("include")),
        _patterns(f"{PREFIX}{name}.exclude", own.get("exclude")),
        _given(f"{PREFIX}{name}.partitions", own.get("partitions"), partitions),
        {key: value for key, value in own.items() if key not in _OWN},
        _given(f"{PREFIX}{name}.replication.factor", own.get("replication.factor"), replication_factor),
    )


def _patterns(name: str, text: str | None) -> tuple[Pattern, ...]:
    try:
        return tuple(compile_pattern(item, key=name) for item in re.split(r"\s*,\s*", (text or "").strip()) if item)
    except ValueError as error:
        raise ConfigError(f"Invalid value {text} for configuration {name}: {error}", config_path=name) from None


def _given(name: str, text: str | None, default: int | None) -> int | None:
    """Return a number of partitions or replicas; -1 leaves it to the cluster."""
    if text is None:
        return default
    given = text.strip()
    if given == "-1":
        return None
    if not re.fullmatch(r"[0-9]{1,9}", given) or int(given) == 0:
        raise ConfigError(
            f"Invalid value {text} for configuration {name}: a positive number is expected, or -1 for the default",
            config_path=name,
        )
    return int(given)
