"""Connector configs, target states and task configs, in Kafka Connect's shapes (KafkaConfigBackingStore, 4.3.1).

| key                 | value                                             |
|---------------------|---------------------------------------------------|
| connector-NAME      | {"properties": {…}}; null: deleted                |
| target-state-NAME   | {"state": "STARTED", "state.v2": "STARTED"}       |
| task-NAME-N         | {"properties": {…}}                               |
| commit-NAME         | {"tasks": how many task configs count}            |

`state` is for workers that know no STOPPED; it says PAUSED then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple
from weakref import WeakValueDictionary

import orjson

from connect.stores.compacted import CompactedTopic

#: The stored words; REST's word for STARTED is RUNNING.
StoredTarget = Literal["STARTED", "PAUSED", "STOPPED"]


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

    What it returns is parsed once and shared: for reading only.
    """

    def __init__(self, topic: CompactedTopic, clock_ms: Callable[[], int]) -> None:
        self._topic = topic
        self._clock_ms = clock_ms
        self._parsed: dict[str, tuple[bytes, Any]] = {}
        self._revisions: dict[str, Revision] = {}
        # Memory follows the log, so what a write decides by must not change while another one is under way.
        self._writing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def connectors(self) -> list[str]:
        """Return the names, sorted."""
        prefix = b"connector-"
        return sorted(k.removeprefix(prefix).decode() for k, _ in self._topic.items() if k.startswith(prefix))

    def config(self, name: str) -> dict[str, str] | None:
        """Return a connector's config, None if there is no such connector."""
        value = self._read(f"connector-{name}")
        return None if value is None else value["properties"]

    def revision(self, name: str) -> Revision:
        """Return what tells this config from earlier and later ones; also for a name that is not there."""
        return self._revisions.get(name, Revision(0, 0))

    def target(self, name: str) -> StoredTarget:
        """Return what is wanted of a connector; STARTED where nothing was said."""
        value = self._read(f"target-state-{name}") or {}
        target: StoredTarget = value.get("state.v2") or value.get("state") or "STARTED"
        return target

    def task_configs(self, name: str) -> list[dict[str, str]]:
        """Return the committed task configs; [] when none were made yet, or the connector was stopped."""
        count = (self._read(f"commit-{name}") or {"tasks": 0})["tasks"]
        found = [self._read(f"task-{name}-{task}") for task in range(count)]
        return [value["properties"] for value in found if value is not None]

    async def put_connector(self, name: str, config: Mapping[str, str], target: StoredTarget | None = None) -> None:
        """Store a config, with a target state when given: both or neither."""
        async with self._lock(name):
            is_new = self.config(name) is None
            entries: dict[str, Any] = {f"connector-{name}": {"properties": dict(config)}}
            if target is not None:
                entries[f"target-state-{name}"] = _target_value(target)
            await self._write(entries)
            before = self.revision(name)
            self._revisions[name] = Revision(before.life + is_new, before.config + 1)

    async def put_target(self, name: str, target: StoredTarget) -> None:
        """Store a target state; STOPPED also says that there are no task configs any more."""
        async with self._lock(name):
            entries: dict[str, Any] = {f"target-state-{name}": _target_value(target)}
            if target == "STOPPED":
                entries |= self._no_tasks(name, keep=0) | {f"commit-{name}": {"tasks": 0}}
            await self._write(entries)

    async def put_tasks(self, name: str, configs: Sequence[Mapping[str, str]]) -> bool:
        """Store the task configs and commit them, all or none; return whether they are wanted.

        A connector that was stopped or deleted while its tasks were planned has none.
        """
        async with self._lock(name):
            if self.config(name) is None or self.target(name) == "STOPPED":
                return False
            entries: dict[str, Any] = {f"task-{name}-{i}": {"properties": dict(c)} for i, c in enumerate(configs)}
            entries |= self._no_tasks(name, keep=len(configs)) | {f"commit-{name}": {"tasks": len(configs)}}
            await self._write(entries)
            return True

    async def delete(self, name: str) -> None:
        """Forget a connector with its target state and tasks."""
        async with self._lock(name):
            gone = {f"connector-{name}": None, f"target-state-{name}": None, f"commit-{name}": None}
            await self._write({**gone, **self._no_tasks(name, keep=0)})
            before = self.revision(name)
            self._revisions[name] = Revision(before.life + 1, before.config + 1)

    def _lock(self, name: str) -> asyncio.Lock:
        return self._writing.setdefault(name, asyncio.Lock())

    def _no_tasks(self, name: str, *, keep: int) -> dict[str, Any]:
        """Return what forgets the task configs numbered `keep` and above."""
        return {f"task-{name}-{i}": None for i in range(keep, len(self.task_configs(name)))}

    def _read(self, key: str) -> Any:
        value = self._topic.get(key.encode())
        if value is None:
            self._parsed.pop(key, None)
            return None
        known = self._parsed.get(key)
        if known is None or known[0] is not value:
            known = self._parsed[key] = (value, orjson.loads(value))
        return known[1]

    async def _write(self, entries: Mapping[str, Any]) -> None:
        encoded = {k.encode(): None if v is None else orjson.dumps(v) for k, v in entries.items()}
        await self._topic.put(encoded, timestamp_ms=self._clock_ms())


def _target_value(target: StoredTarget) -> dict[str, str]:
    return {"state": "PAUSED" if target == "STOPPED" else target, "state.v2": target}
