"""Source offsets, in Kafka Connect's shape: key `["connector",{partition}]`, value `{offset}`, null: forgotten."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from connect.api import ConnectError
from connect.ports import Producer
from connect.stores.compacted import CompactedTopic
from connect.stores.unsettled import SETTLED_WITHIN_S, Written

logger = logging.getLogger(__name__)

#: A source partition with its offset; None where it is to be forgotten.
SourceOffset = tuple[Mapping[str, Any], Mapping[str, Any] | None]


def problem_of(key: bytes, value: bytes) -> str | None:
    """Say why a record of the topic does not count, None where it does."""
    try:
        named = orjson.loads(key)
        if not (
            isinstance(named, list) and len(named) == 2 and isinstance(named[0], str) and isinstance(named[1], dict)
        ):
            return "its key is not a connector's name and a source partition"
        _canonical(named[0], named[1])
        offset = orjson.loads(value)
        if not isinstance(offset, dict):
            return "its value is not a source offset: an object is expected"
        orjson.dumps(offset)
    except orjson.JSONDecodeError as error:
        return f"it is not JSON: {error}"
    except orjson.JSONEncodeError as error:  # nested so deep that it can be read and not written
        return f"it cannot be used: {error}"
    return None


class OffsetStore:
    """The committed source offsets of connectors, in one topic. Reading never waits: all are in memory. For the event
    loop.

    A connector may keep its offsets in a topic of its own (KIP-618, `offsets.storage.topic`). What that topic has
    counts; what it does not have is looked for in the worker's, where the connector's offsets were before. What is
    committed goes to the worker's too, behind it: so a connector that gives up its own topic goes on there.

    Args:
        fallback: The store behind this one: the worker's own, for a topic of a connector's; None for the worker's.
    """

    def __init__(
        self, topic: CompactedTopic, clock_ms: Callable[[], int], *, fallback: OffsetStore | None = None
    ) -> None:
        self._topic = topic
        self._clock_ms = clock_ms
        self._fallback = fallback
        # A Java worker writes a partition's members in another order; the stored bytes are kept, so that a newer
        # offset replaces the older one in the topic too.
        self._stored_key: dict[bytes, bytes] = {}

    @property
    def topic(self) -> str:
        """The topic that the offsets are in."""
        return self._topic.topic

    def load(self) -> None:
        """Index what the topic holds; call after the topic was opened."""
        for stored, _ in self._topic.items():
            connector, partition = orjson.loads(stored)
            self._stored_key[_canonical(connector, partition)] = stored

    def get(self, connector: str, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the committed offset of a source partition, None where there is none."""
        stored = self._stored_key.get(_canonical(connector, partition))
        value = None if stored is None else self._topic.get(stored)
        if value is not None:
            return orjson.loads(value)  # type: ignore[no-any-return]
        return None if self._fallback is None else self._fallback.get(connector, partition)

    def all(self, connector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return each source partition of a connector with its offset."""
        own = self._own(connector)
        if self._fallback is None:
            return own
        found = {_canonical(connector, partition): (partition, offset) for partition, offset in own}
        behind = ((_canonical(connector, partition), (partition, o)) for partition, o in self._fallback.all(connector))
        return [*(entry for key, entry in behind if key not in found), *own]

    async def put(self, connector: str, offsets: Sequence[SourceOffset]) -> None:
        """Store offsets durably, all in one batch; None forgets a partition. A cancelled call is carried out.

        Of two calls for one source partition the later counts. All or none survive a crash where the topic has one
        partition, see `offset.storage.partitions`.
        """
        if self._fallback is not None:
            # What is forgotten here would be found there: there first, as in Kafka (KAFKA-15018).
            await self._fallback.put(connector, [(partition, None) for partition, offset in offsets if offset is None])
        await self._topic.put(self._entries(connector, offsets), timestamp_ms=self._clock_ms())
        await self.copy(connector, [(partition, offset) for partition, offset in offsets if offset is not None])

    async def put_within(self, producer: Producer, connector: str, offsets: Sequence[SourceOffset]) -> Written:
        """Append offsets within a producer's open transaction. They count once `committed` of the result was called.

        `copy` them then, now and again.
        """
        entries = self._entries(connector, offsets)
        return await self._topic.append_within(producer, entries, owner=connector, timestamp_ms=self._clock_ms())

    async def copy(self, connector: str, offsets: Sequence[SourceOffset]) -> None:
        """Bring offsets that are committed here to the store behind this one. A failure is logged: here they are."""
        if self._fallback is None or not offsets:
            return
        try:
            await self._fallback.put(connector, offsets)
        except ConnectError as error:
            logger.warning(
                "offsets of connector %s are committed to %s and were not copied to %s: %s",
                connector,
                self.topic,
                self._fallback.topic,
                error.message,
            )

    async def settle(self, connector: str, *, within_s: float = SETTLED_WITHIN_S) -> None:
        """Find out what became of a connector's offsets in transactions of which nobody told the outcome.

        Raises:
            EnvironmentFault: A transaction stays open, or the disk is at work, for longer than `within_s`.
        """
        if self._fallback is not None:  # its last commit there may be one that nobody told
            await self._fallback.settle(connector, within_s=within_s)
        await self._topic.settle(connector, within_s=within_s)

    async def copy_missing(self, connector: str) -> None:
        """Copy what is committed here and is another, or none, in the store behind.

        A process that was killed in between copied nothing.
        """
        if self._fallback is not None:
            own, behind = self._own(connector), self._fallback
            await self.copy(connector, [(at, offset) for at, offset in own if behind.get(connector, at) != offset])

    def _own(self, connector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return what this topic has of a connector."""
        return [
            (key[1], orjson.loads(value))
            for stored, value in self._topic.items()
            if (key := orjson.loads(stored))[0] == connector
        ]

    def _entries(self, connector: str, offsets: Sequence[SourceOffset]) -> dict[bytes, bytes | None]:
        entries: dict[bytes, bytes | None] = {}
        for partition, offset in offsets:
            plain = orjson.dumps([connector, dict(partition)])
            stored = self._stored_key.setdefault(_canonical(connector, partition), plain)
            entries[stored] = None if offset is None else orjson.dumps(dict(offset))
        return entries


def _canonical(connector: str, partition: Mapping[str, Any]) -> bytes:
    return orjson.dumps([connector, dict(partition)], option=orjson.OPT_SORT_KEYS)
