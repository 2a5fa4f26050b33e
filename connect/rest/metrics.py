"""`/metrics`: what the worker counts, as Prometheus reads it; see `connect.metrics`."""

from __future__ import annotations

import asyncio
import gzip
from typing import Final, Protocol

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connect.rest.routes import Route
from connect.runtime.host import Host

_GZIP_LEVEL: Final = 1

router = APIRouter(tags=["worker"], route_class=Route)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Show all metrics of the families that metrics.families names: as OpenMetrics where it is asked for, else as
    Prometheus's text."""
    telling: Telling = request.app.state.metrics
    text, kind = await telling.text(request.headers.get("accept", ""))
    headers = {"Vary": "Accept, Accept-Encoding"}
    if takes_gzip(",".join(request.headers.getlist("accept-encoding"))):
        # Aside, as the text is written. What each scrape costs counts more than the last tenth of its size.
        text = await asyncio.to_thread(gzip.compress, text, _GZIP_LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(text, media_type=kind, headers=headers)


def takes_gzip(accepted: str) -> bool:
    """Say whether an Accept-Encoding header allows gzip, by name or by `*`; RFC 9110, 12.5.3."""
    weights: dict[str, float] = {}
    for one in accepted.lower().split(","):
        coding, *parameters = (part.strip() for part in one.split(";"))
        weight = next((given[2:] for given in parameters if given.startswith("q=")), "1")
        try:
            weights[coding] = float(weight)
        except ValueError:
            weights[coding] = 0.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0


class Texts(Protocol):
    """What makes the texts: `connect.metrics.exposition.Texts`."""

    async def text(self, accept: str) -> tuple[bytes, str]:
        """Return a text, and of which kind it is, for what a request accepts."""

    async def aclose(self) -> None:
        """End what is under way."""


class Telling:
    """Tells the metrics of one worker. What that needs is loaded with the first request, so that a start goes without.

    `aclose` ends what is under way; safe to call twice.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._texts: Texts | None = None

    async def text(self, accept: str) -> tuple[bytes, str]:
        """As `Texts`."""
        if self._texts is None:
            self._texts = await asyncio.to_thread(_loaded, self._host)
        return await self._texts.text(accept)

    async def aclose(self) -> None:
        """As `Texts`."""
        texts, self._texts = self._texts, None
        if texts is not None:
            await texts.aclose()


def _loaded(host: Host) -> Texts:
    from connect.metrics import exposition

    return exposition.Texts(host)
