"""What becomes of configs that were written for Kafka Connect: key by key, and whether each of them runs.

It asks what a creation asks (`validator`, `config_warnings`), so nothing is known here that is not known there. For a
connector whose class is not installed a stand-in of its kind is checked, which declares no key: the framework's keys,
transforms and converters are judged all the same. Words for what another product's keys mean here are in `elsewhere`.

Nothing is started, resolved or written: a reference to a config provider is taken as right.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from connect.api import ConfigError, InvalidConfigError, SinkConnector, SinkTask, SourceConnector, SourceTask
from connect.runtime.factory import check_default_converters
from connect.runtime.model import ConfigInfos, PluginKind
from connect.runtime.override_policies import POLICY, PREFIXES
from connect.runtime.plugins import CONNECTOR_KINDS, PluginDesc, PluginHost
from connect.runtime.providers.config_providers import NO_REFERENCES, declared, provider_names
from connect.runtime.providers.references import references_in
from connect.runtime.secrets import secret_pieces, without
from connect.runtime.validation import elsewhere
from connect.runtime.validation.client_overrides import HEEDED, TYPES, UNHEEDED
from connect.runtime.validation.config_warnings import (
    NO_EFFECT,
    RISKY,
    UNKNOWN_CLASS,
    UNKNOWN_KEY,
    WILL_FAIL,
    ConfigWarning,
)
from connect.runtime.validation.debezium_server import connector_of
from connect.runtime.validation.enrichment import CONVERTERS, MEMBERS
from connect.runtime.validation.offline import BESIDE, look
from connect.runtime.validation.worker_keys import REPLACED, key_notices
from connect.runtime.worker_config import WorkerConfig

#: How a declaration begins of a key that is taken and does nothing.
_ACCEPTED: Final = "Accepted;"
#: Keys that ask the connector itself what it can: of one that is not here nobody can say.
_PROMISES: Final = ("exactly.once.support", "transaction.boundary", "delivery.guarantee")
_OF_CONVERTERS: Final = tuple(f"{which}." for which, _, _ in CONVERTERS)


class Same(StrEnum):
    """What a key does here, beside what it does in Kafka Connect."""

    SAME = "same"
    DIFFERENT = "different"
    NOT_SUPPORTED = "not supported"


class Outcome(StrEnum):
    """What becomes of a whole config."""

    RUNS = "runs as it stands"
    LOOK = "runs, look at these"
    FAILS = "does not run"


@dataclass(slots=True)
class KeyVerdict:
    """What becomes of one key. No secret is in the message.

    Attributes:
        blocks: With it nothing runs.
        given: Whether the config has it; else what differs is its default.
    """

    key: str
    same: Same = Same.SAME
    message: str = ""
    blocks: bool = False
    given: bool = True

    def put(self, same: Same, message: str, *, blocks: bool = False) -> None:
        """Say something about the key; what is worst holds, and all messages do."""
        order = list(Same)
        self.same = max(self.same, same, key=order.index)
        self.blocks = self.blocks or blocks
        if message and message not in self.message:
            self.message = f"{self.message}; {message}" if self.message else message


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of one config.

    Attributes:
        kind: source, sink, worker, or what it is a file of.
        plugin: The class that runs, or that is missing; None of a worker.
        why: Where it does not run, why not.
        remarks: What is worth knowing, and is the same in Kafka Connect.
    """

    name: str
    kind: str
    plugin: str | None
    keys: tuple[KeyVerdict, ...]
    why: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The verdict on the whole."""
        if self.why or any(key.blocks for key in self.keys):
            return Outcome.FAILS
        differs = any(key.same is not Same.SAME for key in self.keys)
        return Outcome.LOOK if differs else Outcome.RUNS


@dataclass(slots=True)
class _Keys:
    """The verdicts on the keys of one config, in its order."""

    config: Mapping[str, Any]
    found: dict[str, KeyVerdict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.found = {key: KeyVerdict(key) for key in self.config}

    def put(self, key: str, same: Same, message: str, *, blocks: bool = False) -> None:
        one = self.found.setdefault(key, KeyVerdict(key, given=False))
        one.put(same, message, blocks=blocks)

    def done(self, hide: Iterable[str]) -> tuple[KeyVerdict, ...]:
        parts = list(hide)
        for one in self.found.values():
            one.message = " ".join(without(one.message, parts).split())
        return tuple(self.found.values())


# -- connectors ----------------------------------------------------------------------------------------------------


def judge_connector(
    plugins: PluginHost, worker: WorkerConfig, name: str, config: Mapping[str, Any], *, knows_worker: bool = True
) -> Judged:
    """Say what becomes of a connector's config. Runs plugins' checks of configs, so it may block.

    Args:
        knows_worker: The worker's config is that of the connector, and no other in its place.
    """
    whole = {"name": name, **config}
    keys = _Keys(config)
    remarks: list[str] = []
    given = str(whole.get("connector.class") or "").strip()
    desc = plugins.find(given, *CONNECTOR_KINDS)
    looked = _without_references(keys, worker, whole, remarks, knows_worker=knows_worker)
    if desc is None:
        if given:  # of one that is missing validation tells
            told = elsewhere.instead_of_connector(given)
            message = f"{told}; {elsewhere.WRITE_ONE}" if told else elsewhere.WRITE_ONE
            keys.put("connector.class", Same.NOT_SUPPORTED, f"no plugin for {given}: {message}", blocks=True)
        remarks += [f"the class whose name is nearest is {near}" for near in _nearest(plugins, given)]
        for key in _PROMISES:
            if looked.pop(key, None) is not None:
                keys.put(key, Same.NOT_SUPPORTED, "whether it holds depends on the connector")
        _judge(plugins, worker, _stand_in(given, config), looked, keys, remarks, absent=given)
    else:
        _judge(plugins, worker, desc, looked, keys, remarks)
        with_default = {"value.converter": worker.value_converter, **config}
        for key, message in elsewhere.departures(desc.name, with_default, bundled=not worker.bootstrap_servers):
            keys.put(key, Same.DIFFERENT, message)
    _other_names(plugins, config, keys)
    if not knows_worker and (missing := [key for key in ("key.converter", "value.converter") if not config.get(key)]):
        remarks.append(f"{', '.join(missing)}: not given, so the worker's holds; give its file too to judge by it")
    if not knows_worker and any(key.startswith(tuple(PREFIXES.values())) for key in config):
        remarks.append(f"the worker's {POLICY} may refuse its overrides; give its file too to judge by it")
    kind = "unknown" if not given else _stand_in(given, config).kind.value if desc is None else desc.kind.value
    verdicts = keys.done(secret_pieces(plugins, {key: str(value) for key, value in config.items()}))
    return Judged(name, kind, given or None, verdicts, _why(verdicts), tuple(remarks))


def _judge(
    plugins: PluginHost,
    worker: WorkerConfig,
    desc: PluginDesc,
    config: Mapping[str, Any],
    keys: _Keys,
    remarks: list[str],
    *,
    absent: str | None = None,
) -> None:
    try:
        looked = look(plugins, worker, desc, config)
    except ConfigError as error:
        keys.put(error.config_path or "connector.class", Same.NOT_SUPPORTED, error.message, blocks=True)
        return
    for info in looked.infos.configs:
        if info.value.name in looked.refers:
            continue
        for told in info.value.errors:
            keys.put(info.value.name, Same.NOT_SUPPORTED, told, blocks=True)
        if info.definition is not None and info.value.name in config:
            _of_declaration(info.value.name, info.definition.documentation, keys)
    for warning in looked.warnings:
        _of_warning(warning, keys, remarks, absent)
    if not worker.bootstrap_servers:
        _unheeded(config, looked.infos, keys)


def _of_declaration(key: str, documentation: str, keys: _Keys) -> None:
    if documentation.startswith(_ACCEPTED):
        keys.put(key, Same.DIFFERENT, f"accepted, and changes nothing;{documentation.removeprefix(_ACCEPTED)}")


def _of_warning(warning: ConfigWarning, keys: _Keys, remarks: list[str], absent: str | None) -> None:
    key = warning.key
    if not key or warning.code == RISKY:
        remarks.append(f"{key}: {warning.message}" if key else warning.message)
    elif warning.code == UNKNOWN_KEY and absent is not None and not key.startswith(BESIDE):
        instead = elsewhere.instead_of_key(absent, key)
        keys.put(key, Same.NOT_SUPPORTED, instead or f"a key of {absent}")
    elif warning.code == UNKNOWN_KEY and key.startswith(_OF_CONVERTERS) and "did you mean" not in warning.message:
        remarks.append(f"{warning.message}, as in Kafka Connect")
    elif warning.code == UNKNOWN_KEY:
        keys.put(key, Same.NOT_SUPPORTED, warning.message)
    elif warning.code == UNKNOWN_CLASS:
        keys.found[key].message = ""  # that it could not be found, in Kafka's words
        keys.put(key, Same.NOT_SUPPORTED, warning.message, blocks=True)
    elif warning.code == NO_EFFECT:
        keys.put(key, Same.DIFFERENT, warning.message)
    else:
        assert warning.code == WILL_FAIL, warning
        keys.put(key, Same.NOT_SUPPORTED, warning.message, blocks=True)


def _unheeded(config: Mapping[str, Any], infos: ConfigInfos, keys: _Keys) -> None:
    """Tell of overrides that Kafka's clients have, and the bundled log has no use for."""
    for info in infos.configs:
        for client, prefix in PREFIXES.items():
            short = info.value.name.removeprefix(prefix)
            if info.value.name in config and short != info.value.name and short in TYPES.keys() - HEEDED[client]:
                keys.put(info.value.name, Same.DIFFERENT, f"accepted, and changes nothing: {UNHEEDED}")


def _other_names(plugins: PluginHost, config: Mapping[str, Any], keys: _Keys) -> None:
    """Tell of classes that are known by another name: what runs is like them, and not the same."""
    named = {"connector.class": CONNECTOR_KINDS, **{which: (kind,) for which, kind, _ in CONVERTERS}}
    for listing, kind, _ in MEMBERS:
        named |= {key: (kind,) for key in config if key.startswith(f"{listing}.") and key.endswith(".type")}
    for key, kinds in named.items():
        given = str(config.get(key) or "").strip()
        found = plugins.find(given, *kinds)
        if found is not None and "." in given and given != found.name:
            keys.put(key, Same.DIFFERENT, f"runs as {found.name}")


def _without_references(
    keys: _Keys, worker: WorkerConfig, config: Mapping[str, Any], remarks: list[str], *, knows_worker: bool
) -> dict[str, Any]:
    """Look at the references of a config; return what is to be validated."""
    known = provider_names(worker.originals)
    wanted: dict[str, None] = {}
    for key, value in config.items():
        for reference in references_in(value) if isinstance(value, str) else ():
            if knows_worker and reference.provider not in known:
                keys.put(
                    key,
                    Same.DIFFERENT,
                    f"{reference} is taken as text: the worker has no provider {reference.provider}",
                )
            elif key in NO_REFERENCES:
                keys.put(key, Same.NOT_SUPPORTED, f"{reference}: it cannot be a reference", blocks=True)
            else:
                wanted[reference.provider] = None
    if wanted and not knows_worker:
        remarks.append(f"it needs the worker's config.providers to have {', '.join(wanted)}")
    return dict(config)


def _nearest(plugins: PluginHost, given: str) -> list[str]:
    """Return the connector whose simple name is like this one's: packages are long, and all alike."""
    known = {desc.name.rpartition(".")[2]: desc.name for desc in plugins.list(*CONNECTOR_KINDS)}
    near = difflib.get_close_matches(given.rpartition(".")[2], known, n=1, cutoff=0.8)
    return [known[name] for name in near if elsewhere.instead_of_connector(given) is None]


class _AbsentSource(SourceConnector):
    """Stands in for a source that is not here."""

    task_class = SourceTask


class _AbsentSink(SinkConnector):
    """Stands in for a sink that is not here."""

    task_class = SinkTask


def _stand_in(given: str, config: Mapping[str, Any]) -> PluginDesc:
    simple = given.rpartition(".")[2]
    reads = bool(config.get("topics") or config.get("topics.regex"))
    if "Sink" in simple or ("Source" not in simple and reads and "mirror" not in given.lower()):
        return PluginDesc(_AbsentSink, PluginKind.SINK, "stand-in")
    return PluginDesc(_AbsentSource, PluginKind.SOURCE, "stand-in")


def _why(verdicts: Iterable[KeyVerdict]) -> tuple[str, ...]:
    return tuple(f"{one.key}: {one.message}" for one in verdicts if one.blocks)


def judge_server(plugins: PluginHost, worker: WorkerConfig, name: str, texts: Mapping[str, str]) -> Judged:
    """Say what becomes of a file of Debezium Server: its connector, and what the server itself does."""
    config, came, rest = connector_of(texts)
    judged = judge_connector(plugins, worker, name, config, knows_worker=False)
    keys = [replace(one, key=came.get(one.key, one.key)) for one in judged.keys]
    for key in rest:
        instead = elsewhere.instead_in_server(key)
        keys.append(KeyVerdict(key, Same.NOT_SUPPORTED, instead or "no key of a connector or of Debezium Server"))
    return replace(judged, kind="Debezium Server", keys=tuple(keys), why=_why(keys))


def judge_mirrors(name: str, texts: Mapping[str, str]) -> Judged:
    """Say what becomes of a file of MirrorMaker 2."""
    why = f"no plugin for MirrorMaker: {elsewhere.instead_of_connector('org.apache.kafka.connect.mirror.')}"
    keys = tuple(KeyVerdict(key, Same.NOT_SUPPORTED, "a key of MirrorMaker") for key in texts)
    return Judged(name, "MirrorMaker 2", None, keys, (why,))


# -- workers -------------------------------------------------------------------------------------------------------


def readable_worker(texts: Mapping[str, Any]) -> tuple[WorkerConfig, dict[str, str]]:
    """Return a worker's config without the keys that it refuses, and what is wrong with those."""
    left = dict(texts)
    wrong: dict[str, str] = {}
    while True:
        try:
            return WorkerConfig.read(left), wrong
        except ConfigError as error:
            problems = _problems_of(error)
            removed = [key for key, _ in problems if left.pop(key, None) is not None]
            wrong |= {key: message for key, message in problems if key in removed}
            if not removed:  # a default is wrong: it cannot be
                raise


def _problems_of(error: ConfigError) -> list[tuple[str, str]]:
    if isinstance(error, InvalidConfigError):
        return [(problem.key, problem.message) for problem in error.problems]
    return [(error.config_path or "", error.message)]


def judge_worker(
    plugins: PluginHost,
    name: str,
    texts: Mapping[str, Any],
    engine_keys: Collection[str],
    refused: Iterable[tuple[str, str]] = (),
) -> Judged:
    """Say what becomes of a worker's config.

    Args:
        engine_keys: The keys that the log reads.
        refused: What a face refuses of it, as key and message.
    """
    keys = _Keys(texts)
    config, wrong = readable_worker(texts)
    for key, message in (*wrong.items(), *class_problems(plugins, config), *refused):
        keys.put(key, Same.NOT_SUPPORTED, message, blocks=True)
    for notice in key_notices(config, engine_keys, plugins):
        same = Same.DIFFERENT if notice.kind == REPLACED else Same.NOT_SUPPORTED
        keys.put(notice.key, same, notice.message)
    if "listeners" not in texts:
        keys.put("listeners", Same.DIFFERENT, f"not given: REST listens on {config.addresses[0]} alone, not everywhere")
    verdicts = keys.done(())
    return Judged(name, "worker", None, verdicts, _why(verdicts))


def class_problems(plugins: PluginHost, config: WorkerConfig) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the converters and config providers that a worker names, as key and message."""
    for which, _, _ in CONVERTERS:
        others = {one: key.default for one, key in WorkerConfig.keys().items() if one.endswith(".converter")}
        alone = {**others, which: getattr(config, which.replace(".", "_"))}
        try:
            check_default_converters(plugins, WorkerConfig.parse(alone))
        except ConfigError as error:
            instead = elsewhere.instead_of(str(alone[which]))
            yield which, f"{alone[which]} is not installed: {instead}" if instead else error.message
    for name in provider_names(config.originals):
        prefix = f"config.providers.{name}."
        own = {key: value for key, value in config.originals.items() if key.startswith(prefix)}
        try:
            declared(plugins, {"config.providers": name, **own})
        except ConfigError as error:
            yield error.config_path or "config.providers", error.message
