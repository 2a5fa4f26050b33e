"""Connector configs, target states and task configs, in Kafka Connect's shapes (KafkaConfigBackingStore, 4.3.1).

| key                 | value                                             |
|---------------------|---------------------------------------------------|
| connector-NAME      | {"properties": {…}}; null: deleted                |
| target-state-NAME   | {"state": "STARTED", "state.v2": "STARTED"}       |
| task-NAME-N         | {"properties": {…}}                               |
| commit-NAME         | {"tasks": how many task configs count}            |
| tasks-fencing-NAME  | {"task-count": how many tasks wrote transactions} |
| logger-cluster-NAME | {"level": a logger's level on all workers}        |

`state` is for workers that know no STOPPED; it says PAUSED then. A connector that is STOPPED only while its offsets are
set has `rewinding` beside them, which says what is wanted again afterwards: who begins to lead finds it where the
worker before died in between. Others do not look at it. Task configs that count no more are emptied and not
deleted: a Java worker that reads the topic logs each null as an error.

What a record must be to count is told by `problem_of`. A connector whose config counts, but says nothing sensible, is
there all the same: it can be looked at, changed and deleted, and fails when it is to run.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeVar, cast
from weakref import WeakValueDictionary

import orjson

from connect.stores.compacted import CompactedTopic
from connect.stores.history import ConfigHistory, What

T = TypeVar("T")

#: The stored words; REST's word for STARTED is RUNNING.
StoredTarget = Literal["STARTED", "PAUSED", "STOPPED"]


#: Before a connector's name, its config, and what is wanted of it.
CONNECTOR: Final = "connector-"
TARGET: Final = "target-state-"
#: Before a logger's name, the level that all workers are to give it.
LOGGER: Final = "logger-cluster-"
#: Kafka Connect's own keys that say nothing here: restart requests, the key of workers among themselves. Levels
#: are heard as they are written, and not at a start.
_OTHERS = ("restart-connector-", "session-key")
_KINDS = (CONNECTOR, TARGET, "task-", "commit-", "tasks-fencing-", LOGGER)


def problem_of(key: bytes, value: bytes) -> str | None:
    """Say why a record of the topic does not count, None where it does."""
    try:
        name = key.decode()
    except UnicodeDecodeError:
        return "its key is not UTF-8"
    kind = next((prefix for prefix in _KINDS if name.startswith(prefix)), "")
    if not kind:
        return None if name.startswith(_OTHERS) else "no such key is known"
    if name == kind:
        return "its key names no connector"
    if kind == "task-" and not re.fullmatch(r"(?s)task-.+-(0|[1-9][0-9]{0,8})", name):
        return "its key has no connector's name and task's number"
    return _problem_of_value(kind, value)


def _problem_of_value(kind: str, value: bytes) -> str | None:
    try:
        stored = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return f"its value is not JSON: {error}"
    if not isinstance(stored, dict):
        return f"its value is {type(stored).__name__}; an object is expected"
    if kind == "target-state-":
        return None if _target(stored) else "neither 'state.v2' nor 'state' is STARTED, PAUSED or STOPPED"
    if kind in ("commit-", "tasks-fencing-"):
        field = "tasks" if kind == "commit-" else "task-count"
        tasks = stored.get(field)
        return None if type(tasks) is int and tasks >= 0 else f"{field!r} is not a number of tasks"
    if kind == LOGGER:
        return None if isinstance(stored.get("level"), str) else "'level' is not a text"
    if not isinstance(stored.get("properties"), dict):
        return "'properties' is not an object"
    try:
        _parsed(value)
    except orjson.JSONEncodeError as error:  # nested so deep that it can be read and not written
        return f"'properties' cannot be used: {error}"
    return None


def _target(stored: Mapping[str, Any]) -> StoredTarget | None:
    """Return the target state of a stored value; the older field says it where the newer one does not."""
    for state in (stored.get("state.v2"), stored.get("state")):
        if state in ("STARTED", "PAUSED", "STOPPED"):
            return cast(StoredTarget, state)
    return None


def _parsed(value: bytes) -> dict[str, Any]:
    """Return a stored value.

    Properties are texts: what another hand wrote as a number or an object is shown as JSON.
    """
    stored: dict[str, Any] = orjson.loads(value)
    properties = stored.get("properties")
    if isinstance(properties, dict):
        stored["properties"] = {name: _text(found) for name, found in properties.items() if found is not None}
    return stored


def _text(found: Any) -> str:
    return found if isinstance(found, str) else orjson.dumps(found).decode()


#: In the place of a task config that counts no more, so that no secret of it stays.
_NO_TASK: Final[dict[str, Any]] = {"properties": {}}


class Revision(NamedTuple):
    """Tells one state of a connector's config from another, within the life of the process.

    Attributes:
        life: Changes when the connector is created or deleted.
        config: Changes with each config.
    """

    life: int
    config: int


class ConfigStore:
    """What connectors there are and what is wanted of them. All writes are durable when they return.

    For the event loop. Reading never waits; writes of one connector are done one after another, in the order of the
    calls. A cancelled write is carried out, with all that follows from it here.

    What it returns is parsed once and shared: for reading only.

    Args:
        history: Told of each change before it is made; None: there is none.
    """

    def __init__(
        self, topic: CompactedTopic, clock_ms: Callable[[], int], history: ConfigHistory | None = None
    ) -> None:
        self.history = history
        self._topic = topic
        self._clock_ms = clock_ms
        self._parsed: dict[str, tuple[bytes, Any]] = {}
        self._revisions: dict[str, Revision] = {}
        # Memory follows the log, so what a write decides by must not change while another one is under way.
        self._writing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._under_way: set[asyncio.Task[Any]] = set()

    def connectors(self) -> list[str]:
        """Return the names, sorted."""
        prefix = b"connector-"
        return sorted(k.removeprefix(prefix).decode() for k, _ in self._topic.items() if k.startswith(prefix))

    def config(self, name: str) -> dict[str, str] | None:
        """Return a connector's config, None if there is no such connector."""
        value = self._read(f"connector-{name}")
        return None if value is None else value["properties"]  # texts alone, see `_parsed`

    def revision(self, name: str) -> Revision:
        """Return what tells this config from earlier and later ones; also for a name that is not there."""
        return self._revisions.get(name, Revision(0, 0))

    def etag(self, name: str) -> str | None:
        """Return what tells a connector's config from every other one that it ever had, also on another worker and in
        another life; None where it is not there. Writing the same config again leaves it."""
        stamp = self._topic.stamp(f"{CONNECTOR}{name}".encode())
        return None if stamp is None or self.config(name) is None else f"{stamp:x}"

    def target(self, name: str) -> StoredTarget:
        """Return what is wanted of a connector; STARTED where nothing was said."""
        return _target(self._read(f"target-state-{name}") or {}) or "STARTED"

    def interrupted(self, name: str) -> StoredTarget | None:
        """Return what is wanted again of a connector that is stopped for a while; None of every other."""
        stored = self._read(f"target-state-{name}") or {}
        again = stored.get("rewinding")
        return cast(StoredTarget, again) if again in ("STARTED", "PAUSED") else None

    def task_configs(self, name: str) -> list[dict[str, str]]:
        """Return the committed task configs; [] when none were made yet, or the connector was stopped.

        Also where one of them is missing: the connector divides its work anew then. Of a connector that a Java worker
        deleted, and that was created anew as a stopped one, the topic still has those of the life before.
        """
        if self.target(name) == "STOPPED":
            return []
        found = []
        for task in range((self._read(f"commit-{name}") or {"tasks": 0})["tasks"]):
            value = self._read(f"task-{name}-{task}")
            if value is None:
                return []
            found.append(value["properties"])
        return found

    def fenced_tasks(self, name: str) -> int:
        """Return how many tasks of a source may have left a transaction open, by what workers have said; 0: none."""
        count: int = (self._read(f"tasks-fencing-{name}") or {"task-count": 0})["task-count"]
        return count

    async def put_fenced_tasks(self, name: str, count: int) -> None:
        """Say how many tasks write in transactions from now on; who divides the work anew shuts that many out first.

        As in Kafka Connect it outlives the connector: tasks that run late do, too.
        """
        if count != self.fenced_tasks(name):
            await self._carried_out(self._write({f"tasks-fencing-{name}": {"task-count": count}}))

    async def put_connector(
        self,
        name: str,
        config: Mapping[str, str],
        target: StoredTarget | None = None,
        *,
        rolled_back_to: int | None = None,
    ) -> None:
        """Store a config, with a target state when given: both or neither.

        Args:
            rolled_back_to: The version of the history that this is, for the history.
        """
        await self._carried_out(self._put_connector(name, dict(config), target, rolled_back_to))

    async def _put_connector(
        self, name: str, config: dict[str, str], target: StoredTarget | None, of: int | None
    ) -> None:
        async with self._lock(name):
            is_new = self.config(name) is None
            what: What = "rolled back" if of is not None else "created" if is_new else "changed"
            await self._record(name, what, target or self.target(name), config, of)
            entries: dict[str, Any] = {f"connector-{name}": {"properties": config}}
            if target is not None:
                entries[f"target-state-{name}"] = _target_value(target)
            if target == "STOPPED" and not is_new:
                entries |= self._no_tasks(name, keep=0) | {f"commit-{name}": {"tasks": 0}}
            await self._write(entries, self._stamp(name, config))
            before = self.revision(name)
            self._revisions[name] = Revision(before.life + is_new, before.config + 1)

    async def put_target(self, name: str, target: StoredTarget, *, again: StoredTarget | None = None) -> None:
        """Store a target state; STOPPED also says that there are no task configs any more.

        Args:
            again: What is wanted again soon; see `interrupted`.
        """
        await self._carried_out(self._put_target(name, target, again))

    async def _put_target(self, name: str, target: StoredTarget, again: StoredTarget | None) -> None:
        async with self._lock(name):
            value = _target_value(target) | ({} if again is None else {"rewinding": again})
            entries: dict[str, Any] = {f"target-state-{name}": value}
            if target == "STOPPED":
                entries |= self._no_tasks(name, keep=0) | {f"commit-{name}": {"tasks": 0}}
            if (config := self.config(name)) is not None:
                await self._record(name, _DONE[target], target, config)
            await self._write(entries)

    async def put_tasks(self, name: str, configs: Sequence[Mapping[str, str]]) -> bool:
        """Store the task configs and commit them, all or none; return whether they are wanted.

        A connector that was stopped or deleted while its tasks were planned has none.
        """
        return await self._carried_out(self._put_tasks(name, [dict(config) for config in configs]))

    async def _put_tasks(self, name: str, configs: list[dict[str, str]]) -> bool:
        async with self._lock(name):
            if self.config(name) is None or self.target(name) == "STOPPED":
                return False
            entries: dict[str, Any] = {f"task-{name}-{i}": {"properties": c} for i, c in enumerate(configs)}
            entries |= self._no_tasks(name, keep=len(configs)) | {f"commit-{name}": {"tasks": len(configs)}}
            await self._write(entries)
            return True

    def level(self, logger: str) -> str | None:
        """Return the level that was last set for a logger of all workers."""
        found = (self._read(f"{LOGGER}{logger}") or {}).get("level")
        return found if isinstance(found, str) else None

    async def put_level(self, logger: str, level: str) -> None:
        """Tell all workers that follow the topic of a logger's level (KIP-976)."""
        await self._write({f"{LOGGER}{logger}": {"level": level.upper()}})

    async def delete(self, name: str) -> None:
        """Forget a connector with its target state and tasks."""
        await self._carried_out(self._delete(name))

    async def _delete(self, name: str) -> None:
        async with self._lock(name):
            gone = {f"connector-{name}": None, f"target-state-{name}": None, f"commit-{name}": None}
            await self._record(name, "deleted", None, None)
            await self._write({**gone, **self._no_tasks(name, keep=0)}, self._stamp(name, None))
            before = self.revision(name)
            self._revisions[name] = Revision(before.life + 1, before.config + 1)

    async def settle_history(self) -> None:
        """Write into the history what was changed without it; for the one who may write, before anything is changed.

        Raises:
            ConnectError: It cannot be written.
        """
        if self.history is None:
            return
        self.history.load()
        for name in sorted({*self.connectors(), *self.history.names()}):
            async with self._lock(name):
                await self._settle_history(name, self.history)

    async def _settle_history(self, name: str, history: ConfigHistory) -> None:
        config = self.config(name)
        await history.settle(name, None if config is None else self.target(name), config, self._written_ms(name))

    def _written_ms(self, name: str) -> int:
        stamps = (self._topic.stamp(f"{prefix}{name}".encode()) for prefix in (CONNECTOR, TARGET))
        return max(stamp or 0 for stamp in stamps)

    async def _record(
        self, name: str, what: What, target: str | None, config: Mapping[str, str] | None, of: int | None = None
    ) -> None:
        """Have a change in the history, before it is made."""
        if self.history is not None:
            await self._settle_history(name, self.history)
            await self.history.add(name, what, target, config, of=of, after_ms=self._written_ms(name))

    def _stamp(self, name: str, config: Mapping[str, str] | None) -> int:
        """Return the time of writing a config, or None for its end, which no other one has; see `etag`."""
        before = self._topic.stamp(f"{CONNECTOR}{name}".encode())
        if before is None:
            return self._clock_ms()
        return before if self.config(name) == config else max(before + 1, self._clock_ms())

    async def _carried_out(self, write: Coroutine[Any, Any, T]) -> T:
        """Await a write, which goes on where its caller is cancelled: the log will have it, so memory must follow."""
        task = asyncio.create_task(write)
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # the caller has it, unless it was cancelled

    def _lock(self, name: str) -> asyncio.Lock:
        return self._writing.setdefault(name, asyncio.Lock())

    def _no_tasks(self, name: str, *, keep: int) -> dict[str, Any]:
        """Return what empties the task configs numbered `keep` and above."""
        numbers = itertools.takewhile(lambda i: self._read(f"task-{name}-{i}") is not None, itertools.count(keep))
        keys = (f"task-{name}-{i}" for i in numbers)
        return {key: _NO_TASK for key in keys if self._read(key) != _NO_TASK}

    def _read(self, key: str) -> Any:
        value = self._topic.get(key.encode())
        if value is None:
            self._parsed.pop(key, None)
            return None
        known = self._parsed.get(key)
        if known is None or known[0] is not value:
            known = self._parsed[key] = (value, _parsed(value))
        return known[1]

    async def _write(self, entries: Mapping[str, Any], stamp_ms: int | None = None) -> None:
        encoded = {k.encode(): None if v is None else orjson.dumps(v) for k, v in entries.items()}
        await self._topic.put(encoded, timestamp_ms=self._clock_ms() if stamp_ms is None else stamp_ms)


#: What the history calls a change of the target state.
_DONE: Final[dict[StoredTarget, What]] = {"STARTED": "resumed", "PAUSED": "paused", "STOPPED": "stopped"}


def _target_value(target: StoredTarget) -> dict[str, str]:
    return {"state": "PAUSED" if target == "STOPPED" else target, "state.v2": target}
