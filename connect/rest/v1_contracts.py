"""Under /v1: schema contracts of connectors, and what is known of their topics."""

from __future__ import annotations

from fastapi import APIRouter, Request

from connect.api import ConfigError, DataError
from connect.rest.answers import Answer
from connect.rest.bodies import body_of
from connect.rest.connectors import herder_of
from connect.rest.models.contracts import Contract, Forgotten, GiveSchema, KnownSchema
from connect.rest.negotiation import name_of
from connect.rest.operations import operation
from connect.rest.routes import Route
from connect.stores.contracts import Known
from connect.stores.schema_texts import as_document, of_document

router = APIRouter(prefix="/v1", tags=["v1"], route_class=Route)


@router.get("/connectors/{name}/contract")
async def show_contract(request: Request, name: str) -> Answer[Contract]:
    """Show what a connector's contract holds, and the schema that is known of each topic."""
    found = await herder_of(request).contract(name_of(name))
    topics = [_shown(topic, known) for topic, known in found.topics.items()]
    return Answer({"settings": dict(found.settings), "topics": topics})


@router.put("/connectors/{name}/contract/{topic}")
@operation(body=GiveSchema)
async def give_contract(request: Request, name: str, topic: str) -> Answer[KnownSchema]:
    """Hold a topic's records against this schema from now on; tasks that run heed it at once."""
    herder, topic = herder_of(request), name_of(topic)
    body = await body_of(request, GiveSchema)
    try:
        schema = of_document(body.schema_)
    except DataError as error:
        raise ConfigError(f"'schema': {error.message}", code="request.invalid") from None
    return Answer(_shown(topic, await herder.give_contract(name_of(name), topic, schema)))


@router.delete("/connectors/{name}/contract")
async def forget_contract(request: Request, name: str) -> Answer[Forgotten]:
    """Forget what is known of all topics of a connector; the next record of each teaches anew."""
    return Answer({"forgotten": await herder_of(request).forget_contract(name_of(name))})


@router.delete("/connectors/{name}/contract/{topic}")
async def forget_contract_of_topic(request: Request, name: str, topic: str) -> Answer[Forgotten]:
    """Forget what is known of one topic of a connector."""
    return Answer({"forgotten": await herder_of(request).forget_contract(name_of(name), name_of(topic))})


def _shown(topic: str, known: Known) -> KnownSchema:
    return {
        "topic": topic,
        "version": known.version,
        "at": known.at,
        "by": known.by,
        "schema": as_document(known.schema),
    }
