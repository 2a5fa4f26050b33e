"""What the runtime gives to running connectors and tasks: the contexts of `connect.api`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from connect.api import PluginError, TransactionContext
from connect.records import TopicPartition

Log = logging.Logger | logging.LoggerAdapter[Any]


class ConnectorContextImpl:
    """The `ConnectorContext` of a running connector."""

    def __init__(self, name: str, *, reconfigure: Callable[[], None], fail: Callable[[object], None]) -> None:
        self.name = name
        self.log: Log = logging.getLogger(f"connect.connector.{name}")
        self.stopping = threading.Event()
        self.waiting_for: str | None = None
        self.is_preview = False
        self._reconfigure = reconfigure
        self._fail = fail

    def request_task_reconfiguration(self) -> None:
        self._reconfigure()

    def raise_error(self, error: Exception) -> None:
        self._fail(error)


class SourceTaskContextImpl:
    """The `SourceTaskContext` of a running task."""

    def __init__(
        self,
        connector: str,
        task: int,
        offset: Callable[[Mapping[str, Any]], dict[str, Any] | None],
        wakeup: Callable[[], None],
    ) -> None:
        self.connector = connector
        self.task = task
        self.log: Log = logging.getLogger(f"connect.connector.{connector}")
        self.stopping = threading.Event()
        self.waiting_for: str | None = None
        self.is_preview = False
        self.gauges: dict[str, float] = {}
        #: Where the connector ends transactions itself; set before the task starts.
        self.transaction: TransactionContext | None = None
        self.poll_wait_s: float | None = None
        self.drained: bool | None = None
        self.commit_requested = False
        self._offset = offset
        self._wakeup = wakeup

    def wakeup(self) -> None:
        self._wakeup()

    def request_commit(self) -> None:
        self.commit_requested = True

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
        self.waiting_for: str | None = None
        self.is_preview = False
        self.gauges: dict[str, float] = {}
        self.assigned: frozenset[TopicPartition] = frozenset()
        self.commit_requested = False
        #: What the plugin wants nothing of.
        self.paused: set[TopicPartition] = set()
        #: The ids of the topics that the task has partitions of, where the sink keeps its offsets in its target.
        self.topic_ids: dict[str, str] = {}
        #: Says, within a put or a flush, how far the partitions are once it is done.
        self.reached: Callable[[], Mapping[TopicPartition, int]] = dict
        self._seeks: dict[TopicPartition, int] = {}
        self._pauses: dict[TopicPartition, bool] = {}

    @property
    def assignment(self) -> frozenset[tuple[str, int]]:
        return frozenset((p.topic, p.partition) for p in self.assigned)

    def topic_id(self, topic: str) -> str | None:
        return self.topic_ids.get(topic)

    def offsets_after_put(self) -> dict[tuple[str, int], int]:
        return {(at.topic, at.partition): offset for at, offset in self.reached().items()}

    @contextmanager
    def reaching(self, reached: Mapping[TopicPartition, int]) -> Iterator[None]:
        """Have `offsets_after_put` say this meanwhile, within a flush, but for what is to go on elsewhere."""
        before, self.reached = self.reached, lambda: {at: n for at, n in reached.items() if at not in self._seeks}
        try:
            yield
        finally:
            self.reached = before

    def seek(self, topic: str, partition: int, offset: int) -> None:
        if type(offset) is not int or offset < 0:  # told where the plugin asks: later, nobody knows who it was
            raise PluginError(f"seek of {topic}-{partition} to {offset!r:.60}; expected an offset of 0 or more")
        self._seeks[TopicPartition(topic, partition)] = offset

    def resume_from(self, partition: TopicPartition, offset: int) -> None:
        """Go on where the plugin says that its target is, unless it has sought this partition itself."""
        self._seeks.setdefault(partition, offset)

    def pause(self, *partitions: tuple[str, int]) -> None:
        named = [TopicPartition(*p) for p in partitions]
        self._pauses.update(dict.fromkeys(named, True))
        self.paused.update(named)

    def resume(self, *partitions: tuple[str, int]) -> None:
        named = [TopicPartition(*p) for p in partitions]
        self._pauses.update(dict.fromkeys(named, False))
        self.paused.difference_update(named)

    def request_commit(self) -> None:
        self.commit_requested = True

    @property
    def is_holding(self) -> bool:
        """Whether records of some partitions are not to be put."""
        return bool(self.paused or self._seeks)

    @property
    def has_wishes(self) -> bool:
        """Whether the plugin has asked for something that is not done yet."""
        return bool(self._seeks or self._pauses)

    def sought(self, partition: TopicPartition) -> int | None:
        """Return where the plugin wants a partition to go on, as long as that is not done."""
        return self._seeks.get(partition)

    def holds(self, topic: str | None, partition: int | None) -> bool:
        """Whether records of a partition in hand are not to be put: it was paused, or is to go on elsewhere."""
        at = (topic, partition)
        return at in self.paused or at in self._seeks

    def take(self) -> tuple[dict[TopicPartition, int], dict[TopicPartition, bool]]:
        """Return what the plugin asked for since: offsets to go on from, and which partitions to pause or resume."""
        seeks, self._seeks = self._seeks, {}
        pauses, self._pauses = self._pauses, {}
        return seeks, pauses

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Drop what was asked for partitions that are taken away."""
        for partition in partitions:
            self.paused.discard(partition)
            self._seeks.pop(partition, None)
            self._pauses.pop(partition, None)
