"""Plugins, their config keys, and what validation says of a config."""

from __future__ import annotations

from typing_extensions import TypedDict

from connect.rest.models.base import example
from connect.rest.models.examples import CONFIG

_KEY = {
    "name": "topic",
    "type": "STRING",
    "required": True,
    "default_value": None,
    "importance": "HIGH",
    "documentation": "Topic to append to.",
    "group": None,
    "order_in_group": -1,
    "width": "NONE",
    "display_name": "topic",
    "dependents": [],
}
_VALUE = {"name": "topic", "value": "orders", "recommended_values": [], "errors": [], "visible": True}
_INFOS = {
    "name": CONFIG["connector.class"],
    "error_count": 0,
    "groups": ["Common"],
    "configs": [{"definition": _KEY, "value": _VALUE}],
}
_ADVICE = {"key": "topc", "code": "unknown_key", "message": "nothing reads key topc; did you mean topic?"}

# `class` is no name in Python, so this one is no class statement.
PluginInfo = TypedDict("PluginInfo", {"class": str, "type": str, "version": str | None})
example({"class": CONFIG["connector.class"], "type": "source", "version": "4.3.1"})(PluginInfo)


@example(_KEY)
class ConfigKeyInfo(TypedDict):
    """A config key as a plugin declares it."""

    name: str
    type: str
    required: bool
    default_value: str | None
    importance: str
    documentation: str
    group: str | None
    order_in_group: int
    width: str
    display_name: str
    dependents: list[str]


class ConfigValueInfo(TypedDict):
    """What validation says of one key's value."""

    name: str
    value: str | None
    recommended_values: list[str]
    errors: list[str]
    visible: bool


class ConfigInfo(TypedDict):
    """One key of a validated config; `definition` is null for a key that nothing declares."""

    definition: ConfigKeyInfo | None
    value: ConfigValueInfo


@example(_INFOS)
class ConfigInfos(TypedDict):
    """The outcome of a validation."""

    name: str
    error_count: int
    groups: list[str]
    configs: list[ConfigInfo]


class Advice(TypedDict):
    """A warning about a config key; the codes are listed in the reference of REST."""

    key: str
    code: str
    message: str


class LeftOut(TypedDict):
    """A plugin that could not be taken, and why."""

    name: str
    origin: str
    cause: str


# `class` is no name in Python, so this one is no class statement.
InstalledPlugin = TypedDict(
    "InstalledPlugin",
    {
        "class": str,
        "type": str,
        "version": str | None,
        "plugin": str,
        "origin": str,
        "aliases": list[str],
        "doc": str,
        "exactly_once": bool | None,
    },
)


@example(
    {
        "plugins": [
            {
                "class": CONFIG["connector.class"],
                "type": "source",
                "version": "4.3.1",
                "plugin": "file",
                "origin": "connect-file 4.3.1",
                "aliases": ["FileStreamSource"],
                "doc": "Reads lines of a file.",
                "exactly_once": True,
            }
        ],
        "broken": [{"name": "tick", "origin": "/plugins/tick.py", "cause": "No module named 'clock'"}],
    }
)
class InstalledPlugins(TypedDict):
    """Every plugin class of every kind, and what could not be loaded with its cause.

    `exactly_once` says whether a connector can promise it, with a config that asks for it; null of other kinds.
    """

    plugins: list[InstalledPlugin]
    broken: list[LeftOut]


@example({"added": ["tick"], "changed": [], "removed": [], "broken": [], "outdated": []})
class RefreshedPlugins(TypedDict):
    """What a refresh has found, by the plugins' names, and the connectors whose tasks on this worker run other code
    than a new start of them would."""

    added: list[str]
    changed: list[str]
    removed: list[str]
    broken: list[LeftOut]
    outdated: list[str]


@example({**_INFOS, "warnings": [_ADVICE], "checked": True})
class AdvisedInfos(TypedDict):
    """The outcome of a validation with warnings; `checked` says whether the connector looked outside."""

    name: str
    error_count: int
    groups: list[str]
    configs: list[ConfigInfo]
    warnings: list[Advice]
    checked: bool
