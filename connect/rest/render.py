"""The herder's answers as JSON bodies, and JSON bodies as its arguments."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import orjson
from fastapi import Request
from fastapi.responses import Response

from connect.api import ConfigError, ConfigKey
from connect.runtime.model import (
    ConfigInfo,
    ConfigInfos,
    ConnectorInfo,
    ConnectorState,
    ConnectorStateInfo,
    TaskInfo,
    TaskState,
)
from connect.runtime.plugins import PluginHost
from connect.runtime.secret_text import is_secret_name, pieces
from connect.runtime.secrets import masked, redact, shown, without

T = TypeVar("T")
#: No body of the API needs more than five.
DEPTH_MAX = 64


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer. Half a surrogate pair, as texts of plugins may hold, is written out: JSON is UTF-8."""
    try:
        data = orjson.dumps(body)
    except TypeError:
        data = orjson.dumps(_encodable(body))
    return Response(data, status, headers, media_type="application/json")


def _encodable(body: Any) -> Any:
    if isinstance(body, str):
        return body.encode("utf-8", "backslashreplace").decode()
    if isinstance(body, dict):
        return {_encodable(name): _encodable(value) for name, value in body.items()}
    return [_encodable(item) for item in body] if isinstance(body, list | tuple) else body


def empty(status: int) -> Response:
    """Return an answer without a body."""
    return Response(status_code=status)


async def body_of(request: Request, *, numbers_as_text: bool = False) -> Any:
    """Return a request's JSON body, an object.

    Args:
        numbers_as_text: Numbers become the text that was sent: config values are text, and 0.10 is not 0.1.

    Raises:
        ConfigError: request.invalid: it is absent, nested too deep, or no JSON object.
    """
    raw = await request.body()
    if not raw.strip():
        raise ConfigError("the request has no body; a JSON object is expected", code="request.invalid")
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"the body is not JSON: {error}", code="request.invalid") from None
    if raw.count(b"{") + raw.count(b"[") > DEPTH_MAX and _depth(parsed) > DEPTH_MAX:
        raise ConfigError(f"the body is nested deeper than {DEPTH_MAX} levels", code="request.invalid")
    if not isinstance(parsed, dict):
        kind = "null" if parsed is None else type(parsed).__name__
        raise ConfigError(f"the body is {kind}; a JSON object is expected", code="request.invalid")
    return json.loads(raw, parse_int=str, parse_float=str) if numbers_as_text else parsed


def _depth(body: Any) -> int:
    """Return how many arrays and objects lie inside each other."""
    depth, level = 0, [body]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def config_of(body: Any, where: str = "the body") -> dict[str, str | None]:
    """Return a connector config: numbers and booleans become text, as Kafka Connect's parser makes them.

    Raises:
        ConfigError: A value is an array or object.
    """
    if not isinstance(body, dict):
        kind = "null" if body is None else type(body).__name__
        raise ConfigError(f"{where} is {kind}; an object of config keys is expected", code="request.invalid")
    return {name: _config_text(name, value) for name, value in body.items()}


def _config_text(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise ConfigError(
        f"the value of {name!r} is {type(value).__name__}; text, a number or true or false is expected",
        code="request.invalid",
    )


class Fragments:
    """Rendered parts of a listing, kept while their shapes are the same objects."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, orjson.Fragment]] = {}

    def of(self, name: str, shape: T, render: Callable[[T], Any]) -> orjson.Fragment:
        """Return the JSON of a shape, rendered once."""
        known = self._known.get(name)
        if known is None or known[0] is not shape:
            known = self._known[name] = (shape, orjson.Fragment(orjson.dumps(render(shape))))
        return known[1]

    def keep(self, names: Sequence[str]) -> None:
        """Forget all others, once they are many."""
        if len(self._known) > 2 * len(names) + 16:
            self._known = {name: self._known[name] for name in names if name in self._known}


# -- shapes --------------------------------------------------------------------------------------------------------


def connector_info(plugins: PluginHost, info: ConnectorInfo) -> dict[str, Any]:
    """Render ConnectorInfo."""
    tasks = [{"connector": task.connector, "task": task.task} for task in info.tasks]
    return {"name": info.name, "config": masked(plugins, info.config), "tasks": tasks, "type": info.type}


def _state(state: ConnectorState | TaskState) -> dict[str, Any]:
    body: dict[str, Any] = {"state": state.state.value, "worker_id": state.worker_id}
    if state.trace:
        body["trace"] = redact(state.trace)
    body["version"] = state.version
    if state.restart is not None:
        body["restart"] = {
            "cause": state.restart.cause,
            "attempts": state.restart.attempts,
            "max_attempts": state.restart.max_attempts,
            "at": state.restart.at_ms,
        }
    return body


def task_state(state: TaskState) -> dict[str, Any]:
    """Render TaskState."""
    return {"id": state.id, **_state(state)}


def state_info(info: ConnectorStateInfo) -> dict[str, Any]:
    """Render ConnectorStateInfo."""
    return {
        "name": info.name,
        "connector": _state(info.connector),
        "tasks": [task_state(t) for t in info.tasks],
        "type": info.type,
    }


def task_info(plugins: PluginHost, info: TaskInfo) -> dict[str, Any]:
    """Render TaskInfo."""
    return {"id": {"connector": info.id.connector, "task": info.id.task}, "config": masked(plugins, info.config)}


def config_key(key: ConfigKey) -> dict[str, Any]:
    """Render ConfigKeyInfo."""
    return {
        "name": key.name,
        "type": key.type.value,
        "required": key.required,
        "default_value": key.default_text,
        "importance": key.importance,
        "documentation": key.documentation,
        "group": key.group,
        "order_in_group": key.order,
        "width": key.width,
        "display_name": key.display_name,
        "dependents": list(key.dependents),
    }


def config_infos(infos: ConfigInfos) -> dict[str, Any]:
    """Render ConfigInfos."""
    configs = [
        {"definition": None if info.definition is None else config_key(info.definition), "value": _config_value(info)}
        for info in infos.configs
    ]
    return {"name": infos.name, "error_count": infos.error_count, "groups": list(infos.groups), "configs": configs}


def _config_value(info: ConfigInfo) -> dict[str, Any]:
    own = info.value
    secret = info.definition is None and is_secret_name(own.name)
    parts = [] if own.value is None else [own.value] if secret else pieces(own.value)
    return {
        "name": own.name,
        "value": None if own.value is None else shown(own.value, secret=secret),
        "recommended_values": list(own.recommended_values),
        "errors": [without(error, parts) for error in own.errors],
        "visible": own.visible,
    }


def flag(request: Request, name: str, *, default: bool = False) -> bool:
    """Return a boolean query parameter as Java reads it: true in any case is true, anything else is false."""
    value = request.query_params.get(name)
    return default if value is None else value.lower() == "true"
