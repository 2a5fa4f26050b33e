"""Under /v1: consumer groups and their committed offsets."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connect.api import ConfigError
from connect.ports import GroupInfo
from connect.records import OffsetAndMetadata, TopicPartition
from connect.rest.connectors import herder_of
from connect.rest.negotiation import name_of
from connect.rest.render import body_of, empty, json_response
from connect.runtime.herder import Herder
from connect.runtime.lag import group_rows

router = APIRouter(prefix="/v1", tags=["v1"])


@router.get("/groups")
async def list_groups(request: Request) -> Response:
    """List consumer groups."""
    herder = herder_of(request)
    # A sink's group is there before its first commit, with all that waits for it.
    names = {*await herder.cluster.groups.list(), *(sink.group for sink in (await herder.lags()).values())}
    return json_response({"groups": sorted(names)})


@router.get("/groups/{group}")
async def describe_group(request: Request, group: str) -> Response:
    """Show a group: its state, its members, and how far each of its offsets is from the end."""
    herder = herder_of(request)
    info = await herder.cluster.groups.describe(name_of(group))
    return json_response(
        {"name": info.name, "state": info.state, "members": list(info.members), "offsets": await _rows(herder, info)}
    )


async def _rows(herder: Herder, info: GroupInfo) -> list[dict[str, Any]]:
    """Return a row for each partition with an offset, and for each that a sink connector of the group reads."""
    sinks = [sink for sink in (await herder.lags()).values() if sink.group == info.name]
    return [asdict(row) for row in await group_rows(herder.cluster.admin, info, sinks)]


@router.get("/groups/{group}/offsets")
async def group_offsets(request: Request, group: str) -> Response:
    """Show a group's committed offsets."""
    herder = herder_of(request)
    rows = await _rows(herder, await herder.cluster.groups.describe(name_of(group)))
    return json_response({"offsets": [row for row in rows if row["offset"] is not None]})


@router.put("/groups/{group}/offsets", status_code=204)
async def commit_offsets(request: Request, group: str) -> Response:
    """Set a group's offsets; refused while consumers read for it."""
    body = await body_of(request)
    try:
        offsets = {
            TopicPartition(str(row["topic"]), int(row["partition"])): OffsetAndMetadata(
                int(row["offset"]), metadata=str(row.get("metadata") or "")
            )
            for row in body["offsets"]
        }
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
