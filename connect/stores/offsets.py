"""Source offsets, in Kafka Connect's shape: key `["connector",{partition}]`, value `{offset}`, null: forgotten.

A Java worker looks for the very bytes of a key, with the members of the partition in the order of a HashMap, so a new
key is written in these (`key_of`). What another hand wrote otherwise is one partition all the same, and each spelling
of it gets what is written from then on: whoever reads any of them goes on at the same place.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from connect.api import ConnectError
from connect.api.java import java_text
from connect.ports import Producer
from connect.stores.compacted import CompactedTopic
from connect.stores.unsettled import SETTLED_WITHIN_S, Written

logger = logging.getLogger(__name__)

#: A source partition with its offset; None where it is to be forgotten.
SourceOffset = tuple[Mapping[str, Any], Mapping[str, Any] | None]

#: An escaped control character: Jackson writes its digits in capitals. What else begins with a backslash is passed by.
_ESCAPE: Final = re.compile(r"\\(?:u[0-9a-f]{4}|.)")
#: What UTF-16 has two units for: Jackson writes both as escapes.
_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")

#: How far a record may be ahead of the clock: half of what `message.timestamp.after.max.ms` allows where nobody set it.
_AHEAD_MAX_MS: Final = 1_800_000


class _Known(NamedTuple):
    """What a topic knows of a source partition: an offset as it is stored, None where it is forgotten, and its age."""

    stamp: int
    value: bytes | None


_NOTHING: Final = _Known(-1, None)
#: A forgotten offset, as workers before Kafka 2.4 wrote it.
_NULL: Final = b"null"


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
        if not isinstance(offset, dict | None):
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
        #: The keys of each source partition in the topic, by its canonical one.
        self._spellings: dict[bytes, list[bytes]] = {}
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
        """Know a key by which the topic has a source partition."""
        if problem_of(stored, b"{}") is not None:  # a tombstone may have any key
            return
        spellings = self._spellings.setdefault(_canonical(*orjson.loads(stored)), [])
        if stored not in spellings:
            spellings.append(stored)

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

    def positions(self, *, most: int) -> dict[str, bytes]:
        """Return the offset that each connector committed last, as JSON; nothing where there are more than `most`
        source partitions: this looks at each. Reads this topic alone, to which what is committed goes in any case."""
        if len(self._spellings) > most:
            return {}
        found: dict[str, tuple[int, bytes]] = {}
        for stored in self._spellings.values():
            stamp, value = self._topic.stamp(stored[0]), self._topic.get(stored[0])
            if stamp is None or value is None or value == _NULL:
                continue
            connector = orjson.loads(stored[0])[0]
            if connector not in found or stamp >= found[connector][0]:
                found[connector] = (stamp, value)
        return {connector: value for connector, (_, value) in found.items()}

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
            await behind._put(connector, [(partition, None) for partition, _ in gone], [stamp for _, stamp in gone])
        await self._put(connector, offsets, stamps)
        await self.copy(connector, [(partition, offset) for partition, offset in offsets if offset is not None])

    async def put_within(self, producer: Producer, connector: str, offsets: Sequence[SourceOffset]) -> Written:
        """Append offsets within a producer's open transaction. They count once `committed` of the result was called.

        `copy` them then, now and again.
        """
        offsets = _last_of_each(offsets)
        entries, stamps = self._entries(connector, offsets, self._stamps(connector, offsets))
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
            await behind._put(connector, [offset for offset, _ in kept], stamps)
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
        newest = _NOTHING
        for stored in self._spellings.get(canonical, ()):
            stamp = self._topic.stamp(stored)
            if stamp is not None and stamp >= newest.stamp:
                value = self._topic.get(stored)
                newest = _Known(stamp, None if value == _NULL else value)
        return newest

    def _newest(self, canonical: bytes) -> _Known:
        own = self._own(canonical)
        behind = _NOTHING if self._fallback is None else self._fallback._own(canonical)
        return own if own.stamp >= behind.stamp else behind

    def _partitions(self, connector: str) -> dict[bytes, dict[str, Any]]:
        """Return the source partitions of a connector that this topic knows, by their canonical keys."""
        named = ((canonical, orjson.loads(stored[0])) for canonical, stored in self._spellings.items())
        return {canonical: key[1] for canonical, key in named if key[0] == connector}

    def _stamps(self, connector: str, offsets: Sequence[SourceOffset]) -> list[int]:
        """Return how old offsets are that are written now: newer than what is known of their partitions, as far as the
        log takes it of a clock that was set back."""
        now_ms = self._clock_ms()
        after = (self._newest(_canonical(connector, partition)).stamp + 1 for partition, _ in offsets)
        return [max(now_ms, min(stamp, now_ms + _AHEAD_MAX_MS)) for stamp in after]

    def _entries(
        self, connector: str, offsets: Sequence[SourceOffset], stamps: Sequence[int]
    ) -> tuple[dict[bytes, bytes | None], list[int]]:
        """Return what is written of offsets, in each spelling of their partitions, with a timestamp each."""
        entries: dict[bytes, bytes | None] = {}
        ages: list[int] = []
        for (partition, offset), stamp in zip(offsets, stamps, strict=True):
            value = None if offset is None else orjson.dumps(dict(offset))
            canonical = _canonical(connector, partition)
            if canonical not in self._spellings:
                self._spellings[canonical] = [key_of(connector, partition)]
            for stored in self._spellings[canonical]:
                entries[stored] = value
                ages.append(stamp)
        return entries, ages

    async def _put(self, connector: str, offsets: Sequence[SourceOffset], stamps: Sequence[int]) -> None:
        entries, ages = self._entries(connector, offsets, stamps)
        await self._topic.put(entries, timestamp_ms=ages)


def _last_of_each(offsets: Sequence[SourceOffset]) -> list[SourceOffset]:
    """Return one offset of each source partition, the last: a batch holds a key once."""
    return list({_canonical("", partition): (partition, offset) for partition, offset in offsets}.values())


def _canonical(connector: str, partition: Mapping[str, Any]) -> bytes:
    return orjson.dumps([connector, dict(partition)], option=orjson.OPT_SORT_KEYS)


def key_of(connector: str, partition: Mapping[str, Any]) -> bytes:
    """Return the key that a Java worker writes and looks for, to the byte.

    That holds for partitions of one or more members whose names fall into different buckets of the HashMap; where they
    share one, their order is that in which the connector put them in, here and there.
    """
    return f"[{_json(connector)},{_json(partition)}]".encode()


def _json(value: Any) -> str:
    """Return a value as Jackson writes it."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_json(name)}:{_json(value[name])}" for name in _in_hash_order(value)) + "}"
    if isinstance(value, float):
        return java_text(value)
    text = orjson.dumps(value).decode()
    if "\\u" in text:
        text = _ESCAPE.sub(lambda escape: escape[0][:2] + escape[0][2:].upper(), text)
    return text if text.isascii() else _ASTRAL.sub(lambda found: _surrogates(found[0]), text)


def _surrogates(character: str) -> str:
    high, low = divmod(ord(character) - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04X}\\u{0xDC00 + low:04X}"


def _in_hash_order(names: Iterable[str]) -> list[str]:
    """Return names in the order in which a java.util.HashMap that grew with them gives them."""
    known = list(names)
    buckets = 16
    while len(known) > buckets * 3 // 4:
        buckets *= 2
    return sorted(known, key=lambda name: _spread(name) & (buckets - 1))


def _spread(name: str) -> int:
    """Return String.hashCode of a name, mixed as HashMap does."""
    units = name.encode("utf-16-be", "surrogatepass")
    code = 0
    for high, low in zip(units[::2], units[1::2], strict=True):
        code = (31 * code + (high << 8 | low)) & 0xFFFFFFFF
    return code ^ code >> 16
