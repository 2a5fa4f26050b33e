"""What is said of the keys in a worker's file that this worker does not read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connect.app import log_keys
from connect.log.clients.producer_config import ProducerConfig
from connect.rest.tls import TlsConfig
from connect.runtime.plugins import PluginHost
from connect.runtime.validation.client_overrides import HEEDED
from connect.runtime.validation.worker_keys import REPLACED, UNKNOWN, KeyNotice, key_notices, lines, reference_notices
from connect.runtime.worker_config import WorkerConfig

VECTORS = Path(__file__).parents[2] / "conformance" / "vectors"
#: Kafka declares these; the worker reads them by their prefix.
READ = {"header.converter.plugin.version", "key.converter.plugin.version", "value.converter.plugin.version"}
PLUGINS = PluginHost.discover()


def notices(**given: str) -> list[KeyNotice]:
    return key_notices(WorkerConfig.parse({k.replace("_", "."): v for k, v in given.items()}), log_keys(), PLUGINS)


def told(key: str, value: str = "x", **more: str) -> KeyNotice | None:
    found = key_notices(WorkerConfig.parse({key: value, **more}), log_keys(), PLUGINS)
    return next((notice for notice in found if notice.key == key), None)


@pytest.mark.parametrize(
    "key",
    [
        "group.id",
        "log.retention.ms",
        "message.max.bytes",
        "value.converter.schemas.enable",
        "key.converter.plugin.version",
        "producer.compression.type",
        "producer.batch.size",
        "consumer.isolation.level",
        "config.providers.file.param.allowed.paths",
        "listeners.https.ssl.client.auth",
    ],
)
def test_nothing_is_said_of_what_is_read(key: str) -> None:
    value = {"listeners.https.ssl.client.auth": "required", "log.retention.ms": "5"}.get(key, "gzip")
    assert told(key, value) is None


@pytest.mark.parametrize(
    ("key", "mentions", "act"),
    [
        ("KAFKA_HEAP_OPTS", "no JVM", False),
        ("heap.opts", "no JVM", False),
        ("plugin.discovery", "plugin.path", False),
        ("session.timeout.ms", "one worker", False),
        ("inter.worker.key.ttl.ms", "a protocol of their own", False),
        ("connect.protocol", "a protocol of their own", False),
        ("scheduled.rebalance.max.delay.ms", "at once", False),
        ("offset.storage.file.filename", "begin anew", True),
        ("config.storage.replication.factor", "one copy", False),
        ("admin.listeners", "every listener", True),
        ("response.http.headers.config", "reverse proxy", True),
        ("metric.reporters", "/metrics", False),
        ("metrics.recording.level", "/metrics", False),
        ("internal.key.converter.schemas.enable", "JSON", False),
        ("log4j.root.loglevel", "log.level", False),
        ("confluent.license", "Confluent", False),
        ("security.protocol", "brokers", False),
        ("sasl.jaas.config", "brokers", False),
        ("ssl.truststore.location", "brokers", False),
        ("request.timeout.ms", "brokers", False),
        ("producer.linger.ms", "brokers", False),
        ("admin.sasl.mechanism", "brokers", False),
        ("consumer.interceptor.classes", "Java's classes", False),
        ("producer.confluent.monitoring.interceptor.bootstrap.servers", "/metrics", False),
    ],
)
def test_what_takes_the_place_of_a_key_is_said(key: str, mentions: str, act: bool) -> None:
    found = told(key, "1")
    assert found is not None
    assert (found.kind, found.act) == (REPLACED, act)
    assert mentions in found.message


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("rest.authentification.file", "rest.authentication.file"),
        ("ofset.flush.interval.ms", "offset.flush.interval.ms"),
        ("log.retention.m", "log.retention.ms"),
        ("producer.compresion.type", "producer.compression.type"),
        ("consumer.isolation.levl", "consumer.isolation.level"),
        ("listeners.https.ssl.client.auht", "listeners.https.ssl.client.auth"),
        ("value.converter.schmas.enable", "value.converter.schemas.enable"),
        ("plugin.discovry", "plugin.discovery"),
        ("security.protocl", "security.protocol"),
    ],
)
def test_a_typo_is_told_with_the_nearest_key(key: str, nearest: str) -> None:
    found = told(key)
    assert found is not None
    assert (found.kind, found.act) == (UNKNOWN, True)
    assert f"did you mean {nearest}?" in found.message


@pytest.mark.parametrize("mode", ["standalone", "distributed"])
def test_no_key_of_kafkas_worker_is_unknown(mode: str) -> None:
    declared = json.loads((VECTORS / "configdefs.json").read_text())[f"worker.{mode}"]["keys"]
    names = {key["name"] for key in declared}
    assert "plugin.discovery" in names
    given = dict.fromkeys(names - WorkerConfig.keys().keys() - {"rest.extension.classes"}, "x")
    found = key_notices(WorkerConfig.parse(given), log_keys(), PLUGINS)
    assert [notice for notice in found if notice.kind == UNKNOWN] == []
    assert {notice.key for notice in found} >= names - WorkerConfig.keys().keys() - {"rest.extension.classes"} - READ


def test_a_key_that_is_near_to_none_is_told_too() -> None:
    assert told("wibble") == KeyNotice("wibble", UNKNOWN, "no key of the worker's, so nothing reads it", True)


def test_a_converters_key_that_it_does_not_declare_is_no_alarm_unless_it_is_a_typo() -> None:
    found = told("value.converter.schema.registry.url")
    assert found is not None
    assert "JsonConverter declares no such key" in found.message
    assert not found.act


@pytest.mark.parametrize("name", ["schema.registry.basic.auth.user.info", "ssl.key.password", "request.header.X-Team"])
def test_a_converters_key_by_another_of_its_names_is_no_matter(name: str) -> None:
    avro = {
        "value.converter": "io.confluent.connect.avro.AvroConverter",
        "value.converter.schema.registry.url": "http://127.0.0.1:1",
        f"value.converter.{name}": "user:password",
    }
    found = key_notices(WorkerConfig.parse(avro), log_keys(), PLUGINS)
    assert [one.key for one in found if one.key.startswith("value.converter")] == []


def test_keys_of_tls_are_read_by_an_https_listener() -> None:
    assert told("ssl.keystore.location", listeners="https://127.0.0.1:1") is None
    assert told("ssl.keystore.location", listeners="http://127.0.0.1:1") is not None
    for name in TlsConfig.keys():  # noqa: SIM118 - a class, and no mapping
        assert told(f"listeners.https.{name}") is None, name


def test_what_the_bundled_log_does_without_is_no_matter_on_a_cluster() -> None:
    texts = {"sasl.mechanism": "x", "session.timeout.ms": "9", "producer.linger.ms": "5", "plugin.discovery": "x"}
    alone = WorkerConfig.parse(texts)
    on_cluster = alone.model_copy(update={"bootstrap_servers": ["kafka:9092"]})
    assert [notice.key for notice in key_notices(alone, log_keys())] == list(texts)
    assert [notice.key for notice in key_notices(on_cluster, log_keys())] == ["plugin.discovery"]


@pytest.mark.parametrize("key", ["connect.protocol", "scheduled.rebalance.max.delay.ms", "inter.worker.key.size"])
def test_what_no_worker_of_a_cluster_reads_is_told_there_too(key: str) -> None:
    on_cluster = WorkerConfig.parse({key: "1", "bootstrap.servers": "kafka:9092"})
    assert [notice.key for notice in key_notices(on_cluster, log_keys())] == [key]


POLICY, ALLOWLIST = (f"connector.client.config.override.{which}" for which in ("policy", "allowlist"))


@pytest.mark.parametrize("policy", ["All", "None", "Principal", "Allowlist"])
def test_nothing_is_said_of_a_policy_that_holds(policy: str) -> None:
    assert told(POLICY, policy) is None


def test_a_list_of_allowed_overrides_that_no_policy_reads_is_told() -> None:
    found = told(ALLOWLIST, "acks", **{POLICY: "Principal"})
    assert found is not None
    assert (found.kind, found.act) == (REPLACED, True)
    assert f"{POLICY} is Principal" in found.message
    assert told(ALLOWLIST, "acks", **{POLICY: "Allowlist"}) is None


@pytest.mark.parametrize(
    ("name", "nearest"), [("linger.sm", "linger.ms"), ("producer.override.acks", "acks"), ("wibble", None)]
)
def test_an_allowed_override_that_no_client_has_is_told_with_the_nearest(name: str, nearest: str | None) -> None:
    found = told(ALLOWLIST, f"batch.size,{name}", **{POLICY: "Allowlist"})
    assert found is not None
    assert (found.kind, found.act) == (UNKNOWN, True)
    meant = f"; did you mean {nearest}?" if nearest else ""
    assert found.message == f"{name} is no config of a client{meant}"


def test_keys_of_one_matter_are_one_line() -> None:
    found = lines(notices(plugin_discovery="x", sasl_mechanism="x", security_protocol="x"))
    assert [line.partition(":")[0] for line, _ in found] == ["plugin.discovery", "sasl.mechanism, security.protocol"]


def test_no_value_is_in_what_is_said() -> None:
    found = notices(sasl_jaas_config="s3cret", wibble="s3cret", rest_authentication_file="f", KAFKA_OPTS="s3cret")
    assert found
    assert "s3cret" not in str(found)


def test_the_list_of_what_the_log_heeds_of_a_producer_has_all_that_it_asks_for() -> None:
    asked: set[str] = set()

    class Asked(dict[str, str]):
        def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
            asked.add(key)
            return default if key != "compression.type" else "zstd"

    ProducerConfig.parse(Asked())
    assert asked
    assert asked <= HEEDED["producer"]


@pytest.mark.parametrize(
    ("providers", "told"),
    [
        ({}, "nor any other (config.providers)"),
        ({"config.providers": "files"}, "did you mean files?"),
        ({"config.providers": "env, vault"}, "it has env, vault"),
    ],
)
def test_a_reference_to_a_provider_that_is_not_there_is_told(providers: dict[str, str], told: str) -> None:
    given = {"sasl.jaas.config": "${file:/run/kafka.properties:login}", "client.id": "${env", **providers}
    [notice] = reference_notices(WorkerConfig.read(given))
    assert (notice.key, notice.act) == ("sasl.jaas.config", True)
    assert "no config provider 'file'" in notice.message and told in notice.message
    assert "kafka.properties" not in notice.message


def test_nothing_is_said_of_a_reference_to_a_provider_that_is_there() -> None:
    config = WorkerConfig.read({"config.providers": "file", "ssl.key.password": "${file:/run/x.properties:p}"})
    assert reference_notices(config) == []
