"""The application over a registry."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route

from connect.registry.errors import RegistryError
from connect.registry.registry import Registry
from connect.rest import errors, security
from connect.rest.negotiation import Scope, route_path
from connect.rest.registry import compatibility, root, schemas, settings, subjects
from connect.rest.registry.answers import KINDS, MEDIA_TYPES, answer
from connect.rest.registry.contexts import Contexts
from connect.rest.registry.reads import is_read
from connect.runtime.worker_config import WorkerConfig

#: As of Confluent's.
DEFAULT_PORT: Final = 8081
ROUTES: Final = [route for part in (root, subjects, schemas, compatibility, settings) for route in part.ROUTES]
_READING: Final = ("GET", "HEAD", "OPTIONS")
_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def make_app(registry: Registry, config: WorkerConfig, *, cluster_id: str) -> FastAPI:
    """Return the application. It asks for the users of `rest.authentication.file`, as the worker's REST does.

    Raises:
        ConfigError: The credentials file cannot be read, or is wrong.
    """
    app = bare_app(registry, cluster_id=cluster_id)
    face = security.Face(
        kinds=KINDS, answers=MEDIA_TYPES, is_open=_is_open, is_read=_is_read, addresses=config.registry_addresses
    )
    security.install(app, config, face)
    app.add_middleware(Contexts)  # in front of all, so that they see the names that count
    return app


def bare_app(registry: Registry, *, cluster_id: str) -> FastAPI:
    """Return the application without the layers before it, for who has them already: the worker's own REST."""
    app = FastAPI(
        title="Connect schema registry",
        routes=[*ROUTES, Route("/{path:path}", _other, methods=_METHODS)],
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.registry = registry
    app.state.cluster_id = cluster_id
    errors.install(app)
    app.add_exception_handler(RegistryError, _refused)
    return app


def _is_open(scope: Scope) -> bool:
    return scope["method"] in _READING and route_path(scope) == "/"


def _is_read(scope: Scope) -> bool:
    return is_read(scope["method"], route_path(scope))


async def _refused(request: Request, error: Any) -> Response:
    refused = answer(request, {"error_code": error.number, "message": error.message}, error.status)
    refused.headers[errors.CODE_HEADER] = error.code
    return refused


async def _other(request: Request) -> Response:
    path = request.scope["path"]
    found = [route for route in ROUTES if route.path_regex.match(path)]
    known = {method for route in found for method in route.methods or ()}
    if not known:
        raise HTTPException(404, "Not Found")
    allow = ",".join(sorted({*known, "OPTIONS"}))
    if request.method == "OPTIONS":
        return PlainTextResponse(allow, headers={"Allow": allow})
    raise HTTPException(405, "Method Not Allowed", {"Allow": allow})
