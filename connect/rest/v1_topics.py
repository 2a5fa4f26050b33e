"""Under /v1: topics of the log. The command line uses them while a worker runs."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connect.api import ConflictError
from connect.ports import TopicInfo
from connect.rest.answers import Answer, empty
from connect.rest.bodies import body_of
from connect.rest.connectors import herder_of
from connect.rest.models.topics import AlterTopic, CreateTopic, Partition, Topic, TopicConfig, TopicConfigs, Topics
from connect.rest.negotiation import name_of
from connect.rest.operations import operation
from connect.rest.routes import Route

router = APIRouter(prefix="/v1", tags=["v1"], route_class=Route)


def _topic(info: TopicInfo) -> Topic:
    partitions: list[Partition] = [
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
async def list_topics(request: Request) -> Answer[Topics]:
    """List topics."""
    admin = herder_of(request).cluster.admin
    names = await admin.list_topics()
    found = await admin.describe_topics(names)  # one that is deleted meanwhile is left out
    return Answer({"topics": [_topic(found[name]) for name in names if name in found]})


@router.post("/topics", status_code=201)
@operation(body=CreateTopic)
async def create_topic(request: Request) -> Answer[Topic]:
    """Create a topic from {name, partitions, configs}."""
    body = await body_of(request, CreateTopic)
    configs = {key: str(value) for key, value in (body.configs or {}).items()}
    admin = herder_of(request).cluster.admin
    return Answer(_topic(await admin.create_topic(body.name, partitions=body.partitions, configs=configs)), 201)


@router.get("/topics/{topic}")
async def describe_topic(request: Request, topic: str) -> Answer[Topic]:
    """Show a topic."""
    return Answer(_topic(await herder_of(request).cluster.admin.describe_topic(name_of(topic))))


@router.patch("/topics/{topic}")
@operation(body=AlterTopic)
async def alter_topic(request: Request, topic: str) -> Answer[Topic]:
    """Change a topic: {configs, partitions}. A config that is null goes back to its default.

    Refused for the topics that this worker or its log lives by.
    """
    body = await body_of(request, AlterTopic)
    admin, name = herder_of(request).cluster.admin, name_of(topic)
    info = await admin.describe_topic(name)
    check_no_state(request, name, "alter")
    if body.configs:
        info = await admin.alter_topic(name, body.configs)
    if body.partitions is not None:
        info = await admin.add_partitions(name, body.partitions)
    return Answer(_topic(info))


@router.get("/topics/{topic}/configs")
async def topic_configs(request: Request, topic: str) -> Answer[TopicConfigs]:
    """Show every config of a topic as it is in force, and who set it."""
    entries = await herder_of(request).cluster.admin.topic_configs(name_of(topic))
    configs: list[TopicConfig] = [
        {
            "name": entry.name,
            "value": entry.value,
            "source": entry.source,
            "doc": entry.doc,
            "is_ignored": entry.is_ignored,
        }
        for entry in entries
    ]
    return Answer({"configs": configs})


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
