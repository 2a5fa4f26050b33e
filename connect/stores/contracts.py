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
from connect.stores.schema_texts import as_document, of_document

#: How many schemas are kept that were accepted before the newest.
EARLIER_MAX: Final = 50


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
        return cls(connector, topic, version, str(claim))

    @property
    def stored(self) -> bytes:
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


class ContractStore:
    """The store of one worker. Reading never waits: all is in memory. For the event loop, but for `get` and
    `generation`, which are for any thread.

    Attributes:
        generation: Another number with each change, of whatever connector.
    """

    def __init__(self, topic: CompactedTopic, clock_ms: Callable[[], int]) -> None:
        self.generation = 0
        self._topic = topic
        self._clock_ms = clock_ms
        self._opening = asyncio.Lock()
        #: Who learns in this worker, one after the other.
        self._learning = asyncio.Lock()
        self._is_open = False
        #: What counts, by connector and topic; replaced as a whole, since threads look.
        self._known: dict[tuple[str, str], Known] = {}
        #: Claims of our own of which it is not known yet whether they count.
        self._pending: set[bytes] = set()
        topic.on_change = lambda _key: self._look()

    @property
    def topic(self) -> str:
        """The topic's name."""
        return self._topic.topic

    async def exists(self) -> bool:
        """Whether any contract was ever learned: whether there is a topic of them."""
        return self._is_open or await self._topic.exists()

    async def open(self) -> None:
        """Read the topic, which is made where it is missing; once. What others have written is there then.

        Raises:
            ConfigError: It is not compacted, or has several partitions.
            EnvironmentFault: It cannot be read just now.
            CorruptBatchError: A stored batch is damaged.
        """
        async with self._opening:
            if not self._is_open:
                await self._topic.open()
                self._is_open = True
            else:
                await self._topic.catch_up()
            self._look()

    async def aclose(self) -> None:
        """Release the topic. Safe without `open`."""
        await self._topic.aclose()

    def get(self, connector: str, topic: str) -> Known | None:
        """Return what is known of a topic of a connector."""
        return self._known.get((connector, topic))

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

        Returns:
            What is known now; the caller compares again where that is not what it has learned.
        """
        async with self._learning:
            before = self.get(connector, topic)
            if (before.version if before is not None else 0) == after:
                await self._claim(connector, topic, schema, after=after, by=by, earlier=earlier)
        return self.get(connector, topic)

    async def _claim(
        self, connector: str, topic: str, schema: Schema, *, after: int, by: str, earlier: Sequence[Schema]
    ) -> None:
        key = _Key(connector, topic, after + 1, uuid.uuid4().hex[:12])
        body = {"schema": as_document(schema), "at": self._clock_ms(), "by": by}
        if earlier:
            body["earlier"] = [as_document(one) for one in earlier[-EARLIER_MAX:]]
        self._pending.add(key.stored)
        try:
            await self._topic.put({key.stored: orjson.dumps(body)}, timestamp_ms=self._clock_ms())
            await self._topic.catch_up()  # who was faster is in memory then
        finally:
            self._pending.discard(key.stored)
            self._look()
        await self._forget_others(connector, topic)

    async def forget(self, connector: str, topic: str | None = None) -> list[str]:
        """Forget a topic of a connector, or all of them, durably; return which."""
        gone = [key for key in self._keys() if key.connector == connector and topic in (None, key.topic)]
        await self._delete(gone)
        return sorted({key.topic for key in gone})

    async def _forget_others(self, connector: str, topic: str) -> None:
        """Delete the claims and versions of a topic that do not count."""
        claims = [key for key in self._keys() if (key.connector, key.topic) == (connector, topic)]
        first = self._first(claims)
        await self._delete([key for key in claims if key is not first and key.stored not in self._pending])

    async def _delete(self, keys: Sequence[_Key]) -> None:
        await self._topic.put({key.stored: None for key in keys}, timestamp_ms=self._clock_ms())
        self._look()

    def _keys(self) -> list[_Key]:
        return [_Key.of(stored) for stored, _ in self._topic.items()]

    def _first(self, claims: Sequence[_Key]) -> _Key | None:
        """Return the claim that counts: of the newest version that which lies in front."""
        settled = [key for key in claims if key.stored not in self._pending]
        if not settled:
            return None
        newest = max(key.version for key in settled)
        return min((key for key in settled if key.version == newest), key=lambda key: self._topic.order(key.stored))

    def _look(self) -> None:
        """Know what the topic says now. Changes are rare, and connectors with contracts few."""
        claims: dict[tuple[str, str], list[_Key]] = {}
        for key in self._keys():
            claims.setdefault((key.connector, key.topic), []).append(key)
        found: dict[tuple[str, str], Known] = {}
        for place, keys in claims.items():
            first = self._first(keys)
            value = None if first is None else self._topic.get(first.stored)
            if first is None or value is None:
                continue
            before = self._known.get(place)
            made = _known(first.version, value)
            found[place] = before if before == made else made
        if found != self._known:
            self._known = found
            self.generation += 1
