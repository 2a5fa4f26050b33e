"""`/metrics`: what the worker counts, as Prometheus reads it; see `connect.metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connect.rest.connectors import host_of
from connect.rest.routes import Route
from connect.runtime.host import Host

router = APIRouter(tags=["worker"], route_class=Route)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Show all metrics of the families that metrics.families names: as OpenMetrics where it is asked for, else as
    Prometheus's text."""
    host, state = host_of(request), request.app.state
    if not hasattr(state, "telling"):
        state.telling = await asyncio.to_thread(_telling, host)
    tell: Callable[[str], Awaitable[Response]] = state.telling
    return await tell(request.headers.get("accept", ""))


def _telling(host: Host) -> Callable[[str], Awaitable[Response]]:
    """Return what answers, given what a request accepts. Loaded when somebody asks first: a start goes without."""
    from connect.metrics.exposition import OPENMETRICS, TEXT, render
    from connect.metrics.snapshot import Looks

    looks, families = Looks(host), host.base.config.metrics_families

    async def tell(accept: str) -> Response:
        look, openmetrics = await looks.look(), "application/openmetrics-text" in accept
        # Aside: the loop is everybody's, and this takes some milliseconds.
        text = await asyncio.to_thread(render, look, families, openmetrics=openmetrics)
        return Response(text, media_type=OPENMETRICS if openmetrics else TEXT)

    return tell
