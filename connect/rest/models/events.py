"""The stream of what changes: the events of `/v1/events`, and the rows in them."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from connect.rest.models.base import example
from connect.rest.models.examples import NAME, WORKER

_ROW = {
    "name": NAME,
    "type": "source",
    "class": "FileStreamSource",
    "state": "RUNNING",
    "worst": "FAILED",
    "tasks": {"total": 2, "running": 1, "failed": 1, "paused": 0, "unassigned": 0, "restarting": 0},
    "records_per_second": 1200.0,
    "batch_ms_p99": 4.2,
    "lag": None,
    "position": None,
    "restarts": 3,
    "failed_since": 1767225600000,
    "last_error": {
        "at": 1767225600000,
        "code": "environment.unreachable",
        "message": "orders.example:5432 cannot be reached",
        "task": 1,
    },
    "next_restart": {"at": 1767225606000, "attempt": 3, "of": None},
    "topics": 1,
}
_WORKER = {
    "worker_id": WORKER,
    "version": "0.1.0",
    "group": "connect-cluster",
    "workers": [{"worker_id": WORKER, "leads": True, "leaving": False, "tasks": 2}],
    "open_to_others": False,
}


class TaskCounts(TypedDict):
    """How many tasks a connector has, and in which state."""

    total: int
    running: int
    failed: int
    paused: int
    unassigned: int
    restarting: int


class LastError(TypedDict):
    """The newest failure of a connector (`task` null) or of one of its tasks."""

    at: int
    code: str
    message: str
    task: int | None


class NextRestart(TypedDict):
    """The next restart by itself: which one it is since it last ran well; `of`: how many there are at most, null where
    they go on for ever."""

    at: int
    attempt: int
    of: int | None


#: Not as a class, since one member's name is a keyword.
Row = TypedDict(
    "Row",
    {
        "name": str,
        "type": str,
        "class": str,
        "state": str,
        "worst": str,
        "tasks": TaskCounts,
        "records_per_second": float,
        "batch_ms_p99": float | None,
        "lag": int | None,
        "position": str | None,
        "restarts": int,
        "failed_since": int | None,
        "last_error": LastError | None,
        "next_restart": NextRestart | None,
        "topics": int,
    },
)
Row.__doc__ = """A connector at a glance.

`worst`: the worst state of it and its tasks. `records_per_second`: of the last seconds. `lag`: of a sink. `position`:
of a source, the offset that was committed last, as JSON, cut where it is long; null where none is known.
`failed_since`: since when something of it has failed and not run again.
"""


class WorkerOfGroup(TypedDict):
    """One worker of the group, and how many tasks are placed on it."""

    worker_id: str
    leads: bool
    leaving: bool
    tasks: int


class WorkerRow(TypedDict):
    """The worker that streams, which is the leader, and the workers of its group."""

    worker_id: str
    version: str
    group: str
    workers: list[WorkerOfGroup]
    open_to_others: bool


class Snapshot(TypedDict):
    """All connectors, in the order of their names."""

    at: int
    connectors: list[Row]
    worker: WorkerRow


class Changed(TypedDict):
    """The connectors that are new or have changed, whole; `worker`: where that has."""

    at: int
    connectors: list[Row]
    worker: NotRequired[WorkerRow]


class Removed(TypedDict):
    """The connectors that are no more."""

    at: int
    names: list[str]


class Beat(TypedDict):
    """Nothing has changed; the worker lives."""

    at: int


class End(TypedDict):
    """Why the worker ends the stream."""

    code: str
    message: str


@example({"snapshot": {"at": 1767225601000, "connectors": [_ROW], "worker": _WORKER}, "beat": {"at": 1767225606000}})
class Events(TypedDict, total=False):
    """The events of a stream: the name of each, and its data. `snapshot` is the first, and comes again to a reader that
    fell far behind; `end` is the last where the worker ends the stream."""

    snapshot: Snapshot
    changed: Changed
    removed: Removed
    beat: Beat
    end: End
