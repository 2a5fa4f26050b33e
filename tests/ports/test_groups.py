from __future__ import annotations

from pathlib import Path

from connect.app import open_cluster
from connect.ports import GroupInfo, Groups
from connect.records import OffsetAndMetadata, TopicPartition
from tests.support.ports import assert_log_offers


async def test_the_log_s_groups_are_called_as_the_port_says(tmp_path: Path) -> None:
    await assert_log_offers(tmp_path, Groups, lambda cluster: cluster.groups)


async def test_an_unknown_group_is_empty_and_no_error(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path)
    assert await cluster.groups.describe("nobody") == GroupInfo("nobody", "Empty", (), {})
    assert await cluster.groups.offsets("nobody") == {}
    await cluster.groups.delete_offsets("nobody")
    assert await cluster.groups.list() == []
    await cluster.aclose()


async def test_a_group_with_offsets_is_listed_until_they_are_forgotten(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path)
    await cluster.admin.create_topic("orders")
    at = TopicPartition("orders", 0)
    await cluster.groups.commit("readers", {at: OffsetAndMetadata(3, metadata="m")})
    found = (await cluster.groups.describe("readers")).offsets[at]
    assert (found.offset, found.metadata) == (3, "m")
    assert await cluster.groups.list() == ["readers"]
    await cluster.groups.delete_offsets("readers")
    assert await cluster.groups.list() == []
    await cluster.aclose()
