"""Opening a cluster: one that does not answer, one that lets nobody in, a config that is wrong."""

from __future__ import annotations

import socket
import time

import pytest

from connect.api.errors import ConfigError, EnvironmentFault, LogError
from connect.kafka import cluster as module
from connect.kafka.cluster import KafkaCluster
from connect.ports import Cluster, Subscription
from tests.support.engines import columns, read, values_of
from tests.support.kafka_broker import PASSWORD, USER, SharedBroker


@pytest.fixture
def nobody() -> str:
    """An address on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return f"127.0.0.1:{bound.getsockname()[1]}"


async def test_a_cluster_that_does_not_answer_is_waited_for_and_then_named(
    nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OPEN_S", 0.5)
    monkeypatch.setattr(module, "_TRY_S", 0.3)
    with pytest.raises(EnvironmentFault, match=nobody) as raised:
        await KafkaCluster.open({"bootstrap.servers": [nobody]})
    assert raised.value.code == "environment.unreachable"
    assert raised.value.exit_code == 3


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
