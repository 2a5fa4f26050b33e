"""What a plugin is given in its own process: the contexts of `connect.api`, whose wishes go to the worker as notes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from connect.api import PluginError
from connect.runtime.tasks.boundaries import TransactionContextImpl
from connect.runtime.tasks.gauges import Gauges

Note = Callable[..., None]
#: Asks the worker and returns its answer; blocks for as long as that takes.
Ask = Callable[..., Any]


class ConnectorThere:
    """A `ConnectorContext`.

    Args:
        said: What the worker says of it when the plugin is made.
        described: Makes an error plain.
    """

    def __init__(
        self, said: Mapping[str, Any], note: Note, ask: Ask, stopping: threading.Event, described: Callable[..., Any]
    ) -> None:
        self.name: str = said["connector"]
        self.log = logging.getLogger(f"connect.connector.{self.name}")
        self.stopping = stopping
        self.is_preview: bool = said.get("is_preview", False)
        self._note = note
        self._described = described
        self._waiting_for: str | None = None

    @property
    def waiting_for(self) -> str | None:
        return self._waiting_for

    @waiting_for.setter
    def waiting_for(self, value: str | None) -> None:
        self._waiting_for = value
        self._note("waiting_for", value if isinstance(value, str) else None)

    def request_task_reconfiguration(self) -> None:
        self._note("request_task_reconfiguration")

    def raise_error(self, error: Exception) -> None:
        if not isinstance(error, BaseException):
            error = PluginError(f"raise_error was given {type(error).__name__}; expected an exception")
        self._note("raise_error", self._described(error, "raise_error"))


class _TaskThere:
    """What the contexts of all tasks have."""

    def __init__(self, said: Mapping[str, Any], note: Note, ask: Ask, stopping: threading.Event) -> None:
        self.connector: str = said["connector"]
        self.task: int = said["task"]
        self.log = logging.getLogger(f"connect.connector.{self.connector}")
        self.stopping = stopping
        self.is_preview: bool = said.get("is_preview", False)
        self.gauges: dict[str, float] = {}
        self._note = note
        self._ask = ask
        self._waiting_for: str | None = None
        self._readable = Gauges(self.log)
        self._told_gauges: dict[str, float] = {}

    def tell_gauges(self) -> None:
        """Tell the worker of the task's figures, where they have changed since it was told."""
        found = self._readable.read(self.gauges)
        if found != self._told_gauges:
            self._told_gauges = found
            self._note("gauges", found)

    @property
    def waiting_for(self) -> str | None:
        return self._waiting_for

    @waiting_for.setter
    def waiting_for(self, value: str | None) -> None:
        if value != self._waiting_for:
            self._waiting_for = value
            self._note("waiting_for", value if isinstance(value, str) else None)

    def request_commit(self) -> None:
        self._note("request_commit")


class SourceThere(_TaskThere):
    """A `SourceTaskContext`."""

    def __init__(self, said: Mapping[str, Any], note: Note, ask: Ask, stopping: threading.Event) -> None:
        super().__init__(said, note, ask, stopping)
        self.transaction: TransactionContextImpl | None = None
        self._poll_wait_s: float | None = None
        self._drained: bool | None = None

    def heard(self, changes: Mapping[str, Any]) -> None:
        """Take what has changed at the worker since the call before."""
        if "transaction" in changes:
            self.transaction = TransactionContextImpl()

    @property
    def poll_wait_s(self) -> float | None:
        return self._poll_wait_s

    @poll_wait_s.setter
    def poll_wait_s(self, value: float | None) -> None:
        if value != self._poll_wait_s:
            self._poll_wait_s = value
            self._note("poll_wait_s", value)

    @property
    def drained(self) -> bool | None:
        return self._drained

    @drained.setter
    def drained(self, value: bool | None) -> None:
        if value is not self._drained:
            self._drained = value
            self._note("drained", value if isinstance(value, bool) else None)

    def wakeup(self) -> None:
        self._note("wakeup")

    def offset(self, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._ask("offset", dict(partition))
        return found


class SinkThere(_TaskThere):
    """A `SinkTaskContext`."""

    def __init__(self, said: Mapping[str, Any], note: Note, ask: Ask, stopping: threading.Event) -> None:
        super().__init__(said, note, ask, stopping)
        self.assignment: frozenset[tuple[str, int]] = frozenset()

    def heard(self, changes: Mapping[str, Any]) -> None:
        """Take what has changed at the worker since the call before."""
        if "assignment" in changes:
            self.assignment = frozenset((topic, partition) for topic, partition in changes["assignment"])

    def seek(self, topic: str, partition: int, offset: int) -> None:
        if type(offset) is not int or offset < 0:
            raise PluginError(f"seek of {topic}-{partition} to {offset!r:.60}; expected an offset of 0 or more")
        self._note("seek", topic, partition, offset)

    def pause(self, *partitions: tuple[str, int]) -> None:
        self._note("pause", [[topic, partition] for topic, partition in partitions])

    def resume(self, *partitions: tuple[str, int]) -> None:
        self._note("resume", [[topic, partition] for topic, partition in partitions])

    def topic_id(self, topic: str) -> str | None:
        found: str | None = self._ask("topic_id", topic)
        return found

    def offsets_after_put(self) -> dict[tuple[str, int], int]:
        return {(topic, partition): offset for topic, partition, offset in self._ask("offsets_after_put")}
