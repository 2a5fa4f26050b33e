from __future__ import annotations

import asyncio
from typing import get_args

import pytest

from connect.api.errors import (
    ConfigError,
    InternalTopicError,
    InvalidRecordError,
    ProducerFencedError,
    RecordTooLargeError,
    TransactionStateError,
    UnknownTopicOrPartitionError,
)
from connect.codec.partitioner import partitions_of
from connect.ports import Acks, Cluster, Producer
from connect.records import Columns, OffsetAndMetadata, TopicPartition
from tests.support.engines import SOON_S, columns, now_ms, read
from tests.support.ports import assert_offers


async def test_the_producer_is_called_as_the_port_says(cluster: Cluster) -> None:
    await assert_offers(cluster, Producer, lambda cluster: cluster.producer(client_id="test"))


@pytest.mark.parametrize("acks", get_args(Acks))
async def test_what_was_appended_is_there_after_a_flush_whatever_was_waited_for(
    cluster: Cluster, name: str, acks: Acks
) -> None:
    await cluster.admin.create_topic(name)
    producer = cluster.producer(client_id="test")
    where = await producer.append(name, columns(b"a", b"b"), acks=acks)
    assert where is None if acks == "none" else where is not None and where.places() == [(0, 0), (0, 1)]
    await producer.flush()
    assert await read(cluster, name) == [b"a", b"b"]
    await producer.aclose()


async def test_without_places_all_is_there_when_an_append_returns(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name, partitions=3)
    producer = cluster.producer(client_id="test", places=False)
    given = [b"%d" % number for number in range(200)]
    for _ in range(2):
        await producer.append(name, columns(*given, keys=list(given)))
    found = [value for number in range(3) for value in await read(cluster, name, number)]
    assert sorted(filter(None, found)) == sorted(given * 2)
    with pytest.raises(UnknownTopicOrPartitionError):
        await producer.append(f"{name}-other", columns(b"a"))
    await producer.append(name, columns(b"last"), partition=0)
    assert (await read(cluster, name, 0))[-1] == b"last"
    await producer.aclose()


async def test_a_record_comes_back_as_it_was(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name)
    producer, now = cluster.producer(client_id="test"), now_ms()
    given = Columns(
        [b"value", None, b""], [b"key", b"k", None], [now, now - 5, now - 9], [[("h", b"1"), ("h", None)], None, []]
    )
    await producer.append(name, given)
    (batch,) = await cluster.admin.fetch(TopicPartition(name, 0), 0)
    found = batch.columns
    assert list(found.values) == [b"value", None, b""]
    assert found.keys is not None
    assert list(found.keys) == [b"key", b"k", None]
    assert list(found.stamps) == [now, now - 5, now - 9]
    assert found.headers is not None
    assert [headers or [] for headers in found.headers] == [[("h", b"1"), ("h", None)], [], []]
    await producer.aclose()


async def test_a_key_goes_to_its_partition_and_appends_keep_their_order(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name, partitions=5)
    producer = cluster.producer(client_id="test")
    keys = [b"key-%d" % number for number in range(40)]
    appended = [
        producer.append(name, columns(*(b"%s %d" % (key, turn) for key in keys), keys=list(keys))) for turn in range(3)
    ]
    first, *_ = await asyncio.gather(*appended)
    assert first is not None
    assert [partition for partition, _ in first.places()] == partitions_of(keys, 5)
    for number in range(5):
        mine = [key for key, at in zip(keys, partitions_of(keys, 5), strict=True) if at == number]
        assert await read(cluster, name, number) == [b"%s %d" % (key, turn) for turn in range(3) for key in mine]
    await producer.aclose()


async def test_records_without_keys_stick_to_one_partition_until_it_had_its_fill(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name, partitions=2)
    producer = cluster.producer(client_id="test")
    where = [await producer.append(name, columns(value)) for value in (b"a", b"b", bytes(20_000), b"c")]
    assert [one.pieces[0][0] for one in where if one is not None] == [0, 0, 0, 1]
    assert await producer.append(name, columns(b"d"), partition=0)
    await producer.aclose()


async def test_nothing_is_appended_where_there_is_no_such_partition(cluster: Cluster, name: str) -> None:
    producer = cluster.producer(client_id="test")
    with pytest.raises(UnknownTopicOrPartitionError):
        await producer.append(name, columns(b"v"))
    assert await cluster.admin.partitions(name) is None, "an append makes no topic"
    await cluster.admin.create_topic(name)
    with pytest.raises(UnknownTopicOrPartitionError):
        await producer.append(name, columns(b"v"), partition=1)
    await producer.append(name, columns(b"w"))
    assert await read(cluster, name) == [b"w"]
    await producer.aclose()


async def test_a_record_that_is_too_large_leaves_nothing_of_its_append(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name, configs={"max.message.bytes": "1000"})
    producer = cluster.producer(client_id="test")
    with pytest.raises(RecordTooLargeError):
        await producer.append(name, columns(b"small", bytes(2000), b"small"))
    many = [b"%03d" % number * 30 for number in range(60)]
    await producer.append(name, columns(*many))
    assert await read(cluster, name) == many, "record batches are cut to what the topic takes"
    await producer.aclose()


async def test_a_compacted_topic_takes_no_record_without_a_key(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name, configs={"cleanup.policy": "compact"})
    producer = cluster.producer(client_id="test")
    for keys in (None, [b"k", None]):
        with pytest.raises(InvalidRecordError):
            await producer.append(name, columns(b"a", b"b", keys=keys))
    await producer.append(name, columns(b"c", keys=[b"k"]))
    assert await read(cluster, name) == [b"c"]
    await producer.aclose()


async def test_a_timestamp_out_of_bounds_leaves_nothing_of_its_append(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name, configs={"message.timestamp.before.max.ms": "60000"})
    producer = cluster.producer(client_id="test")
    with pytest.raises(InvalidRecordError, match=r"message\.timestamp\.before\.max\.ms"):
        await producer.append(name, Columns([b"a", b"b"], timestamps=[now_ms(), now_ms() - 120_000]))
    assert await read(cluster, name) == []
    await producer.aclose()


async def test_internal_topics_take_the_records_of_the_stores_alone(cluster: Cluster, name: str) -> None:
    await cluster.reserve([name])
    await cluster.admin.create_topic(name)
    plain, store = cluster.producer(client_id="plain"), cluster.producer(client_id="store", internal=True)
    with pytest.raises(InternalTopicError):
        await plain.append(name, columns(b"v", keys=[b"k"]))
    await store.append(name, columns(b"v", keys=[b"k"]), acks="durable")
    assert await read(cluster, name) == [b"v"]
    for each in (plain, store):
        await each.aclose()


async def test_a_config_that_cannot_be_is_refused(cluster: Cluster) -> None:
    with pytest.raises(ConfigError):
        cluster.producer(client_id="test", configs={"compression.type": "brotli"})


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_records_come_back(cluster: Cluster, name: str, codec: str) -> None:
    await cluster.admin.create_topic(name)
    producer = cluster.producer(client_id="test", configs={"compression.type": codec})
    await producer.append(name, columns(*[b"v" * 100] * 50))
    assert await read(cluster, name) == [b"v" * 100] * 50
    await producer.aclose()


async def test_a_transaction_is_seen_as_a_whole_or_not_at_all(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name, partitions=2)
    producer = cluster.producer(client_id="test", configs={"transactional.id": name})
    await producer.init_transactions()
    for turn in range(3):
        await producer.begin_transaction()
        for partition in range(2):
            where = await producer.append(name, columns(b"%d" % turn), partition=partition)
            assert where is not None
            assert len(where.places()) == 1
        await (producer.abort_transaction() if turn == 1 else producer.commit_transaction())
    for partition in range(2):
        assert await read(cluster, name, partition, isolation="read_committed") == [b"0", b"2"]
    await producer.aclose()


async def test_offsets_are_committed_with_the_transaction_that_they_were_sent_to(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name)
    at = TopicPartition(name, 0)
    producer = cluster.producer(client_id="test", configs={"transactional.id": name})
    await producer.init_transactions()
    for offset, end in ((3, producer.abort_transaction), (5, producer.commit_transaction)):
        await producer.begin_transaction()
        await producer.append(name, columns(b"v"))
        await producer.send_offsets_to_transaction(name, {at: OffsetAndMetadata(offset)})
        await end()
        if offset == 3:
            assert await cluster.groups.offsets(name) == {}
    deadline = asyncio.get_running_loop().time() + SOON_S
    while not (found := await cluster.groups.offsets(name)):  # brokers show it a moment after they have answered
        assert asyncio.get_running_loop().time() < deadline
    assert {at: one.offset for at, one in found.items()} == {at: 5}
    await producer.aclose()


async def test_who_takes_a_transactional_id_shuts_out_who_had_it(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name)
    configs = {"transactional.id": name}
    first, second = (cluster.producer(client_id=each, configs=configs) for each in ("first", "second"))
    await first.init_transactions()
    await first.begin_transaction()
    await first.append(name, columns(b"left open"))
    await second.init_transactions()
    with pytest.raises(ProducerFencedError):
        await first.commit_transaction()
    await second.begin_transaction()
    await second.append(name, columns(b"v"))
    await second.commit_transaction()
    assert await read(cluster, name, isolation="read_committed") == [b"v"]
    for each in (first, second):
        await each.aclose()


async def test_a_transactional_id_may_be_taken_again_by_who_has_it(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name)
    producer = cluster.producer(client_id="test", configs={"transactional.id": name})
    for turn in range(2):
        await producer.init_transactions()
        await producer.begin_transaction()
        await producer.append(name, columns(b"%d" % turn))
        await producer.commit_transaction()
    assert await read(cluster, name, isolation="read_committed") == [b"0", b"1"]
    await producer.aclose()


async def test_transactions_are_begun_one_at_a_time_and_by_those_alone_that_have_an_id(
    cluster: Cluster, name: str
) -> None:
    plain = cluster.producer(client_id="plain")
    with pytest.raises(TransactionStateError, match=r"transactional\.id"):
        await plain.init_transactions()
    producer = cluster.producer(client_id="test", configs={"transactional.id": name})
    with pytest.raises(TransactionStateError):
        await producer.begin_transaction()
    await producer.init_transactions()
    with pytest.raises(TransactionStateError):
        await producer.commit_transaction()
    await cluster.admin.create_topic(name)
    with pytest.raises(TransactionStateError):
        await producer.append(name, columns(b"v"))
    await producer.begin_transaction()
    with pytest.raises(TransactionStateError):
        await producer.begin_transaction()
    for each in (plain, producer):
        await each.aclose()


async def test_a_transaction_that_is_open_when_its_producer_is_closed_is_aborted(cluster: Cluster, name: str) -> None:
    await cluster.admin.create_topic(name)
    producer = cluster.producer(client_id="test", configs={"transactional.id": name})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append(name, columns(b"v"))
    await producer.aclose()
    await producer.aclose()
    assert await read(cluster, name, isolation="read_committed") == []
    info = (await cluster.admin.describe_topic(name)).partitions[0]
    assert info.last_stable_offset == info.log_end_offset
