"""Which connector or task the running code belongs to, for log lines: `[name|worker] ` and `[name|task-0] `."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

from connect.ports import Consumer, TopicPartition

Log = logging.Logger | logging.LoggerAdapter[Any]

#: Kafka Connect's connector.context; empty outside any connector. Formatters read it.
connector_context: Final[ContextVar[str]] = ContextVar("connector_context", default="")


class ConnectorContextImpl:
    """The `ConnectorContext` of a running connector."""

    def __init__(self, name: str, *, reconfigure: Callable[[], None], fail: Callable[[Exception], None]) -> None:
        self.name = name
        self.log: Log = logging.getLogger(f"connect.connector.{name}")
        self.stopping = threading.Event()
        self._reconfigure = reconfigure
        self._fail = fail

    def request_task_reconfiguration(self) -> None:
        self._reconfigure()

    def raise_error(self, error: Exception) -> None:
        self._fail(error)


class SourceTaskContextImpl:
    """The `SourceTaskContext` of a running task."""

    def __init__(self, connector: str, task: int, offset: Callable[[Mapping[str, Any]], dict[str, Any] | None]) -> None:
        self.connector = connector
        self.task = task
        self.log: Log = logging.getLogger(f"connect.connector.{connector}")
        self.stopping = threading.Event()
        self._offset = offset

    def offset(self, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        return self._offset(partition)


class SinkTaskContextImpl:
    """The `SinkTaskContext` of a running task. What the plugin asks for is kept here until the task's loop takes it,
    since the plugin may ask from its own thread."""

    def __init__(self, connector: str, task: int) -> None:
        self.connector = connector
        self.task = task
        self.log: Log = logging.getLogger(f"connect.connector.{connector}")
        self.stopping = threading.Event()
        self.assigned: frozenset[TopicPartition] = frozenset()
        self.commit_requested = False
        self._seeks: dict[TopicPartition, int] = {}
        self._pauses: dict[TopicPartition, bool] = {}

    @property
    def assignment(self) -> frozenset[tuple[str, int]]:
        return frozenset((p.topic, p.partition) for p in self.assigned)

    def seek(self, topic: str, partition: int, offset: int) -> None:
        self._seeks[TopicPartition(topic, partition)] = offset

    def pause(self, *partitions: tuple[str, int]) -> None:
        self._pauses.update((TopicPartition(*p), True) for p in partitions)

    def resume(self, *partitions: tuple[str, int]) -> None:
        self._pauses.update((TopicPartition(*p), False) for p in partitions)

    def request_commit(self) -> None:
        self.commit_requested = True

    def apply_to(self, consumer: Consumer) -> frozenset[TopicPartition]:
        """Hand the plugin's wishes to the consumer; return the partitions that were moved."""
        seeks, self._seeks = self._seeks, {}
        pauses, self._pauses = self._pauses, {}
        for partition, offset in seeks.items():
            consumer.seek(partition, offset)
        for partition, paused in pauses.items():
            (consumer.pause if paused else consumer.resume)(partition)
        return frozenset(seeks)
