"""The consumer: a share of the partitions, positions, and polls that wait for appends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

from connect.api.errors import ConfigError, LogError, OffsetOutOfRangeError, UnknownTopicOrPartitionError
from connect.api.patterns import Pattern, compile_pattern
from connect.log.fetched import decode_slice
from connect.log.groups import LogGroups
from connect.log.partition import Partition
from connect.log.reading import Cursor
from connect.log.threads import Threads
from connect.log.topics import Topic, Topics
from connect.log.wakeup import Wakeup, Wakeups
from connect.ports import FetchedBatch, Isolation, OffsetAndMetadata, Subscription, TopicPartition

W = TypeVar("W", bound=str)
Reset = Literal["latest", "earliest", "none"]
_RESETS: Final[tuple[Reset, ...]] = ("latest", "earliest", "none")
_ISOLATIONS: Final[tuple[Isolation, ...]] = ("read_uncommitted", "read_committed")

#: Kafka's max.partition.fetch.bytes: what one partition may give before the next has its turn.
_PARTITION_BYTES: Final = 1 << 20


def parse_reset(configs: Mapping[str, str]) -> Reset:
    """Return `auto.offset.reset`. Raises `ConfigError` when it is not one of Kafka's."""
    return _one_of(configs, "auto.offset.reset", _RESETS)


def parse_isolation(configs: Mapping[str, str]) -> Isolation:
    """Return `isolation.level`. Raises `ConfigError` when it is not one of Kafka's."""
    return _one_of(configs, "isolation.level", _ISOLATIONS)


def _one_of(configs: Mapping[str, str], name: str, words: tuple[W, ...]) -> W:
    """Return which of some words a config has; the first is the default."""
    text = configs.get(name, words[0])
    for word in words:
        if text == word:
            return word
    raise ConfigError(f"{name}: {text!r} is not one of {', '.join(words)}", config_path=name)


@dataclass(slots=True)
class _Assigned:
    """One partition as this consumer reads it."""

    partition: Partition
    position: int
    cursor: Cursor | None = field(default=None)
    is_paused: bool = False


def _end(partition: Partition, isolation: Isolation) -> int:
    """Return the offset at which a reader stops for now."""
    return partition.last_stable_offset if isolation == "read_committed" else partition.log_end_offset


@dataclass(frozen=True, slots=True)
class _Read:
    """What one partition gave to one poll."""

    name: TopicPartition
    from_offset: int
    batches: list[FetchedBatch]
    next_offset: int
    cursor: Cursor | None
    error: LogError | None = None


class LogConsumer:
    """See `connect.ports.Consumer` for the contract. Make it with `LogCluster.consumer`.

    A partition that appears after the consumer was made, in a new topic, is read from its beginning also with
    `auto.offset.reset=latest`: all of it is later than the subscription.
    """

    def __init__(
        self,
        topics: Topics,
        threads: Threads,
        groups: LogGroups,
        wakeups: Wakeups,
        subscription: Subscription,
        *,
        group: str | None,
        client_id: str,
        reset: Reset,
        isolation: Isolation,
    ) -> None:
        self._topics = topics
        self._threads = threads
        self._groups = groups
        self._wakeups = wakeups
        self._wakeup = Wakeup()
        self._subscription = subscription
        self._pattern = _compile(subscription.pattern)
        self._verdicts: dict[str, bool] = {}
        self._group = group
        self._client_id = client_id
        self._is_member = False
        self._reset: Reset = reset
        self._isolation: Isolation = isolation
        self._assigned: dict[TopicPartition, _Assigned] = {}
        self._version = -1
        self._is_started = False
        self._turn = 0

    async def start(self) -> None:
        """Take the first assignment, so that 'latest' means: as of now."""
        if self._group is not None:
            self._groups.joined(self._group, self._client_id)
            self._is_member = True
        try:
            await self._assign()
        except BaseException:
            await self.aclose()
            raise
        self._is_started = True

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions this member reads now."""
        return frozenset(self._assigned)

    async def poll(self, *, timeout_ms: int, max_bytes: int = 1 << 20) -> list[FetchedBatch]:
        """Return some batches; see the port."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_ms / 1000
        while True:
            seen = self._wakeup.count
            if self._version != self._topics.version:
                await self._assign()
            ready = self._ready()
            if ready:
                batches = await self._read(ready, max_bytes)
                if batches:
                    return batches
                continue
            if not await self._wakeup.wait(seen, deadline - loop.time()):
                return []

    def position(self, partition: TopicPartition) -> int:
        """Return the offset that is fetched next."""
        return self._find(partition).position

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Fetch from `offset` next."""
        assigned = self._find(partition)
        assigned.position, assigned.cursor = offset, None

    def pause(self, *partitions: TopicPartition) -> None:
        """Leave these partitions out of `poll` until resumed."""
        for partition in partitions:
            self._find(partition).is_paused = True

    def resume(self, *partitions: TopicPartition) -> None:
        """Take these partitions into `poll` again."""
        for partition in partitions:
            self._find(partition).is_paused = False
        self._wakeup.fire()

    async def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Store the group's offsets durably."""
        if self._group is None:
            raise LogError("a consumer without a group cannot commit", hint="Give the consumer a group.")
        await self._groups.commit_as_member(self._group, offsets)

    async def committed(self) -> dict[TopicPartition, OffsetAndMetadata]:
        """Return the group's offsets for the present assignment."""
        if self._group is None:
            return {}
        offsets = await self._groups.offsets(self._group)
        return {partition: offset for partition, offset in offsets.items() if partition in self._assigned}

    async def end_offsets(self) -> dict[TopicPartition, int]:
        """Return the log end offset of each assigned partition."""
        return {name: _end(assigned.partition, self._isolation) for name, assigned in self._assigned.items()}

    async def aclose(self) -> None:
        """Release, and leave the group; nothing is committed."""
        if self._is_member and self._group is not None:
            self._is_member = False
            self._groups.left(self._group, self._client_id)
        self._assigned = {}
        self._wakeups.forget(self._wakeup)

    # -- assignment --------------------------------------------------------------------------------------------------

    async def _assign(self) -> None:
        version = self._topics.version
        await self._match_names()
        matching = sorted((t for t in self._topics if self._matches(t)), key=lambda topic: topic.name)
        parts = [(TopicPartition(t.name, number), p) for t in matching for number, p in enumerate(t.partitions)]
        mine = dict(parts[self._subscription.member :: self._subscription.members])
        fresh = {name: p for name, p in mine.items() if self._assigned.get(name, None) is None}
        fresh |= {name: p for name, p in mine.items() if name not in fresh and self._assigned[name].partition is not p}
        added = await self._start_positions(fresh)
        kept = {name: self._assigned[name] for name in mine if name in self._assigned and name not in added}
        self._assigned = {name: added.get(name) or kept[name] for name in mine}
        self._version = version
        self._wakeups.watch(self._wakeup, {topic.name for topic in matching})

    async def _start_positions(self, partitions: Mapping[TopicPartition, Partition]) -> dict[TopicPartition, _Assigned]:
        if not partitions:
            return {}
        committed = await self._groups.offsets(self._group) if self._group is not None else {}
        await self._threads.run(lambda: [partition.open() for partition in partitions.values()])
        return {
            name: _Assigned(partition, committed[name].offset if name in committed else self._first(name, partition))
            for name, partition in partitions.items()
        }

    def _first(self, name: TopicPartition, partition: Partition) -> int:
        if self._is_started or self._reset == "earliest":
            return partition.log_start_offset
        if self._reset == "latest":
            return _end(partition, self._isolation)
        raise OffsetOutOfRangeError(
            f"group {self._group!r} has no committed offset for {name} and auto.offset.reset is none",
            hint="Set auto.offset.reset to earliest or latest, or set an offset for the group first.",
        )

    def _matches(self, topic: Topic) -> bool:
        if topic.name in self._subscription.topics:
            return True
        return not topic.is_internal and self._verdicts.get(topic.name, False)

    async def _match_names(self) -> None:
        """Match the pattern with each topic that it was not matched with yet, on a thread.

        Raises:
            SlowPatternError: The pattern takes too long on one of them.
        """
        pattern = self._pattern
        if pattern is None:
            return
        names = [topic.name for topic in self._topics]
        known = {name: self._verdicts[name] for name in names if name in self._verdicts}
        fresh = [name for name in names if name not in known]
        if fresh:
            known |= await self._threads.run(lambda: {name: pattern.fullmatch(name) is not None for name in fresh})
        self._verdicts = known

    def _find(self, partition: TopicPartition) -> _Assigned:
        assigned = self._assigned.get(partition)
        if assigned is None:
            raise LogError(f"partition {partition} is not assigned to this consumer")
        return assigned

    # -- reading -----------------------------------------------------------------------------------------------------

    def _ready(self) -> list[tuple[TopicPartition, _Assigned]]:
        """Return the partitions that have something to read, or a position to report; each poll another one first."""
        ready = [
            (name, assigned)
            for name, assigned in self._assigned.items()
            if not assigned.is_paused and self._has_news(assigned)
        ]
        if len(ready) > 1:
            turn = self._turn % len(ready)
            ready = ready[turn:] + ready[:turn]
        self._turn += 1
        return ready

    def _has_news(self, assigned: _Assigned) -> bool:
        part, position = assigned.partition, assigned.position
        return position < _end(part, self._isolation) or position > part.log_end_offset

    async def _read(self, ready: list[tuple[TopicPartition, _Assigned]], max_bytes: int) -> list[FetchedBatch]:
        plan = [(name, assigned.partition, assigned.position, assigned.cursor) for name, assigned in ready]
        reads = await self._threads.run(lambda: _read_all(plan, max_bytes, self._isolation))
        batches: list[FetchedBatch] = []
        for read in reads:
            assigned = self._assigned.get(read.name)
            if assigned is None or assigned.position != read.from_offset:
                continue  # sought or taken away meanwhile
            if read.error is not None:
                self._report(read, assigned, batches)
                continue
            assigned.position, assigned.cursor = read.next_offset, read.cursor
            batches += [batch for batch in read.batches if len(batch)]
        return batches

    def _report(self, read: _Read, assigned: _Assigned, batches: list[FetchedBatch]) -> None:
        assert read.error is not None
        if isinstance(read.error, UnknownTopicOrPartitionError):
            return  # deleted meanwhile: the next look at the topics takes it away
        if isinstance(read.error, OffsetOutOfRangeError) and self._reset != "none":
            partition = assigned.partition
            earliest = self._reset == "earliest"
            assigned.position = partition.log_start_offset if earliest else _end(partition, self._isolation)
            assigned.cursor = None
        elif not batches:
            raise read.error  # else these first: the error comes again with the next poll


def _read_all(
    plan: list[tuple[TopicPartition, Partition, int, Cursor | None]], max_bytes: int, isolation: Isolation
) -> list[_Read]:
    """Read partition after partition until `max_bytes` are reached; an error ends it, after what came before."""
    reads: list[_Read] = []
    left = max_bytes
    for name, partition, position, cursor in plan:
        try:
            stored = partition.read(position, max_bytes=min(left, _PARTITION_BYTES), cursor=cursor, isolation=isolation)
            batches = decode_slice(partition, name, stored, position)
        except LogError as error:
            reads.append(_Read(name, position, [], position, cursor, error))
            continue
        next_offset = batches[-1].next_offset if batches else position
        followed = stored.cursor if stored.cursor is not None and stored.cursor.offset == next_offset else None
        reads.append(_Read(name, position, batches, next_offset, followed))
        left -= stored.headers[-1].end - stored.headers[0].position if stored.headers else 0
        if left <= 0:
            break
    return reads


def _compile(pattern: str | None) -> Pattern | None:
    if pattern is None:
        return None
    try:
        return compile_pattern(pattern, key="topics.regex")
    except ValueError as error:
        raise ConfigError(
            f"topic pattern {pattern!r} is no regular expression: {error}", config_path="topics.regex"
        ) from error
