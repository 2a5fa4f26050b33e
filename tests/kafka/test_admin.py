"""What a real cluster's administrator does otherwise than the bundled log's. For the rest see tests/ports."""

from __future__ import annotations

import pytest

from connect.api.errors import ConfigError, LogError
from connect.ports import Cluster
from connect.records import TopicPartition

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


async def test_a_replication_factor_that_the_cluster_cannot_give_is_refused(kafka_cluster: Cluster, name: str) -> None:
    with pytest.raises(ConfigError, match="3"):
        await kafka_cluster.admin.create_topic(name, replication_factor=3)
    assert await kafka_cluster.admin.partitions(name) is None
    await kafka_cluster.admin.create_topic(name, replication_factor=-1)


async def test_record_batches_as_bytes_are_not_to_be_had(kafka_cluster: Cluster, name: str) -> None:
    with pytest.raises(LogError, match="as they are stored"):
        await kafka_cluster.admin.fetch_raw(TopicPartition(name, 0), 0)


async def test_what_brokers_set_is_told_from_what_the_topic_sets(kafka_cluster: Cluster, name: str) -> None:
    await kafka_cluster.admin.create_topic(name, configs={"segment.bytes": "1048576"})
    found = {entry.name: entry.source for entry in await kafka_cluster.admin.topic_configs(name)}
    assert found["segment.bytes"] == "topic"
    assert set(found.values()) <= {"topic", "log", "default"}
