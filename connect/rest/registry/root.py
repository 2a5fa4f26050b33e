"""What the server says of itself."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from fastapi.responses import Response
from starlette.routing import Route

import connect
from connect.rest.registry.answers import NAMES_MAX, answer, page_of, registry_of


async def root(request: Request) -> Response:
    """Answer nothing: probes ask for it."""
    return answer(request, {})


async def cluster_id(request: Request) -> Response:
    """Say of which cluster the registry is."""
    clusters = {"kafka-cluster": request.app.state.cluster_id, "schema-registry-cluster": "schema-registry"}
    return answer(request, {"scope": {"path": [], "clusters": clusters}, "id": ""})


async def version(request: Request) -> Response:
    """Say which version this is."""
    return answer(request, {"version": connect.__version__, "commitId": "connect"})


async def contexts(request: Request) -> Response:
    """List the contexts."""
    prefix = request.query_params.get("contextPrefix", "")
    found = (name for name in registry_of(request).lookups.contexts() if name.startswith(prefix))
    return answer(request, page_of(request, found, NAMES_MAX))


async def delete_context(request: Request) -> Response:
    """Delete a context that is empty."""
    context = request.path_params["context"]
    await registry_of(request).settings.delete_context(f":{context.strip(':')}:")
    return Response(status_code=204)


ROUTES: Final = [
    Route("/", root, methods=["GET"]),
    Route("/v1/metadata/id", cluster_id, methods=["GET"]),
    Route("/v1/metadata/version", version, methods=["GET"]),
    Route("/contexts", contexts, methods=["GET"]),
    Route("/contexts/{context}", delete_context, methods=["DELETE"]),
]
