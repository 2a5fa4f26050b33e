"""`/metrics`: what the worker counts, as Prometheus reads it; see `connect.metrics`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connect.rest.routes import Route
from connect.runtime.host import Host

if TYPE_CHECKING:  # a start goes without
    from connect.metrics.snapshot import Looks

router = APIRouter(tags=["worker"], route_class=Route)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Show all metrics of the families that metrics.families names: as OpenMetrics where it is asked for, else as
    Prometheus's text."""
    telling: Telling = request.app.state.metrics
    return await telling.answer(request.headers.get("accept", ""))


class Telling:
    """Answers with the metrics of one worker. What that needs is loaded with the first request."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._looks: Looks | None = None

    async def answer(self, accept: str) -> Response:
        """Return the text in the format that a request accepts."""
        await asyncio.to_thread(_load)
        from connect.metrics.exposition import OPENMETRICS, TEXT, render
        from connect.metrics.snapshot import Looks

        self._looks = self._looks or Looks(self._host)
        look, openmetrics = await self._looks.look(), "application/openmetrics-text" in accept
        families = self._host.base.config.metrics_families
        # Aside: the loop is everybody's, and this takes some milliseconds.
        text = await asyncio.to_thread(render, look, families, openmetrics=openmetrics)
        return Response(text, media_type=OPENMETRICS if openmetrics else TEXT)

    async def aclose(self) -> None:
        """End what is under way. Safe to call twice."""
        looks, self._looks = self._looks, None
        if looks is not None:
            await looks.aclose()


def _load() -> None:
    import connect.metrics.exposition  # noqa: F401 - once it is here, importing it costs nothing
