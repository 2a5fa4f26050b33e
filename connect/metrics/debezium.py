"""The figures of change data capture from PostgreSQL, by the names of Debezium's metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from connect.metrics.metric import DEBEZIUM, Metric, names_of
from connect.metrics.reading import Reading, Samples, labels
from connect.metrics.snapshot import TaskLook


def _debezium(
    attribute: str, contexts: Sequence[str], meaning: str, value: Callable[[TaskLook, str, int], float]
) -> Metric:
    def samples(read: Reading) -> Samples:
        return [
            (
                labels(plugin=task.server[0], name=task.server[1], task=str(task.id.task), context=context),
                value(task, context, read.look.now_ms),
            )
            for _, task in read.tasks
            if task.server is not None
            for context in contexts
        ]

    return Metric(
        names_of({DEBEZIUM: [f"debezium_metrics_{attribute}"]}),
        "unknown",
        ("plugin", "name", "task", "context"),
        meaning,
        samples,
    )


def _gauge(name: str, otherwise: float = 0) -> Callable[[TaskLook, str, int], float]:
    return lambda task, context, _: task.gauges.get(f"{context}.{name}", otherwise)


def _since_last_event(task: TaskLook, context: str, now_ms: int) -> float:
    last_ms = task.gauges.get(f"{context}.last.event.ms")
    return -1 if last_ms is None else max(0.0, now_ms - last_ms)


_BOTH: Final = ("streaming", "snapshot")
DEBEZIUM_METRICS: Final = (
    _debezium("Connected", ("streaming",), "1 while the connector reads the server's changes.", _gauge("connected")),
    _debezium("MilliSecondsBehindSource", ("streaming",),
              "How long after its commit the last change was read, ms; -1 before the first.", _gauge("behind.ms", -1)),
    _debezium("MilliSecondsSinceLastEvent", _BOTH, "Time since the last change, or row, was read, ms; -1: none was.",
              _since_last_event),
    _debezium("TotalNumberOfEventsSeen", _BOTH, "Changes, or rows, read since the task's start.", _gauge("events")),
    _debezium("NumberOfEventsFiltered", _BOTH, "Always 0: what is not wanted is not read.", lambda *_: 0),
    _debezium("NumberOfErroneousEvents", _BOTH, "Failures of records, each try that failed too.",
              lambda task, *_: task.meter.failures),
    _debezium("NumberOfCommittedTransactions", ("streaming",), "Transactions read since the task's start.",
              _gauge("transactions")),
    _debezium("QueueTotalCapacity", _BOTH, "Bytes that the task takes from the server ahead of its polls.",
              _gauge("queue.bytes.max")),
    _debezium("QueueRemainingCapacity", _BOTH, "Bytes of these that are free.", _gauge("queue.bytes.free")),
    _debezium("SnapshotRunning", ("snapshot",), "1 while the snapshot is read.", _gauge("running")),
    _debezium("SnapshotCompleted", ("snapshot",), "1 once the snapshot is read.", _gauge("completed")),
    _debezium("SnapshotAborted", ("snapshot",), "Always 0: a snapshot that fails goes on where it was.",
              lambda *_: 0),
    _debezium("SnapshotDurationInSeconds", ("snapshot",), "How long the snapshot has taken since the task's start.",
              _gauge("seconds")),
    _debezium("TotalTableCount", ("snapshot",), "Tables that the snapshot reads.", _gauge("tables")),
    _debezium("RemainingTableCount", ("snapshot",), "Tables of these that are left.", _gauge("tables.left")),
)  # fmt: skip
