"""Which workers there are, which of them leads, and which task is whose: for workers that share the work of one group.

| key              | value                                                        | written by            |
|------------------|--------------------------------------------------------------|-----------------------|
| worker-ID        | {"url", "version", "leaving"}                                | that worker           |
| leader           | {"worker": ID}                                               | the leader, fenced    |
| task-NAME-N      | {"worker": ID, "start": which start, "run": …, "config": …}  | the leader, fenced    |
| released-NAME-N  | {"worker": ID, "start": which start}                         | the worker that ran it |

The format is ours: Kafka Connect's workers tell each other such things in their group's protocol. The topic has one
partition, so all of it has one order. An ID is of one membership in the group: a worker that the group has thrown out
comes back with another, and what was placed on the one before is not its own any more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

import orjson

from connect.stores.compacted import CompactedTopic, set_or_drop
from connect.stores.fenced import FencedProducer

T = TypeVar("T")

#: A connector's name and a task's number.
Task = tuple[str, int]

_OF_TASK: Final = re.compile(r"(?s)(task|released)-(.+)-(0|[1-9][0-9]{0,8})")
_LEADER: Final = b"leader"
#: Starts are times in milliseconds and rise by one at least; one far beyond would leave no number for the next.
_START_MAX: Final = 1 << 53


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What a worker tells of itself.

    Attributes:
        url: Where its REST answers other workers.
        leaving: It gives its tasks up, and takes no more.
    """

    url: str
    version: str
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a task is.

    Attributes:
        worker: The ID of the worker that it is placed on.
        start: Tells this start of the task from those before: it rises.
        run: False: that worker is to stop it, and to say so by a release of this start.
        config: Tells the connector's config that it runs with from others.
    """

    worker: str
    start: int
    run: bool
    config: str


@dataclass(frozen=True, slots=True)
class Release:
    """A worker does not run a task any more, in this start or one before."""

    worker: str
    start: int


def problem_of(key: bytes, value: bytes) -> str | None:
    """Say why a record of the topic does not count, None where it does."""
    try:
        stored, name = orjson.loads(value), key.decode()
    except (orjson.JSONDecodeError, UnicodeDecodeError) as error:
        return f"it is not readable: {error}"
    if not isinstance(stored, dict):
        return f"its value is {type(stored).__name__}; an object is expected"
    if name == _LEADER.decode():
        return None if isinstance(stored.get("worker"), str) else "it names no worker"
    if name.startswith("worker-"):
        return None if _parsed(WorkerInfo, stored) is not None else "it is no worker"
    if (found := _OF_TASK.fullmatch(name)) is None:
        return "no such key is known"
    kind: type[Any] = Placement if found[1] == "task" else Release
    return None if _parsed(kind, stored) is not None else f"it is no {kind.__name__.lower()}"


def _parsed(kind: type[T], stored: Mapping[str, Any]) -> T | None:
    types: dict[str, type] = {"leaving": bool, "run": bool, "start": int}
    names = [name for name in kind.__dataclass_fields__ if name in stored]  # type: ignore[attr-defined]
    if any(type(stored[name]) is not types.get(name, str) for name in names):
        return None
    if not 0 <= stored.get("start", 0) <= _START_MAX:
        return None
    try:
        return kind(**{name: stored[name] for name in names})
    except TypeError:  # one is missing
        return None


class WorkerTable:
    """The topic as a table. For the event loop; reading never waits, writes are in the topic when they return.

    Args:
        topic: Followed, with one partition.

    Attributes:
        on_change: Called when something has changed, with the task where it is one's; it must not raise.
    """

    def __init__(self, topic: CompactedTopic, clock_ms: Callable[[], int]) -> None:
        self._topic = topic
        self._clock_ms = clock_ms
        self.on_change: Callable[[Task | None], None] = lambda _task: None
        self.workers: dict[str, WorkerInfo] = {}
        self.placements: dict[Task, Placement] = {}
        self.releases: dict[Task, Release] = {}
        self.leader: str | None = None
        topic.on_change = self._on_change

    def load(self) -> None:
        """Take what the topic holds; call after it was opened."""
        for key, _ in self._topic.items():
            self._heed(key)

    async def catch_up(self) -> None:
        """Have what is in the topic now. Raises EnvironmentFault where that is not to be had within half a minute."""
        await self._topic.catch_up()

    async def announce(self, worker: str, info: WorkerInfo) -> None:
        """Tell of a worker; for itself."""
        await self._put({f"worker-{worker}": asdict(info)})

    async def release(self, task: Task, release: Release) -> None:
        """Tell that a worker does not run a task any more; for itself."""
        await self._put({_key("released", task): asdict(release)})

    async def withdraw(self, worker: str) -> None:
        """Forget a worker; for itself."""
        await self._put({f"worker-{worker}": None})

    async def lead(self, worker: str, through: FencedProducer) -> None:
        """Tell who leads; for the leader, as all that follows."""
        await self._put({_LEADER.decode(): {"worker": worker}}, through)

    async def place(self, placements: Mapping[Task, Placement], through: FencedProducer) -> None:
        """Place tasks, all or none."""
        await self._put({_key("task", task): asdict(placement) for task, placement in placements.items()}, through)

    async def forget(self, tasks: list[Task], workers: list[str], through: FencedProducer) -> None:
        """Forget tasks that nobody runs, and workers that are gone."""
        gone: dict[str, None] = dict.fromkeys(f"worker-{worker}" for worker in workers)
        for task in tasks:
            gone |= {_key(kind, task): None for kind in ("task", "released")}
        await self._put(gone, through)

    async def _put(self, entries: Mapping[str, Any], through: FencedProducer | None = None) -> None:
        encoded = {key.encode(): None if value is None else orjson.dumps(value) for key, value in entries.items()}
        await self._topic.put(encoded, timestamp_ms=self._clock_ms(), through=through)

    def _on_change(self, key: bytes) -> None:
        self.on_change(self._heed(key))

    def _heed(self, key: bytes) -> Task | None:
        """Have in memory what the topic has of a key; return the task that it is about."""
        name, value = key.decode(errors="replace"), self._topic.get(key)
        stored = None if value is None else orjson.loads(value)
        if name == _LEADER.decode():
            self.leader = stored and stored["worker"]
        elif name.startswith("worker-"):
            set_or_drop(self.workers, name.removeprefix("worker-"), stored and _parsed(WorkerInfo, stored))
        elif (found := _OF_TASK.fullmatch(name)) is not None:
            task = (found[2], int(found[3]))
            if found[1] == "task":
                set_or_drop(self.placements, task, stored and _parsed(Placement, stored))
            else:
                set_or_drop(self.releases, task, stored and _parsed(Release, stored))
            return task
        return None


def _key(kind: str, task: Task) -> str:
    return f"{kind}-{task[0]}-{task[1]}"
