"""What is known of the values of each connector's topics: what its schema contract holds records against.

| key                                 | value                                                                |
|-------------------------------------|----------------------------------------------------------------------|
| ["CONNECTOR","TOPIC",VERSION,CLAIM] | {"schema", "at", "by", "earlier"}; null: a version that was replaced |

Several tasks, of several workers, learn of a topic at the same time. Each writes what it has learned as the next
version, under a claim of its own; of two claims of one version that which lies in front in the topic counts, and
compaction keeps both until the other is deleted, so that all who read agree. Whoever lost looks at what counts, and
compares again.

The topic is opened when it is first asked for: a worker without contracts has no topic of them. The format is ours: a
worker of Kafka Connect's neither reads nor writes it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from connect.api import DataError, Schema
from connect.stores.compacted import CompactedTopic
from connect.stores.schema_texts import of_document, text_of

#: How many schemas are kept that were accepted before the newest.
EARLIER_MAX: Final = 50
#: What they may take of a record, in bytes: a topic takes 1 MiB, and the newest schema needs room.
EARLIER_BYTES_MAX: Final = 400_000
#: So that the next one is a number of JSON's.
_VERSION_MAX: Final = 1 << 53


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a topic.

    Attributes:
        version: From 1 on; one more with each change.
        at: When it was learned, ms since the epoch.
        by: Who has: `task N`, or a user.
        earlier: What was accepted before, the newest last; of connectors with `schema.compatibility` alone.
    """

    version: int
    schema: Schema
    at: int
    by: str
    earlier: tuple[Schema, ...] = ()


@dataclass(frozen=True, slots=True)
class _Key:
    connector: str
    topic: str
    version: int
    claim: str

    @classmethod
    def of(cls, key: bytes) -> _Key:
        connector, topic, version, claim = orjson.loads(key)
        if not (isinstance(connector, str) and isinstance(topic, str) and type(version) is int):
            raise ValueError("a connector, a topic and a version are expected")
        if not 0 < version < _VERSION_MAX or not isinstance(claim, str):
            raise ValueError("a version from 1 on and the name of a claim are expected")
        return cls(connector, topic, version, claim)

    @property
    def place(self) -> tuple[str, str]:
        """The connector and the topic."""
        return self.connector, self.topic

    @property
    def stored(self) -> bytes:
        """As the topic has it."""
        return orjson.dumps([self.connector, self.topic, self.version, self.claim])


def problem_of(key: bytes, value: bytes) -> str | None:
    """Say why a record of the topic does not count, None where it does."""
    try:
        _Key.of(key)
        _known(1, value)
    except (ValueError, TypeError, KeyError, DataError) as error:
        return f"it is not the store's: {error}"
    return None


def _known(version: int, value: bytes) -> Known:
    body = orjson.loads(value)
    if not isinstance(body, dict):
        raise ValueError("an object is expected")
    earlier = tuple(of_document(node) for node in body.get("earlier", ()))
    return Known(version, of_document(body["schema"]), int(body["at"]), str(body["by"]), earlier)


def _newest(schemas: Sequence[Schema]) -> list[orjson.Fragment]:
    """Return of schemas as many as are kept: those at the end, in their order."""
    found: list[bytes] = []
    size = 0
    for schema in reversed(schemas[-EARLIER_MAX:]):
        text = text_of(schema)
        size += len(text)
        if size > EARLIER_BYTES_MAX:
            break
        found.append(text)
    return [orjson.Fragment(text) for text in reversed(found)]


class ContractStore:
    """The store of one worker. Reading never waits: all is in memory. For the event loop, but for `get` and
    `generation`, which are for any thread."""

    def __init__(self, topic: CompactedTopic, clock_ms: Callable[[], int]) -> None:
        self._topic = topic
        self._clock_ms = clock_ms
        self._opening = asyncio.Lock()
        #: Who learns in this worker, one after the other.
        self._learning = asyncio.Lock()
        self._is_open = False
        #: The claims that are in the topic, and what counts of them, by connector and topic.
        self._claims: dict[tuple[str, str], dict[bytes, _Key]] = {}
        self._known: dict[tuple[str, str], Known] = {}
        self._generations: dict[str, int] = {}
        #: Claims of our own of which it is not known yet whether they count.
        self._pending: set[bytes] = set()
        topic.on_change = self._heed

    @property
    def topic(self) -> str:
        """The topic's name."""
        return self._topic.topic

    async def exists(self) -> bool:
        """Whether any contract was ever learned: whether there is a topic of them."""
        return self._is_open or await self._topic.exists()

    async def open(self) -> None:
        """Read the topic, which is made where it is missing; once. What others have written is there then. Where it
        was deleted since, what is known is written to a new one.

        Raises:
            ConfigError: It is not compacted, or has several partitions.
            EnvironmentFault: It cannot be read just now.
            CorruptBatchError: A stored batch is damaged.
        """
        async with self._opening:
            if self._is_open:
                if not await self._topic.exists():  # else no task that is started again could learn any more
                    await self._topic.make_again()
                await self._topic.catch_up()
                return
            await self._topic.open()
            for stored, _ in self._topic.items():
                self._heed(stored)
            self._is_open = True

    async def aclose(self) -> None:
        """Release the topic. Safe without `open`."""
        await self._topic.aclose()

    def get(self, connector: str, topic: str) -> Known | None:
        """Return what is known of a topic of a connector."""
        return self._known.get((connector, topic))

    def generation(self, connector: str) -> int:
        """Return a number that is another one with each change of a connector's."""
        return self._generations.get(connector, 0)

    def all(self, connector: str) -> dict[str, Known]:
        """Return what is known of each topic of a connector, by name."""
        return {topic: known for (name, topic), known in sorted(self._known.items()) if name == connector}

    async def learn(
        self, connector: str, topic: str, schema: Schema, *, after: int, by: str, earlier: Sequence[Schema] = ()
    ) -> Known | None:
        """Know another schema of a topic from now on, durably, unless somebody was faster. A cancelled call may be
        carried out.

        Args:
            after: The version that it comes after; 0 where nothing is known.

        Raises:
            DataError: The schema cannot be kept; see `text_of`.

        Returns:
            What is known now; the caller compares again where that is not what it has learned.
        """
        async with self._learning:
            before = self.get(connector, topic)
            if (before.version if before is not None else 0) == after:
                body = {"schema": orjson.Fragment(text_of(schema)), "at": self._clock_ms(), "by": by}
                if earlier:
                    body["earlier"] = _newest(earlier)
                await self._claim(_Key(connector, topic, after + 1, uuid.uuid4().hex[:12]), orjson.dumps(body))
        return self.get(connector, topic)

    async def _claim(self, key: _Key, value: bytes) -> None:
        self._pending.add(key.stored)
        try:
            await self._topic.put({key.stored: value}, timestamp_ms=self._clock_ms())
            await self._topic.catch_up()  # who was faster is in memory then
        finally:
            self._pending.discard(key.stored)
            self._heed(key.stored)
        first = self._first(key.place)
        await self._delete([claim for claim in self._claims.get(key.place, {}).values() if claim is not first])

    async def forget(self, connector: str, topic: str | None = None) -> list[str]:
        """Forget a topic of a connector, or all of them, durably; return which."""
        gone = [
            key
            for place, claims in self._claims.items()
            if place[0] == connector and topic in (None, place[1])
            for key in claims.values()
        ]
        await self._delete(gone)
        return sorted({key.topic for key in gone})

    async def _delete(self, keys: Sequence[_Key]) -> None:
        """Delete claims: those that do not count, or all."""
        await self._topic.put({key.stored: None for key in keys}, timestamp_ms=self._clock_ms())
        for key in keys:
            self._heed(key.stored)

    def _heed(self, stored: bytes) -> None:
        """Know what the topic says by now of a claim, and by that of its topic."""
        try:
            key = _Key.of(stored)
        except (ValueError, TypeError):  # a tombstone may have any key
            return
        claims = self._claims.setdefault(key.place, {})
        if self._topic.get(stored) is None:
            claims.pop(stored, None)
        else:
            claims.setdefault(stored, key)
        first = self._first(key.place)
        value = None if first is None else self._topic.get(first.stored)
        found = None if first is None or value is None else _known(first.version, value)
        if found == self._known.get(key.place):
            return
        if found is None:
            self._known.pop(key.place, None)
        else:
            self._known[key.place] = found
        self._generations[key.connector] = self.generation(key.connector) + 1

    def _first(self, place: tuple[str, str]) -> _Key | None:
        """Return the claim that counts: of the newest version that which lies in front."""
        settled = [key for stored, key in self._claims.get(place, {}).items() if stored not in self._pending]
        newest = max((key.version for key in settled), default=0)
        found = [key for key in settled if key.version == newest]
        if len(found) > 1:
            return min(found, key=lambda key: self._topic.order(key.stored))
        return found[0] if found else None
