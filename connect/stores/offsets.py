"""Source offsets, in Kafka Connect's shape: key `["connector",{partition}]`, value `{offset}`, null: forgotten."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from connect.api import ConnectError
from connect.ports import Producer
from connect.stores.compacted import CompactedTopic
from connect.stores.unsettled import SETTLED_WITHIN_S, Written

logger = logging.getLogger(__name__)

#: A source partition with its offset; None where it is to be forgotten.
SourceOffset = tuple[Mapping[str, Any], Mapping[str, Any] | None]

#: How far a record may be ahead of the clock: half of what `message.timestamp.after.max.ms` allows where nobody set it.
_AHEAD_MAX_MS: Final = 1_800_000


class _Known(NamedTuple):
    """What a topic knows of a source partition: an offset as it is stored, None where it is forgotten, and its age."""

    stamp: int
    value: bytes | None


_NOTHING: Final = _Known(-1, None)


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

    A connector may keep its offsets in a topic of its own (KIP-618, `offsets.storage.topic`), give it up, and come
    back. Of what its own topic and the worker's have, the newer counts; Kafka Connect takes its own in any case, and so
    goes back to where the connector left it. What is committed goes to the worker's too, behind it: so a connector that
    gives up its own topic goes on there.

    How old an offset is says its record's timestamp; a copy has that of its original, and what is written is newer than
    what is known of its partition, whatever the clock says.

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
        topic.on_change = self._heed

    @property
    def topic(self) -> str:
        """The topic that the offsets are in."""
        return self._topic.topic

    def load(self) -> None:
        """Index what the topic holds, and what is known to be forgotten; call after the topic was opened."""
        for stored in (*self._topic.deleted(), *(key for key, _ in self._topic.items())):
            self._heed(stored)

    def _heed(self, stored: bytes) -> None:
        """Know a key by which the topic has a source partition; of several the newest."""
        if problem_of(stored, b"{}") is not None:  # a tombstone may have any key
            return
        canonical = _canonical(*orjson.loads(stored))
        before = self._stored_key.get(canonical)
        if before is None or (self._topic.stamp(before) or 0) <= (self._topic.stamp(stored) or 0):
            self._stored_key[canonical] = stored

    def get(self, connector: str, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the committed offset of a source partition, None where there is none."""
        value = self._newest(_canonical(connector, partition)).value
        return None if value is None else orjson.loads(value)

    def all(self, connector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return each source partition of a connector with its offset."""
        own = self._partitions(connector)
        behind = {} if self._fallback is None else self._fallback._partitions(connector)
        known = {key: partition for key, partition in behind.items() if key not in own} | own
        newest = ((partition, self._newest(key).value) for key, partition in known.items())
        return [(partition, orjson.loads(value)) for partition, value in newest if value is not None]

    async def put(self, connector: str, offsets: Sequence[SourceOffset]) -> None:
        """Store offsets durably, all in one batch; None forgets a partition. A cancelled call is carried out.

        Of two calls for one source partition the later counts. All or none survive a crash where the topic has one
        partition, see `offset.storage.partitions`.
        """
        offsets = _last_of_each(offsets)
        stamps = self._stamps(connector, offsets)
        if (behind := self._fallback) is not None:
            # What is forgotten here would be found there: there first, as in Kafka (KAFKA-15018), and just as old, so
            # that whatever is written there later is newer than both.
            gone = [
                (partition, stamp) for (partition, offset), stamp in zip(offsets, stamps, strict=True) if offset is None
            ]
            entries = behind._entries(connector, [(partition, None) for partition, _ in gone])
            await behind._topic.put(entries, timestamp_ms=[stamp for _, stamp in gone])
        await self._topic.put(self._entries(connector, offsets), timestamp_ms=stamps)
        await self.copy(connector, [(partition, offset) for partition, offset in offsets if offset is not None])

    async def put_within(self, producer: Producer, connector: str, offsets: Sequence[SourceOffset]) -> Written:
        """Append offsets within a producer's open transaction. They count once `committed` of the result was called.

        `copy` them then, now and again.
        """
        offsets = _last_of_each(offsets)
        entries, stamps = self._entries(connector, offsets), self._stamps(connector, offsets)
        return await self._topic.append_within(producer, entries, owner=connector, timestamp_ms=stamps)

    async def copy(self, connector: str, offsets: Sequence[SourceOffset]) -> None:
        """Bring offsets that are committed here, and not forgotten since, to the store behind this one.

        A failure is logged: here they are.
        """
        if (behind := self._fallback) is None:
            return
        known = [(offset, self._own(_canonical(connector, offset[0]))) for offset in _last_of_each(offsets)]
        kept = [(offset, own.stamp) for offset, own in known if own.value is not None or own is _NOTHING]
        stamps = [stamp if stamp >= 0 else self._clock_ms() for _, stamp in kept]
        try:
            await behind._topic.put(behind._entries(connector, [offset for offset, _ in kept]), timestamp_ms=stamps)
        except ConnectError as error:
            logger.warning(
                "offsets of connector %s are committed to %s and were not copied to %s: %s",
                connector,
                self.topic,
                behind.topic,
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
        """Copy what is committed here and is newer than what the store behind has.

        A process that was killed in between copied nothing.
        """
        if (behind := self._fallback) is None:
            return
        missing = [
            (partition, orjson.loads(own.value))
            for key, partition in self._partitions(connector).items()
            if (own := self._own(key)).value is not None and own.stamp > behind._own(key).stamp
        ]
        await self.copy(connector, missing)

    def _own(self, canonical: bytes) -> _Known:
        """Return what this topic knows of a source partition."""
        stored = self._stored_key.get(canonical)
        stamp = None if stored is None else self._topic.stamp(stored)
        return _NOTHING if stored is None or stamp is None else _Known(stamp, self._topic.get(stored))

    def _newest(self, canonical: bytes) -> _Known:
        own = self._own(canonical)
        behind = _NOTHING if self._fallback is None else self._fallback._own(canonical)
        return own if own.stamp >= behind.stamp else behind

    def _partitions(self, connector: str) -> dict[bytes, dict[str, Any]]:
        """Return the source partitions of a connector that this topic knows, by their canonical keys."""
        named = ((canonical, orjson.loads(stored)) for canonical, stored in self._stored_key.items())
        return {canonical: key[1] for canonical, key in named if key[0] == connector}

    def _stamps(self, connector: str, offsets: Sequence[SourceOffset]) -> list[int]:
        """Return how old offsets are that are written now: newer than what is known of their partitions, as far as the
        log takes it of a clock that was set back."""
        now_ms = self._clock_ms()
        after = (self._newest(_canonical(connector, partition)).stamp + 1 for partition, _ in offsets)
        return [max(now_ms, min(stamp, now_ms + _AHEAD_MAX_MS)) for stamp in after]

    def _entries(self, connector: str, offsets: Sequence[SourceOffset]) -> dict[bytes, bytes | None]:
        entries: dict[bytes, bytes | None] = {}
        for partition, offset in offsets:
            plain = orjson.dumps([connector, dict(partition)])
            stored = self._stored_key.setdefault(_canonical(connector, partition), plain)
            entries[stored] = None if offset is None else orjson.dumps(dict(offset))
        return entries


def _last_of_each(offsets: Sequence[SourceOffset]) -> list[SourceOffset]:
    """Return one offset of each source partition, the last: a batch holds a key once."""
    return list({_canonical("", partition): (partition, offset) for partition, offset in offsets}.values())


def _canonical(connector: str, partition: Mapping[str, Any]) -> bytes:
    return orjson.dumps([connector, dict(partition)], option=orjson.OPT_SORT_KEYS)
