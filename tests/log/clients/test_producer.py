"""Where records go, how they are batched, and what is refused."""

from __future__ import annotations

import asyncio
import errno

import pytest

from connect.api import ConfigError, EnvironmentFault, RecordTooLargeError, UnknownTopicOrPartitionError
from connect.api.errors import CorruptBatchError
from connect.codec.partitioner import partitions_of
from connect.records import Columns, TopicPartition
from tests.log.conftest import put, values_of
from tests.support.disk import FaultyDisk


async def test_keys_decide_the_partition_as_kafka_s_partitioner_does(cluster):
    await cluster.admin.create_topic("t", partitions=3)
    keys = [b"key-%d" % n for n in range(100)]
    columns = Columns([b"%d" % n for n in range(100)], keys, list(range(100)), [[("h", b"%d" % n)] for n in range(100)])
    await cluster.producer(client_id="test").append("t", columns)
    numbers = partitions_of(keys, 3)
    for partition in range(3):
        (batch,) = await cluster.admin.fetch(TopicPartition("t", partition), 0)
        rows = [row for row, number in enumerate(numbers) if number == partition]
        assert batch.columns.keys == [keys[row] for row in rows]
        assert batch.columns.values == [b"%d" % row for row in rows]
        assert batch.columns.timestamps == rows
        assert batch.columns.headers == [[("h", b"%d" % row)] for row in rows]


async def test_records_without_a_key_stick_to_a_partition_until_a_batch_is_full(cluster):
    await cluster.admin.create_topic("t", partitions=2)
    producer = cluster.producer(client_id="test")
    for value in (b"small", bytes(20_000), b"next", b"next"):
        await producer.append("t", Columns([value]))
    assert await values_of(cluster, "t", 0) == [b"small", bytes(20_000)]
    assert await values_of(cluster, "t", 1) == [b"next", b"next"]


async def test_some_keys_and_some_none_are_shared_out_together(cluster):
    await cluster.admin.create_topic("t", partitions=2)
    keys = [None, b"a", b"b", None, b"c"]
    await cluster.producer(client_id="test").append("t", Columns([b"%d" % n for n in range(5)], keys))
    found = {value: partition for partition in (0, 1) for value in await values_of(cluster, "t", partition)}
    hashed = partitions_of([b"a", b"b", b"c"], 2)
    assert [found[b"1"], found[b"2"], found[b"4"]] == hashed
    assert found[b"0"] == found[b"3"]


async def test_a_large_append_becomes_batches_of_batch_size(cluster):
    await cluster.admin.create_topic("t")
    producer = cluster.producer(client_id="test", configs={"batch.size": "10000"})
    values = [b"%04d" % n * 25 for n in range(1000)]
    await producer.append("t", Columns(values))
    batches = await cluster.admin.fetch(TopicPartition("t", 0), 0)
    assert len(batches) > 9
    assert [value for batch in batches for value in batch.columns.values] == values


async def test_a_batch_that_would_exceed_the_topic_s_limit_is_halved(cluster):
    await cluster.admin.create_topic("t", configs={"max.message.bytes": "1000"})
    values = [b"a" * 10] * 50 + [b"b" * 900] * 3
    await put(cluster, "t", *values)
    assert await values_of(cluster, "t") == values


async def test_a_record_too_large_is_named_and_nothing_of_its_append_stays(cluster):
    await cluster.admin.create_topic("t", partitions=2, configs={"max.message.bytes": "1000"})
    columns = Columns([b"small"] * 20 + [bytes(2000)], [b"k%d" % n for n in range(20)] + [b"the-key"])
    with pytest.raises(RecordTooLargeError, match=r"with key b'the-key'.* 2000 bytes .*'t' is 1000") as caught:
        await cluster.producer(client_id="test").append("t", columns)
    assert caught.value.code == "log.record_too_large"
    assert await values_of(cluster, "t", 0) == await values_of(cluster, "t", 1) == []


async def test_an_unknown_topic_or_partition_is_refused(cluster):
    producer = cluster.producer(client_id="test")
    with pytest.raises(UnknownTopicOrPartitionError, match="there is no topic 't'"):
        await producer.append("t", Columns([b"a"]))
    await cluster.admin.create_topic("t")
    with pytest.raises(UnknownTopicOrPartitionError, match="no partition 7"):
        await producer.append("t", Columns([b"a"]), partition=7)


@pytest.mark.parametrize(
    ("producer_type", "topic_type", "number"),
    [("none", "producer", 0), ("zstd", "producer", 4), ("zstd", "uncompressed", 0), ("none", "zstd", 4)],
)
async def test_compression_is_the_topic_s_or_else_the_producer_s(cluster, producer_type, topic_type, number):
    await cluster.admin.create_topic("t", configs={"compression.type": topic_type})
    producer = cluster.producer(client_id="test", configs={"compression.type": producer_type})
    await producer.append("t", Columns([b"word " * 100] * 10))
    raw = (await cluster.admin.fetch_raw(TopicPartition("t", 0), 0)).data
    assert raw[22] & 7 == number
    assert await values_of(cluster, "t") == [b"word " * 100] * 10


@pytest.mark.parametrize(("key", "value"), [("compression.type", "brotli"), ("batch.size", "big")])
async def test_a_wrong_producer_config_is_refused(cluster, key, value):
    with pytest.raises(ConfigError) as caught:
        cluster.producer(client_id="test", configs={key: value})
    assert caught.value.config_path == key


@pytest.mark.parametrize("acks", ["none", "written", "durable"])
async def test_appends_that_run_at_once_keep_the_order_of_the_calls(cluster, acks):
    await cluster.admin.create_topic("t")
    producer = cluster.producer(client_id="test")
    values = [b"%d" % n for n in range(200)]
    await asyncio.gather(*(producer.append("t", Columns([value]), acks=acks) for value in values))
    await producer.flush()
    assert await values_of(cluster, "t") == values


async def test_what_acks_none_could_not_write_is_raised_by_flush(cluster):
    await cluster.admin.create_topic("t", configs={"max.message.bytes": "100"})
    producer = cluster.producer(client_id="test")
    await producer.append("t", Columns([bytes(500)]), acks="none")
    with pytest.raises(RecordTooLargeError):
        await producer.flush()
    await producer.flush()
    await producer.aclose()


async def test_a_cancelled_append_leaves_the_producer_usable(cluster):
    await cluster.admin.create_topic("t")
    producer = cluster.producer(client_id="test")
    task = asyncio.create_task(producer.append("t", Columns([b"perhaps"])))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await producer.append("t", Columns([b"surely"]), acks="durable")
    assert (await values_of(cluster, "t"))[-1] == b"surely"


DAMAGES = {
    "cut": lambda raw: raw[:-1],
    "changed": lambda raw: raw[:-1] + b"x",
    "longer": lambda raw: raw + b"x",
    "nothing": lambda raw: b"",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_raw_batches_that_fail_their_checks_are_refused_whole(cluster, damage):
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"a")
    await put(cluster, "t", b"b")
    raw = (await cluster.admin.fetch_raw(TopicPartition("t", 0), 0)).data
    with pytest.raises(CorruptBatchError):
        await cluster.producer(client_id="test").append_raw("t", 0, damage(raw))
    assert await values_of(cluster, "t") == [b"a", b"b"]


@pytest.mark.parametrize("idempotence", ["false", "true"])
async def test_an_append_that_the_disk_refused_half_way_goes_on_with_the_same_columns_and_doubles_nothing(
    open_log, idempotence
):
    disk = FaultyDisk()
    cluster = await open_log(disk=disk)
    await cluster.admin.create_topic("t", partitions=3, configs={"segment.bytes": "2000"})
    producer = cluster.producer(client_id="x", configs={"enable.idempotence": idempotence, "batch.size": "400"})
    keys = [b"k%d" % n for n in range(300)]
    columns = Columns(keys, keys, 1_700_000_000_000)
    refusals = 0
    for _ in range(100):  # each try finds space for one more write
        disk.refuse("write_at", ".log", errno.ENOSPC, after=1)
        try:
            await producer.append("t", columns)
        except EnvironmentFault:
            refusals += 1
        else:
            break
        finally:
            disk.heal()
    assert refusals > 1
    found = [value for number in range(3) for value in await values_of(cluster, "t", number)]
    assert sorted(found) == sorted(keys)
    await producer.append("t", columns)  # a new append of the same object is one
    assert sum([len(await values_of(cluster, "t", number)) for number in range(3)]) == 600


async def test_a_durable_append_that_goes_on_is_on_disk_in_every_partition(open_log):
    disk = FaultyDisk()
    cluster = await open_log(disk=disk)
    await cluster.admin.create_topic("t", partitions=3)
    producer = cluster.producer(client_id="x")
    keys = [b"k%d" % n for n in range(30)]
    columns = Columns(keys, keys, 1_700_000_000_000)
    for number in (1, 2):
        disk.refuse("write_at", f"t-{number}", errno.ENOSPC)
        with pytest.raises(EnvironmentFault):
            await producer.append("t", columns, acks="durable")
        disk.heal()
    disk.steps.clear()
    await producer.append("t", columns, acks="durable")
    synced = {name for step, name in disk.steps if step == "sync_file"}
    assert synced >= {f"t-{number}/00000000000000000000.log" for number in range(3)}


async def test_an_append_tells_where_each_record_is(cluster):
    await cluster.admin.create_topic("t", partitions=3)
    producer = cluster.producer(client_id="x", configs={"batch.size": "200"})
    keys = [None if n % 7 == 0 else b"k%d" % n for n in range(100)]
    values = [b"%d" % n for n in range(100)]
    await producer.append("t", Columns([b"before"]), partition=1)
    appended = await producer.append("t", Columns(values, keys))
    for value, (partition, offset) in zip(values, appended.places(), strict=True):
        assert (await values_of(cluster, "t", partition))[offset] == value
    assert (await producer.append("t", Columns([b"x", b"y"]), partition=2)).places()[1][0] == 2
    assert (await producer.append("t", Columns([]))).places() == []
    assert await producer.append("t", Columns([b"z"]), acks="none") is None


async def test_an_append_that_went_on_after_a_refusal_tells_where_each_record_is(open_log):
    disk = FaultyDisk()
    cluster = await open_log(disk=disk)
    await cluster.admin.create_topic("t", partitions=2, configs={"segment.bytes": "2000"})
    producer, other = cluster.producer(client_id="x", configs={"batch.size": "400"}), cluster.producer(client_id="y")
    keys = [b"k%d" % n for n in range(300)]
    columns, appended = Columns(keys, keys, 1_700_000_000_000), None
    for _ in range(100):
        disk.refuse("write_at", ".log", errno.ENOSPC, after=1)
        try:
            appended = await producer.append("t", columns)
            break
        except EnvironmentFault:
            disk.heal()
            await other.append("t", Columns([b"between"]), partition=0)
        finally:
            disk.heal()
    assert appended is not None
    assert len(appended.pieces) > 2
    for key, (partition, offset) in zip(keys, appended.places(), strict=True):
        assert (await values_of(cluster, "t", partition))[offset] == key
