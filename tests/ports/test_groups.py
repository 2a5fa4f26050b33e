from __future__ import annotations

import pytest

from connect.api.errors import ConflictError, UnknownTopicOrPartitionError
from connect.ports import Cluster, GroupInfo, Groups, Subscription
from connect.records import OffsetAndMetadata, TopicPartition
from tests.support.engines import assigned
from tests.support.ports import assert_offers


async def test_the_groups_are_called_as_the_port_says(cluster: Cluster) -> None:
    await assert_offers(cluster, Groups, lambda cluster: cluster.groups)


async def test_an_unknown_group_is_empty_and_no_error(cluster: Cluster, name: str) -> None:
    assert await cluster.groups.describe(name) == GroupInfo(name, "Empty", (), {})
    assert await cluster.groups.offsets(name) == {}
    await cluster.groups.delete_offsets(name)
    assert name not in await cluster.groups.list()


async def test_a_group_with_offsets_is_listed_until_they_are_forgotten(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name, partitions=2)
    first, second = TopicPartition(name, 0), TopicPartition(name, 1)
    await cluster.groups.commit(name, {first: OffsetAndMetadata(3, metadata="m"), second: OffsetAndMetadata(5)})
    found = (await cluster.groups.describe(name)).offsets[first]
    assert (found.offset, found.metadata) == (3, "m")
    assert name in await cluster.groups.list()
    await cluster.groups.delete_offsets(name, [first])
    assert {at: one.offset for at, one in (await cluster.groups.offsets(name)).items()} == {second: 5}
    await cluster.groups.delete_offsets(name, [first])
    await cluster.groups.delete_offsets(name)
    assert name not in await cluster.groups.list()


async def test_offsets_of_partitions_that_are_not_there_are_refused_with_all_others(
    cluster: Cluster, name: str
) -> None:
    await cluster.admin.create_topic(name)
    wanted = {TopicPartition(name, number): OffsetAndMetadata(1) for number in range(2)}
    with pytest.raises(UnknownTopicOrPartitionError, match=f"{name}-1"):
        await cluster.groups.commit(name, wanted)
    assert await cluster.groups.offsets(name) == {}


async def test_a_group_that_is_in_use_keeps_its_offsets(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name)
    consumer = await cluster.consumer(Subscription((name,)), group=name, client_id="reader")
    await assigned(consumer, 1)
    info = await cluster.groups.describe(name)
    assert (info.state, info.members) == ("Stable", ("reader",))
    at = TopicPartition(name, 0)
    for refused in (cluster.groups.commit(name, {at: OffsetAndMetadata(0)}), cluster.groups.delete_offsets(name)):
        with pytest.raises(ConflictError, match="reader") as raised:
            await refused
        assert raised.value.code == "log.group_in_use"
    await consumer.aclose()
    await cluster.groups.commit(name, {at: OffsetAndMetadata(0)})
