"""/compatibility: whether a schema may follow those of a subject."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response
from starlette.routing import Route

from connect.registry.errors import RegistryError
from connect.registry.lookups import version_number
from connect.rest.registry.answers import answer, flag, registry_of, schema_in, subject_of

_INVALID_SCHEMA: Final = 42201


async def with_all(request: Request) -> Response:
    """Compare with the versions of a subject, as its level says."""
    return await _compared(request, None)


async def with_one(request: Request) -> Response:
    """Compare with one version of a subject."""
    return await _compared(request, version_number(request.path_params["version"]))


async def _compared(request: Request, version: int | None) -> Response:
    given = await schema_in(request)
    verbose = flag(request, "verbose")
    try:
        found = await registry_of(request).compatibility(
            subject_of(request), given, version, normalize=flag(request, "normalize")
        )
    except RegistryError as error:
        if error.number != _INVALID_SCHEMA or not verbose:
            raise
        found = [error.message]
    body: dict[str, Any] = {"is_compatible": not found}
    return answer(request, body | ({"messages": found} if verbose else {}))


ROUTES: Final = [
    Route("/compatibility/subjects/{subject}/versions", with_all, methods=["POST"]),
    Route("/compatibility/subjects/{subject}/versions/{version}", with_one, methods=["POST"]),
]
