"""Under /v1: who asks, for a page that shows no button that would be refused."""

from __future__ import annotations

from fastapi import APIRouter, Request

from connect.credentials import Role
from connect.rest.answers import Answer
from connect.rest.authors import ROLE, USER
from connect.rest.connectors import host_of
from connect.rest.models.me import Me
from connect.rest.routes import Route
from connect.rest.server import asks_nobody

router = APIRouter(prefix="/v1", tags=["worker"], route_class=Route)


@router.get("/me")
async def me(request: Request) -> Answer[Me]:
    """Show who asks, and what they may do. Needs no user, so that a page can learn that one is needed; a user, password
    or token that is wrong is refused as everywhere."""
    config = host_of(request).base.config
    asks = bool(config.rest_authentication_file)
    role: Role | None = request.scope.get(ROLE) if asks else Role.WRITE
    return Answer(
        {
            "user": request.scope.get(USER) if asks else None,
            "role": None if role is None else role.value,
            "can_change": role is Role.WRITE,
            "open_to_others": any(asks_nobody(listener, config) for listener in config.addresses),
            "auth": "basic" if asks else "none",
        }
    )
