"""The paths under /connectors."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connect.api import ConfigError, NotFoundError
from connect.rest.negotiation import name_of
from connect.rest.render import (
    Fragments,
    body_of,
    config_of,
    connector_info,
    empty,
    flag,
    json_response,
    state_info,
    task_info,
    task_state,
)
from connect.runtime.herder import Herder
from connect.runtime.model import TargetState

router = APIRouter(prefix="/connectors", tags=["connectors"])
_PATH_CHARACTERS = "!$&'()*+,=:@"


def herder_of(request: Request) -> Herder:
    """Return the herder that the app serves."""
    herder: Herder = request.app.state.herder
    return herder


@router.get("")
async def list_connectors(request: Request) -> Response:
    """List connectors: their names, or with expand=status and expand=info what is known of each."""
    herder, names = herder_of(request), herder_of(request).connectors()
    if "expand" not in request.query_params:
        return json_response(names)
    wanted = request.query_params.getlist("expand")
    statuses, infos = _fragments(request)
    answer: dict[str, dict[str, Any]] = {}
    for name in names:
        entry = answer[name] = {}
        if "status" in wanted:
            entry["status"] = statuses.of(name, herder.status(name), state_info)
        if "info" in wanted:
            entry["info"] = infos.of(name, herder.info(name), lambda info: connector_info(herder.plugins, info))
    statuses.keep(names)
    infos.keep(names)
    return json_response(answer)


def _fragments(request: Request) -> tuple[Fragments, Fragments]:
    """Return what this app has rendered of statuses and of infos: dashboards ask for all of it every few seconds."""
    state = request.app.state
    if not hasattr(state, "fragments"):
        state.fragments = (Fragments(), Fragments())
    found: tuple[Fragments, Fragments] = state.fragments
    return found


@router.post("", status_code=201)
async def create(request: Request) -> Response:
    """Create a connector from {name, config, initial_state}."""
    herder, body = herder_of(request), await body_of(request, numbers_as_text=True)
    unknown = sorted(body.keys() - {"name", "config", "initial_state"})
    if unknown:
        raise ConfigError(
            f"unknown member {unknown[0]!r}; name, config and initial_state are known", code="request.invalid"
        )
    if "config" not in body or body["config"] is None:
        raise ConfigError("member 'config' is missing: an object of config keys is expected", code="request.invalid")
    config = config_of(body["config"], "member 'config'")
    name = body.get("name") or ""
    if not isinstance(name, str):
        raise ConfigError(f"member 'name' is {type(name).__name__}; text is expected", code="request.invalid")
    name = name.strip()
    if (given := config.get("name")) is not None and given.strip() != name:
        raise ConfigError(
            f"Connector name configuration in config request body '{given}' must match name '{name}' "
            "in the request body",
            config_path="name",
        )
    info = await herder.create(name, config, _initial_state(body.get("initial_state")))
    return json_response(connector_info(herder.plugins, info), 201, {"Location": _location(request, info.name)})


def _initial_state(value: Any) -> TargetState | None:
    if value is None:
        return None
    try:
        return TargetState(str(value).upper())
    except ValueError:
        raise ConfigError(
            f"initial_state {value!r} is not one of {', '.join(TargetState)}", code="request.invalid"
        ) from None


def _location(request: Request, name: str) -> str:
    # What may stand in a path stays as it is, as with Kafka; ';' would begin a matrix parameter.
    return f"{request.url.scheme}://{request.url.netloc}/connectors/{quote(name, safe=_PATH_CHARACTERS)}"


@router.get("/{name}")
async def get(request: Request, name: str) -> Response:
    """Show a connector's config and tasks."""
    herder = herder_of(request)
    return json_response(connector_info(herder.plugins, herder.info(name_of(name))))


@router.delete("/{name}", status_code=204)
async def delete(request: Request, name: str) -> Response:
    """Delete a connector; its source offsets stay."""
    await herder_of(request).delete(name_of(name))
    return empty(204)


@router.get("/{name}/config")
async def get_config(request: Request, name: str) -> Response:
    """Show a connector's config."""
    herder = herder_of(request)
    return json_response(connector_info(herder.plugins, herder.info(name_of(name)))["config"])


@router.put("/{name}/config")
async def put_config(request: Request, name: str) -> Response:
    """Create a connector, or change its config."""
    herder, name = herder_of(request), name_of(name).strip()
    config = config_of(await body_of(request, numbers_as_text=True))
    created, info = await herder.put_config(name, config)
    headers = {"Location": _location(request, info.name)} if created else {}
    return json_response(connector_info(herder.plugins, info), 201 if created else 200, headers)


@router.patch("/{name}/config")
async def patch_config(request: Request, name: str) -> Response:
    """Change some keys of a config; null removes one."""
    herder, name = herder_of(request), name_of(name)
    herder.info(name)  # one that is not there is told before its body is read
    patch = config_of(await body_of(request, numbers_as_text=True))
    return json_response(connector_info(herder.plugins, await herder.patch_config(name, patch)))


@router.get("/{name}/status")
async def status(request: Request, name: str) -> Response:
    """Show the states of a connector and its tasks."""
    return json_response(state_info(herder_of(request).status(name_of(name))))


@router.get("/{name}/tasks")
async def tasks(request: Request, name: str) -> Response:
    """Show the tasks' configs."""
    herder = herder_of(request)
    return json_response([task_info(herder.plugins, info) for info in herder.tasks(name_of(name))])


@router.get("/{name}/tasks/{task}/status")
async def get_task_status(request: Request, name: str, task: str) -> Response:
    """Show a task's state."""
    return json_response(task_state(herder_of(request).task_status(name_of(name), _number(task))))


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
async def restart(request: Request, name: str) -> Response:
    """Restart a connector; with includeTasks its tasks too, with onlyFailed only what failed."""
    include, only = flag(request, "includeTasks"), flag(request, "onlyFailed")
    info = await herder_of(request).restart(name_of(name), include_tasks=include, only_failed=only)
    return json_response(state_info(info), 202) if include or only else empty(204)


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
async def topics(request: Request, name: str) -> Response:
    """Show the topics that a connector has used."""
    name = name_of(name)
    return json_response({name: {"topics": herder_of(request).active_topics(name)}})


@router.put("/{name}/topics/reset", status_code=202)
async def reset_topics(request: Request, name: str) -> Response:
    """Forget which topics a connector has used."""
    await herder_of(request).reset_active_topics(name_of(name))
    return empty(202)
