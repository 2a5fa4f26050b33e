"""Under /v1: configs that several people change: with ETags, plans, the history, and ways back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from connect.rest.answers import Answer, empty
from connect.rest.bodies import body_of
from connect.rest.connectors import herder_of
from connect.rest.models.connectors import ConfigRequest, ConnectorInfo
from connect.rest.models.examples import NAMED_CONFIG
from connect.rest.models.history import Diff, Histories, History, KeyChange, Plan, RollBack, Version
from connect.rest.negotiation import name_of
from connect.rest.operations import operation
from connect.rest.preconditions import PARAMETERS, precondition_of, quoted, shown
from connect.rest.render import connector_info
from connect.rest.routes import Route
from connect.runtime.config_changes import KeyChange as Change
from connect.runtime.config_changes import key_changes
from connect.runtime.herder import Herder
from connect.runtime.lifecycle import STORED
from connect.runtime.secrets import masked
from connect.stores.history import Entry

router = APIRouter(prefix="/v1", tags=["v1"], route_class=Route)

_REST_STATES = {stored: target.value for target, stored in STORED.items()}


@router.get("/connectors/{name}/config")
@operation(example=NAMED_CONFIG)
async def get_config(request: Request, name: str) -> Answer[dict[str, str]]:
    """Show a connector's config, with an ETag that tells it from every other one that it ever had."""
    herder, name = herder_of(request), name_of(name)
    info, etag = herder.info(name), herder.etag(name)
    return Answer(connector_info(herder.plugins, info)["config"], headers=shown(etag))


@router.put("/connectors/{name}/config", openapi_extra={"parameters": PARAMETERS})
@operation(body=ConfigRequest, also={201: "It was created; the same body."}, same=(201,))
async def put_config(request: Request, name: str) -> Answer[ConnectorInfo]:
    """Create a connector or change its config, as /connectors does, if it is what If-Match or If-None-Match says.

    412 with connector.precondition_failed where it is not: nothing was changed, whichever worker of a group was asked
    and whoever was faster. The answer has the new ETag.
    """
    herder, name, only_if = herder_of(request), name_of(name).strip(), precondition_of(request)
    body = await body_of(request, ConfigRequest, numbers_as_text=True)
    created, info = await herder.put_config(name, body.root, only_if=only_if)
    return Answer(connector_info(herder.plugins, info), 201 if created else 200, shown(herder.etag(name)))


@router.put("/connectors/{name}/config/plan")
@operation(body=ConfigRequest)
async def plan(request: Request, name: str) -> Answer[Plan]:
    """Say what sending a config would do: which keys change, and what restarts. Nothing is changed.

    The config is checked as it would be; secrets are compared, and not shown.
    """
    herder, name = herder_of(request), name_of(name).strip()
    found = await herder.plan(name, (await body_of(request, ConfigRequest, numbers_as_text=True)).root)
    return Answer(
        {
            "name": name,
            "action": found.action,
            "etag": None if found.etag is None else quoted(found.etag),
            "changes": _changes(found.changes),
            "restarts": found.restarts,
            "secrets": found.secrets,
        }
    )


@router.delete("/connectors/{name}", status_code=204, openapi_extra={"parameters": PARAMETERS[:1]})
async def delete(request: Request, name: str) -> Response:
    """Delete a connector, if it is what If-Match says; its source offsets and its history stay."""
    await herder_of(request).delete(name_of(name), only_if=precondition_of(request))
    return empty(204)


# -- the history ---------------------------------------------------------------------------------------------------


@router.get("/history")
async def list_histories(request: Request) -> Answer[Histories]:
    """List the connectors that have a history of their configs, also those that were deleted."""
    herder = herder_of(request)
    newest = {name: found for name in herder.history_names() if (found := herder.newest_version(name)) is not None}
    return Answer(
        {
            "connectors": [
                {
                    "name": name,
                    "version": entry.version,
                    "at": entry.at_ms,
                    "what": entry.what,
                    "user": entry.author.name,
                    "exists": entry.config is not None,
                }
                for name, entry in newest.items()
            ]
        }
    )


@router.get("/connectors/{name}/history")
async def history(request: Request, name: str) -> Answer[History]:
    """Show the versions of a connector's config that are kept, the oldest first: who, when, what; also once deleted."""
    herder, name = herder_of(request), name_of(name)
    entries = herder.history(name)
    before: list[Mapping[str, str] | None] = [None, *(entry.config for entry in entries)]
    return Answer(
        {
            "name": name,
            "etag": None if (etag := herder.etag(name)) is None else quoted(etag),
            "versions": [_version(herder, *pair) for pair in zip(before, entries, strict=False)],
        }
    )


@router.get("/connectors/{name}/history/diff")
async def diff(
    request: Request,
    name: str,
    before: Annotated[int, Query(alias="from", description="A version.")],
    after: Annotated[int | None, Query(alias="to", description="Another; left out, what there is now.")] = None,
) -> Answer[Diff]:
    """Show how two versions of a connector's config differ, or one from what there is now."""
    herder, name = herder_of(request), name_of(name)
    entries = herder.history(name)
    first = herder.version_of(name, before)
    last = entries[-1] if after is None else herder.version_of(name, after)
    return Answer(
        {
            "name": name,
            "from": first.version,
            "to": last.version,
            "changes": _changes(key_changes(herder.plugins, first.config, last.config)),
            "states": [_state(first), _state(last)],
        }
    )


@router.post("/connectors/{name}/rollback", openapi_extra={"parameters": PARAMETERS})
@operation(body=RollBack, also={201: "It was deleted, and is there again; the same body."}, same=(201,))
async def roll_back(request: Request, name: str) -> Answer[ConnectorInfo]:
    """Bring back a version of the history: its config and its target state, as one change. Offsets stay as they are."""
    herder, name, only_if = herder_of(request), name_of(name), precondition_of(request)
    body = await body_of(request, RollBack)
    created, info = await herder.roll_back(name, body.version, newest=body.newest, only_if=only_if)
    return Answer(connector_info(herder.plugins, info), 201 if created else 200, shown(herder.etag(name)))


def _version(herder: Herder, before: Mapping[str, str] | None, entry: Entry) -> Version:
    return {
        "version": entry.version,
        "at": entry.at_ms,
        "what": entry.what,
        "user": entry.author.name,
        "address": entry.author.address,
        "via": entry.author.via,
        "of": entry.of,
        "state": _state(entry),
        "changes": _changes(key_changes(herder.plugins, before, entry.config)),
        "config": None if entry.config is None else masked(herder.plugins, entry.config),
    }


def _state(entry: Entry) -> str | None:
    return None if entry.target is None else _REST_STATES[entry.target]  # type: ignore[index]


def _changes(changes: Sequence[Change]) -> list[KeyChange]:
    return [{"key": one.key, "before": one.before, "after": one.after, "hidden": one.is_hidden} for one in changes]
