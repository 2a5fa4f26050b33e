"""A look at a worker: all that metrics are read from, taken on the event loop in one step, and read on a thread.

Each worker of a group shows the tasks that are placed on it, whether they run, are paused or have failed. The one that
leads shows the connectors too, each once in the group, and the tasks that no worker has. A worker that is alone shows
all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import connect
from connect.api import ConnectError, SourceConnector
from connect.figures import Histogram
from connect.ports import TopicInfo
from connect.records import TopicPartition
from connect.runtime.board import Starts
from connect.runtime.clock import now_ms
from connect.runtime.herder import Herder
from connect.runtime.host import Host
from connect.runtime.lag import PartitionLag, SinkLag
from connect.runtime.model import State, TaskId
from connect.runtime.plugins import CONNECTOR_KINDS
from connect.runtime.tasks.meter import TaskMeter, Times
from connect.runtime.tasks.task import TaskRunner

logger = logging.getLogger(__name__)

#: The states that counts are given for, in Kafka's words.
STATES: Final = tuple(state.value for state in State)
#: What is told where a plugin is not installed any more.
UNKNOWN: Final = "unknown"
#: How long a look waits for the log: where that takes longer, it tells what the look before has found.
LOG_WITHIN_S: Final = 0.25
#: How long the log is asked, for who looks next.
ASKED_WITHIN_S: Final = 10.0
#: Of more topics no sizes are told: each is a series.
TOPICS_MAX: Final = 1000
_READS_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class TaskLook:
    """One task.

    Attributes:
        type: source, sink or unknown.
        meter: Lives on: the task goes on counting while it is read. Zeros where no runner is here.
        server: What Debezium calls the source: which database's changes it captures, and its `topic.prefix`; None of
            all but change data capture.
    """

    id: TaskId
    type: str
    state: str
    meter: TaskMeter
    records: int = 0
    size_bytes: int = 0
    in_hand_bytes: int = 0
    partitions: int = 0
    throttled: bool = False
    waits: bool = False
    late_calls: int = 0
    gauges: Mapping[str, float] = field(default_factory=dict)
    server: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ConnectorLook:
    """One connector, on the worker that leads, or is alone.

    Attributes:
        lag_s: How long the oldest record that waits for it has; None where that is not known.
    """

    name: str
    type: str
    class_name: str
    version: str
    state: str
    restarts: int
    late_calls: int
    lag_s: float | None


@dataclass(frozen=True, slots=True)
class WorkerLook:
    """A worker.

    Attributes:
        connectors: None where another worker leads.
        task_counts: How many tasks of each connector are here in which state; of all connectors where it leads.
        lags: Records that wait for each task of each sink, wherever it runs, on the worker that leads or is alone; by
            a connector and no task, where it has none.
        restarts: Of each task, wherever it runs, on the worker that leads or is alone: it is what starts tasks anew.
        ended: How long things took in tasks that have ended, by connector.
        now_s: The monotonic clock at the look; figures of moving windows are read at it.
        rebalanced_ms: When the workers of the group changed last, ms since the epoch; its own start at the earliest.
    """

    worker_id: str
    version: str
    kafka_version: str
    cluster_id: str
    group: str
    started_ms: int
    now_ms: int
    now_s: float
    tasks: tuple[TaskLook, ...]
    connectors: tuple[ConnectorLook, ...] | None
    task_counts: Mapping[str, Mapping[str, int]]
    lags: Mapping[tuple[str, int | None], int]
    restarts: Mapping[TaskId, int]
    connector_starts: Starts
    task_starts: Starts
    read_bytes: int
    written_bytes: int
    loop_delay: Histogram
    sync_seconds: Histogram | None
    topic_bytes: Mapping[str, int]
    has_leader: bool
    ended: Mapping[str, Sequence[Times]] = field(default_factory=dict)
    rebalances: int = 0
    rebalanced_ms: int = 0


class Looks:
    """Looks at one worker. For the event loop."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._started_ms = now_ms()
        self._ages = Ages(host)
        self._group: tuple[tuple[str, bool], ...] | None = None
        self._rebalances, self._rebalanced_ms = 0, self._started_ms
        #: What the log has told last, and the asking that is under way.
        self._lags: Mapping[str, SinkLag] = {}
        self._lag_ages: Mapping[str, float] = {}
        self._sizes: Mapping[str, int] = {}
        self._asking: asyncio.Task[None] | None = None

    async def look(self) -> WorkerLook:
        """Return what there is to tell now. Waits for the log, but not for long."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(), name="asking the log for metrics")
        await asyncio.wait({self._asking}, timeout=LOG_WITHIN_S)
        return self._taken(self._host.herder)

    async def aclose(self) -> None:
        """End what is under way."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self) -> None:
        """Ask the log. What it does not tell is not known: no figure of before stands for it."""
        lags: Mapping[str, SinkLag] = {}
        ages: Mapping[str, float] = {}
        sizes: Mapping[str, int] = {}
        try:
            async with asyncio.timeout(ASKED_WITHIN_S):
                sizes = await self._topic_bytes()
                lags = {} if self._host.herder is None else await self._host.herder.lags()
                ages = await self._ages.look(lags)
        except (TimeoutError, ConnectError, OSError) as error:  # /v1/lag tells why; a scrape goes on without
            logger.debug("the log does not tell of lag or sizes: %s: %s", type(error).__name__, error)
        finally:
            self._sizes, self._lags, self._lag_ages = sizes, lags, ages

    def _taken(self, herder: Herder | None) -> WorkerLook:
        base, lags, ages, sizes = self._host.base, self._lags, self._lag_ages, self._sizes
        self._note_group()
        known = None if herder is None else self._known()
        tasks = tuple(self._tasks(known))
        counts = {name: Counter[str]() for name in ([] if herder is None else herder.connectors())}
        for task in tasks:
            counts.setdefault(task.id.connector, Counter())[task.state] += 1
        read_bytes, written_bytes = base.worker.moved_bytes()
        return WorkerLook(
            base.worker_id,
            connect.__version__,
            base.version,
            base.cluster.cluster_id,
            base.config.group_id,
            self._started_ms,
            now_ms(),
            time.monotonic(),
            tasks,
            None if herder is None else tuple(self._connectors(herder, ages)),
            counts,
            _lags_of(lags),
            {task: base.board.restarts[task.connector, task.task] for task in known or ()},
            base.board.connector_starts,
            base.board.task_starts,
            read_bytes,
            written_bytes,
            base.watchdog.loop_delay,
            base.cluster.sync_seconds,
            sizes,
            herder is not None or self._host.leader_url is not None,
            base.worker.ended.times(),
            self._rebalances,
            self._rebalanced_ms,
        )

    def _note_group(self) -> None:
        """Take note of who is in the group and who leads: a change since the last look is a rebalance."""
        group = tuple((view.url, view.leads) for view in self._host.workers())
        if self._group is not None and group != self._group and max(len(group), len(self._group)) > 1:
            self._rebalances += 1
            self._rebalanced_ms = now_ms()
        self._group = group

    def _tasks(self, known: set[TaskId] | None) -> Iterator[TaskLook]:
        """Yield the tasks to tell of.

        Args:
            known: All that there are, on the worker that leads or is alone.
        """
        base = self._host.base
        runners = {runner.id: runner for runner in base.worker.runners()}
        placed = {view.url: view.tasks for view in self._host.workers()}
        ours = set(runners) | set(placed.pop(base.url, ()))
        if known is not None:  # what nobody has is told by who leads
            theirs = {task for tasks in placed.values() for task in tasks} - ours
            ours |= known - theirs
        for task in sorted(ours, key=lambda one: (one.connector, one.task)):
            yield self._task(task, runners.get(task))

    def _known(self) -> set[TaskId]:
        """Return the tasks that there are, wherever they are."""
        base = self._host.base
        return {
            TaskId(name, number)
            for name in base.configs.connectors()
            for number in {*base.statuses.tasks(name), *range(len(base.configs.task_configs(name)))}
        }

    def _task(self, task: TaskId, runner: TaskRunner | None) -> TaskLook:
        base = self._host.base
        status = base.statuses.tasks(task.connector).get(task.task)
        state = State.UNASSIGNED.value if status is None else status.state
        config = base.configs.config(task.connector) or {}
        desc = base.plugins.find(config.get("connector.class", ""), *CONNECTOR_KINDS)
        kind = desc.kind.value if desc else UNKNOWN
        server = None if desc is None else _server_of(desc.cls, config)
        if runner is None:
            return TaskLook(task, kind, state, TaskMeter(), server=server)
        progress = runner.progress()
        return TaskLook(
            task,
            kind,
            state,
            runner.meter,
            progress.records,
            progress.size_bytes,
            runner.in_hand_bytes,
            runner.partition_count,
            progress.throttled,
            progress.waiting_for is not None,
            runner.thread.late_calls,
            progress.gauges,
            server,
        )

    def _connectors(self, herder: Herder, ages: Mapping[str, float]) -> Iterator[ConnectorLook]:
        base, late_calls = self._host.base, herder.late_calls()
        for name in herder.connectors():
            config, status = base.configs.config(name) or {}, base.statuses.connector(name)
            given = config.get("connector.class", "")
            desc = base.plugins.find(given, *CONNECTOR_KINDS)
            yield ConnectorLook(
                name,
                desc.kind.value if desc else UNKNOWN,
                desc.name if desc else given or UNKNOWN,
                (desc.cls.version if desc else None) or UNKNOWN,
                State.UNASSIGNED.value if status is None else status.state,
                base.board.restarts[name, None],
                late_calls.get(name, 0),
                ages.get(name),
            )

    async def _topic_bytes(self) -> Mapping[str, int]:
        """Return the bytes of topics in the bundled log; of a cluster's they are the brokers' to tell."""
        cluster = self._host.base.cluster
        if cluster.sync_seconds is None:
            return {}
        names = await cluster.admin.list_topics()
        return {
            topic.name: _bytes_of(topic) for topic in (await cluster.admin.describe_topics(names[:TOPICS_MAX])).values()
        }


def _server_of(connector: type, config: Mapping[str, str]) -> tuple[str, str] | None:
    captures = connector.captures if issubclass(connector, SourceConnector) else None
    prefix = config.get("topic.prefix")
    return None if captures is None or prefix is None else (captures, prefix)


def _lags_of(lags: Mapping[str, SinkLag]) -> Mapping[tuple[str, int | None], int]:
    found: dict[tuple[str, int | None], int] = {}
    for name, lag in lags.items():
        for row in lag.partitions:
            found[name, row.task] = found.get((name, row.task), 0) + row.lag
    return found


def _bytes_of(topic: TopicInfo) -> int:
    return sum(max(0, partition.size_bytes) for partition in topic.partitions)


class Ages:
    """How long the oldest record that waits for a sink has, from its timestamp in the log.

    A record is read once: as long as the group's offset stays where it is, so does the record that waits.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        #: The offset that is waited for, and the timestamp of what is there, by connector and partition.
        self._stamps: dict[tuple[str, TopicPartition], tuple[int, int]] = {}

    async def look(self, lags: Mapping[str, SinkLag]) -> Mapping[str, float]:
        """Return the age in seconds by connector; 0 where nothing waits."""
        wanted = {
            (name, TopicPartition(row.topic, row.partition)): row
            for name, lag in lags.items()
            for row in lag.partitions
            if row.lag
        }
        self._stamps = {at: stamp for at, stamp in self._stamps.items() if at in wanted}
        at_once = asyncio.Semaphore(_READS_AT_ONCE)

        async def learn(at: tuple[str, TopicPartition], row: PartitionLag) -> None:
            async with at_once:
                await self._learn(at, row)

        unknown = [learn(at, row) for at, row in wanted.items() if self._stamps.get(at, (-1,))[0] != row.first_offset]
        for failure in await asyncio.gather(*unknown, return_exceptions=True):
            if isinstance(failure, BaseException) and not isinstance(failure, ConnectError | OSError):
                raise failure
        return self._known(lags)

    def _known(self, lags: Mapping[str, SinkLag]) -> Mapping[str, float]:
        found, now = {}, now_ms()
        for name, lag in lags.items():
            if not lag.lag:
                found[name] = 0.0
                continue
            stamps = [
                stamp
                for row in lag.partitions
                if row.lag and (stamp := self._stamp(name, row)) > 0  # a record without a timestamp has no age
            ]
            if stamps:
                found[name] = max(0.0, (now - min(stamps)) / 1000)
        return found

    def _stamp(self, name: str, row: PartitionLag) -> int:
        return self._stamps.get((name, TopicPartition(row.topic, row.partition)), (0, 0))[1]

    async def _learn(self, at: tuple[str, TopicPartition], row: PartitionLag) -> None:
        first = row.first_offset
        batches = await self._host.base.cluster.admin.fetch(at[1], first, max_bytes=1, isolation="read_committed")
        for batch in batches:
            for offset, stamp in zip(batch.offsets, batch.columns.stamps, strict=True):
                if offset >= first:
                    self._stamps[at] = (first, stamp)
                    return
