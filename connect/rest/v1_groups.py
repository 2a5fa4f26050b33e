"""Under /v1: consumer groups and their committed offsets."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connect.ports import GroupInfo
from connect.records import OffsetAndMetadata, TopicPartition
from connect.rest.answers import Answer, empty
from connect.rest.bodies import body_of
from connect.rest.connectors import herder_of
from connect.rest.models.groups import Group, GroupOffset, GroupOffsets, GroupPartitions, Groups, SetGroupOffsets
from connect.rest.negotiation import name_of
from connect.rest.operations import operation
from connect.rest.routes import Route
from connect.runtime.herder import Herder
from connect.runtime.lag import group_rows

router = APIRouter(prefix="/v1", tags=["v1"], route_class=Route)


@router.get("/groups")
async def list_groups(request: Request) -> Answer[Groups]:
    """List consumer groups."""
    herder = herder_of(request)
    # A sink's group is there before its first commit, with all that waits for it.
    names = {*await herder.cluster.groups.list(), *(sink.group for sink in (await herder.lags()).values())}
    return Answer({"groups": sorted(names)})


@router.get("/groups/{group}")
async def describe_group(request: Request, group: str) -> Answer[Group]:
    """Show a group: its state, its members, and how far each of its offsets is from the end."""
    herder = herder_of(request)
    info = await herder.cluster.groups.describe(name_of(group))
    return Answer(
        {"name": info.name, "state": info.state, "members": list(info.members), "offsets": await _rows(herder, info)}
    )


async def _rows(herder: Herder, info: GroupInfo) -> list[GroupOffset]:
    """Return a row for each partition with an offset, and for each that a sink connector of the group reads."""
    sinks = [sink for sink in (await herder.lags()).values() if sink.group == info.name]
    return [
        {
            "topic": row.topic,
            "partition": row.partition,
            "offset": row.offset,
            "metadata": row.metadata,
            "commit_timestamp": row.commit_timestamp,
            "log_end_offset": row.log_end_offset,
            "lag": row.lag,
        }
        for row in await group_rows(herder.cluster.admin, info, sinks)
    ]


@router.get("/groups/{group}/offsets")
async def group_offsets(request: Request, group: str) -> Answer[GroupOffsets]:
    """Show a group's committed offsets."""
    herder = herder_of(request)
    rows = await _rows(herder, await herder.cluster.groups.describe(name_of(group)))
    return Answer({"offsets": [row for row in rows if row["offset"] is not None]})


@router.put("/groups/{group}/offsets", status_code=204)
@operation(body=SetGroupOffsets)
async def commit_offsets(request: Request, group: str) -> Response:
    """Set a group's offsets; refused while consumers read for it."""
    body = await body_of(request, SetGroupOffsets)
    offsets = {
        TopicPartition(row.topic, row.partition): OffsetAndMetadata(row.offset, metadata=row.metadata or "")
        for row in body.offsets
    }
    await herder_of(request).cluster.groups.commit(name_of(group), offsets)
    return empty(204)


@router.delete("/groups/{group}/offsets", status_code=204)
@operation(body=GroupPartitions)
async def delete_offsets(request: Request, group: str) -> Response:
    """Forget a group's offsets, or those in {partitions: [[topic, partition], ...]}; refused while it is in use."""
    partitions = None
    if await request.body():
        body = await body_of(request, GroupPartitions)
        partitions = [TopicPartition(topic, partition) for topic, partition in body.partitions]
    await herder_of(request).cluster.groups.delete_offsets(name_of(group), partitions)
    return empty(204)
