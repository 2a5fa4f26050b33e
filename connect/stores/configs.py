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

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import orjson

from connect.stores.compacted import CompactedTopic

#: The stored words; REST's word for STARTED is RUNNING.
StoredTarget = Literal["STARTED", "PAUSED", "STOPPED"]


class ConfigStore:
    """What connectors there are and what is wanted of them. All writes are durable when they return."""

    def __init__(self, topic: CompactedTopic, clock_ms: Callable[[], int]) -> None:
        self._topic = topic
        self._clock_ms = clock_ms

    def connectors(self) -> list[str]:
        """Return the names, sorted."""
        prefix = b"connector-"
        return sorted(k.removeprefix(prefix).decode() for k, _ in self._topic.items() if k.startswith(prefix))

    def config(self, name: str) -> dict[str, str] | None:
        """Return a connector's config, None if there is no such connector."""
        value = self._read(f"connector-{name}")
        return None if value is None else value["properties"]

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
        entries: dict[str, Any] = {}
        if target is not None:
            entries[f"target-state-{name}"] = _target_value(target)
        entries[f"connector-{name}"] = {"properties": dict(config)}
        await self._write(entries)

    async def put_target(self, name: str, target: StoredTarget, *, drop_tasks: bool = False) -> None:
        """Store a target state; `drop_tasks` also says that there are no task configs any more."""
        entries: dict[str, Any] = {f"target-state-{name}": _target_value(target)}
        if drop_tasks:
            entries[f"commit-{name}"] = {"tasks": 0}
        await self._write(entries)

    async def put_tasks(self, name: str, configs: Sequence[Mapping[str, str]]) -> None:
        """Store the task configs and commit them: all or none."""
        entries: dict[str, Any] = {f"task-{name}-{i}": {"properties": dict(c)} for i, c in enumerate(configs)}
        entries[f"commit-{name}"] = {"tasks": len(configs)}
        await self._write(entries)

    async def delete(self, name: str) -> None:
        """Forget a connector with its target state and tasks."""
        tasks = {f"task-{name}-{i}": None for i in range(len(self.task_configs(name)))}
        await self._write({f"connector-{name}": None, f"target-state-{name}": None, **tasks, f"commit-{name}": None})

    def _read(self, key: str) -> Any:
        value = self._topic.get(key.encode())
        return None if value is None else orjson.loads(value)

    async def _write(self, entries: Mapping[str, Any]) -> None:
        encoded = {k.encode(): None if v is None else orjson.dumps(v) for k, v in entries.items()}
        await self._topic.put(encoded, timestamp_ms=self._clock_ms())


def _target_value(target: StoredTarget) -> dict[str, str]:
    return {"state": "PAUSED" if target == "STOPPED" else target, "state.v2": target}
