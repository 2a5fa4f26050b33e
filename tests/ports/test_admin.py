from __future__ import annotations

from pathlib import Path

from connect.app import open_cluster
from connect.ports import Admin, PartitionInfo, TopicInfo
from tests.support.ports import assert_log_offers


async def test_the_log_s_admin_is_called_as_the_port_says(tmp_path: Path) -> None:
    await assert_log_offers(tmp_path, Admin, lambda cluster: cluster.admin)


async def test_a_topic_is_described_with_what_was_set_for_it_alone(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path)
    made = await cluster.admin.create_topic("orders", partitions=2, configs={"retention.ms": "1000"})
    found = await cluster.admin.describe_topics(["orders", "nothing"])
    await cluster.aclose()
    assert found == {"orders": made}
    partitions = tuple(PartitionInfo(n, 0, 0, segments=0, size_bytes=0, last_stable_offset=0) for n in range(2))
    assert made == TopicInfo("orders", made.topic_id, partitions, {"retention.ms": "1000"})


def test_a_topic_has_no_configs_and_is_not_internal_unless_said() -> None:
    plain = TopicInfo("orders", "id", ())
    assert (dict(plain.configs), plain.internal) == ({}, False)
