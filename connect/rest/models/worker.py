"""The worker itself: versions, health, tasks, and what someone should act on."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from connect.rest.models.base import example
from connect.rest.models.examples import NAME, WORKER


@example({"version": "4.3.1", "commit": "connect-0.1.0", "kafka_cluster_id": "Vz3bTq0GRZm5Xb2V1Yw9pA"})
class ServerInfo(TypedDict):
    """Which Kafka Connect the worker answers as, and the cluster's id."""

    version: str
    commit: str
    kafka_cluster_id: str


class HealthFailure(TypedDict):
    """A connector (`task` null) or task that is FAILED, and by what."""

    connector: str
    task: int | None
    cause: str


class HealthOfTask(TypedDict):
    """A task's state."""

    task: int
    state: str


class HealthOfConnector(TypedDict):
    """A connector's state, null where its instance is another worker's, and its tasks' states."""

    connector: str
    state: str | None
    tasks: list[HealthOfTask]


@example({"status": "healthy", "message": "Worker has completed startup and is ready to handle requests."})
class Health(TypedDict):
    """Whether the worker can serve: healthy, starting or unhealthy. `failed`: where failures were asked for.
    `connectors`: where they were."""

    status: str
    message: str
    failed: NotRequired[list[HealthFailure]]
    connectors: NotRequired[list[HealthOfConnector]]


@example({"status": "ready", "message": "Worker has completed startup and is ready to handle requests."})
class Probe(TypedDict):
    """What a probe is told: alive or hung; ready, starting, stopping or unhealthy."""

    status: str
    message: str


class TaskProgress(TypedDict):
    """How far a task has come since its start; `lag` is a sink's, null also where another worker leads. `throttled`:
    `rate.limit.*` holds it up now. `waiting_for`: what it cannot go on without. `gauges`: the plugin's own figures.
    `batch_ms_p99`: how long a batch took to be written, or put, but for one in a hundred, in about the last minute."""

    connector: str
    task: int
    state: str
    records: int
    size_bytes: int
    skipped: int
    throttled: bool
    lag: int | None
    gauges: dict[str, float]
    waiting_for: str | None
    batch_ms_p99: float | None


@example(
    {
        "worker_id": WORKER,
        "version": "0.1.0",
        "kafka_version": "4.3.1",
        "pid": 4711,
        "data_dir": "connect-data",
        "uptime_ms": 60000,
        "tasks": [
            {
                "connector": NAME,
                "task": 0,
                "state": "RUNNING",
                "records": 42,
                "size_bytes": 4200,
                "skipped": 0,
                "throttled": False,
                "lag": None,
                "gauges": {"slot.lag.bytes": 4096.0},
                "waiting_for": None,
                "batch_ms_p99": 4.2,
            }
        ],
    }
)
class Worker(TypedDict):
    """The worker and its tasks."""

    worker_id: str
    version: str
    kafka_version: str
    pid: int
    data_dir: str
    uptime_ms: int
    tasks: list[TaskProgress]


class WorkerTask(TypedDict):
    """A task that is placed on a worker."""

    connector: str
    task: int


class GroupWorker(TypedDict):
    """One worker of a group. `leads`: requests for connectors are answered by it. `leaving`: it gives its tasks up."""

    worker_id: str
    url: str
    version: str
    leads: bool
    leaving: bool
    tasks: list[WorkerTask]


@example(
    {
        "group": "connect-cluster",
        "workers": [
            {
                "worker_id": WORKER,
                "url": f"http://{WORKER}",
                "version": "0.1.0",
                "leads": True,
                "leaving": False,
                "tasks": [{"connector": NAME, "task": 0}],
            }
        ],
    }
)
class Workers(TypedDict):
    """The workers that share the tasks of a group, as the worker that was asked knows them."""

    group: str
    workers: list[GroupWorker]


@example(
    {
        "worker_id": WORKER,
        "version": "0.1.0",
        "kafka_version": "4.3.1",
        "kafka_cluster_id": "Vz3bTq0GRZm5Xb2V1Yw9pA",
        "python": "3.12.4",
        "platform": "linux",
        "memory_bytes": 98566144,
        "listeners": ["http://127.0.0.1:8083"],
        "registry_urls": [],
        "authentication": False,
        "plugins": 42,
        "connectors": {"RUNNING": 3},
        "tasks": {"RUNNING": 4, "FAILED": 1},
    }
)
class WorkerInfo(TypedDict):
    """What the worker is, and how many connectors and tasks are in which state."""

    worker_id: str
    version: str
    kafka_version: str
    kafka_cluster_id: str
    python: str
    platform: str
    memory_bytes: int | None
    listeners: list[str]
    registry_urls: list[str]
    authentication: bool
    plugins: int
    connectors: dict[str, int]
    tasks: dict[str, int]


class Notice(TypedDict):
    """One thing to act on; `subject` names what it is about."""

    code: str
    subject: str
    message: str


@example(
    {
        "warnings": [
            {
                "code": "task.failed",
                "subject": "orders-sink-0",
                "message": "orders.txt cannot be written: No such file or directory",
            }
        ]
    }
)
class Warnings(TypedDict):
    """What someone should act on."""

    warnings: list[Notice]
