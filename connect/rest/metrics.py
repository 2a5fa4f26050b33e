"""`/metrics`: what the worker counts, as Prometheus reads it; see `connect.metrics`."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connect.metrics.exposition import OPENMETRICS, TEXT, render
from connect.metrics.snapshot import Looks
from connect.rest.connectors import host_of
from connect.rest.routes import Route

router = APIRouter(tags=["worker"], route_class=Route)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Show all metrics of the families that metrics.families names: as OpenMetrics where it is asked for, else as
    Prometheus's text."""
    host = host_of(request)
    looks: Looks | None = getattr(request.app.state, "looks", None)
    if looks is None:
        looks = request.app.state.looks = Looks(host)
    look, families = await looks.look(), host.base.config.metrics_families
    openmetrics = "application/openmetrics-text" in request.headers.get("accept", "")
    # Aside: the loop is everybody's, and this takes some milliseconds.
    text = await asyncio.to_thread(render, look, families, openmetrics=openmetrics)
    return Response(text, media_type=OPENMETRICS if openmetrics else TEXT)
