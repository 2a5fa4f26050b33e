"""How many records wait for sinks, and how many move."""

from __future__ import annotations

from typing_extensions import TypedDict

from connect.rest.models.base import example
from connect.rest.models.examples import NAME

_LAG = {
    "connector": "orders-sink",
    "state": "RUNNING",
    "group": "connect-orders-sink",
    "lag": 7,
    "tasks": [{"task": 0, "state": "RUNNING", "lag": 7}],
    "missing_topics": [],
    "unknown_topics": [],
}
_PARTITION = {
    "topic": "orders",
    "partition": 0,
    "committed_offset": 35,
    "log_start_offset": 0,
    "last_stable_offset": 42,
    "log_end_offset": 42,
    "lag": 7,
    "task": 0,
}
_RATE = {"records_per_second": 51234.5, "bytes_per_second": 9876543.0}


class TaskLag(TypedDict):
    """What waits for one task."""

    task: int
    state: str
    lag: int


class SinkLag(TypedDict):
    """What waits for a sink connector."""

    connector: str
    state: str
    group: str
    lag: int
    tasks: list[TaskLag]
    missing_topics: list[str]
    unknown_topics: list[str]


@example({"connectors": [_LAG]})
class Lag(TypedDict):
    """What waits for each sink connector."""

    connectors: list[SinkLag]


class PartitionLag(TypedDict):
    """What waits in one partition; `committed_offset` and `task` are null where there is none."""

    topic: str
    partition: int
    committed_offset: int | None
    log_start_offset: int
    last_stable_offset: int
    log_end_offset: int
    lag: int
    task: int | None


@example({**_LAG, "partitions": [_PARTITION]})
class ConnectorLag(SinkLag):
    """What waits for a sink connector, in each partition."""

    partitions: list[PartitionLag]


class TaskThroughput(TypedDict):
    """What a task moves."""

    connector: str
    task: int
    state: str
    records: int
    records_per_second: float
    bytes_per_second: float


@example(
    {
        "window_ms": 1000,
        **_RATE,
        "tasks": [{"connector": NAME, "task": 0, "state": "RUNNING", "records": 512345, **_RATE}],
    }
)
class Throughput(TypedDict):
    """What all tasks move, measured over `window_ms`."""

    window_ms: int
    records_per_second: float
    bytes_per_second: float
    tasks: list[TaskThroughput]
