"""Under /v1: what changes, as it changes."""

from __future__ import annotations

import math

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connect.rest.connectors import herder_of, host_of
from connect.rest.errors import error_response
from connect.rest.events import BUSY, STREAMS_MAX, EventStream, Hub
from connect.rest.progress import asking
from connect.rest.routes import Route
from connect.runtime.stopping import STOPPING

router = APIRouter(prefix="/v1", tags=["worker"], route_class=Route)


@router.get("/events")
async def events(request: Request) -> EventStream | Response:
    """Stream what there is to see of all connectors, and then what changes, as server-sent events: one `snapshot`,
    `changed` and `removed` as it goes on, `beat` while nothing does, `end` where the worker ends the stream."""
    herder_of(request)  # who does not lead knows of nothing
    base, hub = host_of(request).base, hub_of(request)
    if base.is_stopping:
        refused = error_response(503, "The worker stops, and begins no stream any more", STOPPING)
        refused.headers["Retry-After"] = str(math.ceil(base.config.task_shutdown_graceful_timeout_ms / 1000) or 1)
        return refused
    if hub.streams >= STREAMS_MAX:
        refused = error_response(503, f"{STREAMS_MAX} streams of events are open, which is as many as may be", BUSY)
        refused.headers["Retry-After"] = "5"
        return refused
    return EventStream(hub, asking(request))


def hub_of(request: Request) -> Hub:
    """Return the hub of the app."""
    hub: Hub = request.app.state.events
    return hub
