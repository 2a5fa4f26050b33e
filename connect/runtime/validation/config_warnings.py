"""Warnings about a connector config: what Kafka Connect takes without a word and a user would want to hear.

A warning never keeps a connector from being created, not even one of what is certain to fail when a task starts:
scripts count on what Kafka Connect takes.
"""

from __future__ import annotations

import asyncio
import difflib
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connect.api import ConfigError, ConnectError, InvalidConfigError, SlowPatternError, compile_pattern
from connect.api.error_codes import CODES
from connect.ports import Admin
from connect.runtime.border.calls import within
from connect.runtime.contracts.config import CONTRACT, KEYS, TOPICS
from connect.runtime.factory import framework_config, make_converter, make_header_converter, make_stages
from connect.runtime.model import ConfigInfos, PluginKind
from connect.runtime.override_policies import PREFIXES, clients_of
from connect.runtime.plugins import PluginDesc, PluginHost
from connect.runtime.tasks.topic_creation import topic_groups
from connect.runtime.validation.client_overrides import TYPES
from connect.runtime.validation.elsewhere import instead_of
from connect.runtime.validation.enrichment import CONVERTERS, MEMBERS
from connect.runtime.validation.promises import without_effect
from connect.runtime.validation.validator import own_configs
from connect.runtime.validation.version_ranges import in_range
from connect.runtime.worker_config import WorkerConfig

UNKNOWN_KEY: Final = "unknown_key"
UNKNOWN_CLASS: Final = "unknown_class"
NO_EFFECT: Final = "no_effect"
RISKY: Final = "risky"
WILL_FAIL: Final = "will_fail"
_TOPIC_CREATION: Final = "topic.creation."
_DEAD: Final = "errors.deadletterqueue."


@dataclass(frozen=True, slots=True)
class ConfigWarning:
    """One warning.

    Attributes:
        key: The config key it is about; '' where there is none.
        code: unknown_key, unknown_class, no_effect, risky, will_fail; or the code of the error that a check met.
    """

    key: str
    code: str
    message: str


def config_warnings(
    plugins: PluginHost,
    worker: WorkerConfig,
    desc: PluginDesc,
    config: Mapping[str, Any],
    infos: ConfigInfos,
    *,
    makes: bool = True,
) -> list[ConfigWarning]:
    """Return what the config alone tells. Makes transforms and converters, so it may read files that they name,
    and block: never on the event loop.

    Args:
        infos: What validation said of the config.
        makes: Make transforms and converters, for what they find out then.
    """
    idle = dict(without_effect(desc, worker, config))
    keys = (one for one in _keys(plugins, desc, config, infos) if one.key not in idle)
    found = [*_unknown_classes(plugins, config, infos), *keys, *_risks(desc, config, infos)]
    found += _versions(desc, config, infos)
    found += [ConfigWarning(key, NO_EFFECT, why) for key, why in idle.items()]
    if not infos.error_count:
        found += _topics_to_make(desc, config)
    if makes:
        wrong = [info.value.name for info in infos.configs if info.value.errors]
        making = startup_problems(plugins, worker, desc, config, wrong=wrong)
        found += [ConfigWarning(key, WILL_FAIL, message) for key, message in making]
    return found


def startup_problems(
    plugins: PluginHost,
    worker: WorkerConfig,
    desc: PluginDesc,
    config: Mapping[str, Any],
    *,
    wrong: Sequence[str] = (),
) -> list[tuple[str, str]]:
    """Make what every task makes first, and return what is wrong with it, as key and message.

    Args:
        wrong: Keys of which validation has told already: what they are of is not made.

    A message ends with what is to be done, in brackets, where that is more than the code's own hint.
    """
    found: list[tuple[str, str]] = []
    try:
        framework = framework_config(desc, config)
    except ConfigError:  # validation has told
        if not wrong:
            raise
        return []
    makers: tuple[tuple[str, Callable[[], list[Any]]], ...] = (
        (
            "transforms",
            lambda: [one for s in make_stages(plugins, framework, worker) for one in (s.transform, s.predicate) if one],
        ),
        ("key.converter", lambda: [make_converter(plugins, worker, framework, "key.converter")]),
        ("value.converter", lambda: [make_converter(plugins, worker, framework, "value.converter")]),
        ("header.converter", lambda: [make_header_converter(plugins, worker, framework)]),
    )
    for which, make in makers:
        of = ("transforms", "predicates") if which == "transforms" else (which,)
        if any(name == part or name.startswith(f"{part}.") for name in wrong for part in of):
            continue
        try:
            for plugin in make():
                within(plugin.plugin_name(), "close", plugin.close)
        except InvalidConfigError as error:
            found += [(problem.key, problem.message) for problem in error.problems]
        except ConnectError as error:
            hint = f" ({error.hint})" if error.hint not in ("", CODES[error.code].hint) else ""
            found.append((error.config_path or which, f"{error.message}{hint}"))
    return found


async def topic_warnings(admin: Admin, desc: PluginDesc, config: Mapping[str, Any]) -> list[ConfigWarning]:
    """Return what only the topics tell: which are missing, and whether all tasks of a sink have something to do."""
    if desc.kind is not PluginKind.SINK:
        return []
    names = await admin.list_topics()
    listed = [topic for topic in re.split(r"\s*,\s*", str(config.get("topics") or "").strip()) if topic]
    found = [
        ConfigWarning(
            "topics", RISKY, f"topic {topic} does not exist yet; the sink waits for it{_did_you_mean(topic, names)}"
        )
        for topic in listed
        if topic not in names
    ]
    pattern = str(config.get("topics.regex") or "").strip()
    matching, trouble = await asyncio.to_thread(_matching, pattern, names) if pattern else ([], None)
    if trouble is not None:
        found.append(ConfigWarning("topics.regex", WILL_FAIL, trouble))
    elif pattern and not matching:
        found.append(ConfigWarning("topics.regex", RISKY, f"no topic matches {pattern} yet; the sink waits for one"))
    partitions = [await admin.partitions(topic) or 0 for topic in {*listed, *matching} if topic in names]
    wanted = str(config.get("tasks.max") or "1")
    if partitions and re.fullmatch(r"[0-9]{1,10}", wanted) and int(wanted) > sum(partitions):
        count = sum(partitions)
        idle = int(wanted) - count
        found.append(
            ConfigWarning(
                "tasks.max",
                RISKY,
                f"tasks.max={wanted}, but the topics have {count} partition{'s' * (count != 1)}: "
                f"{idle} task{'s' * (idle != 1)} would have nothing to do",
            )
        )
    return found


def _matching(pattern: str, names: Iterable[str]) -> tuple[list[str], str | None]:
    """Return the names that a pattern matches, or what keeps it from being matched."""
    try:
        compiled = compile_pattern(pattern, key="topics.regex")
        return [name for name in names if compiled.fullmatch(name)], None
    except SlowPatternError as error:
        return [], error.message
    except ValueError:  # told of the key itself
        return [], None


# -- keys ----------------------------------------------------------------------------------------------------------


def _keys(
    plugins: PluginHost, desc: PluginDesc, config: Mapping[str, Any], infos: ConfigInfos
) -> Iterator[ConfigWarning]:
    """Yield a warning for each key that nothing reads."""
    readers = list(_readers(plugins, desc, config))
    known = {info.value.name for info in infos.configs if info.definition is not None}
    known |= {name for ours in own_configs(desc) for name in ours.keys()}  # noqa: SIM118 - a class, and no mapping
    formerly = {
        old: info.value.name
        for info in infos.configs
        if info.definition is not None
        for old in info.definition.formerly
    }
    for name in config:
        if name in known:
            continue
        if (now := formerly.get(name)) is not None:
            if now in config:
                why = f"{now}, as {name} is called now, is given too, so {name} has no effect"
                yield ConfigWarning(name, NO_EFFECT, why)
            continue
        if any(name.startswith(prefix) and reads(name.removeprefix(prefix)) for prefix, reads in readers):
            continue
        for part in (_override, _member, _converter, _topic_creation):
            told = part(name, desc, config, infos)
            if told is not None:
                yield from told
                break
        else:
            yield _unknown(name, name, known)


def _readers(
    plugins: PluginHost, desc: PluginDesc, config: Mapping[str, Any]
) -> Iterator[tuple[str, Callable[[str], bool]]]:
    """Yield who says itself which keys it heeds: what stands in front of them, and the question."""
    yield "", lambda name: any(ours.model_reads(name) for ours in own_configs(desc))
    for which, kind, _ in CONVERTERS:
        found = plugins.find(str(config[which]), kind) if config.get(which) else None
        if found is not None:
            yield (
                f"{which}.",
                functools.partial(within, found.name, "telling its keys", found.cls.config_class.model_reads),
            )


def _unknown(name: str, short: str, known: Iterable[str], prefix: str = "") -> ConfigWarning:
    return ConfigWarning(name, UNKNOWN_KEY, f"nothing reads key {name}{_did_you_mean(short, known, prefix)}")


def _override(name: str, desc: PluginDesc, config: Mapping[str, Any], infos: ConfigInfos) -> list[ConfigWarning] | None:
    client = next((client for client, prefix in PREFIXES.items() if name.startswith(prefix)), None)
    if client is None:
        return None
    if client not in clients_of(desc.kind, config):
        kind = desc.kind.value
        return [
            ConfigWarning(
                name, NO_EFFECT, f"a {kind} connector with this config has no {client}, so {name} has no effect"
            )
        ]
    return [_unknown(name, name.removeprefix(PREFIXES[client]), TYPES, PREFIXES[client])]


def _member(name: str, desc: PluginDesc, config: Mapping[str, Any], infos: ConfigInfos) -> list[ConfigWarning] | None:
    listing = next((listing for listing, _, _ in MEMBERS if name.startswith(f"{listing}.")), None)
    if listing is None:
        return None
    aliases = _listed(config, listing)
    alias = max((a for a in aliases if name.startswith(f"{listing}.{a}.")), key=len, default=None)
    if alias is None:
        alias = name.split(".")[1]
        return [
            ConfigWarning(
                name,
                NO_EFFECT,
                f"{alias!r} is not in {listing}, so {name} has no effect{_did_you_mean(alias, aliases)}",
            )
        ]
    prefix = f"{listing}.{alias}."
    known = [info.value.name.removeprefix(prefix) for info in infos.configs if info.value.name.startswith(prefix)]
    if any(info.value.name == f"{prefix}type" and info.value.errors for info in infos.configs):
        return []  # its class has to be mended first
    return [_unknown(name, name.removeprefix(prefix), known, prefix)]


def _converter(
    name: str, desc: PluginDesc, config: Mapping[str, Any], infos: ConfigInfos
) -> list[ConfigWarning] | None:
    which = next((which for which, _, _ in CONVERTERS if name.startswith(f"{which}.")), None)
    if which is None:
        return None
    if not config.get(which):
        return [
            ConfigWarning(
                name,
                NO_EFFECT,
                f"{which} is not given, so the worker's converter is used with the worker's keys, "
                f"and {name} has no effect: give {which} too",
            )
        ]
    known = [i.value.name.removeprefix(f"{which}.") for i in infos.configs if i.value.name.startswith(f"{which}.")]
    if any(info.value.name == which and info.value.errors for info in infos.configs):
        return []
    return [_unknown(name, name.removeprefix(f"{which}."), known, f"{which}.")]


def _topic_creation(
    name: str, desc: PluginDesc, config: Mapping[str, Any], infos: ConfigInfos
) -> list[ConfigWarning] | None:
    if not name.startswith(_TOPIC_CREATION):
        return None
    groups = ["default", *_listed(config, "topic.creation.groups")]
    group = name.removeprefix(_TOPIC_CREATION).partition(".")[0]
    if desc.kind is PluginKind.SINK:
        return [ConfigWarning(name, NO_EFFECT, f"a sink connector creates no topics, so {name} has no effect")]
    if group not in groups:
        return [
            ConfigWarning(
                name,
                NO_EFFECT,
                f"{group!r} is not in topic.creation.groups, so {name} has no effect{_did_you_mean(group, groups)}",
            )
        ]
    return []


def _topics_to_make(desc: PluginDesc, config: Mapping[str, Any]) -> Iterator[ConfigWarning]:
    if desc.kind is PluginKind.SOURCE:
        try:
            topic_groups(config, _listed(config, "topic.creation.groups"))
        except ConfigError as error:
            yield ConfigWarning(error.config_path or "", WILL_FAIL, error.message)


def _versions(desc: PluginDesc, config: Mapping[str, Any], infos: ConfigInfos) -> Iterator[ConfigWarning]:
    for info in infos.configs:
        name, definition = info.value.name, info.definition
        if name.endswith("plugin.version") and name in config and definition and not info.value.errors:
            installed = definition.default
            if installed is not None and not in_range(installed, config[name]):
                yield ConfigWarning(
                    name, NO_EFFECT, f"version {config[name]} is asked for; {installed} is installed, and taken"
                )


def _listed(config: Mapping[str, Any], name: str) -> list[str]:
    return [item for item in re.split(r"\s*,\s*", str(config.get(name) or "").strip()) if item]


def _did_you_mean(given: str, known: Iterable[str], prefix: str = "") -> str:
    names = list(known)
    # What was written without the prefix of the converter or transform that it is for is nearer than any typo.
    meant = sorted((name for name in names if name.endswith(f".{given}")), reverse=True)[:2]
    meant = meant or difflib.get_close_matches(given, names, n=1, cutoff=0.75)
    return f"; did you mean {' or '.join(f'{prefix}{name}' for name in meant)}?" if meant else ""


def _unknown_classes(plugins: PluginHost, config: Mapping[str, Any], infos: ConfigInfos) -> Iterator[ConfigWarning]:
    """Yield the nearest class for each that is not there; Kafka's error names none."""
    kinds = {which: kind for which, kind, _ in CONVERTERS}
    for info in infos.configs:
        name = info.value.name
        kind = kinds.get(name) or next(
            (k for listing, k, _ in MEMBERS if re.fullmatch(rf"{listing}\..*\.type", name)), None
        )
        if kind is None or not any("could not be found" in error for error in info.value.errors):
            continue
        instead = instead_of(str(config.get(name)))
        near = plugins.nearest(str(config.get(name)), kind)
        if instead is not None:
            yield ConfigWarning(name, UNKNOWN_CLASS, f"{config[name]} is not installed: {instead}")
        elif near is not None:
            yield ConfigWarning(name, UNKNOWN_CLASS, f"{config[name]} is not installed; did you mean {near}?")


# -- combinations --------------------------------------------------------------------------------------------------


def _risks(desc: PluginDesc, config: Mapping[str, Any], infos: ConfigInfos) -> Iterator[ConfigWarning]:
    """Yield combinations of keys that work, and seldom do what was meant."""
    values = {info.value.name: info.value.value or "" for info in infos.configs}
    tolerant, logs = values["errors.tolerance"] == "all", values["errors.log.enable"] == "true"
    dead = values.get(f"{_DEAD}topic.name", "")
    if tolerant and not logs and not dead:
        keep = f"set errors.log.enable=true or {_DEAD}topic.name"
        yield ConfigWarning("errors.tolerance", RISKY, f"bad records are dropped without a trace: {keep}")
    discards = next(
        (key for key in (CONTRACT, *KEYS.values(), TOPICS) if str(values.get(key, "")).startswith("discard.")), None
    )
    if discards is not None and not dead:
        yield ConfigWarning(
            discards, RISKY, f"what does not fit is left out and kept nowhere: set {_DEAD}topic.name to keep it"
        )
    if dead and not tolerant and discards is None:
        yield ConfigWarning(
            f"{_DEAD}topic.name",
            RISKY,
            "the first bad record still ends the task, since errors.tolerance is none: set errors.tolerance=all",
        )
    if dead and values.get(f"{_DEAD}context.headers.enable") != "true":
        yield ConfigWarning(
            f"{_DEAD}context.headers.enable",
            RISKY,
            "the dead letter queue will not tell why a record is in it: set the key to true",
        )
    if not dead and values.get(f"{_DEAD}context.headers.enable") == "true":
        yield ConfigWarning(
            f"{_DEAD}context.headers.enable",
            NO_EFFECT,
            f"{_DEAD}topic.name is not given, so there is no dead letter queue",
        )
    if values["errors.log.include.messages"] == "true" and not logs:
        yield ConfigWarning(
            "errors.log.include.messages", NO_EFFECT, "errors.log.enable is false, so nothing is logged"
        )
    if values["errors.retry.timeout"] == "-1":
        yield ConfigWarning(
            "errors.retry.timeout",
            RISKY,
            "an operation that never succeeds holds the task up for ever, and its state stays RUNNING",
        )
    if values["tasks.max.enforce"] == "false":
        yield ConfigWarning("tasks.max.enforce", RISKY, "the connector may run more tasks than tasks.max says")
    yield from _unused_predicates(config)


def _unused_predicates(config: Mapping[str, Any]) -> Iterator[ConfigWarning]:
    used = {config.get(f"transforms.{alias}.predicate") for alias in _listed(config, "transforms")}
    for alias in _listed(config, "predicates"):
        if alias not in used:
            yield ConfigWarning("predicates", NO_EFFECT, f"no transform uses predicate {alias!r}")
