"""Topics, and reads without a group."""

from __future__ import annotations

import pytest

from connect.api import ConfigError, ConflictError
from connect.api.errors import OffsetOutOfRangeError, ProducerFencedError, UnknownTopicOrPartitionError
from connect.codec.header import iterate_batches
from connect.ports import TransactionInfo
from connect.records import Columns, OffsetAndMetadata, TopicPartition
from tests.log.conftest import put, values_of

NAME = TopicPartition("t", 0)


@pytest.fixture
def admin(cluster):
    return cluster.admin


async def test_a_topic_is_made_described_and_listed(admin):
    made = await admin.create_topic("t", partitions=3, configs={"retention.ms": "5"})
    assert made == await admin.describe_topic("t")
    assert [part.partition for part in made.partitions] == [0, 1, 2]
    assert (dict(made.configs), made.internal) == ({"retention.ms": "5"}, False)
    assert await admin.list_topics() == ["t"]
    assert (await admin.partitions("t"), await admin.partitions("u")) == (3, None)
    assert list(await admin.describe_topics(["t", "u"])) == ["t"]


async def test_a_topic_that_is_there_stays_as_it_is(admin):
    await admin.create_topic("t")
    with pytest.raises(ConflictError) as caught:
        await admin.create_topic("t", partitions=2)
    assert caught.value.code == "log.topic_exists"
    assert await admin.partitions("t") == 1


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("no/name", {}, "log.invalid_topic"),
        ("t", {"partitions": 0}, "log.invalid_partitions"),
        ("t", {"configs": {"retention.ms": "soon"}}, None),
        ("t", {"configs": {"retention": "5"}}, None),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_made(admin, name, options, code):
    with pytest.raises(ConfigError) as caught:
        await admin.create_topic(name, **options)
    assert code is None or caught.value.code == code
    assert await admin.list_topics() == []


async def test_an_unknown_topic_names_the_nearest(admin):
    await admin.create_topic("orders")
    with pytest.raises(UnknownTopicOrPartitionError, match="orders"):
        await admin.describe_topic("order")
    for at in (TopicPartition("orders", 1), TopicPartition("other", 0)):
        with pytest.raises(UnknownTopicOrPartitionError):
            await admin.fetch(at, 0)


async def test_configs_are_altered_and_taken_back(admin):
    await admin.create_topic("t", configs={"retention.ms": "5", "segment.bytes": "100"})
    info = await admin.alter_topic("t", {"retention.ms": None, "max.message.bytes": "99"})
    assert info.configs == {"segment.bytes": "100", "max.message.bytes": "99"}
    with pytest.raises(ConfigError):
        await admin.alter_topic("t", {"segment.bytes": "200", "retention.ms": "x"})
    shown = {entry.name: (entry.value, entry.source) for entry in await admin.topic_configs("t")}
    assert shown["segment.bytes"] == ("100", "topic")
    assert shown["retention.ms"] == ("604800000", "default")


async def test_partitions_are_added_and_never_taken(admin):
    await admin.create_topic("t")
    assert len((await admin.add_partitions("t", 3)).partitions) == 3
    for total in (3, 2):
        with pytest.raises(ConfigError) as caught:
            await admin.add_partitions("t", total)
        assert caught.value.code == "log.invalid_partitions"


async def test_a_deleted_topic_takes_its_records_and_every_group_s_offsets_along(cluster, admin):
    await admin.create_topic("t")
    await put(cluster, "t", b"a")
    await cluster.groups.commit("g", {NAME: OffsetAndMetadata(1)})
    await admin.delete_topic("t")
    assert "t" not in await admin.list_topics()
    await admin.create_topic("t")
    assert await values_of(cluster, "t") == []
    assert await cluster.groups.offsets("g") == {}


async def test_records_are_deleted_up_to_an_offset_and_not_behind_the_end(cluster, admin):
    await admin.create_topic("t")
    await put(cluster, "t", b"a", b"b", b"c")
    assert await admin.delete_records(NAME, 2) == 2
    assert await admin.delete_records(NAME, 1) == 2
    with pytest.raises(OffsetOutOfRangeError):
        await admin.delete_records(NAME, 4)
    assert await values_of(cluster, "t", offset=2) == [b"c"]
    assert await admin.delete_records(NAME, -1) == 3


async def test_raw_batches_are_those_stored_with_where_the_log_begins_and_ends(cluster, admin):
    await admin.create_topic("t")
    await put(cluster, "t", b"a", b"b")
    await put(cluster, "t", b"c")
    found = await admin.fetch_raw(NAME, 1, max_bytes=1)
    assert [header.base_offset for header in iterate_batches(found.data)] == [0]  # the one that holds the offset
    assert (found.log_start_offset, found.high_watermark, found.last_stable_offset) == (0, 3, 3)
    assert (await admin.fetch_raw(NAME, 3)).data == b""


async def test_read_committed_stops_before_what_is_open_and_leaves_out_what_was_aborted(cluster, admin):
    await admin.create_topic("t", configs={"segment.ms": "9000000000000"})  # one segment, whatever the marker's time
    producer = cluster.producer(client_id="p", configs={"transactional.id": "id"})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("t", Columns([b"a"], timestamps=1_700_000_000_000), partition=0)
    assert await admin.fetch(NAME, 0, isolation="read_committed") == []
    assert len(await admin.fetch(NAME, 0)) == 1
    await producer.abort_transaction()
    found = await admin.fetch(NAME, 0, isolation="read_committed")
    assert [len(batch) for batch in found] == [0, 0]
    assert len((await admin.fetch_raw(NAME, 0, isolation="read_committed")).aborted) == 1


async def test_a_time_leads_to_the_first_record_at_or_after_it_within_batches_too(cluster, admin):
    await admin.create_topic("t")
    await put(cluster, "t", b"a", b"b", timestamps=[10, 30])
    await put(cluster, "t", b"c", timestamps=20)
    assert [await admin.offset_for_time(NAME, at) for at in (0, 11, 30, 31)] == [0, 1, 1, None]


async def transactional(cluster, name):
    producer = cluster.producer(client_id="p", configs={"transactional.id": name})
    await producer.init_transactions()
    return producer


async def test_transactions_are_listed_with_what_an_open_one_has_touched(cluster, admin):
    await admin.create_topic("t")
    assert await admin.list_transactions() == []
    await transactional(cluster, "idle")
    producer = await transactional(cluster, "busy")
    await producer.begin_transaction()
    await producer.append("t", Columns([b"v"]))
    assert await admin.list_transactions() == [
        TransactionInfo("busy", True, frozenset({NAME})),
        TransactionInfo("idle", False),
    ]


async def test_a_fenced_producer_is_shut_out_and_what_it_left_open_is_aborted(cluster, admin):
    await admin.create_topic("t")
    producer = await transactional(cluster, "id")
    await producer.begin_transaction()
    await producer.append("t", Columns([b"left open"]))
    await admin.fence_producers(["id", "nobody"])
    assert [info.is_open for info in await admin.list_transactions()] == [False]
    with pytest.raises(ProducerFencedError, match="another producer has taken"):
        await producer.append("t", Columns([b"late"]))
    with pytest.raises(ProducerFencedError):
        await producer.commit_transaction()
    committed = await admin.fetch(NAME, 0, isolation="read_committed")
    assert [value for batch in committed for value in batch.columns.values] == []
