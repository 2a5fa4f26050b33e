"""Tasks without a worker: real contexts, started tasks, and calls made as the runtime makes them."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connect.api import Batch, Connector, SinkConnector, SinkTask, SourceConnector, SourceTask, Task
from connect.api.connector import config_class_of


class SourceContext:
    """A `SourceTaskContext` over a dict of committed offsets, found by their partition's JSON."""

    def __init__(self, offsets: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]] = (), *, task: int = 0) -> None:
        self.connector = "test"
        self.task = task
        self.log = logging.getLogger("connect.connector.test")
        self.stopping = threading.Event()
        self.is_preview = False
        self.gauges: dict[str, float] = {}
        self.transaction = None
        self.poll_wait_s: float | None = None
        self.drained: bool | None = None
        self.waiting_for: str | None = None
        self.woken = threading.Event()
        self.commits_requested = 0
        self._offsets = {_json(partition): dict(offset) for partition, offset in offsets}

    def wakeup(self) -> None:
        self.woken.set()

    def request_commit(self) -> None:
        self.commits_requested += 1

    def offset(self, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        return self._offsets.get(_json(partition))

    def commit(self, batch: Batch) -> None:
        """Remember a batch's offset, as the runtime does once the batch is durable."""
        assert batch.source_partition is not None
        assert batch.source_offset is not None
        self._offsets[_json(batch.source_partition)] = dict(batch.source_offset)


class SinkContext:
    """A `SinkTaskContext` that keeps what the task asked for where a test can see it."""

    def __init__(self, partitions: Iterable[tuple[str, int]] = (("t", 0),), *, task: int = 0) -> None:
        self.connector = "test"
        self.task = task
        self.log = logging.getLogger("connect.connector.test")
        self.stopping = threading.Event()
        self.is_preview = False
        self.gauges: dict[str, float] = {}
        self.assignment = frozenset(partitions)
        self.seeks: dict[tuple[str, int], int] = {}
        self.paused: set[tuple[str, int]] = set()
        self.commits_requested = 0
        #: What `offsets_after_put` returns, and the ids of topics.
        self.after_put: dict[tuple[str, int], int] = {}
        self.topic_ids: dict[str, str] = {}

    def topic_id(self, topic: str) -> str | None:
        return self.topic_ids.get(topic, f"id of {topic}")

    def offsets_after_put(self) -> dict[tuple[str, int], int]:
        return dict(self.after_put)

    def seek(self, topic: str, partition: int, offset: int) -> None:
        self.seeks[topic, partition] = offset

    def pause(self, *partitions: tuple[str, int]) -> None:
        self.paused.update(partitions)

    def resume(self, *partitions: tuple[str, int]) -> None:
        self.paused.difference_update(partitions)

    def request_commit(self) -> None:
        self.commits_requested += 1


class ConnectorContext:
    """A `ConnectorContext` that keeps what the connector asked for where a test can see it."""

    def __init__(self) -> None:
        self.name = "test"
        self.log = logging.getLogger("connect.connector.test")
        self.stopping = threading.Event()
        self.is_preview = False
        self.waiting_for: str | None = None
        self.reconfigurations = 0
        self.errors: list[Exception] = []

    def request_task_reconfiguration(self) -> None:
        self.reconfigurations += 1

    def raise_error(self, error: Exception) -> None:
        self.errors.append(error)


async def call(method: Callable[..., Any], *args: Any) -> Any:
    """Call a plugin's method as the runtime does: `async def` on the loop, plain `def` on another thread."""
    if inspect.iscoroutinefunction(method):
        return await method(*args)
    result = await asyncio.to_thread(method, *args)
    return await result if inspect.isawaitable(result) else result


async def connector(connector_class: type[Connector], config: Mapping[str, Any]) -> Any:
    """Make a configured connector; not started."""
    made = connector_class()
    made.context = ConnectorContext()
    made.configure(connector_class.config_class.parse(config))
    return made


async def source_task(
    connector_class: type[SourceConnector],
    config: Mapping[str, Any],
    offsets: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]] = (),
    *,
    task: int = 0,
) -> Any:
    """Return a started source task. `offsets` holds pairs of source partition and committed offset."""
    return await _started(connector_class, config, SourceContext(offsets, task=task))


async def sink_task(
    connector_class: type[SinkConnector],
    config: Mapping[str, Any],
    partitions: Iterable[tuple[str, int]] = (("t", 0),),
    *,
    task: int = 0,
) -> Any:
    """Return a started sink task that has been given its partitions."""
    context = SinkContext(partitions, task=task)
    started = await _started(connector_class, config, context)
    await call(started.open, sorted(context.assignment))
    return started


async def poll(task: SourceTask) -> list[Batch]:
    """Poll once; return the batches as a list."""
    result = await call(task.poll_batch)
    if result is None:
        return []
    return [result] if isinstance(result, Batch) else list(result)


async def put(task: SinkTask, *batches: Batch) -> None:
    """Put batches one by one, then flush."""
    for batch in batches:
        await call(task.put_batch, batch)
    await call(task.flush)


async def stop(task: Task) -> None:
    """Stop and close a task as the runtime does."""
    task.context.stopping.set()
    await call(task.stop)
    task.close()


async def _started(connector_class: type[Connector], config: Mapping[str, Any], context: Any) -> Any:
    task_class = connector_class.task_class
    task = task_class()
    task.context = context
    task.configure(config_class_of(connector_class, task_class).parse(config))
    await call(task.start)
    return task


def _json(partition: Mapping[str, Any]) -> str:
    return json.dumps(dict(partition), sort_keys=True)
