"""Under /v1: the worker itself, which Kafka Connect tells little of."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections import Counter

from fastapi import APIRouter, Request

import connect
from connect.rest.answers import Answer
from connect.rest.connectors import host_of
from connect.rest.models.worker import GroupWorker, TaskProgress, Worker, WorkerInfo, Workers
from connect.rest.routes import Route
from connect.runtime.base import Base
from connect.runtime.model import worker_id_of
from connect.runtime.secrets import redact
from connect.runtime.states import INITIAL

router = APIRouter(prefix="/v1", tags=["worker"], route_class=Route)
_STARTED = time.monotonic()


@router.get("/worker")
async def worker(request: Request) -> Answer[Worker]:
    """Show the worker that is asked, and how far its tasks have come."""
    host = host_of(request)
    base = host.base
    lags = await host.herder.lags() if host.herder is not None else {}
    tasks: list[TaskProgress] = [
        {
            "connector": p.id.connector,
            "task": p.id.task,
            "state": p.state.value,
            "records": p.records,
            "size_bytes": p.size_bytes,
            "skipped": p.skipped,
            "throttled": p.throttled,
            "lag": lags[p.id.connector].of_task(p.id.task) if p.id.connector in lags else None,
            "gauges": dict(p.gauges),
            "waiting_for": None if p.waiting_for is None else redact(p.waiting_for),
            "batch_ms_p99": p.batch_ms_p99,
        }
        for p in base.progress()
    ]
    return Answer(
        {
            "worker_id": base.worker_id,
            "version": connect.__version__,
            "kafka_version": base.version,
            "pid": os.getpid(),
            "data_dir": str(base.config.data_path),
            "uptime_ms": int((time.monotonic() - _STARTED) * 1000),
            "tasks": tasks,
        }
    )


@router.get("/workers")
async def workers(request: Request) -> Answer[Workers]:
    """List the workers that share the tasks of the group, and which tasks each has."""
    host = host_of(request)
    listed: list[GroupWorker] = [
        {
            "worker_id": worker_id_of(view.url),
            "url": view.url,
            "version": view.version,
            "leads": view.leads,
            "leaving": view.leaving,
            "tasks": [{"connector": task.connector, "task": task.task} for task in view.tasks],
        }
        for view in host.workers()
    ]
    return Answer({"group": host.base.config.group_id, "workers": listed})


@router.get("/worker/info")
async def info(request: Request) -> Answer[WorkerInfo]:
    """Show what the worker is: versions, memory, plugins, and how many connectors and tasks are in which state."""
    base = host_of(request).base
    connectors, tasks = _states(base)
    return Answer(
        {
            "worker_id": base.worker_id,
            "version": connect.__version__,
            "kafka_version": base.version,
            "kafka_cluster_id": base.cluster.cluster_id,
            "python": platform.python_version(),
            "platform": sys.platform,
            "memory_bytes": memory_bytes(),
            "listeners": base.config.addresses,
            "registry_urls": list(base.registry_urls),
            "authentication": bool(base.config.rest_authentication_file),
            "plugins": len(base.plugins.list()),
            "connectors": connectors,
            "tasks": tasks,
        }
    )


def _states(base: Base) -> tuple[dict[str, int], dict[str, int]]:
    connectors: Counter[str] = Counter()
    tasks: Counter[str] = Counter()
    for name in base.configs.connectors():
        own = base.statuses.connector(name)
        connectors[INITIAL.value if own is None else own.state] += 1
        tasks.update(status.state for status in base.statuses.tasks(name).values())
    return dict(connectors), dict(tasks)


def memory_bytes() -> int | None:
    """Return the process's resident memory, None where the system does not tell."""
    try:
        with open("/proc/self/status") as file:  # noqa: PTH123 - no file, a view of the kernel's
            line = next(line for line in file if line.startswith("VmRSS:"))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) << 10
