"""Checking a connector config: every key that counts, with its definition, its value and everything wrong with it.

What counts: the framework's keys, the connector's own, those of each transform, predicate and converter that the config
names, under their prefixes, and overrides for the clients that work for the connector. Unknown keys are left out, as in
Kafka Connect; `connect.runtime.validation.config_warnings` warns of them.

Source: Kafka 4.3.1, AbstractHerder.validateConnectorConfig; reference/rest.md lists the oddities.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from connect.api import Config, ConfigError, ConfigKey, ConfigValue, Problem
from connect.runtime import guarantee, schedule
from connect.runtime.border.calls import within
from connect.runtime.connector_config import (
    ConnectorConfig,
    DeadLetterConfig,
    SinkConnectorConfig,
    SourceConnectorConfig,
)
from connect.runtime.contracts import config as contracts
from connect.runtime.contracts.config import ContractConfig
from connect.runtime.factory import connector_desc
from connect.runtime.guarantee import DeliveryConfig
from connect.runtime.model import ConfigInfo, ConfigInfos, ConfigValueInfo, PluginKind
from connect.runtime.ownership import OwnershipConfig
from connect.runtime.plugins import CONNECTOR_KINDS, PluginDesc, PluginHost
from connect.runtime.processes.settings import IsolationConfig
from connect.runtime.rates import RateConfig
from connect.runtime.restarts import RestartConfig
from connect.runtime.schedule import ScheduleConfig
from connect.runtime.validation import promises
from connect.runtime.validation.client_overrides import override_values
from connect.runtime.validation.elsewhere import instead_of
from connect.runtime.validation.enrichment import (
    CONVERTERS,
    MEMBERS,
    Context,
    check_converter,
    converter_values,
    fill_version,
    groups_of,
    member_values,
    shown,
)
from connect.runtime.validation.topics import name_problems
from connect.runtime.validation.version_ranges import VersionRangeError, parse_range
from connect.runtime.worker_config import WorkerConfig

NULL_VALUE = "Null value can not be supplied as the configuration value."
_MISSING = re.compile(r": Class (.+) could not be found\.$")
_VERSION = "connector.plugin.version"


def validate(plugins: PluginHost, worker: WorkerConfig, plugin: str, config: Mapping[str, Any]) -> ConfigInfos:
    """Check a whole connector config. Runs code of plugins, so it may block: never on the event loop.

    Args:
        plugin: The connector that the request names: by any name of the one that `connector.class` names, or by an end
            of what stands there.

    Raises:
        ConfigError: `connector.class` is missing, unknown, or not the plugin that the request names; or
            `connector.plugin.version`, which says which class it is, is no range.
    """
    desc = connector_desc(plugins, config)
    if plugin not in desc.names():
        _check_request(plugin, str(config.get("connector.class")))
    return validate_as(plugins, worker, desc, config)


def validate_as(plugins: PluginHost, worker: WorkerConfig, desc: PluginDesc, config: Mapping[str, Any]) -> ConfigInfos:
    """Check a whole connector config as that of a connector which the caller has found. Blocks, as `validate` does.

    Raises:
        ConfigError: `connector.plugin.version` is no range.
    """
    _check_version(config)
    context = Context(plugins, worker, config)
    framework = framework_of(desc)
    values = _framework_values(framework, config)
    groups = list(framework.groups)
    fill_version(values[_VERSION], desc.cls.version, config)
    for prefix, kind, title in MEMBERS:
        for alias in dict.fromkeys(values[prefix].value or ()):
            groups.append(f"{title}: {alias}")
            members = member_values(context, f"{prefix}.{alias}", kind, groups[-1])
            _refuse_nulls(members, config)
            values.update(members)
    checked = within(desc.name, "checking its config", desc.cls.config_class.values, config)
    own = {name: value for name, value in checked.items() if name in config or value.errors or not value.key.internal}
    values.update((key, value) for key, value in own.items() if key not in values)
    groups.extend(groups_of(own.values()))
    for which, kind, use in CONVERTERS:
        converter = check_converter(context, values, which, kind)
        if converter is not None and not values[f"{which}.plugin.version"].errors:
            extra = converter_values(context, converter, which, use)
            values.update(extra)
            groups.extend(groups_of(extra.values()))
    # Ours beside Kafka's; shown where they are given.
    for ours in own_configs(desc):
        declared = own if ours is ContractConfig else ()  # a connector may have its own schema.compatibility
        given = {name: value for name, value in ours.values(config).items() if name in config and name not in declared}
        values.update(given)
    guarantee.check(desc.cls, values.get(guarantee.KEY))
    schedule.check(desc.cls, config, values)
    contracts.check(values)
    promises.check(desc, worker, config, values)
    for problem in name_problems(worker, desc.kind, config):
        values[problem.key].errors.append(problem.message)
    infos = [_info(value.key, value) for value in values.values()]
    on_kafka = bool(worker.bootstrap_servers)
    overrides = override_values(desc.kind, config, worker.override_policy, on_kafka=on_kafka)
    infos.extend(_info(key, value) for key, value in overrides.values())
    infos.extend(_nulls(config, {info.value.name for info in infos}))
    return ConfigInfos(str(config.get("connector.class")), tuple(dict.fromkeys(groups)), tuple(infos))


def plugin_config(plugins: PluginHost, name: str) -> list[ConfigKey]:
    """Return a plugin's keys: a connector's own first, then the framework's.

    Raises:
        NotFoundError: plugin.missing.
    """
    desc = plugins.any(name)
    own = [shown(key) for key in desc.cls.config_class.keys().values() if not key.internal]
    if desc.kind not in CONNECTOR_KINDS:
        return own
    known = {key.name for key in own}
    framework = framework_of(desc).keys()
    framework[_VERSION] = dataclasses.replace(framework[_VERSION], default=desc.cls.version)
    return own + [key for key in framework.values() if key.name not in known]


def own_configs(desc: PluginDesc) -> list[type[Config]]:
    """Return the declarations of the keys that every connector of a kind has here, and none in Kafka."""
    more: list[type[Config]] = [DeadLetterConfig, ScheduleConfig] if desc.kind is PluginKind.SOURCE else []
    return [RestartConfig, DeliveryConfig, RateConfig, IsolationConfig, OwnershipConfig, ContractConfig, *more]


def framework_of(desc: PluginDesc) -> type[ConnectorConfig]:
    """Return the declaration of the framework's keys for a connector."""
    return SinkConnectorConfig if desc.kind is PluginKind.SINK else SourceConnectorConfig


def raise_for_errors(infos: ConfigInfos, config: Mapping[str, Any]) -> None:
    """Raise what POST and PUT answer to a wrong config, if it is wrong.

    Args:
        config: As it was given, for what was meant.

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
            hint=" ".join([*nearest_classes(infos).values(), *_misspelt(infos, config)]),
        )


def _misspelt(infos: ConfigInfos, config: Mapping[str, Any]) -> Iterable[str]:
    """Yield which given key nobody declares and is likely to be meant for one that is missing."""
    known = {info.value.name for info in infos.configs}
    others = [key for key in config if key not in known]
    for info in infos.configs:
        name = info.value.name
        if name not in config and info.value.errors and (near := difflib.get_close_matches(name, others, n=1)):
            yield f"Write {name} in place of {near[0]}, which nothing reads."


def nearest_classes(infos: ConfigInfos) -> dict[str, str]:
    """Return what there is in place of each class that is not there, by key; Kafka's own words name none."""
    found: dict[str, str] = {}
    for info in infos.configs:
        missing = next((m[1] for e in info.value.errors if (m := _MISSING.search(e))), None)
        if missing and (instead := instead_of(missing)) is not None:
            found[info.value.name] = f"{info.value.name}: {instead}."
            continue
        close = difflib.get_close_matches(missing or "", info.value.recommended_values, n=1) if missing else []
        if close:
            found[info.value.name] = f"Did you mean {close[0]} for {info.value.name}?"
    return found


def told(infos: ConfigInfos, problems: Iterable[Problem]) -> ConfigInfos:
    """Return an answer with further problems at their keys."""
    more: dict[str, list[str]] = {}
    for problem in problems:
        more.setdefault(problem.key, []).append(problem.message)
    if not more:
        return infos
    known = {info.value.name: info for info in infos.configs}
    for name, messages in more.items():
        info = known.get(name) or ConfigInfo(None, ConfigValueInfo(name, None))
        known[name] = dataclasses.replace(
            info, value=dataclasses.replace(info.value, errors=(*info.value.errors, *messages))
        )
    return dataclasses.replace(infos, configs=tuple(known.values()))


# -- parts ---------------------------------------------------------------------------------------------------------


def _check_request(plugin: str, named: str) -> None:
    # Kafka's test of suffixes: 'FileStreamSource' fits the full name, and so does 'Source'.
    if not named.removesuffix("Connector").endswith(plugin.removesuffix("Connector").rpartition(".")[2]):
        raise ConfigError(
            f"Included connector type {named} does not match request type {plugin}", config_path="connector.class"
        )


def _check_version(config: Mapping[str, Any]) -> None:
    try:
        parse_range(config.get(_VERSION))
    except VersionRangeError as error:
        raise ConfigError(
            f"Invalid value {config[_VERSION]} for configuration {_VERSION}: {error}",
            hint="Leave the key out: the installed version is taken.",
            config_path=_VERSION,
        ) from None


def _framework_values(framework: type[ConnectorConfig], config: Mapping[str, Any]) -> dict[str, ConfigValue]:
    values = framework.values(config, together=False)
    for problem in framework.problems_of(config):
        values[problem.key].errors.append(problem.message)
    _refuse_nulls(values, config)
    return values


def _refuse_nulls(values: Mapping[str, ConfigValue], config: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if name in config and config[name] is None:
            value.errors.append(NULL_VALUE)


def _nulls(config: Mapping[str, Any], known: set[str]) -> Iterable[ConfigInfo]:
    """Return keys that nothing declares and whose value is null: a mistake that is worth telling all the same."""
    for name in (name for name, value in config.items() if value is None and name not in known):
        yield ConfigInfo(None, ConfigValueInfo(name, None, errors=(NULL_VALUE,)))


def _info(definition: ConfigKey | None, value: ConfigValue) -> ConfigInfo:
    key = value.key
    return ConfigInfo(definition, ConfigValueInfo(key.name, value.text, key.recommended, tuple(value.errors)))
