"""What became of the letters of dead letter queues, replayed or discarded: beside the queues, which stay as they are.

| key                          | value                                                                             |
|------------------------------|-----------------------------------------------------------------------------------|
| page-TOPIC_ID-PARTITION-PAGE | {"queue": TOPIC, "runs": [[first offset, count, verdict, operation], ...]}        |
| operation-ID                 | {"kind", "queue", "at", "reason", "to", "until"}                                  |

A queue is any topic, which others read too, so that its records are left alone. A page tells of `PAGE` offsets, in runs
of one verdict, so that a million letters that were replayed cost some kilobytes. A queue that is deleted and made anew
has another topic id: nothing of it is settled.

The topic is opened when it is first asked for: a worker that has no dead letters has no topic of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, NamedTuple

import orjson

from connect.ports import Cluster, Producer
from connect.stores.compacted import CompactedTopic
from connect.stores.unsettled import Written

#: The log's own by its name: closed to clients' records.
TOPIC: Final = "__connect_dead_letters"
#: Offsets of one page. Some KiB where neighbours' verdicts all differ.
PAGE: Final = 1024

Kind = Literal["replayed", "discarded"]
_KINDS: Final = ("replayed", "discarded")


class Verdict(NamedTuple):
    """What became of a letter, and by which operation."""

    kind: Kind
    operation: str


@dataclass(frozen=True, slots=True)
class Settled:
    """An operation that has settled letters; it holds no record, no patch and no secret.

    Attributes:
        kind: replayed or discarded.
        at: When it began, ms since the epoch.
        reason: Why letters were discarded.
        to: The topic that letters were replayed to; None where that is the connector.
        until: When it ended; None while it runs, and where its worker was killed.
    """

    kind: str
    queue: str
    at: int
    reason: str | None = None
    to: str | None = None
    until: int | None = None


def problem_of(key: bytes, value: bytes) -> str | None:
    """Say why a record of the topic does not count, None where it does."""
    name = key.decode("utf-8", "replace")
    try:
        body = orjson.loads(value)
        if name.startswith("operation-"):
            Settled(**body)
        elif name.startswith("page-"):
            for first, count, kind, operation in body["runs"]:
                if not (type(first) is int and type(count) is int and kind in _KINDS and isinstance(operation, str)):
                    return "a run of it is none"
        else:
            return "its key is none of the store's"
    except (ValueError, TypeError, KeyError) as error:
        return f"its value is not the store's: {error}"
    return None


class Pages:
    """The verdicts on one queue. What is asked for in the order of offsets costs one page at a time."""

    def __init__(self, topic: CompactedTopic, queue: str, topic_id: str) -> None:
        self._topic = topic
        self._queue = queue
        self._topic_id = topic_id
        self._read: tuple[bytes, bytes | None, dict[int, Verdict]] = (b"", None, {})

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the queue is settled. Looks through all entries."""
        prefix = f"page-{self._topic_id}-".encode()
        return not any(key.startswith(prefix) for key, _ in self._topic.items())

    def verdict(self, partition: int, offset: int) -> Verdict | None:
        """Return what became of a letter, None where nothing did."""
        return self._page(self._key(partition, offset)).get(offset)

    def _key(self, partition: int, offset: int) -> bytes:
        return f"page-{self._topic_id}-{partition}-{offset // PAGE}".encode()

    def _page(self, key: bytes) -> dict[int, Verdict]:
        data = self._topic.get(key)
        if self._read[0] != key or self._read[1] is not data:
            self._read = (key, data, dict(_unpacked(data)))
        return self._read[2]

    def with_verdicts(self, letters: Iterable[tuple[int, int, Verdict]]) -> dict[bytes, bytes | None]:
        """Return the entries that say of letters, by partition and offset, what became of them."""
        pages: dict[bytes, dict[int, Verdict]] = {}
        for partition, offset, verdict in letters:
            key = self._key(partition, offset)
            if key not in pages:
                pages[key] = dict(self._page(key))
            pages[key][offset] = verdict
        return {key: _packed(self._queue, page) for key, page in pages.items()}


def _unpacked(data: bytes | None) -> Iterator[tuple[int, Verdict]]:
    for first, count, kind, operation in orjson.loads(data)["runs"] if data is not None else ():
        verdict = Verdict(kind, operation)
        for offset in range(first, first + min(count, PAGE)):
            yield offset, verdict


def _packed(queue: str, page: Mapping[int, Verdict]) -> bytes:
    runs: list[list[Any]] = []
    for offset, verdict in sorted(page.items()):
        if runs and runs[-1][0] + runs[-1][1] == offset and tuple(runs[-1][2:]) == verdict:
            runs[-1][1] += 1
        else:
            runs.append([offset, 1, *verdict])
    return orjson.dumps({"queue": queue, "runs": runs})


class DeadLetterStore:
    """The store of one worker. For the event loop."""

    def __init__(self, cluster: Cluster, clock_ms: Callable[[], int]) -> None:
        self._topic = CompactedTopic(cluster, TOPIC, problem=problem_of)
        self._clock_ms = clock_ms
        self._opening = asyncio.Lock()
        self._is_open = False

    async def open(self) -> None:
        """Read the topic, which is made where it is missing; once.

        Raises:
            ConfigError: It is not compacted.
            CorruptBatchError: A stored batch is damaged.
        """
        async with self._opening:
            if not self._is_open:
                await self._topic.open()
                self._is_open = True

    async def aclose(self) -> None:
        """Release the topic. Safe without `open`."""
        await self._topic.aclose()

    def pages(self, queue: str, topic_id: str) -> Pages:
        """Return the verdicts on a queue."""
        return Pages(self._topic, queue, topic_id)

    def operation(self, id_: str) -> Settled | None:
        """Return an operation that has settled letters."""
        data = self._topic.get(f"operation-{id_}".encode())
        return None if data is None else Settled(**orjson.loads(data))

    async def note(self, id_: str, told: Settled) -> None:
        """Note an operation, durably: before it settles anything, and when it has ended."""
        await self._topic.put({f"operation-{id_}".encode(): orjson.dumps(asdict(told))}, timestamp_ms=self._clock_ms())

    async def put(self, entries: Mapping[bytes, bytes | None]) -> None:
        """Write verdicts, durably and all together."""
        await self._topic.put(entries, timestamp_ms=self._clock_ms())

    async def put_within(self, producer: Producer, entries: Mapping[bytes, bytes | None], *, owner: str) -> Written:
        """Write verdicts as part of a producer's open transaction; who calls tells what became of it."""
        return await self._topic.append_within(producer, entries, owner=owner, timestamp_ms=self._clock_ms())

    async def settle(self, owner: str) -> None:
        """Find out what became of an owner's writes within transactions, where nobody has told."""
        await self._topic.settle(owner)
