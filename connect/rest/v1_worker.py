"""What Kafka Connect lacks about its own running, under /v1: the worker, lag, throughput, warnings."""

from __future__ import annotations

import asyncio
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

import connect
from connect.api import ConfigError
from connect.rest.connectors import herder_of
from connect.rest.negotiation import name_of
from connect.rest.render import json_response
from connect.rest.server import exposure, parse_listener
from connect.runtime.causes import cause_of
from connect.runtime.herder import Herder
from connect.runtime.lag import SinkLag
from connect.runtime.model import State, TaskId, TaskProgress
from connect.runtime.secrets import redact

router = APIRouter(prefix="/v1", tags=["worker"])

WINDOW_MS_MAX: Final = 10_000


@router.get("/worker/info")
async def info(request: Request) -> Response:
    """Show what the worker is: versions, memory, plugins, and how many connectors and tasks are in which state."""
    herder = herder_of(request)
    connectors, tasks = _states(herder)
    return json_response({
        "worker_id": herder.worker_id, "version": connect.__version__, "kafka_version": herder.version,
        "kafka_cluster_id": herder.cluster_id, "python": platform.python_version(), "platform": sys.platform,
        "memory_bytes": memory_bytes(), "listeners": list(herder.worker_config.listeners),
        "authentication": bool(herder.worker_config.rest_authentication_file),
        "plugins": len(herder.plugins.list()), "connectors": connectors, "tasks": tasks,
    })  # fmt: skip


def _states(herder: Herder) -> tuple[dict[str, int], dict[str, int]]:
    connectors: defaultdict[str, int] = defaultdict(int)
    tasks: defaultdict[str, int] = defaultdict(int)
    for name in herder.connectors():
        status = herder.status(name)
        connectors[status.connector.state.value] += 1
        for task in status.tasks:
            tasks[task.state.value] += 1
    return dict(connectors), dict(tasks)


def memory_bytes() -> int | None:
    """Return the process's resident memory, None where the system does not tell."""
    try:
        with open("/proc/self/status") as file:  # noqa: PTH123 - no file, a view of the kernel's
            line = next(line for line in file if line.startswith("VmRSS:"))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) << 10


# -- lag and throughput --------------------------------------------------------------------------------------------


@router.get("/lag")
async def lag(request: Request) -> Response:
    """Show how many records wait for each sink connector, whatever state it is in: in all, and of each task."""
    herder = herder_of(request)
    found = await herder.lags()
    return json_response({"connectors": [_sink(herder, found[name]) for name in herder.connectors() if name in found]})


def _sink(herder: Herder, found: SinkLag) -> dict[str, Any]:
    status = herder.status(found.connector)
    tasks = [{"task": t.id, "state": t.state.value, "lag": found.of_task(t.id)} for t in status.tasks]
    return {
        "connector": found.connector,
        "state": status.connector.state.value,
        "group": found.group,
        "lag": found.lag,
        "tasks": tasks,
        "missing_topics": list(found.missing),
        "unknown_topics": list(found.unknown),
    }


@router.get("/connectors/{name}/lag")
async def connector_lag(request: Request, name: str) -> Response:
    """Show a sink connector's lag in each partition of its topics, from its group's committed offsets."""
    herder, name = herder_of(request), name_of(name)
    herder.info(name)
    found = (await herder.lags()).get(name)
    if found is None:
        raise ConfigError(
            f"connector {name!r} is no sink; lag is a sink's", code="request.invalid", hint="Name a sink."
        )
    return json_response({**_sink(herder, found), "partitions": [asdict(row) for row in found.partitions]})


@router.get("/throughput")
async def throughput(request: Request) -> Response:
    """Measure what every task moves, over a window of window_ms (default 1000, at most 10000)."""
    herder, window_ms = herder_of(request), _window_ms(request)
    began, before = time.monotonic(), {p.id: p for p in herder.progress()}
    await asyncio.sleep(window_ms / 1000)
    seconds = time.monotonic() - began
    rows = [_rates(after, before, seconds) for after in sorted(herder.progress(), key=_by_task)]
    total = {name: sum(row[name] for row in rows) for name in ("records_per_second", "bytes_per_second")}
    return json_response({"window_ms": round(seconds * 1000), **total, "tasks": rows})


def _window_ms(request: Request) -> int:
    given = request.query_params.get("window_ms", "1000")
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:9]) <= WINDOW_MS_MAX:
        raise ConfigError(f"window_ms is {given!r}; 1 to {WINDOW_MS_MAX} is expected", code="request.invalid")
    return int(given)


def _rates(after: TaskProgress, before: Mapping[TaskId, TaskProgress], seconds: float) -> dict[str, Any]:
    start = before.get(after.id)
    # A task that was restarted within the window counts from its start.
    if start is None or start.records > after.records:
        start = TaskProgress(after.id, after.state)
    return {
        "connector": after.id.connector, "task": after.id.task, "state": after.state.value, "records": after.records,
        "records_per_second": round((after.records - start.records) / seconds, 1),
        "bytes_per_second": round((after.size_bytes - start.size_bytes) / seconds, 1),
    }  # fmt: skip


def _by_task(progress: TaskProgress) -> tuple[str, int]:
    return progress.id.connector, progress.id.task


# -- warnings ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Warn:
    """One thing to act on. `subject` names what it is about."""

    code: str
    subject: str
    message: str


@router.get("/warnings")
async def warnings(request: Request) -> Response:
    """List what someone should act on: failures, connectors and tasks that wait for something outside, skipped records,
    plugins that are broken, slow or left behind, listeners that anybody reaches.
    """
    herder = herder_of(request)
    found = [
        *_failures(herder),
        *_held(herder),
        *_waiting(herder),
        *_skipped(herder),
        *_broken(herder),
        *_open_listeners(herder),
    ]
    return json_response({"warnings": [{"code": w.code, "subject": w.subject, "message": w.message} for w in found]})


def _failures(herder: Herder) -> list[Warn]:
    found = []
    for name in herder.connectors():
        status = herder.status(name)
        if status.connector.state is State.FAILED:
            found.append(Warn("connector.failed", name, _cause(status.connector.trace)))
        found += [
            Warn("task.failed", f"{name}-{task.id}", _cause(task.trace))
            for task in status.tasks
            if task.state is State.FAILED
        ]
    return found


def _cause(trace: str | None) -> str:
    found = cause_of(trace)
    return redact("no cause is known" if found is None else found.line)


def _waiting(herder: Herder) -> list[Warn]:
    found = [
        Warn("connector.waiting", name, f"waits: {redact(what)}") for name, what in sorted(herder.waiting().items())
    ]
    return found + [
        Warn("task.waiting", str(p.id), f"waits: {redact(p.waiting_for)}")
        for p in sorted(herder.progress(), key=_by_task)
        if p.waiting_for and p.state in (State.RUNNING, State.UNASSIGNED)
    ]


def _skipped(herder: Herder) -> list[Warn]:
    return [
        Warn(
            "records.skipped", str(p.id), f"{p.skipped} records were skipped since the task's start (errors.tolerance)"
        )
        for p in sorted(herder.progress(), key=_by_task)
        if p.skipped
    ]


def _held(herder: Herder) -> list[Warn]:
    return [Warn(n.code, n.subject, redact(n.message)) for n in herder.notices()]


def _broken(herder: Herder) -> list[Warn]:
    return [Warn("plugin.broken", b.name, f"{b.origin}: {redact(b.cause)}") for b in herder.plugins.broken]


def _open_listeners(herder: Herder) -> list[Warn]:
    found = []
    for text in herder.worker_config.listeners:
        listener = parse_listener(text)
        try:
            risk = exposure(listener, listener.host, herder.worker_config)
        except ValueError:  # a name and no address: what it stands for was looked at when it was bound
            continue
        if risk is not None:
            found.append(Warn("listener.open", text, risk))
    return found
