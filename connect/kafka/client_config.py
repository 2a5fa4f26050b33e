"""Java clients' config keys -> librdkafka's: one table, from which every client of a cluster is configured.

Where the names are the same, the value passes. Where something of the JVM is named, one line says what takes its place
here. Stores of Java's own formats are refused with the command that turns them into PEM. Values of secrets are in no
message.
"""

from __future__ import annotations

import difflib
import logging
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from connect.api import whole_pem
from connect.api.errors import ConfigError
from connect.client_values import SERVERS, not_addresses, numbers_out_of_bounds, plain_addresses

log = logging.getLogger(__name__)

Kind = Literal["producer", "consumer", "admin"]

_ALL: Final[tuple[Kind, ...]] = ("producer", "consumer", "admin")
#: How a store of Java's own format begins.
_JKS: Final = b"\xfe\xed\xfe\xed"
#: Of every client, with the same name and meaning in both.
_SAME: Final = (
    "bootstrap.servers",
    "client.id",
    "client.rack",
    "client.dns.lookup",
    "security.protocol",
    "sasl.kerberos.service.name",
    "sasl.kerberos.min.time.before.relogin",
    "ssl.key.password",
    "ssl.endpoint.identification.algorithm",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "retry.backoff.ms",
    "retry.backoff.max.ms",
    "connections.max.idle.ms",
    "socket.connection.setup.timeout.ms",
    "metadata.max.age.ms",
)
_SAME_OF: Final[Mapping[Kind, tuple[str, ...]]] = {
    "producer": (
        "acks",
        "compression.type",
        "batch.size",
        "linger.ms",
        "max.in.flight.requests.per.connection",
        "retries",
        "enable.idempotence",
        "transactional.id",
        "transaction.timeout.ms",
        "delivery.timeout.ms",
    ),
    "consumer": (
        "fetch.min.bytes",
        "fetch.max.bytes",
        "max.partition.fetch.bytes",
        "isolation.level",
        "auto.offset.reset",
        "max.poll.interval.ms",
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "group.instance.id",
        "check.crcs",
    ),
    "admin": (),
}
#: Java's key -> librdkafka's.
_RENAMED: Final[Mapping[str, str]] = {
    "sasl.mechanism": "sasl.mechanisms",
    "request.timeout.ms": "socket.timeout.ms",
    "max.request.size": "message.max.bytes",
    "fetch.max.wait.ms": "fetch.wait.max.ms",
    "send.buffer.bytes": "socket.send.buffer.bytes",
    "receive.buffer.bytes": "socket.receive.buffer.bytes",
    "buffer.memory": "queue.buffering.max.kbytes",
    "ssl.truststore.certificates": "ssl.ca.pem",
    "ssl.keystore.certificate.chain": "ssl.certificate.pem",
    "ssl.keystore.key": "ssl.key.pem",
}
#: Keys that are the port's own, and that are heeded elsewhere.
_OURS: Final = (
    "max.poll.records",
    "enable.auto.commit",
    "allow.auto.create.topics",
    "group.id",
    "auto.commit.interval.ms",
)
#: What is known and changes nothing here, with the line that says so.
_NOTHING: Final[Mapping[str, str]] = {
    "key.serializer": "key.converter takes its place",
    "value.serializer": "value.converter takes its place",
    "key.deserializer": "key.converter takes its place",
    "value.deserializer": "value.converter takes its place",
    "partitioner.class": "records go to partitions as with Kafka's default partitioner",
    "partitioner.ignore.keys": "records go to partitions as with Kafka's default partitioner",
    "partitioner.adaptive.partitioning.enable": "records without a key share a partition until it had its fill",
    "partitioner.availability.timeout.ms": "records without a key share a partition until it had its fill",
    "partition.assignment.strategy": "groups share partitions cooperatively (cooperative-sticky)",
    "group.protocol": "groups use the classic protocol",
    "group.remote.assignor": "groups use the classic protocol",
    "interceptor.classes": "classes of the JVM do not run here; hooks of connect.api.hooks see what happens to records",
    "metric.reporters": "classes of the JVM do not run here",
    "metrics.num.samples": "metrics of the JVM's clients do not exist here",
    "metrics.recording.level": "metrics of the JVM's clients do not exist here",
    "metrics.sample.window.ms": "metrics of the JVM's clients do not exist here",
    "auto.include.jmx.reporter": "classes of the JVM do not run here",
    "enable.metrics.push": "metrics of the JVM's clients do not exist here",
    "security.providers": "classes of the JVM do not run here",
    "ssl.provider": "OpenSSL does TLS here",
    "ssl.protocol": "OpenSSL does TLS here, and takes the best version that both sides have",
    "ssl.enabled.protocols": "OpenSSL does TLS here, and takes the best version that both sides have",
    "ssl.trustmanager.algorithm": "OpenSSL does TLS here",
    "ssl.keymanager.algorithm": "OpenSSL does TLS here",
    "ssl.secure.random.implementation": "OpenSSL does TLS here",
    "ssl.engine.factory.class": "classes of the JVM do not run here",
    "ssl.client.auth": "it is a listener's",
    "sasl.login.class": "classes of the JVM do not run here",
    "sasl.login.callback.handler.class": "classes of the JVM do not run here",
    "sasl.client.callback.handler.class": "classes of the JVM do not run here",
    "max.block.ms": "an append waits for room as long as delivery.timeout.ms says",
    "default.api.timeout.ms": "each call has a limit of its own",
    "exclude.internal.topics": "patterns never match internal topics",
    "metadata.max.idle.ms": "topics are asked for as they are needed",
    "metadata.recovery.strategy": "the client bootstraps anew by itself",
    "metadata.recovery.rebootstrap.trigger.ms": "the client bootstraps anew by itself",
    "socket.connection.setup.timeout.max.ms": "socket.connection.setup.timeout.ms alone counts",
    "transaction.two.phase.commit.enable": "transactions end as Connect says",
}
#: The type of a store, and where it is.
_STORES: Final = {f"ssl.{store}.type": f"ssl.{store}.location" for store in ("keystore", "truststore")}
#: Those of librdkafka's own that are taken under its names.
_NATIVE: Final = (
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.key.location",
    "ssl.key.pem",
    "ssl.keystore.password",
    "ssl.crl.location",
    "ssl.cipher.suites",
    "enable.ssl.certificate.verification",
    "sasl.username",
    "sasl.password",
    "sasl.mechanisms",
    "socket.timeout.ms",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "broker.address.family",
    "broker.address.ttl",
    "message.max.bytes",
    "message.timeout.ms",
    "compression.level",
    "queue.buffering.max.messages",
    "queue.buffering.max.kbytes",
    "queued.min.messages",
    "queued.max.messages.kbytes",
    "fetch.wait.max.ms",
    "fetch.message.max.bytes",
    "fetch.queue.backoff.ms",
    "topic.metadata.refresh.interval.ms",
    "debug",
)
#: Given by the JVM, or a key of another part, under a security prefix.
_ELSEWHERE: Final = re.compile(r"compression\.(gzip|lz4|zstd)\.level|ssl\.(trust|key)store\..*|sasl\.jaas\.config")
#: Bare keys of a worker that are for all of its clients.
_SHARED: Final = re.compile(
    r"(security\.protocol|sasl\..*|ssl\..*|client\.(id|rack|dns\.lookup)|request\.timeout\.ms|retry\.backoff(\.max)?\.ms|"
    r"reconnect\.backoff(\.max)?\.ms|metadata\.max\.age\.ms|connections\.max\.idle\.ms|"
    r"(send|receive)\.buffer\.bytes|socket\.connection\.setup\.timeout(\.max)?\.ms)"
)
#: Those of them by which it logs in: they are for the worker's brokers.
_LOGIN: Final = re.compile(r"security\.protocol|(sasl|ssl)\..*")
#: The topics of a worker's state: of what each is, and its name where the worker's config gives none.
_STATE: Final = (("config", "connect-configs"), ("offset", "connect-offsets"), ("status", "connect-status"))
PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_KEYSTORE: Final = ("ssl.keystore.location",)
#: librdkafka's key -> the one by which a Java client's user said it.
_JAVA: Final[Mapping[str, str]] = {
    "ssl.ca.location": "ssl.truststore.location",
    "ssl.ca.pem": "ssl.truststore.certificates",
    "ssl.certificate.location": "ssl.keystore.location",
    "ssl.certificate.pem": "ssl.keystore.certificate.chain",
    "ssl.key.location": "ssl.keystore.location",
    "ssl.key.pem": "ssl.keystore.key",
    "ssl.keystore.location": "ssl.keystore.location",
    "sasl.mechanisms": "sasl.mechanism",
    "sasl.username": "sasl.jaas.config",
    "sasl.password": "sasl.jaas.config",
}
_PEM_KEYS: Final = ("ssl.ca.pem", "ssl.certificate.pem", "ssl.key.pem")
_WITH_PASSWORD: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_SECRET: Final = re.compile(r"password|secret|jaas|ssl\.keystore\.key$|\.pem$|token|certificates|chain")
_JAAS: Final = re.compile(r"\s*([\w.]+)\s+(required|requisite|sufficient|optional)\b(.*?);?\s*", re.DOTALL)
_JAAS_OPTION: Final = re.compile(r"""([\w.]+)\s*=\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s;"']+)""")
_LOGINS: Final = ("PlainLoginModule", "ScramLoginModule")
#: librdkafka's limits of what Java leaves open, the least and the most: nothing anybody waits for is another beyond.
_LIMITS: Final[Mapping[str, tuple[int, int]]] = {
    "socket.timeout.ms": (0, 300_000),
    "metadata.max.age.ms": (0, 86_400_000),
    "delivery.timeout.ms": (0, (1 << 31) - 1),
    "queue.buffering.max.kbytes": (0, 2_097_151),
    "message.max.bytes": (0, 1_000_000_000),
    "retries": (0, (1 << 31) - 1),
    "batch.size": (1, (1 << 31) - 1),  # 0 is Java's word for a batch for each record
    "fetch.min.bytes": (1, 100_000_000),
    "fetch.max.bytes": (1_000, (1 << 31) - 513),  # brokers give the first batch whole, however small this is
    "max.partition.fetch.bytes": (1, 1_000_000_000),
    "socket.send.buffer.bytes": (0, 100_000_000),
    "socket.receive.buffer.bytes": (0, 100_000_000),
}
#: librdkafka's defaults of numbers that have to fit to others.
_MESSAGE_MAX: Final = 1_000_000
_RECONNECT_MS: Final = 100
_RECONNECT_MAX_MS: Final = 10_000


def shared_configs(worker: Mapping[str, Any]) -> dict[str, str]:
    """Return which of a worker's keys are for all of its clients: the cluster's address, and how to log in there."""
    found = {name: str(value) for name, value in worker.items() if _SHARED.fullmatch(name)}
    servers = worker.get("bootstrap.servers")
    found["bootstrap.servers"] = ",".join(servers) if isinstance(servers, list | tuple) else str(servers or "")
    return found


def login_of(configs: Mapping[str, Any]) -> dict[str, str]:
    """Return which of a client's configs say where its brokers are, and how it logs in there."""
    return {
        name: str(value) for name, value in configs.items() if name == "bootstrap.servers" or _LOGIN.fullmatch(name)
    }


def state_topics(worker: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the topics in which a worker keeps its state."""
    group = worker.get("group.id") or "connect-cluster"
    topics = (*_STATE, ("workers", f"connect-workers-{group}"))
    return tuple(str(worker.get(f"{kind}.storage.topic") or name) for kind, name in topics)


def problems_of(worker: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a worker's clients cannot be made with, as key and message; PEM files need not be here."""
    found = dict(numbers_out_of_bounds(worker))
    for kind in _ALL:
        left = {key: value for key, value in worker.items() if key not in found}
        while True:
            own = {name.removeprefix(f"{kind}."): value for name, value in left.items() if name.startswith(f"{kind}.")}
            try:
                ClientConfigs(left, is_look=True).of(kind, own)
                break
            except ConfigError as error:
                path = error.config_path or "bootstrap.servers"
                names = [f"{kind}.{path}", path]
                if path in _STORES:  # the type may not be given, and one without the other is wrong in another way
                    names += [f"{kind}.{_STORES[path]}", _STORES[path]]
                there = [name for name in names if name in left]
                found.setdefault(there[0] if there else path, error.message)
                for name in there:
                    del left[name]
                if not there:
                    break
    return list(found.items())


class ClientConfigs:
    """The configs of one cluster's clients. Says each thing that is passed over once.

    Args:
        worker: All keys of a worker. Bare ones that are for clients count for all of them, those with `admin.` for the
            administrator; those with `producer.` and `consumer.` come with each client, as connectors' do.
        is_look: No client is made: PEM files need not be here, and nothing is said.
    """

    def __init__(self, worker: Mapping[str, Any], *, is_look: bool = False) -> None:
        self._is_look = is_look
        self._shared = shared_configs(worker)
        self._admin = {name[6:]: str(value) for name, value in worker.items() if name.startswith("admin.")}
        self._said: set[str] = set()

    @property
    def servers(self) -> str:
        """Where the cluster is, as the worker's config says."""
        return self._shared["bootstrap.servers"]

    def of(self, kind: Kind, configs: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return librdkafka's config of a client.

        Raises:
            ConfigError: A key cannot be done here, as a store that is not PEM, or a value is none of its kind.
        """
        own = {name: str(value) for name, value in (configs or {}).items()}
        shared = self._shared
        if self.leads_elsewhere(own):
            shared = {name: value for name, value in shared.items() if not _LOGIN.fullmatch(name)}
        given = {**shared, **(self._admin if kind == "admin" else {}), **own}
        # What a client names itself goes before what all have of the same; a name of a client is its own.
        made = {name: value for name, value in _plain(kind, given).items() if value != ""}
        made |= {name: whole_pem(_JAVA[name], made[name]) for name in _PEM_KEYS if name in made}
        made |= _login(given)
        made |= _stores(given, is_look=self._is_look)
        if (problem := not_addresses(SERVERS, given.get(SERVERS))) is not None:
            raise ConfigError(problem, config_path=SERVERS)
        if SERVERS in made:
            made[SERVERS] = plain_addresses(made[SERVERS])
        _check_login(made)
        made |= _compression_level(given)
        for name in given:
            self._tell(kind, name, is_own=name in own or kind == "admin")
        return made

    def leads_elsewhere(self, configs: Mapping[str, Any]) -> bool:
        """Tell whether a client's own configs name brokers that the worker's do not. To those it goes without the
        worker's login: else whoever may write a connector's config could have its password sent to a server of his."""
        servers = _addresses(str(configs.get("bootstrap.servers", "")))
        return not servers <= _addresses(self.servers)

    def _tell(self, kind: Kind, name: str, *, is_own: bool) -> None:
        if name in self._said or self._is_look:
            return
        if name in _NOTHING:
            self._said.add(name)
            log.info("%s has no effect on Kafka clients: %s", name, _NOTHING[name])
        elif is_own and not _is_known(kind, name):
            self._said.add(name)
            near = difflib.get_close_matches(name, _known(kind), n=1, cutoff=0.8)
            log.warning(
                "%s is no key of a %s and is ignored%s", name, kind, f" (did you mean {near[0]}?)" if near else ""
            )


def _addresses(servers: str) -> set[str]:
    return {each.lower() for each in plain_addresses(servers).split(",") if each}


def _known(kind: Kind) -> list[str]:
    return [*_SAME, *_SAME_OF[kind], *_RENAMED, *_OURS, *_NOTHING]


def _is_known(kind: Kind, name: str) -> bool:
    others = (key for of in _ALL for key in _SAME_OF[of])
    return name in _known(kind) or name in _NATIVE or name in others or bool(_ELSEWHERE.fullmatch(name))


def _plain(kind: Kind, given: Mapping[str, str]) -> dict[str, str]:
    """Return what passes under its own name, or under librdkafka's."""
    names = {name: name for name in (*_NATIVE, *_SAME, *_SAME_OF[kind])} | dict(_RENAMED)
    if kind != "producer":
        for name in ("max.request.size", "buffer.memory"):
            del names[name]
    if kind != "consumer":
        for name in ("fetch.max.wait.ms", "fetch.wait.max.ms", "queued.min.messages", "queued.max.messages.kbytes"):
            names.pop(name, None)
    made = {target: given[name].strip() for name, target in names.items() if name in given}
    if "buffer.memory" in given and kind == "producer":
        made["queue.buffering.max.kbytes"] = str(max(1, _number("buffer.memory", given["buffer.memory"]) // 1024))
    for name in ("socket.send.buffer.bytes", "socket.receive.buffer.bytes"):
        if made.get(name) == "-1":  # Java's word for the system's default
            made[name] = "0"
    if made.get("connections.max.idle.ms") == "-1":  # Java's word for never
        made["connections.max.idle.ms"] = "0"
    if given.get("ssl.endpoint.identification.algorithm", "https").strip() == "":
        made["ssl.endpoint.identification.algorithm"] = "none"
    for name, (least, most) in _LIMITS.items():
        if made.get(name):
            told = next(key for key, target in names.items() if target == name and key in given)
            number = _number(told, made[name])
            made[name] = str(min(max(number, least), most) if number >= 0 else number)
    _fit(kind, made)
    return made


def _fit(kind: Kind, made: dict[str, str]) -> None:
    """Have numbers fit to each other where librdkafka makes no client else, and Java's clients do."""
    if kind == "consumer" and made.get("fetch.max.bytes"):
        given = int(made.get("message.max.bytes") or _MESSAGE_MAX)
        made["message.max.bytes"] = str(min(given, int(made["fetch.max.bytes"])))
    first, last = made.get("reconnect.backoff.ms", ""), made.get("reconnect.backoff.max.ms", "")
    if last:
        most = _number("reconnect.backoff.max.ms", last)
        made["reconnect.backoff.ms"] = str(min(_number("reconnect.backoff.ms", first or str(_RECONNECT_MS)), most))
    elif first:
        made["reconnect.backoff.max.ms"] = str(max(_RECONNECT_MAX_MS, _number("reconnect.backoff.ms", first)))


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,19}", text.strip()):
        raise ConfigError(f"{name}: {text!r} is not a whole number", config_path=name)
    return int(text)


def _login(given: Mapping[str, str]) -> dict[str, str]:
    """Return user and password out of `sasl.jaas.config`. Its text is a secret, and is in no message."""
    text = given.get("sasl.jaas.config", "")
    if not text.strip():
        return {}
    match = _JAAS.fullmatch(text)
    if match is None:
        raise ConfigError(
            'sasl.jaas.config is not as expected: LOGIN_MODULE required username="..." password="...";',
            config_path="sasl.jaas.config",
        )
    module = match[1].rpartition(".")[2]
    if module not in _LOGINS:
        raise ConfigError(
            f"sasl.jaas.config names the login module {match[1]}; known here are {' and '.join(_LOGINS)}",
            hint="Use SASL PLAIN or SCRAM; for Kerberos set sasl.kerberos.service.name and leave sasl.jaas.config out.",
            config_path="sasl.jaas.config",
        )
    options = {name: _unquoted(value) for name, value in _JAAS_OPTION.findall(match[3])}
    if missing := [name for name in ("username", "password") if name not in options]:
        raise ConfigError(f"sasl.jaas.config has no {missing[0]}", config_path="sasl.jaas.config")
    return {"sasl.username": options["username"], "sasl.password": options["password"]}


def _check_login(made: Mapping[str, str]) -> None:
    """Refuse a login that cannot be, in the words of who asked for it."""
    protocol = made.get("security.protocol", "").strip()
    if protocol and protocol.upper() not in PROTOCOLS:
        raise ConfigError(
            f"Invalid value {protocol} for configuration security.protocol: one of {', '.join(PROTOCOLS)} is expected",
            config_path="security.protocol",
        )
    if not protocol.upper().startswith("SASL_"):
        return
    mechanism = made.get("sasl.mechanisms", "GSSAPI").strip().upper()
    if mechanism not in (*_WITH_PASSWORD, "GSSAPI"):
        raise ConfigError(
            f"Invalid value {mechanism} for configuration sasl.mechanism: "
            f"one of {', '.join(_WITH_PASSWORD)} is expected",
            config_path="sasl.mechanism",
        )
    if mechanism in _WITH_PASSWORD and not ("sasl.username" in made and "sasl.password" in made):
        raise ConfigError(
            f"sasl.jaas.config is missing: security.protocol={made['security.protocol']} with "
            f"sasl.mechanism={mechanism} takes a user and a password",
            config_path="sasl.jaas.config",
        )


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value[:1] in "\"'" else value


def _stores(given: Mapping[str, str], *, is_look: bool) -> dict[str, str]:
    """Return certificates and keys of PEM files; a key store of PKCS12 passes as it is, which OpenSSL reads."""
    made: dict[str, str] = {}
    trusted = given.get("ssl.truststore.location", "").strip()
    if trusted:
        _check_pem("ssl.truststore", given, trusted, is_look=is_look)
        made["ssl.ca.location"] = trusted
    own = given.get("ssl.keystore.location", "").strip()
    if own:
        kind = given.get("ssl.keystore.type", "").strip().upper()
        if kind == "PKCS12":
            made["ssl.keystore.location"] = own
        else:
            _check_pem("ssl.keystore", given, own, is_look=is_look)
            made["ssl.certificate.location"] = made["ssl.key.location"] = own
    return made


def _check_pem(store: str, given: Mapping[str, str], path: str, *, is_look: bool) -> None:
    name = f"{store}.type"
    kind = given.get(name, "").strip().upper()
    if kind in ("", "PEM") and _is_pem(Path(path)):
        return
    if kind == "PEM" and is_look and not Path(path).exists():
        return
    if kind == "PEM":
        raise ConfigError(f"{store}.location: {path} cannot be read, or holds no PEM", config_path=f"{store}.location")
    raise ConfigError(
        f"Invalid value {kind or 'JKS (the default)'} for configuration {name}: PEM is expected; "
        f"turn the store into PEM: {_to_pem(path, kind)}; then set {store}.location=store.pem and {name}=PEM",
        config_path=name,
    )


def _to_pem(path: str, kind: str) -> str:
    """Return the commands that turn a store into PEM."""
    given = shlex.quote(path)
    if kind == "JKS" or _beginning(Path(path)).startswith(_JKS) or not (kind or Path(path).exists()):
        first = f"keytool -importkeystore -srckeystore {given} -destkeystore store.p12 -deststoretype PKCS12"
        return f"{first} && openssl pkcs12 -in store.p12 -out store.pem -nodes"
    return f"openssl pkcs12 -in {given} -out store.pem -nodes"


def _is_pem(path: Path) -> bool:
    return b"-----BEGIN " in _beginning(path)


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(1 << 16)
    except OSError:
        return b""


def _compression_level(given: Mapping[str, str]) -> dict[str, str]:
    level = given.get(f"compression.{given.get('compression.type', 'none').strip()}.level")
    return {} if level is None else {"compression.level": level.strip()}


def principal_of(made: Mapping[str, Any]) -> str:
    """Return who a client is to the cluster, by its configs for librdkafka; '' where its certificate says it."""
    protocol = str(made.get("security.protocol", "plaintext")).strip().upper()
    if protocol.startswith("SASL_"):
        return f"User:{made['sasl.username']}" if "sasl.username" in made else ""
    has_certificate = any(made.get(name) for name in ("ssl.certificate.location", "ssl.certificate.pem", *_KEYSTORE))
    return "" if protocol == "SSL" and has_certificate else "User:ANONYMOUS"


def java_words(text: str) -> tuple[str | None, str]:
    """Return librdkafka's words with the names of keys that its user gave, and the first of these keys."""
    first: tuple[int, str] | None = None
    for theirs, java in _JAVA.items():
        at = text.find(theirs)
        if at >= 0 and (first is None or at < first[0]):
            first = (at, java)
    for theirs, java in _JAVA.items():
        text = re.sub(rf"(?<![\w.]){re.escape(theirs)}(?![\w.])", java, text)
    return (first[1] if first else None), text


def hidden(configs: Mapping[str, Any]) -> dict[str, Any]:
    """Return configs as they may be shown."""
    return {name: "[hidden]" if _SECRET.search(name) else value for name, value in configs.items()}


def secrets_of(configs: Mapping[str, Any]) -> Iterable[str]:
    """Return the values that no message may hold."""
    return [str(value) for name, value in configs.items() if _SECRET.search(name) and value]
