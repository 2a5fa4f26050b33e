"""Committed offsets."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import ConflictError, UnknownTopicOrPartitionError
from connect.api.errors import CorruptBatchError
from connect.log.groups.offset_records import decode_key, decode_value, encode_key, encode_value
from connect.ports import GroupInfo, Subscription
from connect.records import OffsetAndMetadata, TopicPartition

A, B = TopicPartition("a", 0), TopicPartition("b", 1)


async def make_topics(cluster):
    await cluster.admin.create_topic("a")
    await cluster.admin.create_topic("b", partitions=2)


async def test_commits_are_kept_and_replaced_one_by_one(open_log):
    cluster = await open_log(clock=lambda: 42)
    await make_topics(cluster)
    await cluster.groups.commit("g", {A: OffsetAndMetadata(1), B: OffsetAndMetadata(2, 3, "m", 7)})
    await cluster.groups.commit("g", {A: OffsetAndMetadata(5)})
    await cluster.aclose()
    groups = (await open_log()).groups
    assert await groups.list() == ["g"]
    assert await groups.offsets("g") == {A: OffsetAndMetadata(5, -1, "", 42), B: OffsetAndMetadata(2, 3, "m", 7)}
    assert await groups.offsets("unknown") == {}


async def test_offsets_from_outside_are_set_all_or_none_where_a_partition_is_not_there(cluster):
    await make_topics(cluster)
    for gone in (TopicPartition("gone", 0), TopicPartition("b", 2), TopicPartition("a", -1)):
        with pytest.raises(UnknownTopicOrPartitionError, match=gone.topic):
            await cluster.groups.commit("g", {A: OffsetAndMetadata(1), gone: OffsetAndMetadata(2)})
    assert await cluster.groups.offsets("g") == {}


async def test_offsets_are_forgotten_by_partition_and_by_group(open_log):
    cluster = await open_log()
    await make_topics(cluster)
    for group in ("g", "h"):
        await cluster.groups.commit(group, {A: OffsetAndMetadata(1), B: OffsetAndMetadata(2)})
    await cluster.groups.delete_offsets("g", [A])
    await cluster.groups.delete_offsets("h")
    await cluster.groups.delete_offsets("unknown")
    await cluster.aclose()
    groups = (await open_log()).groups
    assert await groups.list() == ["g"]
    assert set(await groups.offsets("g")) == {B}


async def test_a_deleted_topic_takes_its_offsets_along(cluster):
    await make_topics(cluster)
    await cluster.groups.commit("g", {A: OffsetAndMetadata(1), B: OffsetAndMetadata(2)})
    await cluster.admin.delete_topic("a")
    assert set(await cluster.groups.offsets("g")) == {B}


async def test_reading_offsets_makes_no_topic(cluster):
    assert await cluster.groups.list() == []
    assert await cluster.admin.list_topics() == []


async def test_the_topic_of_offsets_is_internal_and_compacted(cluster):
    await make_topics(cluster)
    await cluster.groups.commit("g", {A: OffsetAndMetadata(1)})
    info = await cluster.admin.describe_topic("__consumer_offsets")
    assert info.internal
    assert info.configs == {"cleanup.policy": "compact", "segment.bytes": "16777216"}


@given(st.text(max_size=20), st.text(max_size=20), st.integers(0, 1 << 30))
def test_keys_come_back(group, topic, partition):
    name = TopicPartition(topic, partition)
    assert decode_key(encode_key(group, name)) == (group, name)


@given(st.integers(0, 1 << 62), st.integers(-1, 1 << 30), st.text(max_size=20), st.integers(-1, 1 << 62))
def test_values_come_back(offset, epoch, metadata, timestamp):
    committed = OffsetAndMetadata(offset, epoch, metadata, timestamp)
    assert decode_value(encode_value(committed)) == committed


@given(st.binary(max_size=40))
def test_garbage_is_corrupt_and_nothing_else(raw):
    for decode in (decode_key, decode_value):
        with contextlib.suppress(CorruptBatchError):
            decode(raw)


def test_a_value_of_kafka_s_version_1_and_a_key_of_group_metadata_are_understood():
    value = bytes.fromhex("0001" + "0000000000000009" + "0001" + "6d" + "0000000000000005" + "0000000000000006")
    assert decode_value(value) == OffsetAndMetadata(9, -1, "m", 5)
    assert decode_key(bytes.fromhex("0002" + "0001" + "67")) is None


async def test_a_group_name_that_no_record_can_hold_is_refused(cluster):
    from connect.api import LogError

    await make_topics(cluster)
    with pytest.raises(LogError, match="32767"):
        await cluster.groups.commit("g" * 40_000, {A: OffsetAndMetadata(1)})


async def test_offsets_of_a_group_in_use_are_protected(cluster):
    await cluster.admin.create_topic("a")
    consumer = await cluster.consumer(Subscription(("a",)), group="g", client_id="sink-1")
    await consumer.commit({A: OffsetAndMetadata(3)})
    assert await cluster.groups.describe("g") == GroupInfo(
        "g", "Stable", ("sink-1",), await cluster.groups.offsets("g")
    )
    for call in (cluster.groups.commit("g", {A: OffsetAndMetadata(0)}), cluster.groups.delete_offsets("g")):
        with pytest.raises(ConflictError, match="group 'g' is in use by sink-1") as caught:
            await call
        assert caught.value.code == "log.group_in_use"
    await consumer.aclose()
    await consumer.aclose()
    await cluster.groups.commit("g", {A: OffsetAndMetadata(0)})
    assert (await cluster.groups.describe("g")).state == "Empty"


async def test_offsets_expire_unless_the_group_is_in_use(open_log):
    now = [1_700_000_000_000]
    cluster = await open_log(clock=lambda: now[0], configs={"offsets.retention.minutes": "1"})
    await cluster.admin.create_topic("a")
    consumer = await cluster.consumer(Subscription(("a",)), group="used", client_id="test")
    for group in ("old", "used"):
        await cluster.groups.commit_as_member(group, {A: OffsetAndMetadata(1)})
    now[0] += 60_001
    await cluster.groups.commit("young", {A: OffsetAndMetadata(1)})
    assert await cluster._upkeep.expire_offsets() == 1
    assert await cluster.groups.list() == ["used", "young"]
    await consumer.aclose()
    assert await cluster._upkeep.expire_offsets() == 0  # it was in use just now
    now[0] += 60_001
    assert await cluster._upkeep.expire_offsets() == 2


async def test_a_group_without_offsets_is_listed_while_it_has_members(cluster):
    await cluster.admin.create_topic("a")
    consumer = await cluster.consumer(Subscription(("a",)), group="g", client_id="test")
    assert await cluster.groups.list() == ["g"]
    await consumer.aclose()
    assert await cluster.groups.list() == []


async def test_a_subscription_that_comes_back_to_a_group_gets_its_partitions_again(cluster):
    for topic in ("a", "b"):
        await cluster.admin.create_topic(topic)
    stays = await cluster.consumer(Subscription(("a",)), group="g", client_id="stays")
    for _ in range(2):
        comes = await cluster.consumer(Subscription(("b",)), group="g", client_id="comes")
        assert comes.assignment == {TopicPartition("b", 0)}
        await comes.aclose()
    await stays.aclose()
