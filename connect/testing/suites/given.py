"""A source that gives what a test has, and a sink that keeps what it is given, for workers in the test's process."""

from __future__ import annotations

from collections.abc import Sequence

from connect.api import Record, SinkConnector, SinkTask, SourceConnector, SourceTask


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
