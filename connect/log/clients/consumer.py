"""The consumer: a share of the partitions, positions, and polls that wait for appends.

In a group the share is what `connect.log.groups.assignment` gives; without one it is cut from the sorted list. A poll
looks first whether topics or the assignment moved: what was taken away is dropped, what is to be given up is read no
further and shown as `revoking`, and what came is read from the group's offset.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeVar

from connect.api.errors import ConfigError, LogError, OffsetOutOfRangeError, UnknownTopicOrPartitionError
from connect.api.patterns import Pattern, compile_pattern
from connect.log.clients.fetched import decode_slice
from connect.log.clients.wakeup import Wakeup, Wakeups
from connect.log.groups.assignment import Holding, Member
from connect.log.groups.coordinator import LogGroups
from connect.log.groups.membership import Membership
from connect.log.storage.partition import Partition
from connect.log.storage.reading import Cursor
from connect.log.threads import Threads
from connect.log.topic_config import WHOLE
from connect.log.topics import Topic, Topics
from connect.ports import Subscription
from connect.records import FetchedBatch, Isolation, OffsetAndMetadata, TopicPartition
from connect.topic_names import is_hidden

W = TypeVar("W", bound=str)
Reset = Literal["latest", "earliest", "none"]
_RESETS: Final[tuple[Reset, ...]] = ("latest", "earliest", "none")
_ISOLATIONS: Final[tuple[Isolation, ...]] = ("read_uncommitted", "read_committed")

log = logging.getLogger(__name__)

#: Kafka's max.poll.interval.ms: how long a consumer may keep what another one is to read.
_BOUND_MS: Final = "300000"

#: Kafka's max.partition.fetch.bytes: what one partition may give before the next has its turn.
_PARTITION_BYTES: Final = 1 << 20


def parse_reset(configs: Mapping[str, str]) -> Reset:
    """Return `auto.offset.reset`. Raises `ConfigError` when it is not one of Kafka's."""
    return _one_of(configs, "auto.offset.reset", _RESETS)


def parse_isolation(configs: Mapping[str, str]) -> Isolation:
    """Return `isolation.level`. Raises `ConfigError` when it is not one of Kafka's."""
    return _one_of(configs, "isolation.level", _ISOLATIONS)


def parse_bound_s(configs: Mapping[str, str]) -> float:
    """Return `max.poll.interval.ms` in seconds. Raises `ConfigError` when it is no number of ms."""
    text = str(configs.get("max.poll.interval.ms", _BOUND_MS)).strip()
    if not WHOLE.fullmatch(text) or int(text) == 0:
        raise ConfigError(
            f"max.poll.interval.ms: {text!r} is not a positive number of ms", config_path="max.poll.interval.ms"
        )
    return int(text) / 1000


def _one_of(configs: Mapping[str, str], name: str, words: tuple[W, ...]) -> W:
    """Return which of some words a config has; the first is the default."""
    text = configs.get(name, words[0])
    for word in words:
        if text == word:
            return word
    raise ConfigError(f"{name}: {text!r} is not one of {', '.join(words)}", config_path=name)


@dataclass(slots=True)
class _Assigned:
    """One partition as this consumer reads it. `generation` is that of its holding, `topic_id` its topic's."""

    partition: Partition
    position: int
    topic_id: str
    generation: int
    is_revoking: bool = False
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
    `auto.offset.reset=latest`: all of it is later than the subscription. One that is taken over from another member
    which committed nothing is read from where that one began.
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
        bound_s: float = int(_BOUND_MS) / 1000,
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
        self._bound_s = bound_s
        self._membership: Membership | None = None
        self._reset: Reset = reset
        self._isolation: Isolation = isolation
        self._assigned: dict[TopicPartition, _Assigned] = {}
        #: Without a group: what this consumer reads.
        self._share: dict[TopicPartition, Holding] = {}
        self._version = self._generation = -1
        self._is_started = False
        #: Whether the last read moved a position.
        self._has_skipped = False
        self._turn = 0

    async def start(self) -> None:
        """Take the first assignment, so that 'latest' means: as of now."""
        if self._group is not None:
            wanted = self._subscription
            kind = (wanted.topics, wanted.pattern)
            member = Member(kind, wanted.member, wanted.members, self._bound_s)
            self._membership = self._groups.join(self._group, self._client_id, member, self._wakeup)
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

    @property
    def trouble(self) -> None:
        """None: the log is in this process."""

    async def member_id(self) -> str:
        """Return what the group knows this member by; see the port."""
        return "" if self._membership is None else self._membership.member_id

    @property
    def revoking(self) -> frozenset[TopicPartition]:
        """Those of the assignment that are to be released."""
        return frozenset(name for name, assigned in self._assigned.items() if assigned.is_revoking)

    async def release(self, partitions: Iterable[TopicPartition]) -> None:
        """Give partitions up; see the port."""
        given = [name for name in partitions if self._assigned.pop(name, None) is not None]
        if given and self._membership is not None:
            self._membership.release(given)

    async def poll(self, *, timeout_ms: int, max_bytes: int = 1 << 20) -> list[FetchedBatch]:
        """Return some batches; see the port."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_ms / 1000
        while True:
            seen = self._wakeup.count
            was_taken = False
            if self._version != self._topics.version or self._generation != self._group_generation():
                was_taken = await self._assign()
            ready = self._ready()
            if ready:
                batches = await self._read(ready, max_bytes)
                # What is skipped, as an aborted transaction is, takes time too; a position that is reset takes none.
                if batches or (self._has_skipped and loop.time() >= deadline):
                    return batches
                continue
            if was_taken:
                return []  # at once, since somebody waits for it
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
        generations = {name: self._assigned[name].generation for name in offsets if name in self._assigned}
        await self._groups.commit_as_member(self._group, offsets, self._membership, generations)

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
        membership, self._membership = self._membership, None
        if membership is not None and self._group is not None:
            self._groups.leave(self._group, membership)
        self._assigned = {}
        self._wakeups.forget(self._wakeup)

    # -- assignment --------------------------------------------------------------------------------------------------

    def _group_generation(self) -> int:
        return self._membership.generation if self._membership is not None else self._version

    async def _assign(self) -> bool:
        """Take on what topics and group say now; return whether something was lost or is to be given up."""
        while True:
            if self._version != (version := self._topics.version):
                await self._match_names()
                if version != self._topics.version:
                    continue  # a topic came meanwhile, which was not matched
                self._look(version)
            generation = self._group_generation()
            held = self._membership.held() if self._membership is not None else self._share
            unread = [
                at for at, holding in held.items() if holding.revoked_until is not None and not self._has(at, holding)
            ]
            if unread and self._membership is not None:  # asked back before it was ever read
                self._membership.release(unread)
                continue
            added = await self._start_positions({at: h for at, h in held.items() if not self._has(at, h)})
            if generation == self._group_generation() and version == self._topics.version:
                break
        before, self._assigned = self._assigned, {}
        was_taken = False
        for at, holding in held.items():
            if at in before and not self._has_in(before, at, holding):
                generation = -1  # another topic of the same name: it leaves with this poll and comes with the next one
                continue
            assigned = added.get(at) or before.get(at)
            if assigned is not None:
                self._assigned[at] = assigned
                was_taken |= assigned.is_revoking is not (is_revoking := holding.revoked_until is not None)
                assigned.is_revoking = is_revoking
        self._generation = generation
        return was_taken or any(self._assigned.get(at) is not assigned for at, assigned in before.items())

    def _look(self, version: int) -> None:
        """See which partitions the subscription means, and tell the group."""
        matching = sorted((t for t in self._topics if self._matches(t)), key=lambda topic: topic.name)
        parts = [(TopicPartition(t.name, number), t.topic_id) for t in matching for number in range(len(t.partitions))]
        if self._membership is not None:
            self._membership.subscribe(version, dict(parts))
        else:
            mine = parts[self._subscription.member :: self._subscription.members]
            self._share = {at: Holding(self._client_id, topic_id, 0) for at, topic_id in mine}
        self._version = version
        self._wakeups.watch(self._wakeup, {topic.name for topic in matching})

    def _has(self, at: TopicPartition, holding: Holding) -> bool:
        return self._has_in(self._assigned, at, holding)

    @staticmethod
    def _has_in(assigned: Mapping[TopicPartition, _Assigned], at: TopicPartition, holding: Holding) -> bool:
        found = assigned.get(at)
        return found is not None and (found.generation, found.topic_id) == (holding.generation, holding.topic_id)

    async def _start_positions(self, holdings: Mapping[TopicPartition, Holding]) -> dict[TopicPartition, _Assigned]:
        found: dict[TopicPartition, tuple[Holding, Partition]] = {}
        for at, holding in holdings.items():
            topic = self._topics.find(at.topic)
            if topic is not None and topic.topic_id == holding.topic_id:  # else it is gone, which the next look shows
                found[at] = (holding, topic.partition(at.partition))
        if not found:
            return {}
        group = self._group if self._subscription.reads else None
        committed = await self._groups.offsets(group) if group is not None else {}
        await self._threads.run(lambda: _open_all(found))
        return {
            at: _Assigned(
                partition,
                committed[at].offset if at in committed else self._first(at, holding, partition),
                holding.topic_id,
                holding.generation,
            )
            for at, (holding, partition) in found.items()
        }

    def _first(self, at: TopicPartition, holding: Holding, partition: Partition) -> int:
        """Return where to begin without a committed offset."""
        if not self._subscription.reads:
            return 0
        membership = self._membership
        is_old = membership.is_old(at, holding.topic_id) if membership is not None else not self._is_started
        if self._reset == "none" and is_old:
            raise OffsetOutOfRangeError(
                f"group {self._group!r} has no committed offset for {at} and auto.offset.reset is none",
                hint="Set auto.offset.reset to earliest or latest, or set an offset for the group first.",
            )
        if self._reset == "earliest" or not is_old:
            return partition.log_start_offset
        end = _end(partition, self._isolation)
        return membership.start(at, holding.topic_id, end) if membership is not None else end

    def _matches(self, topic: Topic) -> bool:
        if topic.name in self._subscription.topics:
            return True
        return not is_hidden(topic.name) and self._verdicts.get(topic.name, False)

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
            if not (assigned.is_paused or assigned.is_revoking) and self._has_news(assigned)
        ]
        if len(ready) > 1:
            turn = self._turn % len(ready)
            ready = ready[turn:] + ready[:turn]
        self._turn += 1
        return ready

    def _has_news(self, assigned: _Assigned) -> bool:
        if not self._subscription.reads:
            return False
        part, position = assigned.partition, assigned.position
        return position < _end(part, self._isolation) or position > part.log_end_offset

    async def _read(self, ready: list[tuple[TopicPartition, _Assigned]], max_bytes: int) -> list[FetchedBatch]:
        plan = [(name, assigned.partition, assigned.position, assigned.cursor) for name, assigned in ready]
        reads = await self._threads.run(lambda: _read_all(plan, max_bytes, self._isolation))
        batches: list[FetchedBatch] = []
        self._has_skipped = False
        for read in reads:
            assigned = self._assigned.get(read.name)
            if assigned is None or assigned.is_revoking or assigned.position != read.from_offset:
                continue  # sought, taken away or asked back meanwhile
            if read.error is not None:
                self._report(read, assigned, batches)
                continue
            assigned.position, assigned.cursor = read.next_offset, read.cursor
            self._has_skipped |= read.next_offset > read.from_offset
            kept = [batch for batch in read.batches if len(batch)]
            if kept and kept[-1].next_offset < read.next_offset:
                # A marker behind the last records has nothing to wait for: who is through with them is through with it,
                # and is not behind for it.
                kept[-1] = replace(kept[-1], next_offset=read.next_offset)
            batches += kept
        return batches

    def _report(self, read: _Read, assigned: _Assigned, batches: list[FetchedBatch]) -> None:
        assert read.error is not None
        if isinstance(read.error, UnknownTopicOrPartitionError):
            return  # deleted meanwhile: the next look at the topics takes it away
        if isinstance(read.error, OffsetOutOfRangeError) and self._reset != "none":
            partition = assigned.partition
            earliest = self._reset == "earliest"
            target = partition.log_start_offset if earliest else _end(partition, self._isolation)
            self._warn(read, partition, target)
            assigned.position, assigned.cursor = target, None
        elif not batches:
            raise read.error  # else these first: the error comes again with the next poll

    def _warn(self, read: _Read, partition: Partition, target: int) -> None:
        """Say that records are missed or come again: the log does not hold what was to be read next."""
        start, end = partition.log_start_offset, partition.log_end_offset
        why = (
            f"beyond the log's end, offset {end}"
            if read.from_offset > end
            else f"before the log's start, offset {start}"
        )
        log.warning(
            "%s: offset %d of %s is %s; as auto.offset.reset=%s says, it goes on at offset %d",
            self._client_id if self._group is None else f"group {self._group!r}",
            read.from_offset,
            read.name,
            why,
            self._reset,
            target,
        )


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


def _open_all(found: dict[TopicPartition, tuple[Holding, Partition]]) -> None:
    """Open partitions, and leave out those that were deleted meanwhile, which the next look shows."""
    for at, (_, partition) in list(found.items()):
        try:
            partition.open()
        except UnknownTopicOrPartitionError:
            del found[at]


def _compile(pattern: str | None) -> Pattern | None:
    if pattern is None:
        return None
    try:
        return compile_pattern(pattern, key="topics.regex")
    except ValueError as error:
        raise ConfigError(
            f"topic pattern {pattern!r} is no regular expression: {error}", config_path="topics.regex"
        ) from error
