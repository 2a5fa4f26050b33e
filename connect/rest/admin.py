"""The paths under /admin/loggers (KIP-495, KIP-976)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from connect.api import ConfigError
from connect.rest.answers import Answer, empty
from connect.rest.bodies import body_of
from connect.rest.connectors import herder_of, host_of
from connect.rest.models.loggers import LoggerLevel, SetLevel
from connect.rest.negotiation import name_of
from connect.rest.operations import operation
from connect.rest.routes import Route
from connect.runtime import loggers

router = APIRouter(prefix="/admin/loggers", tags=["loggers"], route_class=Route)


@router.get("")
@operation(example={"root": {"level": "INFO", "last_modified": None}})
async def list_loggers(request: Request) -> Answer[dict[str, LoggerLevel]]:
    """List loggers with their levels."""
    return Answer({name: _level(level) for name, level in host_of(request).base.loggers.all().items()})


@router.get("/{logger}")
async def get_logger(request: Request, logger: str) -> Answer[LoggerLevel]:
    """Show a logger's level."""
    return Answer(_level(host_of(request).base.loggers.get(name_of(logger))))


@router.put("/{logger}")
@operation(body=SetLevel, example=["connect.runtime"], also={204: "scope=cluster."})
async def set_level(
    request: Request,
    logger: str,
    scope: Annotated[str, Query(description="worker (the default) or cluster.")] = "worker",
) -> Answer[list[str]] | Response:
    """Set the level of a logger and of those below it; with scope=cluster on every worker, answered without names."""
    level = (await body_of(request, SetLevel)).level
    if level is None:
        raise ConfigError("Desired 'level' parameter was not specified in request.", code="request.invalid")
    if scope.lower() == "cluster":
        await herder_of(request).set_level(name_of(logger), level)
        return empty(204)
    return Answer(host_of(request).base.loggers.set(name_of(logger), level))


def _level(level: loggers.LoggerLevel) -> LoggerLevel:
    return {"level": level.level, "last_modified": level.last_modified}
