"""The keys `producer.override.*`, `consumer.override.*` and `admin.override.*` of a connector config.

A connector may set what the worker's policy allows of the clients that work for it. Which clients those are follows
from the connector; the keys of others are of no effect and not shown. What the bundled log does not heed (batching,
networks) is taken too: the same config runs on a real cluster.

Source: Kafka 4.3.1, AbstractHerder.validateClientOverrides; types from ProducerConfig,
ConsumerConfig and AdminClientConfig.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connect.api import ConfigError, ConfigKey, ConfigType, ConfigValue
from connect.api.config_values import parse_type
from connect.client_values import not_addresses, out_of_bounds
from connect.runtime.model import PluginKind
from connect.runtime.override_policies import PREFIXES, OverridePolicy, clients_of

_INT: Final = """
    auto.commit.interval.ms batch.size default.api.timeout.ms delivery.timeout.ms fetch.max.bytes fetch.max.wait.ms
    fetch.min.bytes heartbeat.interval.ms max.in.flight.requests.per.connection
    max.partition.fetch.bytes max.poll.interval.ms max.poll.records max.request.size metrics.num.samples
    receive.buffer.bytes request.timeout.ms retries sasl.login.connect.timeout.ms
    sasl.login.read.timeout.ms sasl.oauthbearer.clock.skew.seconds
    sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.nbf.seconds
    send.buffer.bytes session.timeout.ms
    compression.gzip.level compression.lz4.level compression.zstd.level transaction.timeout.ms
"""
_LONG: Final = """
    buffer.memory connections.max.idle.ms linger.ms max.block.ms metadata.max.age.ms metadata.max.idle.ms
    metadata.recovery.rebootstrap.trigger.ms metrics.sample.window.ms partitioner.availability.timeout.ms
    reconnect.backoff.max.ms reconnect.backoff.ms retry.backoff.max.ms retry.backoff.ms
    sasl.kerberos.min.time.before.relogin sasl.login.retry.backoff.max.ms sasl.login.retry.backoff.ms
    sasl.oauthbearer.jwks.endpoint.refresh.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms
    sasl.oauthbearer.jwks.endpoint.retry.backoff.ms socket.connection.setup.timeout.max.ms
    socket.connection.setup.timeout.ms
"""
_SHORT: Final = "sasl.login.refresh.buffer.seconds sasl.login.refresh.min.period.seconds"
_DOUBLE: Final = (
    "sasl.kerberos.ticket.renew.jitter sasl.kerberos.ticket.renew.window.factor sasl.login.refresh.window.factor "
    "sasl.login.refresh.window.jitter"
)
_BOOLEAN: Final = """
    allow.auto.create.topics check.crcs enable.auto.commit enable.idempotence enable.metrics.push
    exclude.internal.topics internal.leave.group.on.close internal.throw.on.fetch.stable.offset.unsupported
    partitioner.adaptive.partitioning.enable
    partitioner.ignore.keys transaction.two.phase.commit.enable
    sasl.oauthbearer.assertion.claim.jti.include sasl.oauthbearer.header.urlencode auto.include.jmx.reporter
"""
_LIST: Final = (
    "bootstrap.servers config.providers interceptor.classes metric.reporters partition.assignment.strategy "
    "sasl.oauthbearer.expected.audience ssl.cipher.suites ssl.enabled.protocols"
)
_PASSWORD: Final = (
    "sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.client.credentials.client.secret "  # noqa: S105 - names
    "sasl.jaas.config ssl.key.password ssl.keystore.certificate.chain ssl.keystore.key ssl.keystore.password "
    "ssl.truststore.certificates ssl.truststore.password"
)
_STRING: Final = """
    acks auto.offset.reset client.dns.lookup client.id client.rack compression.type group.id
    group.instance.id group.protocol group.remote.assignor isolation.level metadata.recovery.strategy
    metrics.recording.level sasl.kerberos.kinit.cmd sasl.kerberos.service.name sasl.mechanism
    sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud sasl.oauthbearer.assertion.claim.iss
    sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file sasl.oauthbearer.assertion.private.key.file
    sasl.oauthbearer.assertion.template.file sasl.oauthbearer.client.credentials.client.id sasl.oauthbearer.scope
    sasl.oauthbearer.expected.issuer sasl.oauthbearer.jwks.endpoint.url sasl.oauthbearer.scope.claim.name
    sasl.oauthbearer.sub.claim.name sasl.oauthbearer.token.endpoint.url security.protocol security.providers
    ssl.endpoint.identification.algorithm ssl.keymanager.algorithm ssl.keystore.location ssl.keystore.type ssl.protocol
    ssl.provider ssl.secure.random.implementation ssl.trustmanager.algorithm ssl.truststore.location ssl.truststore.type
    transactional.id
"""
_CLASS: Final = (
    "key.deserializer key.serializer partitioner.class value.deserializer value.serializer "
    "sasl.client.callback.handler.class sasl.login.callback.handler.class sasl.login.class "
    "sasl.oauthbearer.jwt.retriever.class sasl.oauthbearer.jwt.validator.class ssl.engine.factory.class"
)
#: Every client config by name. The few whose type differs between clients (linger.ms) have the wider one.
TYPES: Final[dict[str, ConfigType]] = {
    name: wanted
    for wanted, names in (
        (ConfigType.INT, _INT), (ConfigType.LONG, _LONG), (ConfigType.SHORT, _SHORT), (ConfigType.DOUBLE, _DOUBLE),
        (ConfigType.BOOLEAN, _BOOLEAN), (ConfigType.LIST, _LIST), (ConfigType.PASSWORD, _PASSWORD),
        (ConfigType.STRING, _STRING), (ConfigType.CLASS, _CLASS),
    )
    for name in names.split()
}  # fmt: skip

#: What the bundled log, and the tasks over it, heed of each client; the other configs are about a network and brokers.
_HEEDED: Final = {
    "producer": """
        batch.size compression.type compression.gzip.level compression.lz4.level compression.zstd.level
        delivery.timeout.ms enable.idempotence transaction.timeout.ms transactional.id
    """,
    "consumer": """
        auto.offset.reset fetch.max.bytes group.id isolation.level max.poll.interval.ms max.poll.records
    """,
    "admin": "",
}
HEEDED: Final = {client: frozenset(names.split()) for client, names in _HEEDED.items()}
UNHEEDED: Final = "about brokers and the network to them, which the bundled log does without"


def override_values(
    kind: PluginKind, config: Mapping[str, Any], policy: OverridePolicy, *, on_kafka: bool = False
) -> dict[str, tuple[ConfigKey | None, ConfigValue]]:
    """Return each override that counts, by its whole name: its definition, None for an unknown key, and its value, with
    an error where the policy does not allow it.

    Args:
        on_kafka: The clients are those of a Kafka cluster, which do not take all numbers that Java's take.
    """
    found = {}
    for prefix in (PREFIXES[client] for client in clients_of(kind, config)):
        for name, raw in config.items():
            if name.startswith(prefix):
                short = name.removeprefix(prefix)
                found[name] = _override(name, short, raw)
                if (refusal := policy.refusal(short)) is not None:
                    found[name][1].errors.append(refusal)
                elif on_kafka and not found[name][1].errors:
                    problems = (out_of_bounds(short, raw), not_addresses(short, raw))
                    found[name][1].errors.extend(problem for problem in problems if problem is not None)
    return found


def _override(name: str, short: str, raw: Any) -> tuple[ConfigKey | None, ConfigValue]:
    wanted = TYPES.get(short)
    key = ConfigKey(name, wanted or ConfigType.STRING, display_name=short)
    value = ConfigValue(key)
    try:
        value.value = raw if wanted is None else parse_type(name, raw, wanted)
    except ConfigError as error:
        value.errors.append(error.message)
    return (key if wanted else None), value
