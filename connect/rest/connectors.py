"""The paths under /connectors."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from connect.api import ConfigError, NotFoundError
from connect.rest.answers import Answer, Fragments, empty
from connect.rest.bodies import body_of
from connect.rest.models.connectors import (
    STATUS_EXAMPLE,
    ActiveTopics,
    ConfigPatch,
    ConfigRequest,
    ConnectorInfo,
    ConnectorStateInfo,
    CreateConnector,
    ExpandedConnector,
    TaskInfo,
    TaskState,
)
from connect.rest.models.examples import NAME, NAMED_CONFIG
from connect.rest.negotiation import name_of
from connect.rest.operations import operation
from connect.rest.parameters import Flag
from connect.rest.render import connector_info, state_info, task_info, task_state
from connect.rest.routes import Route
from connect.runtime.herder import Herder
from connect.runtime.host import Host
from connect.runtime.model import TargetState

router = APIRouter(prefix="/connectors", tags=["connectors"], route_class=Route)
_PATH_CHARACTERS: Final = "!$&'()*+,=:@"


def host_of(request: Request) -> Host:
    """Return the worker that the app serves."""
    host: Host = request.app.state.host
    return host


def herder_of(request: Request) -> Herder:
    """Return the herder that the app serves.

    Raises:
        ConflictError: worker.rebalancing: another worker of the group has it, or nobody just now.
    """
    return host_of(request).leading()


#: Told, and read by hand: dashboards ask for the listing all the time, and reading it with pydantic costs a twentieth.
_EXPAND: Final = {
    "name": "expand",
    "in": "query",
    "required": False,
    "description": "status, info, or both by repeating it: an object by name in place of the names.",
    "schema": {"type": "array", "items": {"type": "string", "enum": ["status", "info"]}},
}


@router.get("", openapi_extra={"parameters": [_EXPAND]})
@operation(example=[NAME])
async def list_connectors(request: Request) -> Answer[list[str] | dict[str, ExpandedConnector]]:
    """List connectors: their names, or with expand=status and expand=info what is known of each."""
    herder, names = herder_of(request), herder_of(request).connectors()
    if not (expand := request.query_params.getlist("expand")):
        return Answer(names)
    statuses, infos = _fragments(request)
    answer: dict[str, ExpandedConnector] = {}
    for name in names:
        entry = answer[name] = {}
        if "status" in expand:
            entry["status"] = statuses.of(name, herder.status(name), state_info)
        if "info" in expand:
            entry["info"] = infos.of(name, herder.info(name), lambda info: connector_info(herder.plugins, info))
    statuses.keep(names)
    infos.keep(names)
    return Answer(answer)


def _fragments(request: Request) -> tuple[Fragments, Fragments]:
    """Return what this app has rendered of statuses and of infos: dashboards ask for all of it every few seconds."""
    state = request.app.state
    if not hasattr(state, "fragments"):
        state.fragments = (Fragments(), Fragments())
    found: tuple[Fragments, Fragments] = state.fragments
    return found


@router.post("", status_code=201)
@operation(body=CreateConnector)
async def create(request: Request) -> Answer[ConnectorInfo]:
    """Create a connector from {name, config, initial_state}."""
    herder, body = herder_of(request), await body_of(request, CreateConnector, numbers_as_text=True)
    name = (body.name or "").strip()
    if (given := body.config.get("name")) is not None and given.strip() != name:
        raise ConfigError(
            f"Connector name configuration in config request body '{given}' must match name '{name}' "
            "in the request body",
            config_path="name",
        )
    state = None if body.initial_state is None else TargetState(body.initial_state)
    info = await herder.create(name, body.config, state)
    return Answer(connector_info(herder.plugins, info), 201, {"Location": _location(request, info.name)})


def _location(request: Request, name: str) -> str:
    # What may stand in a path stays as it is, as with Kafka; ';' would begin a matrix parameter.
    return f"{request.url.scheme}://{request.url.netloc}/connectors/{quote(name, safe=_PATH_CHARACTERS)}"


@router.get("/{name}")
async def get(request: Request, name: str) -> Answer[ConnectorInfo]:
    """Show a connector's config and tasks."""
    herder = herder_of(request)
    return Answer(connector_info(herder.plugins, herder.info(name_of(name))))


@router.delete("/{name}", status_code=204)
async def delete(request: Request, name: str) -> Response:
    """Delete a connector; its source offsets stay."""
    await herder_of(request).delete(name_of(name))
    return empty(204)


@router.get("/{name}/config")
@operation(example=NAMED_CONFIG)
async def get_config(request: Request, name: str) -> Answer[dict[str, str]]:
    """Show a connector's config."""
    herder = herder_of(request)
    return Answer(connector_info(herder.plugins, herder.info(name_of(name)))["config"])


@router.put("/{name}/config")
@operation(body=ConfigRequest, also={201: "It was created; the same body."}, same=(201,))
async def put_config(request: Request, name: str) -> Answer[ConnectorInfo]:
    """Create a connector, or change its config."""
    herder, name = herder_of(request), name_of(name).strip()
    body = await body_of(request, ConfigRequest, numbers_as_text=True)
    created, info = await herder.put_config(name, body.root)
    headers = {"Location": _location(request, info.name)} if created else {}
    return Answer(connector_info(herder.plugins, info), 201 if created else 200, headers)


@router.patch("/{name}/config")
@operation(body=ConfigPatch)
async def patch_config(request: Request, name: str) -> Answer[ConnectorInfo]:
    """Change some keys of a config; null removes one."""
    herder, name = herder_of(request), name_of(name)
    herder.info(name)  # one that is not there is told before its body is read
    patch = await body_of(request, ConfigPatch, numbers_as_text=True)
    return Answer(connector_info(herder.plugins, await herder.patch_config(name, patch.root)))


@router.get("/{name}/status")
async def status(request: Request, name: str) -> Answer[ConnectorStateInfo]:
    """Show the states of a connector and its tasks."""
    return Answer(state_info(herder_of(request).status(name_of(name))))


@router.get("/{name}/tasks")
async def tasks(request: Request, name: str) -> Answer[list[TaskInfo]]:
    """Show the tasks' configs."""
    herder = herder_of(request)
    return Answer([task_info(herder.plugins, info) for info in herder.tasks(name_of(name))])


@router.get("/{name}/tasks/{task}/status")
async def get_task_status(request: Request, name: str, task: str) -> Answer[TaskState]:
    """Show a task's state."""
    return Answer(task_state(herder_of(request).task_status(name_of(name), _number(task))))


@router.post("/{name}/tasks/{task}/restart", status_code=204)
async def restart_task(request: Request, name: str, task: str) -> Response:
    """Restart a task."""
    await herder_of(request).restart_task(name_of(name), _number(task))
    return empty(204)


def _number(task: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", task):
        raise NotFoundError(f"HTTP 404 Not Found: {task!r} is no task number")
    return int(task)


@router.post("/{name}/restart")
@operation(
    example={**STATUS_EXAMPLE, "connector": {**STATUS_EXAMPLE["connector"], "state": "RESTARTING"}},
    status=202,
    also={204: "Neither parameter is true: the connector's instance is restarted."},
)
async def restart(
    request: Request,
    name: str,
    include: Annotated[Flag, Query(alias="includeTasks", description="Its tasks too.")] = False,
    only: Annotated[Flag, Query(alias="onlyFailed", description="Only what has failed.")] = False,
) -> Answer[ConnectorStateInfo] | Response:
    """Restart a connector; with includeTasks its tasks too, with onlyFailed only what failed."""
    info = await herder_of(request).restart(name_of(name), include_tasks=include, only_failed=only)
    return Answer(state_info(info), 202) if include or only else empty(204)


@router.put("/{name}/pause", status_code=202)
async def pause(request: Request, name: str) -> Response:
    """Let a connector and its tasks stand still."""
    await herder_of(request).pause(name_of(name))
    return empty(202)


@router.put("/{name}/resume", status_code=202)
async def resume(request: Request, name: str) -> Response:
    """Let a paused or stopped connector run."""
    await herder_of(request).resume(name_of(name))
    return empty(202)


@router.put("/{name}/stop", status_code=204)
async def stop(request: Request, name: str) -> Response:
    """Stop a connector; its tasks are gone until it is resumed."""
    await herder_of(request).stop(name_of(name))
    return empty(204)


@router.get("/{name}/topics")
@operation(example={NAME: {"topics": ["orders"]}})
async def topics(request: Request, name: str) -> Answer[dict[str, ActiveTopics]]:
    """Show the topics that a connector has used."""
    name = name_of(name)
    return Answer({name: {"topics": herder_of(request).active_topics(name)}})


@router.put("/{name}/topics/reset", status_code=202)
async def reset_topics(request: Request, name: str) -> Response:
    """Forget which topics a connector has used."""
    await herder_of(request).reset_active_topics(name_of(name))
    return empty(202)
