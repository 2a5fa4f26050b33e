"""What the log does by itself, and that one thing that fails keeps no other from being done."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect.records import Columns, OffsetAndMetadata, TopicPartition
from tests.log.conftest import put, until
from tests.support.disk import FaultyDisk

NAME = TopicPartition("t", 0)
NOW = 1_700_000_000_000
DAY = 86_400_000


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_retention_removes_old_segments_of_every_topic_though_one_disk_refuses(open_log, clock, caplog):
    disk = FaultyDisk()
    cluster = await open_log(clock=clock, disk=disk)
    for topic in ("bad", "good"):
        await cluster.admin.create_topic(topic, configs={"retention.ms": "1000", "segment.bytes": "200"})
        for _ in range(3):
            await put(cluster, topic, bytes(100))
    clock.now += 1001
    disk.refuse("remove", f"bad-0/{0:020d}.log", times=1)
    await cluster._upkeep.apply_retention()
    assert "retention of bad-0: cannot remove segments of" in caplog.text
    info = (await cluster.admin.describe_topic("good")).partitions[0]
    assert (info.log_start_offset, info.log_end_offset, info.size_bytes) == (3, 3, 0)


async def test_what_is_due_comes_by_itself_and_goes_on_after_a_failure(open_log, clock, caplog):
    disk = FaultyDisk()
    configs = {"log.retention.check.interval.ms": "2", "log.cleaner.backoff.ms": "2"}
    cluster = await open_log(clock=clock, disk=disk, configs=configs)
    await cluster.admin.create_topic("t", configs={"retention.ms": "1000", "segment.bytes": "200"})
    await put(cluster, "t", bytes(100))
    await put(cluster, "t", bytes(100))
    disk.refuse("rename", "log-start-offset-checkpoint", times=1)
    clock.now += 1001
    await until(lambda: "retention of t-0: cannot write" in caplog.text)
    part = cluster._topics.get("t").partitions[0]
    await until(lambda: part.log_start_offset == 2)


async def test_a_dirty_topic_is_compacted_by_itself(open_log, clock):
    configs = {"log.cleaner.backoff.ms": "2"}
    cluster = await open_log(clock=clock, configs=configs)
    await cluster.admin.create_topic("t", configs={"cleanup.policy": "compact", "segment.bytes": "300"})
    for number in range(20):
        await put(cluster, "t", b"%d" % number * 30, keys=[b"k"])
    part = cluster._topics.get("t").partitions[0]
    await until(lambda: part.size_bytes < 1000)
    assert (await values_of_compacted(cluster))[-1] == b"19" * 30


async def values_of_compacted(cluster):
    values, offset = [], 0
    while batches := await cluster.admin.fetch(NAME, offset):
        values += [value for batch in batches for value in batch.columns.values]
        offset = batches[-1].next_offset
    return values


async def test_a_damaged_partition_is_given_up_and_said_once_and_the_others_are_compacted(open_log, data_dir, caplog):
    cluster = await open_log(configs={"log.cleaner.enable": "false"})
    for topic in ("bad", "good"):
        await cluster.admin.create_topic(topic, configs={"cleanup.policy": "compact", "segment.bytes": "300"})
        for number in range(20):
            await put(cluster, topic, b"%d" % number * 30, keys=[b"k"])
    path = min((data_dir / "bad-0").glob("*.log"))
    raw = bytearray(path.read_bytes())
    raw[70] ^= 0xFF
    path.write_bytes(raw)
    for _ in range(2):
        await cluster._upkeep.compact_dirty()
    assert caplog.text.count("bad-0 is not compacted until the log is opened again") == 1
    assert cluster._topics.get("good").partitions[0].size_bytes < 1000
    assert path.read_bytes() == raw


async def test_a_topic_that_is_not_compacted_is_not_compacted_on_demand(cluster):
    await cluster.admin.create_topic("t")
    with pytest.raises(ConfigError, match=r"its cleanup\.policy is delete"):
        await cluster.compact("t")


async def test_offsets_expire_once_nobody_committed_them_for_a_week(open_log, clock):
    cluster = await open_log(clock=clock)
    await cluster.admin.create_topic("t")
    await cluster.groups.commit("g", {NAME: OffsetAndMetadata(0)})
    clock.now += 7 * DAY
    assert await cluster._upkeep.expire_offsets() == 0
    clock.now += 1
    assert await cluster._upkeep.expire_offsets() == 1
    assert await cluster.groups.list() == []


async def test_producers_that_were_not_heard_of_for_a_day_are_forgotten(open_log, clock):
    cluster = await open_log(clock=clock)
    await cluster.admin.create_topic("t", configs={"retention.ms": "-1"})
    producer = cluster.producer(client_id="p", configs={"enable.idempotence": "true"})
    await producer.append("t", Columns([b"a"], timestamps=NOW), partition=0)
    part = cluster._topics.get("t").partitions[0]
    await cluster._upkeep.apply_retention()
    assert part.producer_epoch(0) == 0
    clock.now += DAY + 1
    await cluster._upkeep.apply_retention()
    assert part.producer_epoch(0) == -1


async def test_recovery_points_are_noted_while_the_log_runs(open_log, data_dir):
    cluster = await open_log(configs={"log.flush.offset.checkpoint.interval.ms": "2"})
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"a", b"b", acks="durable")
    path = data_dir / "recovery-point-offset-checkpoint"
    await until(lambda: path.exists() and "t 0 2" in path.read_text())


async def test_closing_ends_all_of_it(open_log):
    cluster = await open_log(configs={"log.retention.check.interval.ms": "1"})
    tasks = list(cluster._upkeep._tasks)
    assert len(tasks) == 5
    await cluster.aclose()
    assert all(task.done() for task in tasks)
