"""The REST application over a worker."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

import connect
from connect.rest import (
    admin,
    connectors,
    errors,
    events,
    forwarding,
    health,
    metrics,
    offsets,
    openapi,
    plugins,
    root,
    security,
    stopping,
    ui,
    v1_config_texts,
    v1_configs,
    v1_connectors,
    v1_contracts,
    v1_dlq,
    v1_events,
    v1_failures,
    v1_groups,
    v1_lag,
    v1_logs,
    v1_me,
    v1_plugins,
    v1_preview,
    v1_records,
    v1_registry,
    v1_rewinds,
    v1_samples,
    v1_series,
    v1_signals,
    v1_topic_search,
    v1_topics,
    v1_validate,
    v1_warnings,
    v1_worker,
)
from connect.runtime.host import Host

_PARTS: Final = (
    root,
    health,
    metrics,
    connectors,
    offsets,
    plugins,
    admin,
    v1_worker,
    v1_connectors,
    v1_config_texts,
    v1_configs,
    v1_rewinds,
    v1_contracts,
    v1_signals,
    v1_me,
    v1_events,
    v1_series,
    v1_failures,
    v1_logs,
    v1_samples,
    v1_lag,
    v1_warnings,
    v1_topic_search,
    v1_topics,
    v1_records,
    v1_groups,
    v1_dlq,
    v1_validate,
    v1_preview,
    v1_plugins,
    v1_registry,
    ui,
)
#: What the API consists of, in its order.
ROUTES: Final = [route for part in _PARTS for route in part.router.routes]
_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def make_app(host: Host) -> FastAPI:
    """Return the application; it serves until the host is closed. Who serves it closes `app.state.leader`,
    `app.state.metrics` and `app.state.events`, and sets `app.state.registry` to the application of the schema registry
    that runs beside it, without layers of its own."""
    app = FastAPI(
        title="Connect",
        version=connect.__version__,
        # As they are: of a router that is included each route is made a second time, at the first request.
        routes=list(ROUTES),
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    app.state.host = host
    app.state.registry = None
    app.state.metrics = metrics.Telling(host)
    errors.install(app)
    openapi.install(app, ROUTES)
    forwarding.install(app, host)
    app.state.events = events.Hub(host, app.state.leader)
    stopping.install(app, host)
    security.install(app, host.base.config)
    app.router.routes.append(_OTHER)
    return app


async def _other(request: Request, path: str) -> Response:
    """What no route takes: OPTIONS, 405 for a known path, 404 for any other.

    An empty segment is 400: a client that puts a path together has lost a name on the way.
    """
    if "//" in request.scope["path"]:
        raise HTTPException(400, f"Bad Request: the path {request.scope['path']!r} has an empty segment")
    known = _known_methods(request.scope["path"])
    if not known:
        raise HTTPException(404, "Not Found")
    allow = ",".join(sorted({*known, "OPTIONS", *(["HEAD"] if "GET" in known else [])}))
    if request.method == "OPTIONS":
        return PlainTextResponse(allow, headers={"Allow": allow})
    raise HTTPException(405, "Method Not Allowed", {"Allow": allow})


def _known_methods(path: str) -> set[str]:
    """Return the methods that a path knows."""
    found = [route for route in ROUTES if isinstance(route, APIRoute) and route.path_regex.match(path)]
    return {method for route in found for method in route.methods or ()}


_OTHER: Final = APIRoute("/{path:path}", _other, methods=_METHODS, include_in_schema=False)
