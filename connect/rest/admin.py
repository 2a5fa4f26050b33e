"""The paths under /admin/loggers (KIP-495, KIP-976)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connect.api import ConfigError
from connect.rest.connectors import herder_of
from connect.rest.negotiation import name_of
from connect.rest.render import body_of, empty, json_response
from connect.runtime.loggers import LoggerLevel

router = APIRouter(prefix="/admin/loggers", tags=["loggers"])


@router.get("")
async def list_loggers(request: Request) -> Response:
    """List loggers with their levels."""
    return json_response({name: _level(level) for name, level in herder_of(request).loggers.all().items()})


@router.get("/{logger}")
async def get_logger(request: Request, logger: str) -> Response:
    """Show a logger's level."""
    return json_response(_level(herder_of(request).loggers.get(name_of(logger))))


@router.put("/{logger}")
async def set_level(request: Request, logger: str) -> Response:
    """Set the level of a logger and of those below it. scope=cluster answers without their names: one worker is all."""
    body = await body_of(request)
    level = body.get("level")
    if level is None:
        raise ConfigError("Desired 'level' parameter was not specified in request.", code="request.invalid")
    if not isinstance(level, str):
        raise ConfigError(f"member 'level' is {type(level).__name__}; text is expected", code="request.invalid")
    changed = herder_of(request).loggers.set(name_of(logger), level)
    if request.query_params.get("scope", "").lower() == "cluster":
        return empty(204)
    return json_response(changed)


def _level(level: LoggerLevel) -> dict[str, Any]:
    return {"level": level.level, "last_modified": level.last_modified}
