"""Keys of a worker's config that the worker does not read: what takes the place of each, and the nearest of a typo.

Worker files come from Kafka Connect, where they also configure a JVM, brokers, a group of workers and other people's
extensions. None of that is an error here. Each gets one line in the log; what may leave something open, or leave
something behind, also stands in `/v1/warnings`, and so does a key that nobody knows.

What must not be passed over at all is refused, in `connect.runtime.worker_config`.

Source: Kafka 4.3.1, WorkerConfig, DistributedConfig, StandaloneConfig; Confluent's and Debezium's images.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from connect.runtime.border.calls import within
from connect.runtime.override_policies import ALLOWLIST, POLICY, PREFIXES
from connect.runtime.plugins import PluginHost
from connect.runtime.providers.config_providers import provider_names, why_unknown
from connect.runtime.providers.references import references_in
from connect.runtime.validation.client_overrides import HEEDED, TYPES, UNHEEDED
from connect.runtime.validation.enrichment import CONVERTERS
from connect.runtime.worker_config import GUARDS, WorkerConfig
from connect.runtime.worker_environment import JVM, PARTS, SENSITIVE, WITHOUT_PREFIX

UNKNOWN: Final = "unknown"
REPLACED: Final = "replaced"
_TLS: Final = "listeners.https."


@dataclass(frozen=True, slots=True)
class KeyNotice:
    """One key that the worker does not read.

    Attributes:
        kind: unknown or replaced.
        message: Why not, or what takes its place.
        act: Someone should look at it.
    """

    key: str
    kind: str
    message: str
    act: bool


@dataclass(frozen=True, slots=True)
class _Row:
    """Keys that configure what is not here. A name that ends in '*' stands for all that begin so.

    Attributes:
        act: Someone should look at it.
        bundled: It is the bundled log that does without; on a Kafka cluster nothing is said.
    """

    names: str
    told: str
    act: bool = False
    bundled: bool = False

    def has(self, key: str) -> bool:
        return any(key.startswith(name[:-1]) if name.endswith("*") else key == name for name in self.names.split())


#: The worker's own that mean something on a Kafka cluster alone.
_COPIES: Final = frozenset(f"{kind}.storage.replication.factor" for kind in ("config", "offset", "status"))
_ROWS: Final = (
    _Row(
        " ".join((*JVM, "heap.opts")),
        "there is no JVM: memory needs no setting, log.level sets the log, and the figures are at /metrics",
    ),
    _Row(
        f"{PARTS}*",
        "a part of Debezium's image that this one has not: plugins come by pip or plugin.path, "
        "transforms.python.enabled allows scripts, and the figures need no switch",
    ),
    _Row(
        " ".join(WITHOUT_PREFIX),
        "variables by the names of Debezium's image are read where both CONFIG_STORAGE_TOPIC and OFFSET_STORAGE_TOPIC "
        "are set: set these too, or write CONNECT_ before each",
        act=True,
    ),
    _Row(SENSITIVE, "no value of a variable is printed, and secrets are hidden wherever configs are shown"),
    _Row(
        "session.timeout.ms heartbeat.interval.ms rebalance.timeout.ms",
        "about the workers of a group; on the bundled log one worker runs alone",
        bundled=True,
    ),
    _Row(
        "scheduled.rebalance.max.delay.ms",
        "tasks of a worker that is gone do not wait for it to come back: the others have them at once",
    ),
    _Row(
        "connect.protocol worker.sync.timeout.ms worker.unsync.backoff.ms inter.worker.*",
        "about how Kafka Connect's workers talk to each other: these have a protocol of their own, and users of "
        "rest.authentication.file where requests are not to be taken from everyone",
    ),
    _Row(
        "offset.storage.file.filename",
        "the file is not read: source offsets are in the topic offset.storage.topic, so sources begin anew; "
        "'connect connector offsets alter' sets where they go on",
        act=True,
    ),
    _Row(
        " ".join((*sorted(_COPIES), "replication.factor")),
        "the bundled log has one copy, in data.dir: back that up",
        bundled=True,
    ),
    _Row("plugin.discovery", "plugins are found as installed packages, and in the folders of plugin.path"),
    _Row(
        " ".join(GUARDS),
        "Java's extensions do not run here: rest.authentication.file says who may do what, "
        "and what else they add to REST is missing",
        act=True,
    ),
    _Row(
        "admin.listeners",
        "the paths below /admin are on every listener; rest.authentication.file guards them",
        act=True,
    ),
    _Row("response.http.headers.config", "REST sends no headers but its own: have a reverse proxy add them", act=True),
    _Row(
        "metrics.* metric.reporters auto.include.jmx.reporter enable.metrics.push confluent.monitoring.interceptor.* "
        "confluent.telemetry.*",
        "there is no JMX and no reporter: the figures are at /metrics, by their names too (metrics.families)",
    ),
    _Row(
        "interceptor.classes partitioner.class key.serializer value.serializer key.deserializer value.deserializer",
        "Java's classes do not run here: records are bytes, partitioned as Kafka's default partitioner does, "
        "and a transform can look at each",
    ),
    _Row(
        "internal.key.converter* internal.value.converter*",
        "state is kept as JSON without schemas, as by Kafka Connect since 3.0, which does not read the key either",
    ),
    _Row(
        "log4j.* log4j2.* log4j",
        "log.level sets the level, log.format the form, and 'connect connector loggers level' the level of one logger",
    ),
    _Row("confluent.* public.key.path", "about Confluent's licence, services and metadata, which are not needed here"),
    _Row("zookeeper.*", "there is no ZooKeeper; Kafka Connect does not read it either"),
    _Row("schemas.enable", "it belongs to a converter: key.converter.schemas.enable, value.converter.schemas.enable"),
    _Row("rest.port rest.host.name", "listeners is given too, and says where REST listens"),
)
_NETWORK: Final = _Row("", UNHEEDED, bundled=True)
#: Keys of https listeners that Kafka's clients have not.
_OF_LISTENERS: Final = ("ssl.client.auth", "ssl.keystore.key.location")
_SSL: Final = frozenset({name for name in TYPES if name.startswith("ssl.")} | set(_OF_LISTENERS))


def key_notices(
    config: WorkerConfig, engine_keys: Collection[str], plugins: PluginHost | None = None
) -> list[KeyNotice]:
    """Return each key that was given and that nobody reads.

    Args:
        engine_keys: Those that the log reads, which stand beside the worker's own.
        plugins: Where they are known, the keys of the worker's converters are looked at too.
    """
    known = {*WorkerConfig.keys(), *engine_keys} - (frozenset() if config.bootstrap_servers else _COPIES)
    of_converters = {} if plugins is None else dict(_of_converters(config, plugins))
    found = list(_of_allowlist(config))
    for key in config.originals:
        notice = of_converters.get(key)
        if key not in known and notice is None:
            notice = _notice(key, config, known)
        if notice is not None:
            found.append(notice)
    return found


def reference_notices(config: WorkerConfig) -> list[KeyNotice]:
    """Return each key with a reference to a provider that there is not. It stays text, which a password never is.

    Args:
        config: As it was given: a value that a reference stands for is nobody's to look through.
    """
    names = provider_names(config.originals)
    return [
        KeyNotice(key, UNKNOWN, f"a reference is taken as it is: {why_unknown(one.provider, names)}", True)
        for key, value in config.originals.items()
        for one in references_in(str(value))
        if one.provider not in names
    ]


def lines(notices: Iterable[KeyNotice]) -> list[tuple[str, bool]]:
    """Return one line for each thing to say, with all keys that it is said of, and whether someone should look."""
    by_message: dict[tuple[str, bool], list[str]] = {}
    for notice in notices:
        by_message.setdefault((notice.message, notice.act), []).append(notice.key)
    return [(f"{', '.join(keys)}: {message}", act) for (message, act), keys in by_message.items()]


def _of_allowlist(config: WorkerConfig) -> Iterator[KeyNotice]:
    """Yield what is said of a list of allowed overrides that another policy does not read, or that has a name which no
    client's config has: it would refuse what it was meant to allow."""
    if ALLOWLIST not in config.originals:
        return
    policy = config.override_policy.name
    if policy != "Allowlist":
        told = f"{POLICY} is {policy}: the list is read where it is Allowlist"
        yield KeyNotice(ALLOWLIST, REPLACED, told, True)
        return
    for name in config.connector_client_config_override_allowlist:
        if name not in TYPES:
            short = next((name.removeprefix(each) for each in PREFIXES.values() if name.startswith(each)), name)
            near = difflib.get_close_matches(short, TYPES, n=1, cutoff=0.8)
            meant = f"; did you mean {near[0]}?" if near else ""
            yield KeyNotice(ALLOWLIST, UNKNOWN, f"{name} is no config of a client{meant}", True)


def _notice(key: str, config: WorkerConfig, known: Collection[str]) -> KeyNotice | None:
    for which, _, _ in CONVERTERS:
        if key.startswith(f"{which}."):  # the converter's own
            return None
    if key.startswith("config.providers."):  # told where they are made
        return None
    if (row := _row(key)) is not None:
        return _replaced(key, row, config)
    client, _, short = key.partition(".")
    if client in HEEDED:
        return _of_client(key, client, short, config)
    if key.startswith(_TLS):
        name = key.removeprefix(_TLS)
        return None if name in _SSL else _unknown(key, (f"{_TLS}{one}" for one in _SSL))
    if key in _SSL and any(address.startswith("https") for address in config.addresses):
        return None
    if key in TYPES or key in _SSL:
        return _replaced(key, _NETWORK, config)
    return _unknown(key, (*known, *TYPES, *_names()))


def _of_client(key: str, client: str, short: str, config: WorkerConfig) -> KeyNotice | None:
    if short in HEEDED[client]:
        return None
    if (row := _row(short)) is not None:
        return _replaced(key, row, config)
    if short in TYPES:
        return _replaced(key, _NETWORK, config)
    return _unknown(key, (f"{client}.{name}" for name in TYPES))


def _replaced(key: str, row: _Row, config: WorkerConfig) -> KeyNotice | None:
    if row.bundled and config.bootstrap_servers:
        return None
    return KeyNotice(key, REPLACED, row.told, row.act)


def _row(key: str) -> _Row | None:
    return next((row for row in _ROWS if row.has(key)), None)


def _names() -> Iterator[str]:
    yield from (name for row in _ROWS for name in row.names.split() if not name.endswith("*"))


def _unknown(key: str, known: Iterable[str]) -> KeyNotice:
    near = difflib.get_close_matches(key, list(known), n=1, cutoff=0.8)
    told = f"; did you mean {near[0]}?" if near else ""
    return KeyNotice(key, UNKNOWN, f"no key of the worker's, so nothing reads it{told}", True)


def _of_converters(config: WorkerConfig, plugins: PluginHost) -> Iterator[tuple[str, KeyNotice]]:
    """Yield the keys of the worker's converters that these do not declare.

    One whose converter is not there is no matter here: that ends the start.
    """
    for which, kind, _ in CONVERTERS:
        desc = plugins.find(getattr(config, which.replace(".", "_")), kind)
        if desc is None:
            continue
        config_class = desc.cls.config_class
        declared = within(desc.name, "telling its keys", config_class.keys)
        known = [f"{which}.{name}" for name in (*declared, "plugin.version")]
        for key in config.originals:
            if not key.startswith(f"{which}.") or key in known:
                continue
            if not within(desc.name, "telling its keys", config_class.model_reads, key.removeprefix(f"{which}.")):
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.8)
                told = f"; did you mean {near[0]}?" if near else ""
                yield key, KeyNotice(key, UNKNOWN, f"{desc.name} declares no such key{told}", bool(near))
