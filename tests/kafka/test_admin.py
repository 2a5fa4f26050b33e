"""What a real cluster's administrator does otherwise than the bundled log's. For the rest see tests/ports."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import KafkaError, KafkaException

from connect.api.errors import ConfigError, EnvironmentFault, LogError
from connect.ports import Cluster
from connect.records import TopicPartition

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


async def test_a_replication_factor_that_the_cluster_cannot_give_is_refused(kafka_cluster: Cluster, name: str) -> None:
    with pytest.raises(ConfigError, match="3"):
        await kafka_cluster.admin.create_topic(name, replication_factor=3)
    assert await kafka_cluster.admin.partitions(name) is None
    await kafka_cluster.admin.create_topic(name, replication_factor=-1)


async def test_partitions_that_nobody_asks_for_are_the_brokers_to_say(kafka_cluster: Cluster, name: str) -> None:
    info = await kafka_cluster.admin.create_topic(name, partitions=None)
    assert len(info.partitions) == 1, "num.partitions of this broker"
    with pytest.raises(ConfigError, match="0 partitions"):
        await kafka_cluster.admin.create_topic(f"{name}-none", partitions=0)


async def test_record_batches_as_bytes_are_not_to_be_had(kafka_cluster: Cluster, name: str) -> None:
    with pytest.raises(LogError, match="as they are stored"):
        await kafka_cluster.admin.fetch_raw(TopicPartition(name, 0), 0)


async def test_what_brokers_set_is_told_from_what_the_topic_sets(kafka_cluster: Cluster, name: str) -> None:
    await kafka_cluster.admin.create_topic(name, configs={"segment.bytes": "1048576"})
    found = {entry.name: entry.source for entry in await kafka_cluster.admin.topic_configs(name)}
    assert found["segment.bytes"] == "topic"
    assert set(found.values()) <= {"topic", "log", "default"}


async def test_who_hears_that_producers_could_not_be_fenced_knows_that_none_is_fenced_later(
    kafka_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late one would shut out who has the id by then."""
    under_way: set[str] = set()

    class Fencer:
        def __init__(self, transactional_id: str) -> None:
            self._id = transactional_id
            under_way.add(transactional_id)

        def init_transactions(self, _: float) -> None:
            if self._id == "slow":
                time.sleep(0.3)  # as a coordinator that is on its way
            under_way.discard(self._id)
            if self._id != "slow":
                raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    monkeypatch.setattr(kafka_cluster.admin, "_fencer", Fencer)
    with pytest.raises(EnvironmentFault, match="fence the producers of 'away'"):
        await kafka_cluster.admin.fence_producers(["away", "slow"])
    assert not under_way
