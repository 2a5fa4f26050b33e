"""Appending, rolling and reading a partition."""

from __future__ import annotations

import contextlib
import resource

import pytest

from connect.api import EnvironmentFault
from connect.api.errors import OffsetOutOfRangeError
from connect.records import Columns, TimestampType, TopicPartition
from tests.log.conftest import put, until, values_of
from tests.support.disk import FaultyDisk

NAME = TopicPartition("t", 0)


@contextlib.contextmanager
def file_size_limit(size_bytes: int):
    """Make the kernel refuse to let any file grow past a size, as a full disk would: part of a write may be done."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_segment_rolls_by_size_and_names_itself_after_its_base_offset(cluster, data_dir):
    await cluster.admin.create_topic("t", configs={"segment.bytes": "400"})
    for number in range(9):
        await put(cluster, "t", bytes([number]) * 100)
    names = sorted(path.name for path in data_dir.glob("t-0/*.log"))
    assert names == [f"{base:020d}.log" for base in (0, 2, 4, 6, 8)]
    assert await values_of(cluster, "t") == [bytes([number]) * 100 for number in range(9)]
    assert (await cluster.admin.describe_topic("t")).partitions[0].segments == 5


async def test_a_segment_rolls_by_age_as_records_tell_it(open_log, data_dir):
    cluster = await open_log()
    await cluster.admin.create_topic("t", configs={"segment.ms": "1000"})
    await put(cluster, "t", b"a", timestamps=5_000)
    await put(cluster, "t", b"b", timestamps=6_000)
    await cluster.aclose()
    cluster = await open_log()
    await put(cluster, "t", b"c", timestamps=6_001)
    await put(cluster, "t", b"d", timestamps=6_500)
    assert sorted(path.stem[-1] for path in data_dir.glob("t-0/*.log")) == ["0", "2"]


async def test_an_append_of_many_batches_rolls_between_them(cluster, data_dir):
    await cluster.admin.create_topic("t", configs={"segment.bytes": "1000"})
    producer = cluster.producer(client_id="test", configs={"batch.size": "300"})
    values = [b"%03d" % n * 30 for n in range(50)]
    await producer.append("t", Columns(values))
    assert all(path.stat().st_size <= 1000 for path in data_dir.glob("t-0/*.log"))
    assert await values_of(cluster, "t") == values


@pytest.mark.parametrize("max_bytes", [1, 61, 100, 150, 1000, 1 << 20])
async def test_every_offset_can_be_fetched_with_any_bound(cluster, max_bytes):
    await cluster.admin.create_topic("t", configs={"segment.bytes": "500", "index.interval.bytes": "100"})
    for number in range(0, 40, 2):
        await put(cluster, "t", b"%d" % number, b"%d" % (number + 1))
    for offset in range(40):
        batches = await cluster.admin.fetch(NAME, offset, max_bytes=max_bytes)
        assert batches[0].offsets[0] == offset
        assert batches[0].columns.values[0] == b"%d" % offset
    assert await cluster.admin.fetch(NAME, 40) == []


@pytest.mark.parametrize("offset", [-1, 3])
async def test_an_offset_out_of_range_is_answered_with_the_range(cluster, offset):
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"a", b"b")
    with pytest.raises(OffsetOutOfRangeError, match=f"offset {offset} of t-0 .* holds 0 to 2"):
        await cluster.admin.fetch(NAME, offset)


async def test_an_offset_is_found_by_time(cluster):
    await cluster.admin.create_topic("t", configs={"segment.bytes": "300", "index.interval.bytes": "0"})
    for number in range(0, 20, 2):
        await put(cluster, "t", b"a", b"b", timestamps=[100 * number, 100 * number + 100])
    assert await cluster.admin.offset_for_time(NAME, 0) == 0
    assert await cluster.admin.offset_for_time(NAME, 701) == 8
    assert await cluster.admin.offset_for_time(NAME, 1900) == 19
    assert await cluster.admin.offset_for_time(NAME, 1901) is None


async def test_raw_batches_go_in_and_come_out_as_they_are_but_for_their_offsets(cluster):
    for topic in ("t", "copy"):
        await cluster.admin.create_topic(topic)
    await put(cluster, "t", b"a", b"b")
    await put(cluster, "t", b"c")
    fetched = await cluster.admin.fetch_raw(NAME, 1)
    producer = cluster.producer(client_id="test")
    assert await producer.append_raw("copy", 0, fetched.data) == 0
    assert await producer.append_raw("copy", 0, fetched.data) == 3
    assert (await cluster.admin.fetch_raw(TopicPartition("copy", 0), 0)).data.startswith(fetched.data)
    assert await values_of(cluster, "copy") == [b"a", b"b", b"c"] * 2
    assert (fetched.log_start_offset, fetched.high_watermark, fetched.last_stable_offset) == (0, 3, 3)


async def test_log_append_time_comes_from_the_log_s_clock(open_log):
    cluster = await open_log(clock=lambda: 777)
    await cluster.admin.create_topic("t", configs={"message.timestamp.type": "LogAppendTime"})
    await put(cluster, "t", b"a", b"b", timestamps=[1, 2])
    raw = (await cluster.admin.fetch_raw(NAME, 0)).data
    await cluster.admin.create_topic("plain")
    await put(cluster, "plain", b"c", timestamps=5)
    raw = (await cluster.admin.fetch_raw(TopicPartition("plain", 0), 0)).data
    await cluster.producer(client_id="test").append_raw("t", 0, raw)
    for batch in await cluster.admin.fetch(NAME, 0):
        assert batch.timestamp_type is TimestampType.LOG_APPEND_TIME
        assert batch.columns.timestamps == 777


async def test_a_disk_that_refuses_leaves_no_part_of_a_batch(cluster, log_file):
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"before")
    size = log_file("t").stat().st_size
    with file_size_limit(size + 500):
        with pytest.raises(EnvironmentFault, match=r"cannot append to .*/t-0/0{20}\.log") as caught:
            await put(cluster, "t", bytes(10_000))
        assert log_file("t").stat().st_size == size
        await put(cluster, "t", b"small")
    assert caught.value.code == "environment.disk"
    await put(cluster, "t", bytes(10_000))
    assert await values_of(cluster, "t") == [b"before", b"small", bytes(10_000)]


async def test_a_clean_start_reads_no_records(open_log, data_dir, log_file):
    cluster = await open_log()
    await cluster.admin.create_topic("t", configs={"index.interval.bytes": "100", "segment.bytes": "2000"})
    for number in range(100):
        await put(cluster, "t", b"%d" % number)
    await cluster.aclose()
    oldest = min(data_dir.glob("t-0/*.log"))
    oldest.write_bytes(b"\xff" * oldest.stat().st_size)
    again = await open_log()
    info = await again.admin.describe_topic("t")
    assert info.partitions[0].log_end_offset == 100
    assert (await values_of(again, "t", offset=99)) == [b"99"]


async def test_index_files_hold_nothing_but_entries(open_log, data_dir):
    cluster = await open_log()
    await cluster.admin.create_topic("t", configs={"index.interval.bytes": "0"})
    for number in range(5):
        await put(cluster, "t", b"a", timestamps=number)
    await cluster.aclose()
    (index,) = data_dir.glob("t-0/*.index")
    (times,) = data_dir.glob("t-0/*.timeindex")
    batch_bytes = 61 + 8
    entries = [(n, n * batch_bytes) for n in range(1, 5)]
    assert index.read_bytes() == b"".join(a.to_bytes(4, "big") + b.to_bytes(4, "big") for a, b in entries)
    assert times.read_bytes() == b"".join(n.to_bytes(8, "big") + n.to_bytes(4, "big") for n in range(1, 5))


async def test_a_file_that_cannot_be_opened_to_be_synced_is_no_failed_sync(cluster, log_file):
    await cluster.admin.create_topic("t")
    producer = cluster.producer(client_id="test")
    await producer.append("t", Columns([b"a"]))
    path = log_file("t")
    moved = path.rename(path.with_suffix(".moved"))
    with pytest.raises(EnvironmentFault, match="cannot sync"):
        await producer.flush()
    moved.rename(path)
    await producer.flush()


async def test_flush_ms_syncs_by_itself(open_log, caplog):
    disk = FaultyDisk()
    cluster = await open_log(disk=disk)
    await cluster.admin.create_topic("t", configs={"flush.ms": "20"})
    await put(cluster, "t", b"a")
    await cluster.producer(client_id="test").append("t", Columns([b"b"]), acks="durable")
    disk.refuse("sync_file", "t-0")
    await put(cluster, "t", b"c")
    await until(lambda: "flush.ms of t-0: cannot sync" in caplog.text)
    with pytest.raises(EnvironmentFault, match="cannot sync"):
        await cluster.aclose()


async def test_a_failed_fsync_is_final_for_its_partition_until_the_log_is_opened_again(open_log):
    disk = FaultyDisk()
    cluster = await open_log(disk=disk)
    await cluster.admin.create_topic("t")
    producer = cluster.producer(client_id="test")
    await producer.append("t", Columns([b"a"]))
    disk.refuse("sync_file", "t-0", times=1)
    with pytest.raises(EnvironmentFault, match="cannot sync") as caught:
        await producer.flush()
    assert caught.value.code == "log.sync_failed"
    # What the kernel could not write it forgets: a later success would mean nothing.
    for attempt in (producer.flush(), producer.append("t", Columns([b"b"])), cluster.admin.delete_records(NAME, -1)):
        with pytest.raises(EnvironmentFault, match="cannot sync") as caught:
            await attempt
        assert caught.value.code == "log.sync_failed"
    assert await values_of(cluster, "t") == [b"a"]
    await cluster.admin.create_topic("other")
    await cluster.producer(client_id="test").append("other", Columns([b"o"]), acks="durable")
    with pytest.raises(EnvironmentFault, match="cannot sync"):
        await cluster.aclose()
    again = await open_log()
    await put(again, "t", b"b", acks="durable")
    assert await values_of(again, "t") == [b"a", b"b"]
    assert await values_of(again, "other") == [b"o"]


async def test_a_fsync_that_fails_at_a_roll_is_final_too(open_log):
    disk = FaultyDisk()
    cluster = await open_log(disk=disk)
    await cluster.admin.create_topic("t", configs={"segment.bytes": "200"})
    await put(cluster, "t", bytes(100))
    disk.refuse("sync_file", "t-0/00", times=1)
    for _ in range(3):
        with pytest.raises(EnvironmentFault, match="cannot sync") as caught:
            await put(cluster, "t", bytes(100))
        assert caught.value.code == "log.sync_failed"
    with pytest.raises(EnvironmentFault):
        await cluster.aclose()
    assert await values_of(await open_log(), "t") == [bytes(100)]


async def test_flush_forgets_a_topic_that_was_deleted(cluster):
    for topic in ("t", "u"):
        await cluster.admin.create_topic(topic)
    producer = cluster.producer(client_id="test")
    for topic in ("t", "u"):
        await producer.append(topic, Columns([b"a"]))
    await cluster.admin.delete_topic("t")
    await producer.flush()
    assert cluster._topics.get("u").partitions[0].recovery_point == 1, "what is still there is on disk"


async def test_flush_messages_syncs_by_itself(open_log):
    disk = FaultyDisk()
    cluster = await open_log(disk=disk)
    await cluster.admin.create_topic("t", configs={"flush.messages": "3"})
    await put(cluster, "t", b"a", b"b")
    disk.refuse("sync_file", "t-0")
    with pytest.raises(EnvironmentFault, match="cannot sync"):
        await put(cluster, "t", b"c")
    with pytest.raises(EnvironmentFault, match="cannot sync"):
        await cluster.aclose()
