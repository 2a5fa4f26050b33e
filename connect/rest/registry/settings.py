"""/config and /mode, of the whole registry, of contexts and of subjects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response
from starlette.routing import Route

from connect.registry.errors import RegistryError
from connect.rest.bodies import body_of
from connect.rest.models.registry import ConfigBody, ModeBody
from connect.rest.registry.answers import answer, flag, registry_of, scope_of

#: Its name in a request; in all answers but that to this request it is compatibilityLevel.
_LEVEL: Final = ("compatibility", "compatibilityLevel")
_REFUSED: Final = 422


async def _set_config(request: Request, subject: str | None) -> Response:
    body = await body_of(request, ConfigBody)
    extra = [name for name, value in (body.model_extra or {}).items() if value is not None]
    if extra:
        meant = f"; a request says {_LEVEL[0]}" if extra[0] == _LEVEL[1] else ""
        raise RegistryError(_REFUSED, f"{extra[0]} is not known to this registry, which would not heed it{meant}")
    given = body.model_dump(by_alias=True, exclude_unset=True, exclude=set(body.model_extra or {}))
    kept = await registry_of(request).settings.set_config(subject, _renamed(given, *_LEVEL))
    return answer(request, _renamed(kept, *reversed(_LEVEL)))


def _renamed(body: Mapping[str, Any], before: str, after: str) -> dict[str, Any]:
    return {after if name == before else name: value for name, value in body.items()}


async def set_global_config(request: Request) -> Response:
    """Set the global config."""
    return await _set_config(request, None)


async def set_config(request: Request) -> Response:
    """Set the config of a subject."""
    return await _set_config(request, scope_of(request))


async def global_config(request: Request) -> Response:
    """Return the global config."""
    return answer(request, registry_of(request).lookups.config(None))


async def config(request: Request) -> Response:
    """Return the config of a subject."""
    in_scope = flag(request, "defaultToGlobal")
    return answer(request, registry_of(request).lookups.config(scope_of(request), in_scope=in_scope))


async def delete_global_config(request: Request) -> Response:
    """Take the global config back."""
    return answer(request, await registry_of(request).settings.delete_config(None))


async def delete_config(request: Request) -> Response:
    """Take the config of a subject back."""
    return answer(request, await registry_of(request).settings.delete_config(scope_of(request)))


async def _set_mode(request: Request, subject: str | None) -> Response:
    body = await body_of(request, ModeBody)
    mode = await registry_of(request).settings.set_mode(subject, body.mode, force=flag(request, "force"))
    return answer(request, {"mode": mode})


async def set_global_mode(request: Request) -> Response:
    """Set the global mode."""
    return await _set_mode(request, None)


async def set_mode(request: Request) -> Response:
    """Set the mode of a subject."""
    return await _set_mode(request, scope_of(request))


async def global_mode(request: Request) -> Response:
    """Return the global mode."""
    return answer(request, {"mode": registry_of(request).lookups.mode(None)})


async def mode(request: Request) -> Response:
    """Return the mode of a subject."""
    in_scope = flag(request, "defaultToGlobal")
    return answer(request, {"mode": registry_of(request).lookups.mode(scope_of(request), in_scope=in_scope)})


async def _delete_mode(request: Request, subject: str | None) -> Response:
    before = await registry_of(request).settings.delete_mode(subject, recursive=flag(request, "recursive"))
    return answer(request, {} if before is None else {"mode": before})


async def delete_global_mode(request: Request) -> Response:
    """Take the global mode back."""
    return await _delete_mode(request, None)


async def delete_mode(request: Request) -> Response:
    """Take the mode of a subject back."""
    return await _delete_mode(request, scope_of(request))


ROUTES: Final = [
    Route("/config", global_config, methods=["GET"]),
    Route("/config", set_global_config, methods=["PUT"]),
    Route("/config", delete_global_config, methods=["DELETE"]),
    Route("/config/{subject}", config, methods=["GET"]),
    Route("/config/{subject}", set_config, methods=["PUT"]),
    Route("/config/{subject}", delete_config, methods=["DELETE"]),
    Route("/mode", global_mode, methods=["GET"]),
    Route("/mode", set_global_mode, methods=["PUT"]),
    Route("/mode", delete_global_mode, methods=["DELETE"]),
    Route("/mode/{subject}", mode, methods=["GET"]),
    Route("/mode/{subject}", set_mode, methods=["PUT"]),
    Route("/mode/{subject}", delete_mode, methods=["DELETE"]),
]
