"""The paths under /connector-plugins."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connect.api import ConfigError
from connect.rest.connectors import herder_of
from connect.rest.negotiation import name_of
from connect.rest.render import body_of, config_infos, config_key, config_of, flag, json_response
from connect.runtime.plugins import CONNECTOR_KINDS, LISTED_KINDS

router = APIRouter(prefix="/connector-plugins", tags=["plugins"])


@router.get("")
async def list_plugins(request: Request) -> Response:
    """List installed connectors; with connectorsOnly=false every plugin."""
    kinds = CONNECTOR_KINDS if flag(request, "connectorsOnly", default=True) else LISTED_KINDS
    infos = [desc.info for desc in herder_of(request).plugins.list(*kinds)]
    return json_response([{"class": i.class_name, "type": i.type.value, "version": i.version} for i in infos])


@router.get("/{plugin}/config")
async def plugin_config(request: Request, plugin: str) -> Response:
    """Show the config keys that a plugin declares; `version` may name the installed one, or `latest` (KIP-891)."""
    herder, name = herder_of(request), name_of(plugin)
    installed, wanted = herder.plugins.any(name).cls.version, request.query_params.get("version")
    if wanted is not None and wanted not in (installed, "latest"):
        raise ConfigError(
            f"plugin {name} has no version {wanted!r}; {installed or 'one without a number'} is installed",
            code="request.invalid",
        )
    return json_response([config_key(key) for key in herder.plugin_config(name)])


@router.put("/{plugin}/config/validate")
async def validate(request: Request, plugin: str) -> Response:
    """Check a connector config and say everything about every key."""
    config = config_of(await body_of(request, numbers_as_text=True))
    return json_response(config_infos(await herder_of(request).validate(name_of(plugin), config)))
