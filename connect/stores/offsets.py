"""Source offsets, in Kafka Connect's shape: key `["connector",{partition}]`, value `{offset}`, null: forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from connect.stores.compacted import CompactedTopic


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
    """The committed source offsets of every connector. Reading never waits: all are in memory. For the event loop."""

    def __init__(self, topic: CompactedTopic, clock_ms: Callable[[], int]) -> None:
        self._topic = topic
        self._clock_ms = clock_ms
        # A Java worker writes a partition's members in another order; the stored bytes are kept, so that a newer
        # offset replaces the older one in the topic too.
        self._stored_key: dict[bytes, bytes] = {}

    def load(self) -> None:
        """Index what the topic holds; call after the topic was opened."""
        for stored, _ in self._topic.items():
            connector, partition = orjson.loads(stored)
            self._stored_key[_canonical(connector, partition)] = stored

    def get(self, connector: str, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the committed offset of a source partition, None where there is none."""
        stored = self._stored_key.get(_canonical(connector, partition))
        value = None if stored is None else self._topic.get(stored)
        return None if value is None else orjson.loads(value)

    def all(self, connector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return each source partition of a connector with its offset."""
        found = ((orjson.loads(key), value) for key, value in self._topic.items())
        return [(key[1], orjson.loads(value)) for key, value in found if key[0] == connector]

    async def put(self, connector: str, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> None:
        """Store offsets durably, all in one batch; None forgets a partition. A cancelled call is carried out.

        Of two calls for one source partition the later counts. All or none survive a crash where the topic has one
        partition, see `offset.storage.partitions`.
        """
        entries: dict[bytes, bytes | None] = {}
        for partition, offset in offsets:
            plain = orjson.dumps([connector, dict(partition)])
            stored = self._stored_key.setdefault(_canonical(connector, partition), plain)
            entries[stored] = None if offset is None else orjson.dumps(dict(offset))
        await self._topic.put(entries, timestamp_ms=self._clock_ms())


def _canonical(connector: str, partition: Mapping[str, Any]) -> bytes:
    return orjson.dumps([connector, dict(partition)], option=orjson.OPT_SORT_KEYS)
