"""Reading queues: in order, up to where they end when the reading begins, a bounded part at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from connect.api import ConfigError, NotFoundError
from connect.ports import Cluster
from connect.records import FetchedBatch, TopicPartition
from connect.runtime.dead_letters.letters import Letter, letters_of

#: Letters of one step of work. One batch of the log may hold many more.
STEP: Final = 500
_STEP_BYTES: Final = 1 << 20

#: A partition, where to go on behind the step, and its letters.
Step = tuple[TopicPartition, int, list[Letter]]


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue as it was when it was looked at.

    Attributes:
        starts, ends: Of each partition: the first offset, and that behind the last.
    """

    name: str
    topic_id: str
    starts: Mapping[int, int]
    ends: Mapping[int, int]

    @property
    def size(self) -> int:
        """Letters, or somewhat more: offsets are counted."""
        return sum(end - self.starts[number] for number, end in self.ends.items())


@dataclass(slots=True)
class Bounds:
    """How much of a queue one request reads."""

    letters: int
    seconds: float
    began: float = 0.0

    def begin(self) -> None:
        """Let time count from now on."""
        self.began = time.monotonic()

    @property
    def is_reached(self) -> bool:
        """Whether no further step is to begin."""
        return self.letters <= 0 or time.monotonic() - self.began >= self.seconds


async def look(cluster: Cluster, name: str) -> Queue:
    """Return a queue.

    Raises:
        UnknownTopicOrPartitionError: There is no such topic.
        ConfigError: It is internal, and so nobody's queue.
    """
    info = await cluster.admin.describe_topic(name)
    if info.internal:
        raise ConfigError(f"topic {name!r} is internal, and no dead letter queue", code="request.invalid")
    return Queue(
        name,
        info.topic_id,
        {p.partition: p.log_start_offset for p in info.partitions},
        {p.partition: p.last_stable_offset for p in info.partitions},
    )


async def steps(cluster: Cluster, queue: Queue, start: Mapping[int, int]) -> AsyncIterator[Step]:
    """Yield partition, where to go on behind the step, and its letters.

    Args:
        start: Where to begin in each partition; at its first offset where it is left out.
    """
    for number in sorted(queue.ends):
        at, end = TopicPartition(queue.name, number), queue.ends[number]
        offset = max(start.get(number, 0), queue.starts[number])
        while offset < end:
            batches = await cluster.admin.fetch(at, offset, max_bytes=_STEP_BYTES, isolation="read_committed")
            if not batches:
                break
            for batch in batches:
                for first in range(0, len(batch), STEP):
                    part = _cut(batch, first, first + STEP)
                    found = await asyncio.to_thread(lambda part=part: list(letters_of(part)))  # type: ignore[misc]
                    yield at, part.next_offset, [letter for letter in found if offset <= letter.offset < end]
                offset = batch.next_offset


def _cut(batch: FetchedBatch, start: int, stop: int) -> FetchedBatch:
    if start == 0 and stop >= len(batch):
        return batch
    following = batch.next_offset if stop >= len(batch) else batch.offsets[stop]
    columns = batch.columns.cut(start, stop)
    return FetchedBatch(batch.topic, batch.partition, batch.offsets[start:stop], columns, following)


async def one(cluster: Cluster, queue: Queue, partition: int, offset: int) -> Letter:
    """Return one letter.

    Raises:
        NotFoundError: There is none at that place.
    """
    if partition in queue.ends and queue.starts[partition] <= offset < queue.ends[partition]:
        at = TopicPartition(queue.name, partition)
        for batch in await cluster.admin.fetch(at, offset, max_bytes=1, isolation="read_committed"):
            if offset in batch.offsets:
                index = batch.offsets.index(offset)
                return next(iter(letters_of(_cut(batch, index, index + 1))))
            if batch.offsets and batch.offsets[0] > offset:
                break
    filled = [(number, queue.starts[number], end) for number, end in queue.ends.items() if end > queue.starts[number]]
    spans = ", ".join(f"{number}@{start} to {end - 1}" for number, start, end in filled)
    raise NotFoundError(
        f"queue {queue.name!r} has no letter {partition}@{offset}; there are {spans or 'none'}",
        hint="List them with 'connect dlq list TOPIC'.",
    )


def cursor_of(text: str | None) -> dict[int, int]:
    """Read where a request goes on: PARTITION:OFFSET,... as the answer before said.

    Raises:
        ConfigError: It is no such text.
    """
    if not text:
        return {}
    found = {}
    for part in text.split(","):
        number, colon, offset = part.partition(":")
        if not (colon and _is_number(number) and _is_number(offset)):
            raise ConfigError(f"from is {text[:60]!r}; 'next' of the answer before is expected", code="request.invalid")
        found[int(number)] = int(offset)
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def cursor_text(queue: Queue, reached: Mapping[int, int]) -> str | None:
    """Return where to go on; None where all is read."""
    if all(reached.get(number, queue.starts[number]) >= end for number, end in queue.ends.items()):
        return None
    return ",".join(f"{number}:{reached.get(number, queue.starts[number])}" for number in sorted(queue.ends))
