"""The paths under /connector-plugins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from connect.api import ConfigError
from connect.rest.answers import Answer
from connect.rest.bodies import body_of
from connect.rest.connectors import herder_of
from connect.rest.models.connectors import ConfigRequest
from connect.rest.models.plugins import ConfigInfos, ConfigKeyInfo, PluginInfo
from connect.rest.negotiation import name_of
from connect.rest.operations import operation
from connect.rest.parameters import Flag
from connect.rest.render import config_infos, config_key
from connect.rest.routes import Route
from connect.runtime.plugins import CONNECTOR_KINDS, LISTED_KINDS

router = APIRouter(prefix="/connector-plugins", tags=["plugins"], route_class=Route)


@router.get("")
async def list_plugins(
    request: Request,
    connectors_only: Annotated[
        Flag,
        Query(alias="connectorsOnly", description="Connectors alone (the default), or with false every plugin."),
    ] = True,
) -> Answer[list[PluginInfo]]:
    """List installed connectors; with connectorsOnly=false every plugin."""
    kinds = CONNECTOR_KINDS if connectors_only else LISTED_KINDS
    infos = [desc.info for desc in herder_of(request).plugins.list(*kinds)]
    return Answer([{"class": i.class_name, "type": i.type.value, "version": i.version} for i in infos])


@router.get("/{plugin}/config")
async def plugin_config(
    request: Request,
    plugin: str,
    version: Annotated[
        str | None,
        Query(
            description="The plugin's version; the installed one, or latest.",
            json_schema_extra={"type": "string", "examples": ["latest"]},
        ),
    ] = None,
) -> Answer[list[ConfigKeyInfo]]:
    """Show the config keys that a plugin declares; `version` may name the installed one, or `latest` (KIP-891)."""
    herder, name = herder_of(request), name_of(plugin)
    installed = herder.plugins.any(name).cls.version
    if version is not None and version not in (installed, "latest"):
        raise ConfigError(
            f"plugin {name} has no version {version!r}; {installed or 'one without a number'} is installed",
            code="request.invalid",
        )
    return Answer([config_key(key) for key in herder.plugin_config(name)])


@router.put("/{plugin}/config/validate")
@operation(body=ConfigRequest)
async def validate(request: Request, plugin: str) -> Answer[ConfigInfos]:
    """Check a connector config and say everything about every key."""
    config = (await body_of(request, ConfigRequest, numbers_as_text=True)).root
    return Answer(config_infos(await herder_of(request).validate(name_of(plugin), config)))
