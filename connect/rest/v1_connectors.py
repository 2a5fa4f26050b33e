"""Under /v1: a connector, what it promises, and how fast it may go."""

from __future__ import annotations

from fastapi import APIRouter, Request

from connect.rest.answers import Answer
from connect.rest.connectors import herder_of
from connect.rest.models.connectors import ConnectorDelivery
from connect.rest.negotiation import name_of
from connect.rest.progress import progress_of
from connect.rest.routes import Route
from connect.runtime.secrets import redact

router = APIRouter(prefix="/v1", tags=["worker"], route_class=Route)


@router.get("/connectors/{name}")
async def connector(request: Request, name: str) -> Answer[ConnectorDelivery]:
    """Show a connector's state, how often each record arrives with its config, and why; its rate, and its figures."""
    herder, name = herder_of(request), name_of(name)
    status = herder.status(name)
    promise = await herder.delivery(name)
    rate = herder.rate(name)
    own = sorted((p for p in await progress_of(request) if p.id.connector == name), key=lambda p: p.id.task)
    return Answer(
        {
            "name": name,
            "type": status.type,
            "state": status.connector.state.value,
            "tasks": len(status.tasks),
            "delivery": {"guarantee": promise.guarantee, "why": promise.why},
            "rate": {
                "records_per_second": rate.records_per_s,
                "bytes_per_second": rate.bytes_per_s,
                "throttled": [p.id.task for p in own if p.throttled],
            },
            "gauges": {str(p.id.task): dict(p.gauges) for p in own if p.gauges},
            "waits": {str(p.id.task): redact(p.waiting_for) for p in own if p.waiting_for},
        }
    )
