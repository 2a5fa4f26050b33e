"""The herder's answers as JSON bodies, and JSON bodies as its arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import Response

from connect.api import HIDDEN, ConfigError, ConfigKey, ConfigType
from connect.runtime.model import ConfigInfos, ConnectorInfo, ConnectorState, ConnectorStateInfo, TaskInfo, TaskState
from connect.runtime.plugins import CONNECTOR_KINDS, PluginHost

_URL_PASSWORD = re.compile(r"(://[^/@:\s]*):[^/@\s]*@|((?:^|[?&])password=)[^&\s]*")
BODY_BYTES_MAX = 8 << 20


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    return Response(orjson.dumps(body), status, headers, media_type="application/json")


def empty(status: int) -> Response:
    """Return an answer without a body."""
    return Response(status_code=status)


async def body_of(request: Request) -> Any:
    """Return a request's JSON body.

    Raises:
        ConfigError: request.invalid: it is absent, too large, or not JSON.
    """
    raw = await request.body()
    if len(raw) > BODY_BYTES_MAX:
        raise ConfigError(f"the body has {len(raw)} bytes; at most {BODY_BYTES_MAX} are taken", code="request.invalid")
    if not raw.strip():
        raise ConfigError("the request has no body; a JSON object is expected", code="request.invalid")
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"the body is not JSON: {error}", code="request.invalid") from None
    except RecursionError:
        raise ConfigError("the body is nested too deep", code="request.invalid") from None
    if not isinstance(parsed, dict):
        kind = "null" if parsed is None else type(parsed).__name__
        raise ConfigError(f"the body is {kind}; a JSON object is expected", code="request.invalid")
    return parsed


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


# -- secrets -------------------------------------------------------------------------------------------------------


def masked(plugins: PluginHost, config: Mapping[str, str]) -> dict[str, str]:
    """Return a config to show: values of secret keys, and passwords inside URLs, as [hidden]."""
    secret = _secret_keys(plugins, config)
    return {name: HIDDEN if name in secret else _URL_PASSWORD.sub(_hide, value) for name, value in config.items()}


def unmasked(plugins: PluginHost, config: dict[str, str | None], stored: Mapping[str, str]) -> dict[str, str | None]:
    """Return a config that was shown before, with what was hidden put back from the stored one."""
    shown = masked(plugins, stored)
    return {
        name: stored[name] if value is not None and HIDDEN in value and shown.get(name) == value else value
        for name, value in config.items()
    }


def _hide(match: re.Match[str]) -> str:
    return f"{match[1]}:{HIDDEN}@" if match[1] is not None else f"{match[2]}{HIDDEN}"


def _secret_keys(plugins: PluginHost, config: Mapping[str, str]) -> set[str]:
    desc = plugins.find(config.get("connector.class", ""), *CONNECTOR_KINDS)
    if desc is None:
        return set()
    return {name for name, key in desc.cls.config_class.keys().items() if key.type is ConfigType.PASSWORD}


# -- shapes --------------------------------------------------------------------------------------------------------


def connector_info(plugins: PluginHost, info: ConnectorInfo) -> dict[str, Any]:
    """Render ConnectorInfo."""
    tasks = [{"connector": task.connector, "task": task.task} for task in info.tasks]
    return {"name": info.name, "config": masked(plugins, info.config), "tasks": tasks, "type": info.type}


def _state(state: ConnectorState | TaskState) -> dict[str, Any]:
    body: dict[str, Any] = {"state": state.state.value, "worker_id": state.worker_id}
    if state.trace:
        body["trace"] = state.trace
    body["version"] = state.version
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
        "name": key.name, "type": key.type.value, "required": key.required, "default_value": key.default_text,
        "importance": key.importance, "documentation": key.documentation, "group": key.group, "order_in_group": key.order,
        "width": key.width, "display_name": key.display_name, "dependents": list(key.dependents),
    }  # fmt: skip


def config_infos(infos: ConfigInfos) -> dict[str, Any]:
    """Render ConfigInfos."""
    configs = [
        {
            "definition": None if info.definition is None else config_key(info.definition),
            "value": {
                "name": info.value.name, "value": None if info.value.value is None else _URL_PASSWORD.sub(_hide, info.value.value),
                "recommended_values": list(info.value.recommended_values), "errors": list(info.value.errors),
                "visible": info.value.visible,
            },
        }
        for info in infos.configs
    ]  # fmt: skip
    return {"name": infos.name, "error_count": infos.error_count, "groups": list(infos.groups), "configs": configs}


def flag(request: Request, name: str, *, default: bool = False) -> bool:
    """Return a boolean query parameter as Java reads it: true in any case is true, anything else is false."""
    value = request.query_params.get(name)
    return default if value is None else value.lower() == "true"
