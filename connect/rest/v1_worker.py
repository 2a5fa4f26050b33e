"""Under /v1: the worker itself, which Kafka Connect tells little of."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections import defaultdict

from fastapi import APIRouter, Request

import connect
from connect.rest.answers import Answer
from connect.rest.connectors import herder_of
from connect.rest.models.worker import TaskProgress, Worker, WorkerInfo
from connect.rest.routes import Route
from connect.runtime.herder import Herder

router = APIRouter(prefix="/v1", tags=["worker"], route_class=Route)
_STARTED = time.monotonic()


@router.get("/worker")
async def worker(request: Request) -> Answer[Worker]:
    """Show the worker, and how far its tasks have come."""
    herder = herder_of(request)
    lags = await herder.lags()
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
        }
        for p in herder.progress()
    ]
    return Answer(
        {
            "worker_id": herder.worker_id,
            "version": connect.__version__,
            "kafka_version": herder.version,
            "pid": os.getpid(),
            "data_dir": str(herder.worker_config.data_path),
            "uptime_ms": int((time.monotonic() - _STARTED) * 1000),
            "tasks": tasks,
        }
    )


@router.get("/worker/info")
async def info(request: Request) -> Answer[WorkerInfo]:
    """Show what the worker is: versions, memory, plugins, and how many connectors and tasks are in which state."""
    herder = herder_of(request)
    connectors, tasks = _states(herder)
    return Answer(
        {
            "worker_id": herder.worker_id,
            "version": connect.__version__,
            "kafka_version": herder.version,
            "kafka_cluster_id": herder.cluster_id,
            "python": platform.python_version(),
            "platform": sys.platform,
            "memory_bytes": memory_bytes(),
            "listeners": herder.worker_config.addresses,
            "authentication": bool(herder.worker_config.rest_authentication_file),
            "plugins": len(herder.plugins.list()),
            "connectors": connectors,
            "tasks": tasks,
        }
    )


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
