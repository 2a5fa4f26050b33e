from __future__ import annotations

import pytest

from connect.api.errors import (
    ConfigError,
    ConflictError,
    InternalTopicError,
    OffsetOutOfRangeError,
    ProducerFencedError,
    UnknownTopicOrPartitionError,
)
from connect.ports import Admin, Cluster, PartitionInfo, TopicInfo
from connect.records import Columns, TopicPartition
from tests.support.engines import columns, now_ms, read
from tests.support.ports import assert_offers


async def test_the_admin_is_called_as_the_port_says(cluster: Cluster) -> None:
    await assert_offers(cluster, Admin, lambda cluster: cluster.admin)


async def test_a_topic_is_described_with_what_was_set_for_it_alone(cluster: Cluster, name: str) -> None:
    made = await cluster.admin.create_topic(name, partitions=2, configs={"retention.ms": "1000"}, replication_factor=1)
    assert await cluster.admin.describe_topics([name, f"{name}-none"]) == {name: made}
    sizes = (made.partitions[0].segments, made.partitions[0].size_bytes)
    assert sizes in ((0, 0), (-1, -1)), "nothing, or nothing known"
    partitions = tuple(PartitionInfo(n, 0, 0, *sizes, last_stable_offset=0) for n in range(2))
    assert made == TopicInfo(name, made.topic_id, partitions, {"retention.ms": "1000"})
    assert len(made.topic_id) == 22
    assert name in await cluster.admin.list_topics()
    assert await cluster.admin.partitions(name) == 2


def test_a_topic_has_no_configs_and_is_not_internal_unless_said() -> None:
    plain = TopicInfo("orders", "id", ())
    assert (dict(plain.configs), plain.internal) == ({}, False)


@pytest.mark.parametrize(
    ("topic", "options", "kind", "code"),
    [
        ("no name at all", {}, ConfigError, "log.invalid_topic"),
        (None, {"partitions": 0}, ConfigError, "log.invalid_partitions"),
        (None, {"configs": {"retention.ms": "soon"}}, ConfigError, "config.invalid"),
        (None, {"configs": {"nonsense": "1"}}, ConfigError, "config.invalid"),
    ],
)
async def test_a_topic_that_cannot_be_is_not_made(
    cluster: Cluster, name: str, topic: str | None, options: dict[str, object], kind: type, code: str
) -> None:
    with pytest.raises(kind) as raised:
        await cluster.admin.create_topic(topic or name, **options)
    assert raised.value.code == code
    assert await cluster.admin.partitions(name) is None


async def test_a_topic_is_made_once_and_gone_once_it_is_deleted(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name)
    with pytest.raises(ConflictError) as raised:
        await cluster.admin.create_topic(name)
    assert raised.value.code == "log.topic_exists"
    await cluster.admin.delete_topic(name)
    assert await cluster.admin.partitions(name) is None
    with pytest.raises(UnknownTopicOrPartitionError, match=name):
        await cluster.admin.delete_topic(name)


async def test_a_topic_that_is_not_there_is_named_with_its_nearest(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name)
    with pytest.raises(UnknownTopicOrPartitionError, match=f"did you mean '{name}'"):
        await cluster.admin.describe_topic(f"{name}s")
    with pytest.raises(UnknownTopicOrPartitionError, match="no partition 1"):
        await cluster.admin.fetch(TopicPartition(name, 1), 0)


async def test_configs_are_set_and_taken_back_to_their_defaults(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name, configs={"retention.ms": "5000"})
    info = await cluster.admin.alter_topic(name, {"retention.ms": None, "max.message.bytes": "2000"})
    assert info.configs == {"max.message.bytes": "2000"}
    found = {entry.name: entry for entry in await cluster.admin.topic_configs(name)}
    assert (found["max.message.bytes"].value, found["max.message.bytes"].source) == ("2000", "topic")
    assert found["retention.ms"].source == "default"
    with pytest.raises(ConfigError):
        await cluster.admin.alter_topic(name, {"retention.ms": "soon"})


async def test_partitions_are_added_and_never_taken_away(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name)
    assert len((await cluster.admin.add_partitions(name, 3)).partitions) == 3
    with pytest.raises(ConfigError) as raised:
        await cluster.admin.add_partitions(name, 2)
    assert raised.value.code == "log.invalid_partitions"


async def test_what_holds_state_stays_compacted_and_as_it_is(cluster: Cluster, name: str) -> None:
    await cluster.reserve([name])
    made = await cluster.admin.create_topic(name)
    assert made.configs["cleanup.policy"] == "compact"
    with pytest.raises(ConfigError):
        await cluster.admin.alter_topic(name, {"cleanup.policy": "delete"})
    with pytest.raises(InternalTopicError):
        await cluster.admin.add_partitions(name, 2)


async def test_records_are_read_dated_and_deleted(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name)
    at, now = TopicPartition(name, 0), now_ms()
    producer = cluster.producer(client_id="test")
    await producer.append(name, Columns([b"a", b"b", b"c"], timestamps=[now - 2, now - 1, now]))
    await producer.aclose()
    (batch,) = await cluster.admin.fetch(at, 1)
    assert (list(batch.offsets), list(batch.columns.values), batch.next_offset) == ([1, 2], [b"b", b"c"], 3)
    assert await cluster.admin.fetch(at, 3) == []
    assert await cluster.admin.offset_for_time(at, now - 1) == 1
    assert await cluster.admin.offset_for_time(at, now + 1) is None
    assert await cluster.admin.delete_records(at, 2) == 2
    with pytest.raises(OffsetOutOfRangeError, match="2"):
        await cluster.admin.fetch(at, 1)
    with pytest.raises(OffsetOutOfRangeError):
        await cluster.admin.fetch(at, 4)
    with pytest.raises(OffsetOutOfRangeError):
        await cluster.admin.delete_records(at, 9)
    assert await cluster.admin.delete_records(at, -1) == 3


async def test_readers_of_committed_records_stop_at_the_first_open_transaction(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name)
    plain, transactional = (
        cluster.producer(client_id="p"),
        cluster.producer(client_id="t", configs={"transactional.id": name}),
    )
    await transactional.init_transactions()
    await plain.append(name, columns(b"before"))
    await transactional.begin_transaction()
    await transactional.append(name, columns(b"open"))
    await plain.append(name, columns(b"behind"))
    assert await read(cluster, name) == [b"before", b"open", b"behind"]
    assert await read(cluster, name, isolation="read_committed") == [b"before"]
    assert await cluster.admin.fetch(TopicPartition(name, 0), 2, isolation="read_committed") == []
    info = (await cluster.admin.describe_topic(name)).partitions[0]
    assert (info.log_end_offset, info.last_stable_offset) == (3, 1)
    await transactional.abort_transaction()
    assert await read(cluster, name, isolation="read_committed") == [b"before", b"behind"]
    for each in (plain, transactional):
        await each.aclose()


async def test_producers_are_shut_out_by_their_transactional_ids(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name)
    producer = cluster.producer(client_id="test", configs={"transactional.id": name})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append(name, columns(b"left open"))
    assert name in {info.transactional_id for info in await cluster.admin.list_transactions()}
    await cluster.admin.fence_producers([name, f"{name}-nobody"])
    await cluster.admin.fence_producers([])
    assert await read(cluster, name, isolation="read_committed") == []
    with pytest.raises(ProducerFencedError):
        await producer.commit_transaction()
    await producer.aclose()
