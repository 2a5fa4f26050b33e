"""Looks at workers that are not there, for tests of what is made of them."""

from __future__ import annotations

import time
from collections import Counter

from connect.figures import Histogram
from connect.metrics.snapshot import ConnectorLook, TaskLook, WorkerLook
from connect.runtime.board import Starts
from connect.runtime.model import TaskId
from connect.runtime.tasks.meter import TaskMeter


def make_task(
    *, connector: str = "c", number: int = 0, kind: str = "sink", state: str = "RUNNING", is_busy: bool = False
) -> TaskLook:
    """Return a task; a busy one has had every stage of its kind."""
    meter = TaskMeter()
    if is_busy and kind == "source":
        meter.polled(2000, 0.0123)
        meter.wrote(2000, 200_000, 0.00456)
    elif is_busy:
        meter.fetched(2000, 200_000)
        meter.put(2000, 0.0345)
    if is_busy:
        meter.converted(0.00123, 0.00234, transforms=True)
        meter.committed(0.0567)
        meter.active.record(2000)
        meter.end_to_end.observe(0.25)
    return TaskLook(TaskId(connector, number), kind, state, meter, 2000, 200_000, 100_000, 1)


def make_look(*tasks: TaskLook) -> WorkerLook:
    """Return a look at a worker that is alone, with a connector for each name of the tasks."""
    names = {task.id.connector: task for task in tasks}
    counts = {name: Counter(task.state for task in tasks if task.id.connector == name) for name in names}
    connectors = [
        ConnectorLook(
            name, task.type, "org.apache.kafka.connect.file.FileStreamSinkConnector", "0.1.0", "RUNNING", 0, 0, 1.5
        )
        for name, task in names.items()
    ]
    return WorkerLook(
        worker_id="127.0.0.1:8083",
        version="0.1.0",
        kafka_version="4.3.1",
        cluster_id="x",
        group="connect-cluster",
        started_ms=1_700_000_000_000,
        now_ms=1_700_000_060_000,
        now_s=time.monotonic(),
        tasks=tasks,
        connectors=tuple(connectors),
        task_counts=counts,
        lags={(name, 0): 5 for name, task in names.items() if task.type == "sink"},
        restarts={task.id: 0 for task in tasks},
        connector_starts=Starts(),
        task_starts=Starts(),
        read_bytes=0,
        written_bytes=0,
        loop_delay=Histogram(),
        sync_seconds=Histogram(),
        topic_bytes={f"topic-{n}": 1_000_000 for n in range(len(names))},
        has_leader=True,
    )
