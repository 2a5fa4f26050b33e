"""Java's keys of clients as librdkafka gets them. That it takes each of them is tried with real clients."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import trustme
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from connect.api.errors import ConfigError
from connect.kafka.client_config import (
    ClientConfigs,
    hidden,
    java_words,
    principal_of,
    secrets_of,
    shared_configs,
    state_topics,
)
from connect.kafka.clients import Told, make_client
from connect.runtime.worker_config import WorkerConfig

CLIENTS = {"producer": Producer, "consumer": Consumer, "admin": AdminClient}
SECRET = "correct horse"


def configs(worker: dict[str, Any] | None = None, kind: str = "producer", **own: str) -> dict[str, Any]:
    given = {name.replace("_", "."): value for name, value in own.items()}
    return ClientConfigs({"bootstrap.servers": ["a:1", "b:2"], **(worker or {})}).of(kind, given)


JAVA = {
    "producer": {
        "acks": "1",
        "batch.size": "16384",
        "buffer.memory": "33554432",
        "compression.type": "zstd",
        "compression.zstd.level": "5",
        "delivery.timeout.ms": "120000",
        "enable.idempotence": "false",
        "linger.ms": "5",
        "max.block.ms": "60000",
        "max.in.flight.requests.per.connection": "1",
        "max.request.size": "1048576",
        "retries": "2147483647",
        "transaction.timeout.ms": "60000",
        "partitioner.class": "org.example.Mine",
    },
    "consumer": {
        "auto.offset.reset": "earliest",
        "check.crcs": "true",
        "fetch.max.bytes": "52428800",
        "fetch.max.wait.ms": "500",
        "fetch.min.bytes": "1",
        "group.instance.id": "one",
        "heartbeat.interval.ms": "3000",
        "isolation.level": "read_committed",
        "max.partition.fetch.bytes": "1048576",
        "max.poll.interval.ms": "300000",
        "max.poll.records": "500",
        "session.timeout.ms": "45000",
        "partition.assignment.strategy": "org.apache.kafka.clients.consumer.RangeAssignor",
    },
    "admin": {"default.api.timeout.ms": "60000"},
}
EVERY = {
    "client.dns.lookup": "use_all_dns_ips",
    "client.id": "mine",
    "client.rack": "r1",
    "connections.max.idle.ms": "540000",
    "interceptor.classes": "org.example.Spy",
    "metadata.max.age.ms": "300000",
    "metric.reporters": "org.example.Reporter",
    "receive.buffer.bytes": "-1",
    "reconnect.backoff.max.ms": "1000",
    "reconnect.backoff.ms": "50",
    "request.timeout.ms": "30000",
    "retry.backoff.max.ms": "1000",
    "retry.backoff.ms": "100",
    "sasl.jaas.config": f'org.example.ScramLoginModule required username="u" password="{SECRET}";',
    "sasl.mechanism": "SCRAM-SHA-256",
    "security.protocol": "SASL_PLAINTEXT",
    "send.buffer.bytes": "131072",
    "socket.connection.setup.timeout.ms": "10000",
    "ssl.endpoint.identification.algorithm": "",
    "ssl.enabled.protocols": "TLSv1.2,TLSv1.3",
}  # fmt: skip


@pytest.mark.parametrize("kind", CLIENTS)
def test_what_a_java_client_has_is_taken_by_librdkafka(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    made = ClientConfigs({"bootstrap.servers": "localhost:1"}).of(kind, {**EVERY, **JAVA[kind]})
    if kind == "consumer":
        made["group.id"] = "g"
    make_client(CLIENTS[kind], made, Told())
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING], "every one of them is known"


def test_names_and_units_are_librdkafka_s() -> None:
    made = configs(
        {"ssl.endpoint.identification.algorithm": ""},
        buffer_memory="65536",
        max_request_size="2000000",
        request_timeout_ms="900000",
        compression_type="gzip",
        receive_buffer_bytes="-1",
        delivery_timeout_ms="9223372036854775807",
    )
    assert made["bootstrap.servers"] == "a:1,b:2"
    assert made["queue.buffering.max.kbytes"] == "64"
    assert made["message.max.bytes"] == "2000000"
    assert made["socket.timeout.ms"] == "300000", "librdkafka takes no more"
    assert made["delivery.timeout.ms"] == str((1 << 31) - 1)
    assert made["socket.receive.buffer.bytes"] == "0"
    assert made["ssl.endpoint.identification.algorithm"] == "none"
    assert configs(compression_type="gzip", **{"compression.gzip.level": "9"})["compression.level"] == "9"


@pytest.mark.parametrize(
    ("kind", "own", "name", "value"),
    [
        ("consumer", {"fetch.max.bytes": "2147483647"}, "fetch.max.bytes", "2147483135"),
        ("consumer", {"fetch.max.bytes": "100000"}, "message.max.bytes", "100000"),
        ("consumer", {"fetch.max.bytes": "1"}, "fetch.max.bytes", "1000"),
        ("consumer", {"fetch.max.bytes": "1"}, "message.max.bytes", "1000"),
        ("consumer", {"max.partition.fetch.bytes": "2147483647"}, "max.partition.fetch.bytes", "1000000000"),
        ("consumer", {"max.partition.fetch.bytes": "0"}, "max.partition.fetch.bytes", "1"),
        ("consumer", {"fetch.min.bytes": "0"}, "fetch.min.bytes", "1"),
        ("consumer", {"fetch.min.bytes": "200000000"}, "fetch.min.bytes", "100000000"),
        ("producer", {"batch.size": "0"}, "batch.size", "1"),
        ("producer", {"send.buffer.bytes": "200000000"}, "socket.send.buffer.bytes", "100000000"),
        ("admin", {"receive.buffer.bytes": "200000000"}, "socket.receive.buffer.bytes", "100000000"),
        ("admin", {"reconnect.backoff.ms": "20000"}, "reconnect.backoff.max.ms", "20000"),
        ("admin", {"reconnect.backoff.max.ms": "10"}, "reconnect.backoff.ms", "10"),
        ("admin", {"reconnect.backoff.ms": "500", "reconnect.backoff.max.ms": "10"}, "reconnect.backoff.ms", "10"),
    ],
)
def test_a_number_that_only_java_lets_be_so_small_or_large_is_the_nearest_that_there_is(
    kind: str, own: dict[str, str], name: str, value: str
) -> None:
    made = ClientConfigs({"bootstrap.servers": "localhost:1"}).of(kind, own)
    assert made[name] == value
    make_client(CLIENTS[kind], {**made, **({"group.id": "g"} if kind == "consumer" else {})}, Told())


def test_bare_keys_are_for_all_clients_and_admin_for_one() -> None:
    worker = {"security.protocol": "SSL", "client.id": "w", "admin.client.id": "a", "group.id": "g", "rest.port": "1"}
    assert shared_configs({**worker, "bootstrap.servers": "k:1"}) == {
        "security.protocol": "SSL",
        "client.id": "w",
        "bootstrap.servers": "k:1",
    }
    assert configs(worker, "admin")["client.id"] == "a"
    assert configs(worker, "producer", client_id="mine")["client.id"] == "mine"


@pytest.mark.parametrize("quote", ['"', "'"])
def test_user_and_password_come_out_of_a_jaas_config(quote: str) -> None:
    jaas = f"x.y.PlainLoginModule required username={quote}u{quote} password={quote}a\\{quote} b;c{quote};"
    made = configs({"sasl.jaas.config": jaas, "sasl.mechanism": "PLAIN"})
    assert (made["sasl.username"], made["sasl.password"]) == ("u", f"a{quote} b;c")
    assert made["sasl.mechanisms"] == "PLAIN"


@pytest.mark.parametrize(
    "jaas",
    [
        f"password={SECRET}",
        f'com.sun.security.auth.module.Krb5LoginModule required password="{SECRET}";',
        f'x.PlainLoginModule required password="{SECRET}";',
    ],
)
def test_a_jaas_config_that_is_not_known_is_refused_without_its_text(jaas: str) -> None:
    with pytest.raises(ConfigError) as raised:
        configs({"sasl.jaas.config": jaas})
    assert raised.value.config_path == "sasl.jaas.config"
    assert SECRET not in f"{raised.value.message} {raised.value.hint}"


def test_stores_of_pem_are_taken_and_java_s_are_refused_with_the_command(tmp_path: Path) -> None:
    pem, jks = tmp_path / "store.pem", tmp_path / "store.jks"
    pem.write_text("-----BEGIN CERTIFICATE-----\n")
    jks.write_bytes(b"\xfe\xed\xfe\xed")
    worker = {"ssl.truststore.location": str(pem), "ssl.keystore.location": str(pem), "ssl.keystore.type": "PEM"}
    made = configs(worker)
    assert made["ssl.ca.location"] == made["ssl.certificate.location"] == made["ssl.key.location"] == str(pem)
    given = {"ssl.keystore.location": str(jks), "ssl.keystore.type": "PKCS12", "ssl.keystore.password": "p"}
    assert configs(given)["ssl.keystore.location"] == str(jks), "OpenSSL reads these"
    for kind in ("JKS", "PKCS12", ""):
        with pytest.raises(ConfigError, match="openssl pkcs12"):
            configs({"ssl.truststore.location": str(jks), "ssl.truststore.type": kind})
    with pytest.raises(ConfigError, match="holds no PEM"):
        configs({"ssl.truststore.location": str(tmp_path / "none"), "ssl.truststore.type": "PEM"})


def test_pem_inside_the_config_is_passed_on_with_its_line_breaks() -> None:
    made = trustme.CA()
    chain, own = made.cert_pem.bytes().decode(), made.private_key_pem.bytes().decode()
    worker = {
        "ssl.truststore.certificates": chain,
        "ssl.keystore.certificate.chain": chain.replace("\n", " "),
        "ssl.keystore.key": own.replace("\n", ""),
    }
    found = configs(worker)
    assert (found["ssl.ca.pem"], found["ssl.certificate.pem"]) == (chain, chain)
    assert found["ssl.key.pem"] == own
    with pytest.raises(ConfigError, match=r"ssl\.keystore\.key: no PEM is found") as raised:
        configs({"ssl.keystore.key": SECRET})
    assert SECRET not in raised.value.message


@pytest.mark.parametrize(
    ("worker", "key"),
    [
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"}, "sasl.jaas.config"),
        ({"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.username": "me"}, "sasl.jaas.config"),
    ],
)
def test_a_login_without_user_and_password_is_told_in_the_words_of_a_java_client(
    worker: dict[str, str], key: str
) -> None:
    with pytest.raises(ConfigError, match=r"^sasl\.jaas\.config is missing: ") as raised:
        configs(worker)
    assert raised.value.config_path == key


def test_a_mechanism_that_no_client_here_has_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(
        ConfigError, match=r"OAUTHBEARER for configuration sasl\.mechanism: one of PLAIN, SCRAM"
    ) as raised:
        configs({"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"})
    assert raised.value.config_path == "sasl.mechanism"


def test_where_a_key_store_lies_is_no_secret() -> None:
    keys = {"ssl.keystore.location": "own.p12", "ssl.keystore.key": "k", "ssl.key.password": "p", "ssl.key.pem": "k"}
    assert list(secrets_of(keys)) == ["k", "p", "k"]


@pytest.mark.parametrize(
    ("made", "who"),
    [
        ({}, "User:ANONYMOUS"),
        ({"security.protocol": "SSL"}, "User:ANONYMOUS"),
        ({"security.protocol": "ssl", "ssl.certificate.location": "own.pem"}, ""),
        ({"security.protocol": "SSL", "ssl.keystore.location": "own.p12"}, ""),
        ({"security.protocol": "SASL_SSL", "sasl.username": "ann", "ssl.certificate.location": "x"}, "User:ann"),
        ({"security.protocol": "SASL_SSL"}, ""),
    ],
)
def test_who_a_client_is_follows_from_how_it_logs_in(made: dict[str, str], who: str) -> None:
    assert principal_of(made) == who


def test_keys_of_librdkafka_are_told_by_the_names_that_their_user_gave() -> None:
    assert java_words("verify ssl.ca.location, or ssl.key.pem") == (
        "ssl.truststore.location",
        "verify ssl.truststore.location, or ssl.keystore.key",
    )
    assert java_words("nothing of that") == (None, "nothing of that")


def test_the_topics_of_a_worker_s_state_are_those_of_its_config_or_its_defaults() -> None:
    names = ("config", "offset", "status")
    topics = tuple(WorkerConfig.keys()[f"{name}.storage.topic"].default for name in names)
    assert state_topics({}) == (*topics, WorkerConfig.parse({}).workers_topic)
    assert state_topics({"group.id": "g"})[3] == WorkerConfig.parse({"group.id": "g"}).workers_topic
    assert state_topics({"status.storage.topic": "s"})[2] == "s"


def test_what_nobody_knows_is_named_once_with_the_nearest(caplog: pytest.LogCaptureFixture) -> None:
    clients = ClientConfigs({"bootstrap.servers": "k:1", "ssl.something": "x"})
    for _ in range(2):
        made = clients.of("producer", {"lingr.ms": "5", "acks": "all"})
    assert "lingr.ms" not in made
    (line,) = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert "lingr.ms" in line
    assert "did you mean linger.ms" in line


def test_what_the_jvm_has_is_said_once_with_what_takes_its_place(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clients = ClientConfigs({"bootstrap.servers": "k:1"})
    for _ in range(2):
        made = clients.of("producer", {"key.serializer": "org.example.S", "interceptor.classes": "org.example.I"})
    assert made.keys() == {"bootstrap.servers"}
    assert [line.split(" ")[0] for line in caplog.messages] == ["key.serializer", "interceptor.classes"]
    assert "key.converter takes its place" in caplog.text


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"buffer\.memory: 'much'"):
        configs(buffer_memory="much")


def test_secrets_are_hidden_and_known() -> None:
    made = configs({"sasl.jaas.config": f'P.PlainLoginModule required username="u" password="{SECRET}";'})
    assert hidden(made)["sasl.password"] == "[hidden]"
    assert hidden(made)["sasl.username"] == "u"
    assert SECRET in secrets_of(made)


@pytest.mark.parametrize("servers", ["evil:9", "a:1,evil:9", "a:2"])
def test_a_worker_s_login_does_not_go_to_brokers_that_only_a_connector_names(servers: str) -> None:
    worker = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.jaas.config": f'x.PlainLoginModule required username="me" password="{SECRET}";',
        "ssl.key.password": SECRET,
        "client.id": "mine",
    }
    found = configs(worker, "producer", bootstrap_servers=servers)
    assert found == {"bootstrap.servers": servers, "client.id": "mine"}
    own = configs(worker, "producer", bootstrap_servers=servers, security_protocol="SSL")
    assert own["security.protocol"] == "SSL"
    assert SECRET not in str(own)
    for known in ("B:2", "b:2, a:1", ""):
        assert configs(worker, "producer", bootstrap_servers=known)["sasl.password"] == SECRET


def test_brokers_of_java_s_form_with_a_protocol_are_reached_by_the_key_s() -> None:
    made = ClientConfigs({"bootstrap.servers": "SASL_SSL://k:1,PLAINTEXT://j:2"}).of("producer")
    assert made["bootstrap.servers"] == "k:1,j:2"
    assert not ClientConfigs({"bootstrap.servers": "k:1"}).leads_elsewhere({"bootstrap.servers": "SSL://k:1"})


@pytest.mark.parametrize(("key", "value", "told"), [
    ("bootstrap.servers", "k", "HOST:PORT"),
    ("security.protocol", "SASL_PLAIN", "SASL_PLAINTEXT, SASL_SSL"),
])  # fmt: skip
def test_a_value_that_no_client_could_use_names_what_is_expected(key: str, value: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as raised:
        configs({}, "consumer", **{key.replace(".", "_"): value})
    assert raised.value.config_path == key
