"""Under /v1: how many records wait for sinks, and how many move."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request

from connect.api import ConfigError
from connect.rest.answers import Answer
from connect.rest.connectors import herder_of
from connect.rest.models import lag as models
from connect.rest.negotiation import name_of
from connect.rest.progress import progress_of
from connect.rest.routes import Route
from connect.runtime.herder import Herder
from connect.runtime.lag import SinkLag
from connect.runtime.model import TaskId, TaskProgress

router = APIRouter(prefix="/v1", tags=["worker"], route_class=Route)

WINDOW_MS_MAX: Final = 10_000


@router.get("/lag")
async def lag(request: Request) -> Answer[models.Lag]:
    """Show how many records wait for each sink connector, whatever state it is in: in all, and of each task."""
    herder = herder_of(request)
    found = await herder.lags()
    return Answer({"connectors": [_sink(herder, found[name]) for name in herder.connectors() if name in found]})


def _sink(herder: Herder, found: SinkLag) -> models.SinkLag:
    status = herder.status(found.connector)
    tasks: list[models.TaskLag] = [
        {"task": t.id, "state": t.state.value, "lag": found.of_task(t.id)} for t in status.tasks
    ]
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
async def connector_lag(request: Request, name: str) -> Answer[models.ConnectorLag]:
    """Show a sink connector's lag in each partition of its topics, from its group's committed offsets."""
    herder, name = herder_of(request), name_of(name)
    herder.info(name)
    found = (await herder.lags()).get(name)
    if found is None:
        raise ConfigError(
            f"connector {name!r} is no sink; lag is a sink's", code="request.invalid", hint="Name a sink."
        )
    partitions: list[models.PartitionLag] = [
        {
            "topic": row.topic,
            "partition": row.partition,
            "committed_offset": row.committed_offset,
            "log_start_offset": row.log_start_offset,
            "last_stable_offset": row.last_stable_offset,
            "log_end_offset": row.log_end_offset,
            "lag": row.lag,
            "task": row.task,
        }
        for row in found.partitions
    ]
    return Answer({**_sink(herder, found), "partitions": partitions})


@router.get("/throughput")
async def throughput(
    request: Request,
    window_ms: Annotated[int, Query(ge=1, le=WINDOW_MS_MAX, description="How long to measure.")] = 1000,
) -> Answer[models.Throughput]:
    """Measure what every task moves, over a window of window_ms (default 1000, at most 10000)."""
    began, before = time.monotonic(), {p.id: p for p in await progress_of(request)}
    await asyncio.sleep(window_ms / 1000)
    seconds = time.monotonic() - began
    rows = [_rates(after, before, seconds) for after in sorted(await progress_of(request), key=by_task)]
    return Answer(
        {
            "window_ms": round(seconds * 1000),
            "records_per_second": sum(row["records_per_second"] for row in rows),
            "bytes_per_second": sum(row["bytes_per_second"] for row in rows),
            "tasks": rows,
        }
    )


def _rates(after: TaskProgress, before: Mapping[TaskId, TaskProgress], seconds: float) -> models.TaskThroughput:
    start = before.get(after.id)
    # A task that was restarted within the window counts from its start.
    if start is None or start.records > after.records:
        start = TaskProgress(after.id, after.state)
    return {
        "connector": after.id.connector,
        "task": after.id.task,
        "state": after.state.value,
        "records": after.records,
        "records_per_second": round((after.records - start.records) / seconds, 1),
        "bytes_per_second": round((after.size_bytes - start.size_bytes) / seconds, 1),
    }


def by_task(progress: TaskProgress) -> tuple[str, int]:
    """Sort tasks by their connectors and numbers."""
    return progress.id.connector, progress.id.task
