"""The keys that a connector config gains by naming transforms, predicates and converters, checked.

Each key goes under the prefix of whoever asked for it. Only keys are looked at, one by one, as Kafka Connect does; what
is wrong between them shows when the plugin is made (`connect.runtime.validation.config_warnings` tells it before).

Source: Kafka 4.3.1, ConnectorConfig.EnrichablePlugin, AbstractHerder.validateConverterConfig, ConfigDef.embed.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connect.api import ConfigError, ConfigKey, ConfigType, ConfigValue
from connect.api.config_values import parse_type
from connect.runtime.border.calls import within
from connect.runtime.config_prefixes import strip_prefix
from connect.runtime.factory import refusal
from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc, PluginHost
from connect.runtime.validation.class_names import missing_class, wrong_class
from connect.runtime.validation.version_ranges import VersionRangeError, parse_range
from connect.runtime.worker_config import WorkerConfig

#: Everything that can stand in a list of aliases: its kind, the group of its keys, and what Kafka calls it.
MEMBERS: Final = (
    ("transforms", PluginKind.TRANSFORM, "Transforms"),
    ("predicates", PluginKind.PREDICATE, "Predicates"),
)
#: In the order in which Kafka checks them; their groups are listed in it.
CONVERTERS: Final = (
    ("header.converter", PluginKind.HEADER_CONVERTER, "header"),
    ("key.converter", PluginKind.CONVERTER, "key"),
    ("value.converter", PluginKind.CONVERTER, "value"),
)
_TITLES: Final = {PluginKind.TRANSFORM: "Transformation", PluginKind.PREDICATE: "Predicate"}
_IMPLICIT: Final = (
    ("negate", ConfigType.BOOLEAN, False, "Whether the configured predicate should be negated."),
    (
        "predicate",
        ConfigType.STRING,
        None,
        "The alias of a predicate used to determine whether to apply this transformation.",
    ),
)


@dataclass(frozen=True, slots=True)
class Context:
    """What a check needs to know."""

    plugins: PluginHost
    worker: WorkerConfig
    config: Mapping[str, Any]


# -- transforms and predicates -------------------------------------------------------------------------------------


def member_values(context: Context, prefix: str, kind: PluginKind, group: str) -> dict[str, ConfigValue]:
    """Return the keys of one transform or predicate: its type and version, and, where its class is known, its own."""
    type_value, desc = _type_value(context, prefix, kind, group)
    version = version_value(_version_key(prefix, kind, group, desc), context.config)
    values = [type_value, version]
    if desc is not None:
        own = {value.key.name: value for value in _own_values(desc, _strip(context, prefix))}
        own.update(_implicit_values(context, prefix) if kind is PluginKind.TRANSFORM else {})
        for order, value in enumerate(sorted(own.values(), key=_sort_key), start=2):
            name = f"{prefix}.{value.key.name}"
            dependents = tuple(f"{prefix}.{dependent}" for dependent in value.key.dependents)
            nested = group if value.key.group is None else f"{group}: {value.key.group}"
            formerly = tuple(f"{prefix}.{old}" for old in value.key.formerly)
            key = dataclasses.replace(
                value.key, name=name, group=nested, order=order, dependents=dependents, formerly=formerly
            )
            errors = [_prefixed(error, value.key.name, name) for error in value.errors]
            values.append(ConfigValue(key, value.value, errors=errors))
    return {value.key.name: value for value in values}


def _type_value(context: Context, prefix: str, kind: PluginKind, group: str) -> tuple[ConfigValue, PluginDesc | None]:
    name, alias = f"{prefix}.type", prefix.partition(".")[2]
    title = _TITLES[kind]
    key = ConfigKey(
        name,
        ConfigType.CLASS,
        required=True,
        importance="HIGH",
        documentation=f"Class for the '{alias}' {title.lower()}.",
        group=group,
        order=0,
        width="LONG",
        display_name=f"{title} type for {alias}",
        recommended=tuple(desc.name for desc in context.plugins.list(kind)),
    )
    value, desc = ConfigValue(key), None
    if name not in context.config:
        value.errors.append(f'Missing required configuration "{name}" which has no default value.')
    elif (given := context.config[name]) is not None:
        desc, value.value, error = _class_of(context, name, str(given).strip(), kind)
        value.errors.extend([error] if error else [])
    if f"{prefix}.negate" in context.config and f"{prefix}.predicate" not in context.config:
        value.errors.append(
            f"Config '{prefix}.negate' was provided but there is no config '{prefix}.predicate' "
            "defining a predicate to be negated."
        )
    return value, desc


def _class_of(
    context: Context, name: str, given: str, kind: PluginKind
) -> tuple[PluginDesc | None, str | None, str | None]:
    """Return the plugin of a class name, what is shown as the key's value, and what is wrong with it."""
    desc = context.plugins.find(given, kind)
    if desc is None:
        wrong = wrong_class(context.plugins, given, kind)
        return None, given if wrong else None, wrong or missing_class(name, given)
    # Nor are the keys of a refused class looked into: they may name files of the worker's machine.
    if refused := refusal(context.worker, desc.cls):
        return None, desc.name, f"Invalid value {given} for configuration {name}: {refused}"
    return desc, desc.name, None


def _implicit_values(context: Context, prefix: str) -> dict[str, ConfigValue]:
    """Return what every transform takes; a transform's own keys of these names are hidden by them."""
    found = {}
    for short, wanted, default, documentation in _IMPLICIT:
        key = ConfigKey(short, wanted, default=default, documentation=documentation, display_name=short)
        found[short] = _parsed(key, f"{prefix}.{short}", context.config)
    return found


def _version_key(prefix: str, kind: PluginKind, group: str, desc: PluginDesc | None) -> ConfigKey:
    alias, title = prefix.partition(".")[2], _TITLES[kind]
    version = None if desc is None else desc.cls.version
    return ConfigKey(
        f"{prefix}.plugin.version",
        ConfigType.STRING,
        default=version,
        importance="HIGH",
        documentation=f"Version of the '{alias}' {title.lower()}; the installed one is taken.",
        group=group,
        order=1,
        width="LONG",
        display_name=f"{title} version for {alias}",
        recommended=(version,) if version else (),
    )


def _sort_key(value: ConfigValue) -> tuple[bool, int, bool, int, str]:
    key = value.key
    importance = ("HIGH", "MEDIUM", "LOW").index(key.importance)
    return key.group is not None, key.order, not key.required, importance, key.name


def _prefixed(message: str, short: str, full: str) -> str:
    return message.replace(f"configuration {short}:", f"configuration {full}:").replace(
        f'configuration "{short}"', f'configuration "{full}"'
    )


# -- converters ----------------------------------------------------------------------------------------------------


def check_converter(
    context: Context, values: Mapping[str, ConfigValue], which: str, kind: PluginKind
) -> PluginDesc | None:
    """Complete the values of 'key.converter' and its version, in place; return the converter that the config names."""
    given = values[which]
    desc = _named_converter(context, given, which, kind)
    known = context.plugins.find(getattr(context.worker, which.replace(".", "_")), kind)
    effective = desc if context.config.get(which) is not None else known
    recommended = tuple(each.name for each in context.plugins.list(kind))
    given.key = dataclasses.replace(given.key, default=known.name if known else None, recommended=recommended)
    if which not in context.config:
        given.value = given.key.default
    version = None if effective is None else effective.cls.version
    fill_version(values[f"{which}.plugin.version"], version, context.config)
    return desc


def _named_converter(context: Context, value: ConfigValue, which: str, kind: PluginKind) -> PluginDesc | None:
    named = context.config.get(which)
    if named is None:
        return None
    desc, value.value, error = _class_of(context, which, str(named).strip(), kind)
    value.errors.extend([error] if error else [])
    return desc


def converter_values(context: Context, desc: PluginDesc, which: str, use: str) -> dict[str, ConfigValue]:
    """Return a named converter's own keys. Messages name them without the prefix, as in Kafka."""
    given = {"converter.type": use, **_strip(context, which)}
    found = {}
    for value in _own_values(desc, given):
        formerly = tuple(f"{which}.{old}" for old in value.key.formerly)
        key = dataclasses.replace(shown(value.key), name=f"{which}.{value.key.name}", formerly=formerly)
        found[key.name] = ConfigValue(key, value.value, errors=value.errors)
    return found


def _own_values(desc: PluginDesc, given: Mapping[str, Any]) -> list[ConfigValue]:
    parsed = functools.partial(desc.cls.config_class.values, given, together=False)
    values = within(desc.name, "checking its config", parsed).values()
    return [value for value in values if value.key.name in given or not value.key.internal]


def shown(key: ConfigKey) -> ConfigKey:
    """Return a key as Kafka shows it: converters require converter.type, which the runtime gives and no user has to."""
    return dataclasses.replace(key, required=True) if key.name == "converter.type" else key


def groups_of(values: Iterable[ConfigValue]) -> Sequence[str]:
    """Return the groups of keys, each once, in the order of the declaration."""
    return list(dict.fromkeys(value.key.group for value in values if value.key.group))


# -- versions ------------------------------------------------------------------------------------------------------


def fill_version(value: ConfigValue, version: str | None, config: Mapping[str, Any]) -> None:
    """Give a version key what is installed as its default, and check what was given, in place."""
    value.key = dataclasses.replace(value.key, default=version, recommended=(version,) if version else ())
    filled = version_value(value.key, config)
    value.value, value.errors = filled.value, filled.errors


def version_value(key: ConfigKey, config: Mapping[str, Any]) -> ConfigValue:
    """Parse a version key. Any range will do, since one version is installed; what is no range is wrong."""
    value = _parsed(key, key.name, config)
    try:
        parse_range(value.value)
    except VersionRangeError as error:
        value.errors.append(f"Invalid value {value.value} for configuration {key.name}: {error}")
    return value


def _parsed(key: ConfigKey, name: str, config: Mapping[str, Any]) -> ConfigValue:
    value = ConfigValue(key, key.default)
    if name in config:
        try:
            value.value = parse_type(name, config[name], key.type)
        except ConfigError as error:
            value.value = None
            value.errors.append(error.message)
    return value


def _strip(context: Context, prefix: str) -> dict[str, Any]:
    return strip_prefix(context.config, prefix + ".")
