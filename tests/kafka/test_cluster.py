"""Opening a cluster: one that does not answer, one that lets nobody in, a config that is wrong."""

from __future__ import annotations

import asyncio
import shlex
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException

from connect.api.errors import ConfigError, EnvironmentFault, LogError
from connect.kafka import cluster as module
from connect.kafka.admin_client import WatchedAdminClient
from connect.kafka.cluster import KafkaCluster
from connect.ports import Cluster, Subscription
from tests.support.busy import slowness
from tests.support.engines import columns, read, values_of
from tests.support.kafka_broker import PASSWORD, USER, SharedBroker
from tests.support.secured_kafka import Secured, scram


@pytest.fixture
def nobody() -> str:
    """An address on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return f"127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[WatchedAdminClient]:
    """The administrators that a cluster makes from here on."""
    found, make = list[WatchedAdminClient](), module.make_client

    def keeping(cls: Any, *arguments: Any, **options: Any) -> Any:
        client = make(cls, *arguments, **options)
        if cls is WatchedAdminClient:
            found.append(client)
        return client

    monkeypatch.setattr(module, "make_client", keeping)
    return found


def is_closed(client: WatchedAdminClient) -> bool:
    """Say whether a client has released its threads and connections."""
    try:
        client.list_topics(timeout=0.1)
    except RuntimeError as error:
        return "closed" in str(error)
    except KafkaException:
        return False
    return False


async def test_a_cluster_that_does_not_answer_is_waited_for_and_then_named(
    nobody: str, made: list[WatchedAdminClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OPEN_S", 0.5)
    monkeypatch.setattr(module, "_TRY_S", 0.3)
    with pytest.raises(EnvironmentFault, match=nobody) as raised:
        await KafkaCluster.open({"bootstrap.servers": [nobody]})
    assert raised.value.code == "environment.unreachable"
    assert raised.value.exit_code == 3
    assert len(made) == 1 and all(map(is_closed, made)), "who tries again and again leaves nothing behind"


async def test_a_key_that_cannot_be_is_refused_before_anything_is_asked(nobody: str) -> None:
    with pytest.raises(ConfigError, match=r"security\.protocol"):
        await KafkaCluster.open({"bootstrap.servers": nobody, "security.protocol": "TELEPATHY"})


def with_password(servers: str, password: str) -> dict[str, str]:
    return {
        "bootstrap.servers": servers,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.jaas.config": f'x.PlainLoginModule required username="{USER}" password="{password}";',
    }


@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_who_logs_in_does_all_of_it_and_who_may_not_is_told_so_at_once(
    broker: SharedBroker, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = await KafkaCluster.open(with_password(broker.sasl_bootstrap, PASSWORD))
    await cluster.admin.create_topic(name)
    producer = cluster.producer(client_id="test")
    await producer.append(name, columns(b"v"))
    consumer = await cluster.consumer(
        Subscription((name,)), group=name, client_id="test", configs={"auto.offset.reset": "earliest"}
    )
    assert await values_of(consumer, 1) == [b"v"]
    assert await read(cluster, name) == [b"v"]
    for each in (consumer, producer, cluster):
        await each.aclose()
    began = time.monotonic()
    with pytest.raises(EnvironmentFault) as raised:
        await KafkaCluster.open(with_password(broker.sasl_bootstrap, "wrong battery"))
    assert raised.value.code == "kafka.authentication"
    assert time.monotonic() - began < 15
    told = f"{raised.value.message} {raised.value.hint} {caplog.text}"
    assert "wrong battery" not in told
    assert PASSWORD not in told


async def refused(worker: dict[str, str]) -> EnvironmentFault:
    """Return why a cluster of these keys cannot be opened."""
    with pytest.raises(EnvironmentFault) as raised:
        await KafkaCluster.open(worker)
    return raised.value


@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_what_does_not_fit_a_listener_ends_the_opening_in_seconds_with_its_key_and_no_secret(
    secured: Secured, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    secured.user(name, PASSWORD)
    good = scram(secured, name, PASSWORD)
    tls = {**{key: value for key, value in good.items() if not key.startswith("sasl")}, "security.protocol": "SSL"}
    wrong = {
        "security.protocol": {**good, "security.protocol": "SASL_PLAINTEXT"},
        "security.protocol=SSL": {**tls, "bootstrap.servers": secured.address("PLAINTEXT")},
        "sasl.jaas.config": scram(secured, name, "wrong battery"),
        "sasl.mechanism": {**good, "sasl.mechanism": "PLAIN"},
        "ssl.truststore.location": {**good, "ssl.truststore.location": str(secured.file("other-ca"))},
        "ssl.keystore.location": {**tls, "bootstrap.servers": secured.address("MTLS")},
        "ssl.endpoint.identification.algorithm": {**tls, "bootstrap.servers": secured.address("STRANGER")},
        "expired": {**tls, "bootstrap.servers": secured.address("EXPIRED")},
    }
    began, allowed_s = time.monotonic(), 20 * slowness()
    errors = dict(zip(wrong, await asyncio.gather(*map(refused, wrong.values())), strict=True))
    assert time.monotonic() - began < allowed_s
    for key, error in errors.items():
        assert (error.code, error.exit_code) == ("kafka.authentication", 3), error
        if key == "expired":
            assert "certificate has expired" in error.message
        else:
            assert error.config_path == key.partition("=")[0], error
            assert f"{error.config_path}: " in error.message
    told = f"{[(error.message, error.hint, repr(error.__cause__)) for error in errors.values()]} {caplog.text}"
    assert PASSWORD not in told
    assert "wrong battery" not in told


@pytest.mark.kafka
@pytest.mark.timeout(300)
@pytest.mark.parametrize("store", ["PEM", "PKCS12"])
async def test_a_client_may_go_by_another_listener_of_the_same_cluster_as_somebody_else(
    secured: Secured, name: str, store: str
) -> None:
    secured.user(name, PASSWORD)
    secured.allow(f"User:{name}", ("CREATE DESCRIBE", "topic", name))
    secured.allow("User:ann", ("WRITE", "topic", name))
    as_ann = {
        "bootstrap.servers": secured.address("MTLS"),
        "security.protocol": "SSL",
        "ssl.truststore.location": str(secured.file("ca")),
        "ssl.keystore.type": store,
        "ssl.keystore.location": str(secured.file("client") if store == "PEM" else secured.pkcs12("client", PASSWORD)),
        **({"ssl.keystore.password": PASSWORD} if store == "PKCS12" else {}),
    }
    cluster = await KafkaCluster.open(scram(secured, name, PASSWORD))
    await cluster.admin.create_topic(name)
    producer = cluster.producer(client_id="test", configs=as_ann)
    await producer.append(name, columns(b"v"))
    nobody = cluster.producer(client_id="test", configs={"bootstrap.servers": secured.address("MTLS")})
    with pytest.raises(EnvironmentFault, match=r"security\.protocol: it is PLAINTEXT"):
        await nobody.append(name, columns(b"v"))
    for each in (producer, nobody, cluster):
        await each.aclose()


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_a_store_of_java_s_is_refused_with_the_commands_that_make_it_one_that_works(
    secured: Secured, name: str, tmp_path: Path
) -> None:
    secured.user(name, PASSWORD)
    store = tmp_path / "trust store.jks"
    options = ["-storetype", "JKS", "-storepass", "changeit", "-noprompt"]
    _run(tmp_path, "keytool", "-importcert", "-alias", "ca", "-file", secured.file("ca"), "-keystore", store, *options)
    trusting = {"ssl.truststore.location": str(store), "ssl.truststore.password": "changeit", "ssl.truststore.type": ""}
    with pytest.raises(ConfigError, match=r"^Invalid value JKS \(the default\) for") as raised:
        await KafkaCluster.open({**scram(secured, name, PASSWORD), **trusting})
    assert "changeit" not in raised.value.message
    commands = raised.value.message.partition("into PEM: ")[2].partition("; then set")[0].split(" && ")
    into_p12, into_pem = (shlex.split(command) for command in commands)
    _run(tmp_path, *into_p12, "-srcstorepass", "changeit", "-deststorepass", "changeit")
    _run(tmp_path, *into_pem, "-passin", "pass:changeit")
    now = {"ssl.truststore.location": str(tmp_path / "store.pem"), "ssl.truststore.type": "PEM"}
    await (await KafkaCluster.open({**scram(secured, name, PASSWORD), **now})).aclose()


def _run(folder: Path, *command: str | Path) -> None:
    subprocess.run(list(map(str, command)), cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_a_client_that_a_config_leads_to_another_cluster_is_refused(
    broker: SharedBroker, secured: Secured, kafka_cluster: Cluster, name: str
) -> None:
    await kafka_cluster.admin.create_topic(name)
    elsewhere = {"bootstrap.servers": secured.address("PLAINTEXT")}
    producer = kafka_cluster.producer(client_id="test", configs=elsewhere)
    with pytest.raises(ConfigError, match="read and write in its own cluster") as raised:
        await producer.append(name, columns(b"v"))
    assert raised.value.config_path == "bootstrap.servers"
    await producer.aclose()
    with pytest.raises(ConfigError, match="is Kafka cluster"):
        await kafka_cluster.consumer(Subscription((name,)), group=name, client_id="test", configs=elsewhere)


@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_a_client_whose_own_brokers_are_away_leaves_nothing_behind_however_often_it_is_tried(
    kafka_cluster: Cluster, nobody: str, made: list[WatchedAdminClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TRY_S", 0.3)
    monkeypatch.setattr(module, "LOOK_UP_S", 0.3)
    elsewhere = {"bootstrap.servers": nobody}
    for _ in range(2):  # who failed keeps the failure, and with it whatever its frames hold
        with pytest.raises(EnvironmentFault):
            await kafka_cluster.consumer(Subscription(("t",)), group="g", client_id="test", configs=elsewhere)
    assert len(made) == 2 and all(map(is_closed, made))


@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_a_closed_cluster_makes_nothing_more(kafka_cluster: Cluster) -> None:
    await kafka_cluster.aclose()
    with pytest.raises(LogError, match="closed"):
        kafka_cluster.producer(client_id="test")
    with pytest.raises(LogError, match="closed"):
        await kafka_cluster.consumer(Subscription(("t",)), group=None, client_id="test")
    with pytest.raises(LogError, match="closed"):
        await kafka_cluster.admin.list_topics()


@pytest.mark.kafka
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ({}, {"enable.idempotence": "true", "acks": "all", "delivery.timeout.ms": str((1 << 31) - 1)}),
        ({"acks": "1"}, {"enable.idempotence": "false"}),
        ({"max.in.flight.requests.per.connection": "6"}, {"enable.idempotence": "false"}),
        ({"transactional.id": "x"}, {"enable.idempotence": "true", "delivery.timeout.ms": "60000"}),
        ({"transactional.id": "x", "transaction.timeout.ms": "9000"}, {"delivery.timeout.ms": "9000"}),
        ({"client.id": "mine"}, {"client.id": "mine"}),
    ],
)
async def test_producers_are_as_safe_as_kafka_s_own(
    kafka_cluster: KafkaCluster, configs: dict[str, str], expected: dict[str, str]
) -> None:
    made = kafka_cluster._producer_configs("test", configs, is_store=False)
    assert {name: made[name] for name in expected} == expected
