"""A source that gives what a test has, and a sink that keeps what it is given, for workers in the test's process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from connect.api import Record, SinkConnector, SinkTask, SourceConnector, SourceTask
from connect.testing.harness.workers import Worker


def given_source(records: Sequence[Record]) -> type[SourceConnector]:
    """Return a source that gives these records, once, in one poll."""
    left = [list(records)]

    class GivenTask(SourceTask):
        def poll(self) -> list[Record]:
            return left.pop() if left else []

    class GivenSource(SourceConnector):
        """Gives what a test has."""

        class_name = "certificate.GivenSource"
        task_class = GivenTask

    return GivenSource


def keeping_sink(kept: list[Record], name: str) -> type[SinkConnector]:
    """Return a sink that appends to a list.

    Args:
        name: Makes it another class than one that keeps elsewhere.
    """

    class KeepingTask(SinkTask):
        def put(self, records: list[Record]) -> None:
            kept.extend(records)

    class KeepingSink(SinkConnector):
        """Keeps what it is given."""

        class_name = f"certificate.{name}Sink"
        task_class = KeepingTask

    return KeepingSink


def until(worker: Worker, names: Sequence[str], condition: Callable[[], Any], what: str) -> None:
    """Wait until a condition holds, as long as these connectors run.

    Raises:
        AssertionError: It does not within the deadline, or one of them failed: its trace.
    """

    def holds() -> bool:
        for name in names:
            assert "FAILED" not in worker.states(name), worker.trace(name)
        return bool(condition())

    worker.until(holds, what)
