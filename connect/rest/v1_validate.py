"""Beyond Kafka Connect: `validate` with warnings, and with a look at the world outside where that is asked for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from connect.rest.answers import Answer
from connect.rest.bodies import body_of
from connect.rest.connectors import herder_of
from connect.rest.models.connectors import ConfigRequest
from connect.rest.models.plugins import Advice, AdvisedInfos
from connect.rest.negotiation import name_of
from connect.rest.operations import operation
from connect.rest.parameters import Flag
from connect.rest.render import config_infos
from connect.rest.routes import Route
from connect.runtime.factory import connector_desc
from connect.runtime.providers.warnings import reference_warnings
from connect.runtime.secrets import secret_pieces, without
from connect.runtime.validation.config_warnings import config_warnings, topic_warnings
from connect.runtime.validation.validator import told

router = APIRouter(prefix="/v1/connector-plugins", tags=["v1"], route_class=Route)


@router.put("/{plugin}/config/validate")
@operation(body=ConfigRequest)
async def validate(
    request: Request,
    plugin: str,
    check: Annotated[Flag, Query(description="Also look outside: does the server answer, is the table there.")] = False,
) -> Answer[AdvisedInfos]:
    """Check a connector config as Kafka Connect does, and add warnings; check=true looks outside too.

    Kafka's answer with `warnings`, a list of {key, code, message}, and `checked`. The connector is asked to look
    outside (does the server answer, is the table there) only where the config has no errors.
    """
    herder = herder_of(request)
    given = (await body_of(request, ConfigRequest, numbers_as_text=True)).root
    filled, unknown = herder.filled(given)
    looked = await herder.checked(name_of(plugin), filled)
    infos = told(looked.shown, unknown)
    # What is warned of depends on the values; what is told of it is in the words of the request.
    resolved, internal = looked.look.resolved, told(looked.infos, [*unknown, *looked.look.problems])
    config = resolved.config
    desc = connector_desc(herder.plugins, config)
    what = f"warnings about a config for {desc.name}"
    warnings = await herder.checks.aside(
        what, lambda: config_warnings(herder.plugins, herder.worker_config, desc, config, internal)
    )
    warnings += reference_warnings(looked.look, desc.cls.config_class.keys())
    warnings += await topic_warnings(herder.cluster.admin, desc, config)
    checked = check and not infos.error_count
    if checked:
        warnings += await herder.checks.check(desc, config)
    parts = [*secret_pieces(herder.plugins, filled), *secret_pieces(herder.plugins, config)]
    advice: list[Advice] = [
        {"key": warning.key, "code": warning.code, "message": resolved.hide(without(warning.message, parts))}
        for warning in warnings
    ]
    return Answer({**config_infos(infos), "warnings": advice, "checked": checked})
