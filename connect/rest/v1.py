"""Beyond Kafka Connect, under /v1: the worker's log and figures. The command line uses them while a worker runs."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

import connect
from connect.api import ConfigError, ConflictError
from connect.ports import TopicInfo
from connect.rest.connectors import herder_of
from connect.rest.negotiation import name_of
from connect.rest.render import body_of, empty, json_response

router = APIRouter(prefix="/v1", tags=["v1"])
_STARTED = time.monotonic()


@router.get("/worker")
async def worker(request: Request) -> Response:
    """Show the worker, and how far its tasks have come."""
    herder = herder_of(request)
    lags = await herder.lags()
    tasks = [
        {"connector": p.id.connector, "task": p.id.task, "state": p.state.value, "records": p.records,
         "size_bytes": p.size_bytes, "skipped": p.skipped,
         "lag": lags[p.id.connector].of_task(p.id.task) if p.id.connector in lags else None}
        for p in herder.progress()
    ]  # fmt: skip
    return json_response(
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


# -- topics --------------------------------------------------------------------------------------------------------


def _topic(info: TopicInfo) -> dict[str, Any]:
    partitions = [
        {
            "partition": p.partition,
            "log_start_offset": p.log_start_offset,
            "log_end_offset": p.log_end_offset,
            "segments": p.segments,
            "size_bytes": p.size_bytes,
            "last_stable_offset": p.last_stable_offset,
        }
        for p in info.partitions
    ]
    return {
        "name": info.name,
        "topic_id": info.topic_id,
        "internal": info.internal,
        "configs": dict(info.configs),
        "partitions": partitions,
    }


@router.get("/topics")
async def list_topics(request: Request) -> Response:
    """List topics."""
    admin = herder_of(request).cluster.admin
    names = await admin.list_topics()
    found = await admin.describe_topics(names)  # one that is deleted meanwhile is left out
    return json_response({"topics": [_topic(found[name]) for name in names if name in found]})


@router.post("/topics", status_code=201)
async def create_topic(request: Request) -> Response:
    """Create a topic from {name, partitions, configs}."""
    body = await body_of(request)
    name, partitions, configs = body.get("name"), body.get("partitions", 1), body.get("configs") or {}
    if not isinstance(name, str) or not isinstance(partitions, int) or not isinstance(configs, dict):
        raise ConfigError(
            "name (text), partitions (a whole number) and configs (an object) are expected", code="request.invalid"
        )
    texts = {key: str(value) for key, value in configs.items()}
    info = await herder_of(request).cluster.admin.create_topic(name, partitions=partitions, configs=texts)
    return json_response(_topic(info), 201)


@router.get("/topics/{topic}")
async def describe_topic(request: Request, topic: str) -> Response:
    """Show a topic."""
    return json_response(_topic(await herder_of(request).cluster.admin.describe_topic(name_of(topic))))


@router.patch("/topics/{topic}")
async def alter_topic(request: Request, topic: str) -> Response:
    """Change a topic: {configs, partitions}. A config that is null goes back to its default.

    Refused for the topics that this worker or its log lives by.
    """
    body = await body_of(request)
    configs, partitions = body.get("configs"), body.get("partitions")
    if (
        not isinstance(configs, dict | None)
        or not isinstance(partitions, int | None)
        or body.keys() - {"configs", "partitions"}
    ):
        raise ConfigError("configs (an object) and partitions (a whole number) are expected", code="request.invalid")
    admin, name = herder_of(request).cluster.admin, name_of(topic)
    info = await admin.describe_topic(name)
    check_no_state(request, name, "alter")
    if configs:
        info = await admin.alter_topic(
            name, {key: None if value is None else str(value) for key, value in configs.items()}
        )
    if partitions is not None:
        info = await admin.add_partitions(name, partitions)
    return json_response(_topic(info))


@router.get("/topics/{topic}/configs")
async def topic_configs(request: Request, topic: str) -> Response:
    """Show every config of a topic as it is in force, and who set it."""
    entries = await herder_of(request).cluster.admin.topic_configs(name_of(topic))
    return json_response({"configs": [asdict(entry) for entry in entries]})


@router.delete("/topics/{topic}", status_code=204)
async def delete_topic(request: Request, topic: str) -> Response:
    """Delete a topic with its records; refused for the topics that this worker or its log lives by."""
    name = name_of(topic)
    check_no_state(request, name, "delete")
    await herder_of(request).cluster.admin.delete_topic(name)
    return empty(204)


def check_no_state(request: Request, topic: str, doing: str) -> None:
    """Refuse to change a topic while the worker that answers lives by what it holds.

    Raises:
        ConflictError: It does.
    """
    if herder_of(request).cluster.holds_state(topic):
        raise ConflictError(
            f"topic {topic!r} holds this worker's state, or its log's",
            hint=f"Stop the worker before you {doing} it, and use --data-dir.",
        )
