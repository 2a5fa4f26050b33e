"""Beyond Kafka Connect, under /v1: the worker's log and figures. The command line uses them while a worker runs."""

from __future__ import annotations

import binascii
import os
import time
from base64 import b64decode, b64encode
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

import connect
from connect.api import ConfigError
from connect.ports import Columns, OffsetAndMetadata, TopicInfo, TopicPartition
from connect.rest.connectors import herder_of
from connect.rest.doors import name_of
from connect.rest.render import body_of, empty, json_response

router = APIRouter(prefix="/v1", tags=["v1"])
_STARTED = time.monotonic()


@router.get("/worker")
async def worker(request: Request) -> Response:
    """Show the worker, and how far its tasks have come."""
    herder = herder_of(request)
    tasks = [
        {"connector": p.id.connector, "task": p.id.task, "state": p.state.value, "records": p.records,
         "size_bytes": p.size_bytes, "skipped": p.skipped, "lag": p.lag} for p in herder.progress()
    ]  # fmt: skip
    return json_response({
        "worker_id": herder.worker_id, "version": connect.__version__, "kafka_version": herder.version, "pid": os.getpid(),
        "data_dir": str(herder.worker_config.data_path), "uptime_ms": int((time.monotonic() - _STARTED) * 1000), "tasks": tasks,
    })  # fmt: skip


# -- topics --------------------------------------------------------------------------------------------------------


def _topic(info: TopicInfo) -> dict[str, Any]:
    partitions = [
        {"partition": p.partition, "log_start_offset": p.log_start_offset, "log_end_offset": p.log_end_offset,
         "segments": p.segments, "size_bytes": p.size_bytes} for p in info.partitions
    ]  # fmt: skip
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
    return json_response({"topics": [_topic(await admin.describe_topic(name)) for name in await admin.list_topics()]})


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


@router.delete("/topics/{topic}", status_code=204)
async def delete_topic(request: Request, topic: str) -> Response:
    """Delete a topic with its records."""
    await herder_of(request).cluster.admin.delete_topic(name_of(topic))
    return empty(204)


# -- records -------------------------------------------------------------------------------------------------------


@router.post("/topics/{topic}/records")
async def append(request: Request, topic: str) -> Response:
    """Append records: {records: [{key, value, timestamp, partition, headers}], acks}; bytes in base64."""
    body = await body_of(request)
    records, acks = body.get("records"), body.get("acks", "written")
    if not isinstance(records, list) or acks not in ("none", "written", "durable"):
        raise ConfigError("records (an array) and acks (none, written or durable) are expected", code="request.invalid")
    cluster = herder_of(request).cluster
    await cluster.admin.describe_topic(name_of(topic))
    producer = cluster.producer(client_id="connect-rest")
    try:
        for partition, group in _by_partition(records):
            await producer.append(name_of(topic), _columns(group), partition=partition, acks=acks)
    finally:
        await producer.aclose()
    return json_response({"appended": len(records)})


def _by_partition(records: list[Any]) -> list[tuple[int | None, list[dict[str, Any]]]]:
    groups: dict[int | None, list[dict[str, Any]]] = {}
    for record in records:
        if not isinstance(record, dict) or not isinstance(record.get("partition"), int | None):
            raise ConfigError("each record is an object; its partition a whole number or null", code="request.invalid")
        groups.setdefault(record.get("partition"), []).append(record)
    return list(groups.items())


def _columns(records: list[dict[str, Any]]) -> Columns:
    now_ms = time.time_ns() // 1_000_000
    try:
        return Columns(
            [_bytes(r.get("value")) for r in records],
            [_bytes(r.get("key")) for r in records],
            [now_ms if r.get("timestamp") is None else int(r["timestamp"]) for r in records],
            [[(str(name), _bytes(value)) for name, value in r.get("headers") or ()] or None for r in records],
        )
    except (binascii.Error, TypeError, ValueError) as error:
        raise ConfigError(
            f"a record cannot be read: {error}; keys, values and header values are base64", code="request.invalid"
        ) from None


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text, validate=True)


@router.get("/topics/{topic}/partitions/{partition}/records")
async def read(request: Request, topic: str, partition: int, offset: int = 0, max_bytes: int = 1 << 20) -> Response:
    """Read records from an offset; bytes in base64."""
    admin, at = herder_of(request).cluster.admin, TopicPartition(name_of(topic), partition)
    info = await admin.describe_topic(at.topic)
    batches = await admin.fetch(at, offset, max_bytes=max_bytes)
    records = []
    for batch in batches:
        columns, count = batch.columns, len(batch)
        timestamps = [columns.timestamps] * count if isinstance(columns.timestamps, int) else columns.timestamps
        rows = zip(
            batch.offsets,
            timestamps,
            columns.keys or [None] * count,
            columns.values,
            columns.headers or [None] * count,
            strict=True,
        )
        records += [
            {
                "offset": o,
                "timestamp": t,
                "key": _text(k),
                "value": _text(v),
                "headers": [[n, _text(x)] for n, x in h or ()],
            }
            for o, t, k, v, h in rows
        ]
    found = info.partitions[partition]
    next_offset = batches[-1].next_offset if batches else offset
    return json_response({"records": records, "next_offset": next_offset, "log_start_offset": found.log_start_offset, "log_end_offset": found.log_end_offset})  # fmt: skip


def _text(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()


@router.get("/topics/{topic}/partitions/{partition}/offset")
async def offset_for_time(request: Request, topic: str, partition: int, timestamp: int) -> Response:
    """Find the first offset whose timestamp is at or after a moment, in ms since the epoch."""
    at = TopicPartition(name_of(topic), partition)
    return json_response({"offset": await herder_of(request).cluster.admin.offset_for_time(at, timestamp)})


# -- groups --------------------------------------------------------------------------------------------------------


@router.get("/groups")
async def list_groups(request: Request) -> Response:
    """List consumer groups."""
    return json_response({"groups": await herder_of(request).cluster.groups.list()})


@router.get("/groups/{group}/offsets")
async def group_offsets(request: Request, group: str) -> Response:
    """Show a group's committed offsets."""
    found = await herder_of(request).cluster.groups.offsets(name_of(group))
    rows = [
        {"topic": p.topic, "partition": p.partition, "offset": o.offset, "metadata": o.metadata}
        for p, o in found.items()
    ]
    return json_response({"offsets": rows})


@router.put("/groups/{group}/offsets", status_code=204)
async def commit_offsets(request: Request, group: str) -> Response:
    """Commit a group's offsets."""
    body = await body_of(request)
    try:
        offsets = {
            TopicPartition(str(row["topic"]), int(row["partition"])): OffsetAndMetadata(int(row["offset"]), metadata=str(row.get("metadata") or ""))
            for row in body["offsets"]
        }  # fmt: skip
    except (KeyError, TypeError, ValueError):
        raise ConfigError(
            "offsets: an array of {topic, partition, offset} is expected", code="request.invalid"
        ) from None
    await herder_of(request).cluster.groups.commit(name_of(group), offsets)
    return empty(204)
