"""Checking a connector config: every key that counts, with its definition, its value and everything wrong with it.

What counts: the framework's keys, the connector's own, and those of each transform, predicate and converter that the
config names, under their prefixes. Unknown keys are left out, as in Kafka Connect.

Source: Kafka 4.3.1, AbstractHerder.validateConnectorConfig, EnrichableConfigDef; reference/rest.md lists the oddities.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from connect.api import ConfigError, ConfigKey, ConfigType, ConfigValue, Plugin
from connect.runtime.config import (
    ConnectorConfig,
    SinkConnectorConfig,
    SourceConnectorConfig,
    WorkerConfig,
    strip_prefix,
)
from connect.runtime.factory import connector_desc, refusal
from connect.runtime.model import ConfigInfo, ConfigInfos, ConfigValueInfo, PluginKind
from connect.runtime.plugins import CONNECTOR_KINDS, PluginDesc, PluginHost

_CONVERTERS = (
    ("key.converter", PluginKind.CONVERTER, "Converter"),
    ("value.converter", PluginKind.CONVERTER, "Converter"),
    ("header.converter", PluginKind.HEADER_CONVERTER, "HeaderConverter"),
)
_MEMBERS = (
    ("transforms", PluginKind.TRANSFORM, "Transforms"),
    ("predicates", PluginKind.PREDICATE, "Predicates"),
)


def validate(plugins: PluginHost, worker: WorkerConfig, plugin: str, config: Mapping[str, Any]) -> ConfigInfos:
    """Check a whole connector config.

    Args:
        plugin: The connector that the request names; `connector.class` must end with it.

    Raises:
        ConfigError: `connector.class` is missing, unknown, or not the plugin that the request names.
    """
    desc = connector_desc(plugins, config)
    _check_request(plugin, str(config.get("connector.class")))
    framework = _framework(desc)
    values = framework.values(config)
    values.update((name, value) for name, value in desc.cls.config_class.values(config).items() if name not in values)
    groups = list(framework.groups)
    for prefix, kind, title in _MEMBERS:
        for alias in _aliases(values[prefix]):
            groups.append(f"{title}: {alias}")
            values.update(_member_values(plugins, worker, config, f"{prefix}.{alias}", kind, groups[-1]))
    for which, kind, interface in _CONVERTERS:
        extra, extra_groups = _converter_values(plugins, config, values[which], which, kind, interface)
        values.update(extra)
        groups.extend(group for group in extra_groups if group not in groups)
    _fill_versions(values, desc)
    name = str(config.get("connector.class"))
    return ConfigInfos(name, tuple(groups), tuple(_info(plugins, value) for value in values.values()))


def plugin_config(plugins: PluginHost, name: str) -> list[ConfigKey]:
    """Return a plugin's keys: a connector's own first, then the framework's.

    Raises:
        NotFoundError: plugin.missing.
    """
    desc = plugins.any(name)
    own = list(desc.cls.config_class.keys().values())
    if desc.kind not in CONNECTOR_KINDS:
        return own
    known = {key.name for key in own}
    return own + [key for key in _framework(desc).keys().values() if key.name not in known]


def raise_for_errors(infos: ConfigInfos) -> None:
    """Raise what POST and PUT answer to a wrong config, if it is wrong.

    Raises:
        ConfigError: Counts the errors and lists each.
    """
    errors = [(info.value.name, error) for info in infos.configs for error in info.value.errors]
    if errors:
        lines = "\n".join(error for _, error in errors)
        raise ConfigError(
            f"Connector configuration is invalid and contains the following {len(errors)} error(s):\n{lines}\n"
            "You can also find the above list of errors at the endpoint "
            "`/connector-plugins/{connectorType}/config/validate`",
            config_path=errors[0][0],
            hint="",
        )


# -- parts ---------------------------------------------------------------------------------------------------------


def _check_request(plugin: str, named: str) -> None:
    # Kafka's test of suffixes: 'FileStreamSource' fits the full name, and so does 'Source'.
    if not named.removesuffix("Connector").endswith(plugin.removesuffix("Connector").rpartition(".")[2]):
        raise ConfigError(
            f"Included connector type {named} does not match request type {plugin}", config_path="connector.class"
        )


def _framework(desc: PluginDesc) -> type[ConnectorConfig]:
    return SinkConnectorConfig if desc.kind is PluginKind.SINK else SourceConnectorConfig


def _aliases(value: ConfigValue) -> list[str]:
    return [alias for alias in dict.fromkeys(value.value or ()) if alias]


def _member_values(
    plugins: PluginHost, worker: WorkerConfig, config: Mapping[str, Any], prefix: str, kind: PluginKind, group: str
) -> Iterable[tuple[str, ConfigValue]]:
    """Return the keys of one transform or predicate: its type, what the framework adds, and its own."""
    type_key = _key(f"{prefix}.type", ConfigType.CLASS, group, 0, required=True)
    given = config.get(type_key.name)
    type_value = ConfigValue(type_key, given)
    desc = plugins.find(str(given).strip(), kind) if given else None
    if desc is None:
        type_value.errors.append(_unknown_class(plugins, type_key.name, given, kind))
    elif refused := refusal(worker, desc.cls):
        type_value.errors.append(f"Invalid value {given} for configuration {type_key.name}: {refused}")
        desc = None  # nor are its keys looked into: they may name files of the worker's machine
    yield type_key.name, type_value
    yield _plain(config, f"{prefix}.plugin.version", ConfigType.STRING, group, 1)
    if kind is PluginKind.TRANSFORM:
        yield _plain(config, f"{prefix}.predicate", ConfigType.STRING, group, 2, default="")
        negate_name, negate = _plain(config, f"{prefix}.negate", ConfigType.BOOLEAN, group, 3, default=False)
        if negate.value and not config.get(f"{prefix}.predicate"):
            negate.errors.append(f"Invalid value true for configuration {negate_name}: there is no predicate to negate")
        yield negate_name, negate
    if desc is not None:
        yield from _own_values(desc.cls, config, prefix, group)


def _own_values(cls: type[Plugin], config: Mapping[str, Any], prefix: str, group: str | None) -> Iterable[tuple[str, ConfigValue]]:  # fmt: skip
    for value in cls.config_class.values(strip_prefix(config, prefix + ".")).values():
        name = f"{prefix}.{value.key.name}"
        key = dataclasses.replace(
            value.key, name=name, group=group or value.key.group, display_name=name if group else value.key.display_name
        )
        # Kafka names a transform's key with its prefix in a message, a converter's without.
        errors = [_prefixed(error, value.key.name, name) for error in value.errors] if group else value.errors
        yield name, ConfigValue(key, value.value, errors)


def _prefixed(message: str, short: str, full: str) -> str:
    return message.replace(f"configuration {short}:", f"configuration {full}:").replace(f'configuration "{short}"', f'configuration "{full}"')  # fmt: skip


def _converter_values(
    plugins: PluginHost, config: Mapping[str, Any], value: ConfigValue, which: str, kind: PluginKind, interface: str
) -> tuple[dict[str, ConfigValue], list[str]]:
    if not value.value:
        return {}, []
    desc = plugins.find(value.value, kind)
    if desc is None:
        other = plugins.find(value.value, *PluginKind)
        wrong = f"Class class {value.value} does not implement the {interface} interface"
        value.errors.append(wrong if other else _unknown_class(plugins, which, value.value, kind))
        return {}, []
    value.value = desc.name
    own = dict(_own_values(desc.cls, config, which, None))
    return own, list(dict.fromkeys(v.key.group for v in own.values() if v.key.group))


def _unknown_class(plugins: PluginHost, name: str, given: Any, kind: PluginKind) -> str:
    if given is None:
        return f'Missing required configuration "{name}" which has no default value.'
    near = plugins.nearest(str(given), kind)
    hint = f" Did you mean {near}?" if near else ""
    return f"Invalid value {given} for configuration {name}: Class {given} could not be found.{hint}"


def _plain(config: Mapping[str, Any], name: str, wanted: ConfigType, group: str, order: int, default: Any = None) -> tuple[str, ConfigValue]:  # fmt: skip
    from connect.api.config import parse_type

    value = ConfigValue(_key(name, wanted, group, order, default=default), default)
    if name in config:
        try:
            value.value = parse_type(name, config[name], wanted)
        except ConfigError as error:
            value.value = None
            value.errors.append(error.message)
    return name, value


def _key(
    name: str, wanted: ConfigType, group: str, order: int, *, default: Any = None, required: bool = False
) -> ConfigKey:
    high = "HIGH" if required else "MEDIUM"
    return ConfigKey(name, wanted, required, default, high, "", group, order, "LONG" if required else "MEDIUM", name)


def _fill_versions(values: Mapping[str, ConfigValue], desc: PluginDesc) -> None:
    version = values["connector.plugin.version"]
    if version.value is None and not version.errors:
        version.value = desc.cls.version


def _info(plugins: PluginHost, value: ConfigValue) -> ConfigInfo:
    recommended: tuple[str, ...] = value.key.recommended
    kind = next((kind for which, kind, _ in _CONVERTERS if which == value.key.name), None)
    if kind is not None:
        recommended = tuple(desc.name for desc in plugins.list(kind))
    return ConfigInfo(value.key, ConfigValueInfo(value.key.name, value.text, recommended, tuple(value.errors)))
