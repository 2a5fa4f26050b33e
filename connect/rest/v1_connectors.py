"""Under /v1: a connector, and what it promises."""

from __future__ import annotations

from fastapi import APIRouter, Request

from connect.rest.answers import Answer
from connect.rest.connectors import herder_of
from connect.rest.models.connectors import ConnectorDelivery
from connect.rest.negotiation import name_of
from connect.rest.routes import Route

router = APIRouter(prefix="/v1", tags=["worker"], route_class=Route)


@router.get("/connectors/{name}")
async def connector(request: Request, name: str) -> Answer[ConnectorDelivery]:
    """Show a connector's state, and how often each record arrives: what it promises with its config, and why."""
    herder, name = herder_of(request), name_of(name)
    status = herder.status(name)
    promise = await herder.delivery(name)
    return Answer(
        {
            "name": name,
            "type": status.type,
            "state": status.connector.state.value,
            "tasks": len(status.tasks),
            "delivery": {"guarantee": promise.guarantee, "why": promise.why},
        }
    )
