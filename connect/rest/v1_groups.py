"""Under /v1: consumer groups and their committed offsets."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connect.api import ConfigError, UnknownTopicOrPartitionError
from connect.ports import Admin, GroupInfo, OffsetAndMetadata, TopicPartition
from connect.rest.connectors import herder_of
from connect.rest.doors import name_of
from connect.rest.render import body_of, empty, json_response

router = APIRouter(prefix="/v1", tags=["v1"])


@router.get("/groups")
async def list_groups(request: Request) -> Response:
    """List consumer groups."""
    return json_response({"groups": await herder_of(request).cluster.groups.list()})


@router.get("/groups/{group}")
async def describe_group(request: Request, group: str) -> Response:
    """Show a group: its state, its members, and how far each of its offsets is from the end."""
    cluster = herder_of(request).cluster
    info = await cluster.groups.describe(name_of(group))
    return json_response(
        {
            "name": info.name,
            "state": info.state,
            "members": list(info.members),
            "offsets": await _rows(info, cluster.admin),
        }
    )


async def _rows(info: GroupInfo, admin: Admin) -> list[dict[str, Any]]:
    rows = []
    for partition, committed in sorted(info.offsets.items()):
        end = await _end_offset(admin, partition)
        rows.append(
            {"topic": partition.topic, "partition": partition.partition, "offset": committed.offset,
             "metadata": committed.metadata, "commit_timestamp": committed.commit_timestamp,
             "log_end_offset": end, "lag": None if end is None else max(0, end - committed.offset)}
        )  # fmt: skip
    return rows


async def _end_offset(admin: Admin, partition: TopicPartition) -> int | None:
    try:
        infos = (await admin.describe_topic(partition.topic)).partitions
    except UnknownTopicOrPartitionError:
        return None
    return infos[partition.partition].log_end_offset if partition.partition < len(infos) else None


@router.get("/groups/{group}/offsets")
async def group_offsets(request: Request, group: str) -> Response:
    """Show a group's committed offsets."""
    cluster = herder_of(request).cluster
    return json_response({"offsets": await _rows(await cluster.groups.describe(name_of(group)), cluster.admin)})


@router.put("/groups/{group}/offsets", status_code=204)
async def commit_offsets(request: Request, group: str) -> Response:
    """Set a group's offsets; refused while consumers read for it."""
    body = await body_of(request)
    try:
        offsets = {
            TopicPartition(str(row["topic"]), int(row["partition"])): OffsetAndMetadata(int(row["offset"]), metadata=str(row.get("metadata") or ""))
            for row in body["offsets"]
        }  # fmt: skip
        if any(not (0 <= at.partition < 1 << 31 and 0 <= to.offset < 1 << 63) for at, to in offsets.items()):
            raise ValueError("out of range")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ConfigError(
            "offsets: an array of {topic, partition, offset} is expected", code="request.invalid"
        ) from None
    await herder_of(request).cluster.groups.commit(name_of(group), offsets)
    return empty(204)


@router.delete("/groups/{group}/offsets", status_code=204)
async def delete_offsets(request: Request, group: str) -> Response:
    """Forget a group's offsets, or those in {partitions: [[topic, partition], ...]}; refused while it is in use."""
    partitions = None
    if await request.body():
        try:
            partitions = [TopicPartition(str(t), int(p)) for t, p in (await body_of(request))["partitions"]]
        except (KeyError, TypeError, ValueError):
            raise ConfigError(
                "partitions: an array of [topic, partition] is expected", code="request.invalid"
            ) from None
    await herder_of(request).cluster.groups.delete_offsets(name_of(group), partitions)
    return empty(204)
