"""What the herder tells, as REST's answers."""

from __future__ import annotations

from connect.api import ConfigKey
from connect.rest.models.connectors import (
    ConnectorInfo,
    ConnectorState,
    ConnectorStateInfo,
    Restart,
    TaskId,
    TaskInfo,
    TaskState,
)
from connect.rest.models.plugins import ConfigInfo, ConfigInfos, ConfigKeyInfo, ConfigValueInfo
from connect.runtime import model
from connect.runtime.causes import cause_of
from connect.runtime.plugins import PluginHost
from connect.runtime.secret_text import is_secret_name, pieces
from connect.runtime.secrets import masked, redact, shown, without


def connector_info(plugins: PluginHost, info: model.ConnectorInfo) -> ConnectorInfo:
    """Render ConnectorInfo."""
    tasks: list[TaskId] = [{"connector": task.connector, "task": task.task} for task in info.tasks]
    return {"name": info.name, "config": masked(plugins, info.config), "tasks": tasks, "type": info.type}


def _state(state: model.ConnectorState | model.TaskState) -> ConnectorState:
    told: ConnectorState = {"state": state.state.value, "worker_id": state.worker_id, "version": state.version}
    if state.trace:
        told["trace"] = redact(state.trace)
    if state.restart is not None:
        told["restart"] = _restart(state.restart)
    return told


def cause_text(trace: str | None) -> str:
    """Return what a trace says first, in one line."""
    found = cause_of(trace)
    return redact("no cause is known" if found is None else found.line)


def _restart(restart: model.RestartInfo) -> Restart:
    return {
        "cause": restart.cause,
        "attempts": restart.attempts,
        "max_attempts": restart.max_attempts,
        "at": restart.at_ms,
    }


def task_state(state: model.TaskState) -> TaskState:
    """Render TaskState."""
    return {"id": state.id, **_state(state)}


def state_info(info: model.ConnectorStateInfo) -> ConnectorStateInfo:
    """Render ConnectorStateInfo."""
    return {
        "name": info.name,
        "connector": _state(info.connector),
        "tasks": [task_state(t) for t in info.tasks],
        "type": info.type,
    }


def task_info(plugins: PluginHost, info: model.TaskInfo) -> TaskInfo:
    """Render TaskInfo."""
    return {"id": {"connector": info.id.connector, "task": info.id.task}, "config": masked(plugins, info.config)}


def config_key(key: ConfigKey) -> ConfigKeyInfo:
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


def config_infos(infos: model.ConfigInfos) -> ConfigInfos:
    """Render ConfigInfos."""
    configs: list[ConfigInfo] = [
        {"definition": None if info.definition is None else config_key(info.definition), "value": _config_value(info)}
        for info in infos.configs
    ]
    return {"name": infos.name, "error_count": infos.error_count, "groups": list(infos.groups), "configs": configs}


def _config_value(info: model.ConfigInfo) -> ConfigValueInfo:
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
