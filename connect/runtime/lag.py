"""How far each sink connector is behind: the end of the log minus what its consumer group has committed.

Worked out from the log and the group alone, never from a running task: so it is the same, and right, for a connector
that is RUNNING, FAILED, PAUSED, STOPPED or UNASSIGNED, that has no task, or that never ran. REST, the live view and the
command line all show the numbers of this module. What counts, partition by partition (`behind`):

- the end is the log end offset; for a sink with `isolation.level=read_committed` the last stable offset, since what
  lies behind it is not to be had yet and waits for its transaction, not for the sink;
- the start is the group's committed offset; where there is none, or it lies outside the log, it is what the consumer
  would do: the log start offset, or with `auto.offset.reset=latest` the end;
- offsets are counted, so what compaction took out and the markers of transactions count too, as with Kafka; but a task
  commits past what it found to hold no records, so that a sink that runs and is through has no lag.

The partitions are those of the topics in the config, of those that match `topics.regex`, as the consumer takes them,
and of the topic in which replayed dead letters wait for the connector, once there is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from connect.api import ConnectError, SlowPatternError, compile_pattern
from connect.ports import Admin, Cluster, GroupInfo, PartitionInfo, TopicInfo
from connect.records import OffsetAndMetadata, TopicPartition
from connect.runtime.tasks.replays import is_replay_topic, replay_topic
from connect.topic_names import is_hidden

#: An answer is kept at most so long, and never so long that looking takes more than a twentieth of the loop's time.
KEPT_S_MAX: Final = 1.0
_SHARE: Final = 20
#: Groups that are asked about at once: of a cluster each is a request.
_GROUPS_AT_ONCE: Final = 8
#: After so many connectors others get their turn on the loop.
_TURN: Final = 25

_Offsets = Mapping[TopicPartition, OffsetAndMetadata]


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far a sink is behind in one partition.

    Attributes:
        committed_offset: Of the sink's group; None where it has committed nothing.
        task: The number of the task whose share the partition is; None where the connector has no tasks.
    """

    topic: str
    partition: int
    committed_offset: int | None
    log_start_offset: int
    last_stable_offset: int
    log_end_offset: int
    lag: int
    task: int | None

    def next_offset(self, reset: str) -> int:
        """Return where the group goes on, as its consumers' `auto.offset.reset` says where nothing is committed."""
        if (start := start_of(self, self.committed_offset)) is not None:
            return start
        return self.log_end_offset if reset == "latest" else self.log_start_offset

    @property
    def first_offset(self) -> int:
        """Where the group goes on, of a partition in which something waits for it."""
        return self.log_start_offset if (start := start_of(self, self.committed_offset)) is None else start


@dataclass(frozen=True, slots=True)
class SinkLag:
    """How far a sink connector is behind.

    Attributes:
        missing: Topics that the config lists and that do not exist yet; nothing waits there.
        unknown: Topics of which the log cannot tell how far they go; their records are not counted.
    """

    connector: str
    group: str
    partitions: tuple[PartitionLag, ...] = ()
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def lag(self) -> int:
        """Records that wait, in all partitions."""
        return sum(row.lag for row in self.partitions)

    def of_task(self, task: int) -> int:
        """Return the records that wait for one task."""
        return sum(row.lag for row in self.partitions if row.task == task)


@dataclass(frozen=True, slots=True)
class Sink:
    """What decides a sink's lag: its config, how many tasks share the partitions, its consumers' group and configs."""

    name: str
    config: Mapping[str, str]
    tasks: int
    group: str
    reset: str = "earliest"
    isolation: str = "read_committed"


def start_of(bounds: PartitionInfo | PartitionLag, committed_offset: int | None) -> int | None:
    """Return the committed offset, None where there is none or it lies outside the log."""
    if committed_offset is None or not bounds.log_start_offset <= committed_offset <= bounds.log_end_offset:
        return None
    return committed_offset


def behind(
    info: PartitionInfo,
    committed_offset: int | None,
    *,
    reset: str = "earliest",
    isolation: str = "read_uncommitted",
) -> int:
    """Return how many offsets of a partition wait for a group; see the module for the rules.

    Args:
        committed_offset: None where the group has committed nothing.
        reset, isolation: Its consumers' `auto.offset.reset` and `isolation.level`.
    """
    end = info.log_end_offset
    if isolation == "read_committed" and info.last_stable_offset >= 0:
        end = info.last_stable_offset
    start = start_of(info, committed_offset)
    if start is None:
        start = end if reset == "latest" else info.log_start_offset
    return max(0, end - start)


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One partition of a consumer group, as it is shown.

    Attributes:
        offset: What the group has committed; None where a sink connector of the group reads the partition and has
            committed nothing there.
        log_end_offset: None where the topic or partition is gone.
        lag: None where nothing reads: the partition is gone, or no sink connector of the group reads it any more.
    """

    topic: str
    partition: int
    offset: int | None
    metadata: str
    commit_timestamp: int
    log_end_offset: int | None
    lag: int | None


async def group_rows(admin: Admin, info: GroupInfo, sinks: Collection[SinkLag] = ()) -> list[GroupRow]:
    """Return the partitions of a group with their lag; the sum is that of the sink connectors whose group it is.

    Args:
        sinks: The sink connectors of the group; none for the group of other consumers, which is known by its
            offsets alone, each counted up to the log end offset.
    """
    waiting = {TopicPartition(row.topic, row.partition): row for sink in sinks for row in sink.partitions}
    topics, _ = await _described(admin, {at.topic for at in info.offsets})
    rows = []
    for at in sorted({*info.offsets, *waiting}):
        committed = info.offsets.get(at)
        partitions = topics[at.topic].partitions if at.topic in topics else ()
        found = partitions[at.partition] if at.partition < len(partitions) else None
        end: int | None = None if found is None else found.log_end_offset
        lag: int | None = None
        if at in waiting:
            end, lag = waiting[at].log_end_offset, waiting[at].lag
        elif found is not None and committed is not None and not sinks:
            lag = behind(found, committed.offset)
        offset, metadata, stamp = (
            (None, "", -1) if committed is None else (committed.offset, committed.metadata, committed.commit_timestamp)
        )
        rows.append(GroupRow(at.topic, at.partition, offset, metadata, stamp, end, lag))
    return rows


class Lags:
    """The lag of every sink connector of a worker. One look for all who ask meanwhile, kept `KEPT_S_MAX` at most.

    Args:
        sinks: Returns the sink connectors as they are now. Their configs are the same objects while nothing changes.
    """

    def __init__(self, cluster: Cluster, sinks: Callable[[], list[Sink]]) -> None:
        self._cluster = cluster
        self._sinks = sinks
        self._looking = asyncio.Lock()
        self._seen: dict[str, SinkLag] = {}
        self._seen_of: list[Sink] = []
        #: When the last look began, and until when it is kept.
        self._began_s = self._until_s = 0.0
        self._matching: dict[str, tuple[frozenset[str], tuple[str, ...]]] = {}

    async def look(self, *, since_s: float = 0.0) -> Mapping[str, SinkLag]:
        """Return every sink's lag by the connector's name, at most `KEPT_S_MAX` old.

        Blocks nobody; reads no records.

        Args:
            since_s: It is to be as it was at this time of the event loop's clock, or later: for who waits for an end.
        """
        async with self._looking:
            sinks, loop = self._sinks(), asyncio.get_running_loop()
            if loop.time() >= self._until_s or self._began_s < since_s or not _same(sinks, self._seen_of):
                began_s = loop.time()
                self._seen = await self._measure(sinks)
                self._seen_of, self._began_s = sinks, began_s
                now_s = loop.time()
                self._until_s = now_s + min(KEPT_S_MAX, _SHARE * (now_s - began_s))
            return self._seen

    async def _measure(self, sinks: Collection[Sink]) -> dict[str, SinkLag]:
        replays = frozenset(name for name in await self._cluster.admin.list_topics() if is_replay_topic(name))
        topics = {sink.name: await self._topics(sink, replays) for sink in sinks}
        infos, unknown = await _described(
            self._cluster.admin, {topic for listed in topics.values() for topic in listed}
        )
        committed = await self._committed(sinks, topics)
        found = {}
        for number, sink in enumerate(sinks, 1):
            rows = _rows(sink, topics[sink.name], infos, committed[sink.group])
            absent = [topic for topic in topics[sink.name] if topic not in infos]
            found[sink.name] = SinkLag(
                sink.name,
                sink.group,
                tuple(rows),
                missing=tuple(topic for topic in absent if topic not in unknown),
                unknown=tuple(topic for topic in absent if topic in unknown),
            )
            if number % _TURN == 0:
                await asyncio.sleep(0)
        return found

    async def _committed(
        self, sinks: Collection[Sink], topics: Mapping[str, Collection[str]]
    ) -> Mapping[str, _Offsets]:
        """Return what each group has committed of what its sinks read."""
        read: dict[str, set[str]] = {}
        for sink in sinks:
            read.setdefault(sink.group, set()).update(topics[sink.name])
        groups, found = list(read), list[_Offsets]()
        for start in range(0, len(groups), _GROUPS_AT_ONCE):
            some = groups[start : start + _GROUPS_AT_ONCE]
            found += await asyncio.gather(*(self._cluster.groups.offsets(group, read[group]) for group in some))
        return dict(zip(groups, found, strict=True))

    async def _topics(self, sink: Sink, replays: Collection[str]) -> tuple[str, ...]:
        """Return the topics that a sink reads, in the order in which its consumers share them."""
        listed = {topic for one in (sink.config.get("topics") or "").split(",") if (topic := one.strip())}
        pattern = (sink.config.get("topics.regex") or "").strip()
        if pattern:
            listed |= set(await self._matches(pattern))
        if (replay := replay_topic(sink.name)) in replays:  # it is made with the first replay, so it is never missing
            listed.add(replay)
        return tuple(sorted(listed))

    async def _matches(self, pattern: str) -> tuple[str, ...]:
        names = frozenset(name for name in await self._cluster.admin.list_topics() if not is_hidden(name))
        known = self._matching.get(pattern)
        if known is None or known[0] != names:
            if len(self._matching) > 4096:  # of configs that are gone
                self._matching.clear()
            found = await asyncio.to_thread(_matching, pattern, names)
            known = self._matching[pattern] = (names, found)
        return known[1]


def _same(these: list[Sink], those: list[Sink]) -> bool:
    return len(these) == len(those) and all(
        a.name == b.name and a.config is b.config and a.tasks == b.tasks for a, b in zip(these, those, strict=True)
    )


def _matching(pattern: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that a pattern matches whole; none for what is no pattern, or takes too long: no consumer runs
    with it."""
    try:
        compiled = compile_pattern(pattern, key="topics.regex")
        return tuple(name for name in names if compiled.fullmatch(name))
    except (ValueError, SlowPatternError):
        return ()


async def _described(admin: Admin, topics: set[str]) -> tuple[Mapping[str, TopicInfo], set[str]]:
    """Return the topics that exist, and the names of those that cannot be looked at."""
    try:
        return await admin.describe_topics(topics), set()
    except (ConnectError, OSError):  # one is broken or just went: the others have a lag all the same
        infos: dict[str, TopicInfo] = {}
        unknown = set()
        for topic in sorted(topics):
            try:
                infos |= await admin.describe_topics([topic])
            except (ConnectError, OSError):
                unknown.add(topic)
        return infos, unknown


def _rows(
    sink: Sink, topics: Iterable[str], infos: Mapping[str, TopicInfo], committed: _Offsets
) -> Iterable[PartitionLag]:
    parts = [(topic, info) for topic in topics if topic in infos for info in infos[topic].partitions]
    for number, (topic, info) in enumerate(parts):
        at = committed.get(TopicPartition(topic, info.partition))
        offset = None if at is None else at.offset
        yield PartitionLag(
            topic,
            info.partition,
            offset,
            info.log_start_offset,
            info.last_stable_offset,
            info.log_end_offset,
            behind(info, offset, reset=sink.reset, isolation=sink.isolation),
            number % sink.tasks if sink.tasks else None,
        )
