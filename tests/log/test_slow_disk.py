"""A disk that is slow, hangs, refuses or is full: who waits for it, who does not, and what is never said too early."""

from __future__ import annotations

import asyncio
import errno
import logging
import threading
import time

import pytest

from connect.api import EnvironmentFault
from connect.api.errors import LogError, ProducerFencedError, TransactionStateError
from connect.log import LogCluster
from connect.log.owner import CLEAN_SHUTDOWN_FILE, is_in_use
from connect.records import Columns, OffsetAndMetadata, TopicPartition
from connect.stores.compacted import CompactedTopic
from tests.log.conftest import put, until, values_of
from tests.support.disk import FaultyDisk, Gate

NAME = TopicPartition("t", 0)


@pytest.fixture
def disk():
    return FaultyDisk()


@pytest.fixture
async def slow(open_log, disk):
    """A log on the disk, with topics "slow" and "fast"."""
    cluster = await open_log(disk=disk)
    for topic in ("slow", "fast"):
        await cluster.admin.create_topic(topic, partitions=2)
    return cluster


async def arrived(gate):
    await asyncio.to_thread(gate.arrived.wait, 10)


# -- nothing said before it is on disk ---------------------------------------------------------------------------------


async def test_a_flush_waits_for_the_disk_also_while_another_one_that_was_given_up_still_runs(slow, disk):
    producer = slow.producer(client_id="p")
    await producer.append("slow", Columns([b"1"]), partition=0)
    gate = disk.hold("sync_file", "slow-0")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await producer.flush()
    second = asyncio.ensure_future(producer.flush())
    await asyncio.sleep(0.05)
    assert not second.done()
    gate.open()
    await second
    assert ("sync_file", "slow-0/00000000000000000000.log") in disk.steps


async def test_a_flush_covers_an_append_whose_caller_was_cancelled(slow, disk):
    producer = slow.producer(client_id="p")
    gate = disk.hold("write_at", "slow-0")
    append = asyncio.ensure_future(producer.append("slow", Columns([b"1"]), partition=0))
    await arrived(gate)
    append.cancel()
    flush = asyncio.ensure_future(producer.flush())
    await asyncio.sleep(0.02)
    assert not flush.done()
    gate.open()
    await flush
    assert ("sync_file", "slow-0/00000000000000000000.log") in disk.steps


async def test_no_marker_is_written_before_its_decision_is_on_disk_also_with_two_commits_at_once(slow, disk):
    producers = [slow.producer(client_id=name, configs={"transactional.id": name}) for name in "ab"]
    for number, producer in enumerate(producers):
        await producer.init_transactions()
        await producer.begin_transaction()
        await producer.append("slow", Columns([b"v"]), partition=number)
    gate = disk.hold("sync_file", "__transaction_state")
    disk.steps.clear()
    commits = [asyncio.ensure_future(producer.commit_transaction()) for producer in producers]
    await arrived(gate)
    await asyncio.sleep(0.05)
    assert not log_writes(disk)
    gate.open()
    await asyncio.gather(*commits)
    decided = disk.steps.index(("sync_file", "__transaction_state-0/00000000000000000000.log"))
    assert len(log_writes(disk)) == 2
    assert min(log_writes(disk)) > decided


def log_writes(disk):
    """At which steps the topic "slow" was written to."""
    steps = enumerate(disk.steps)
    return [
        place for place, (step, name) in steps if step == "write_at" and name.startswith("slow-") and ".log" in name
    ]


async def test_no_record_of_the_next_transaction_is_written_before_the_end_of_the_last_one_is_on_disk(slow, disk):
    producer = slow.producer(client_id="p", configs={"transactional.id": "p"})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("slow", Columns([b"one"]), partition=0)
    seen = 0
    gate = None

    def hold_the_last(step, path):
        # The syncs of a commit are those of the decision and of the end; the end's is the last.
        nonlocal seen, gate
        if step == "sync_file" and "__transaction_state" in str(path):
            seen += 1
            if seen == 2:
                gate = disk.hold("sync_file", "__transaction_state")
                gate.wait()

    disk.hooks.append(hold_the_last)
    await producer.commit_transaction()
    await until(lambda: gate is not None and gate.arrived.is_set())
    await producer.begin_transaction()
    disk.steps.clear()
    append = asyncio.ensure_future(producer.append("slow", Columns([b"two"]), partition=0))
    await asyncio.sleep(0.05)
    assert not append.done()
    assert not [step for step in disk.steps if step[1].startswith("slow-")]
    gate.open()
    await append


async def test_records_are_not_deleted_up_to_an_offset_that_is_not_on_disk(slow, disk):
    await put(slow, "slow", b"1", b"2")
    disk.steps.clear()
    await slow.admin.delete_records(TopicPartition("slow", 0), -1)
    steps = [step for step, _ in disk.steps]
    assert disk.steps[0] == ("sync_file", "slow-0/00000000000000000000.log")
    assert "rename" in steps


async def test_a_topic_deleted_while_it_is_synced_leaves_no_recovery_point_to_the_next_of_its_name(open_log):
    class HeldAtTheEnd(FaultyDisk):
        gate = Gate()

        def sync_file(self, path):
            super().sync_file(path)
            if path.parent.name == "t-0" and not self.gate.is_open():
                self.gate.wait()

    disk = HeldAtTheEnd()
    cluster = await open_log(disk=disk)
    await cluster.admin.create_topic("t")
    disk.gate.open()
    await put(cluster, "t", b"1", b"2", acks="durable")
    gate = disk.gate = Gate()
    last = asyncio.ensure_future(put(cluster, "t", b"3", acks="durable"))
    await arrived(gate)
    await cluster.admin.delete_topic("t")
    gate.open()
    await asyncio.wait([last])
    info = await cluster.admin.create_topic("t")
    assert info.partitions[0].log_end_offset == 0


# -- memory and disk ---------------------------------------------------------------------------------------------------


async def test_of_two_writes_of_a_key_the_later_stays_in_memory_though_it_is_answered_first(open_log, disk):
    cluster = await open_log(disk=disk)
    store = CompactedTopic(cluster, "store")
    await store.open()
    gate = disk.hold("sync_file", "store-0")
    older = asyncio.ensure_future(store.put({b"k": b"older"}, timestamp_ms=1))
    await arrived(gate)
    await store.put({b"k": b"newer"}, acks="written", timestamp_ms=2)
    assert store.get(b"k") == b"newer"
    gate.open()
    await older
    assert store.get(b"k") == b"newer"
    await store.aclose()


async def test_a_write_whose_caller_gave_up_is_in_memory_once_the_log_has_it(open_log, disk):
    cluster = await open_log(disk=disk)
    store = CompactedTopic(cluster, "store")
    await store.open()
    gate = disk.hold("sync_file", "store-0")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await store.put({b"k": b"v"}, timestamp_ms=1)
    assert store.get(b"k") is None
    gate.open()
    await until(lambda: store.get(b"k") == b"v")
    await store.aclose()


async def test_group_offsets_in_memory_are_those_committed_last(slow, disk):
    await slow.admin.create_topic("t")
    for offset in (1, 2):
        await slow.groups.commit("g", {NAME: OffsetAndMetadata(offset)})
    gate = disk.hold("sync_file", "__consumer_offsets")
    commits = [
        asyncio.ensure_future(slow.groups.commit("g", {NAME: OffsetAndMetadata(offset)})) for offset in (3, 4, 5)
    ]
    await arrived(gate)
    assert (await slow.groups.offsets("g"))[NAME].offset == 2
    gate.open()
    await asyncio.gather(*commits)
    assert (await slow.groups.offsets("g"))[NAME].offset == 5


async def test_a_commit_that_waits_for_the_disk_while_its_topic_is_deleted_is_not_one_of_the_next_topic(slow, disk):
    at = TopicPartition("slow", 0)
    await slow.groups.commit("other", {TopicPartition("fast", 0): OffsetAndMetadata(1)})
    gate = disk.hold("sync_file", "__consumer_offsets")
    commit = asyncio.ensure_future(slow.groups.commit("g", {at: OffsetAndMetadata(5)}))
    await arrived(gate)

    async def made_anew():
        await slow.admin.delete_topic("slow")
        await slow.admin.create_topic("slow")

    making = asyncio.ensure_future(made_anew())
    await asyncio.wait([making], timeout=0.2)
    gate.open()
    await asyncio.gather(commit, making)
    assert await slow.groups.offsets("g") == {}


@pytest.mark.parametrize("acks", ["written", "durable"])
async def test_who_waits_for_an_append_is_answered_also_after_a_close_that_gave_up(tmp_path, disk, acks):
    cluster = await LogCluster.open(tmp_path / "closing", disk=disk, close_timeout_ms=50)
    await cluster.admin.create_topic("t")
    gate = disk.hold("write_at", "t-0")
    appends = [asyncio.ensure_future(put(cluster, "t", b"1", acks=acks))]
    await arrived(gate)
    appends.append(asyncio.ensure_future(put(cluster, "t", b"2", acks=acks)))
    await asyncio.sleep(0)  # queued
    with pytest.raises(EnvironmentFault):
        await cluster.aclose()
    gate.open()
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*appends, return_exceptions=True)
    assert isinstance(answers[-1], LogError)


# -- one slow partition ------------------------------------------------------------------------------------------------


async def test_many_who_wait_for_one_partition_s_disk_hold_up_nobody_else(slow, disk):
    producer = slow.producer(client_id="p")
    gate = disk.hold("sync_file", "slow-")
    waiting = [
        asyncio.ensure_future(producer.append("slow", Columns([b"x"]), partition=n % 2, acks="durable"))
        for n in range(40)
    ]
    await arrived(gate)
    async with asyncio.timeout(5):
        await producer.append("fast", Columns([b"1"]), partition=0, acks="durable")
        assert await values_of(slow, "fast") == [b"1"]
        await producer.append("slow", Columns([b"y"]), partition=0)  # acks=written, behind those that wait
        assert (await values_of(slow, "slow"))[-1:] == [b"y"]
    assert not any(append.done() for append in waiting)
    gate.open()
    await asyncio.gather(*waiting)


async def test_a_topic_of_many_partitions_on_a_slow_disk_leaves_threads_for_the_others(open_log, disk):
    cluster = await open_log(disk=disk)
    await cluster.admin.create_topic("slow", partitions=100)
    await cluster.admin.create_topic("fast")
    producer = cluster.producer(client_id="p")
    for partition in range(100):
        await producer.append("slow", Columns([b"x"]), partition=partition)
    gate = disk.hold("sync_file", "slow-")
    flush = asyncio.ensure_future(producer.flush())
    await arrived(gate)
    async with asyncio.timeout(5):
        await cluster.producer(client_id="q").append("fast", Columns([b"1"]), acks="durable")
    assert not flush.done()
    gate.open()
    await flush


async def test_readers_do_not_wait_for_the_fsync_of_a_segment_that_is_rolled(open_log, disk):
    cluster = await open_log(disk=disk)
    await cluster.admin.create_topic("t", configs={"segment.bytes": "200"})
    await put(cluster, "t", bytes(100))
    gate = disk.hold("sync_file", "t-0/0")
    append = asyncio.ensure_future(put(cluster, "t", bytes(100)))
    await arrived(gate)
    async with asyncio.timeout(5):
        assert await values_of(cluster, "t") == [bytes(100)]
        assert (await cluster.admin.describe_topic("t")).partitions[0].log_end_offset == 1
    assert not append.done()
    gate.open()
    await append


async def test_answers_of_durable_appends_come_in_the_order_of_the_writes(slow):
    producer = slow.producer(client_id="p")
    answered = []

    async def append(number):
        await producer.append("slow", Columns([b"%d" % number]), partition=0, acks="durable")
        answered.append(number)

    await asyncio.gather(*map(append, range(50)))
    assert answered == list(range(50))


# -- closing -----------------------------------------------------------------------------------------------------------


async def test_lock_and_clean_mark_come_after_the_last_thread(open_log, data_dir):
    cluster = await open_log()
    going, go = threading.Event(), threading.Event()

    def work():
        going.set()
        go.wait(10)

    compacting = asyncio.ensure_future(cluster._threads.run(work))  # as a compaction, whose task is cancelled
    await asyncio.to_thread(going.wait, 10)
    compacting.cancel()
    closing = asyncio.ensure_future(cluster.aclose())
    await asyncio.sleep(0.1)
    assert is_in_use(data_dir)
    assert not (data_dir / CLEAN_SHUTDOWN_FILE).exists()
    go.set()
    await closing
    assert not is_in_use(data_dir)
    assert (data_dir / CLEAN_SHUTDOWN_FILE).exists()


@pytest.mark.parametrize("step", ["sync_file", "write_at"])
async def test_closing_is_bounded_and_leaves_no_clean_mark_and_the_lock_where_the_disk_hangs(disk, data_dir, step):
    cluster = await LogCluster.open(data_dir, disk=disk, close_timeout_ms=300)
    await cluster.admin.create_topic("t")
    producer = cluster.producer(client_id="p")
    await producer.append("t", Columns([b"1"]))
    gate = disk.hold(step, "t-0")
    hanging = asyncio.ensure_future(producer.append("t", Columns([b"2"]), acks="durable"))
    await arrived(gate)
    began = time.monotonic()
    with pytest.raises(EnvironmentFault, match="still at work") as caught:
        await cluster.aclose()
    assert time.monotonic() - began < 5
    assert caught.value.code == "log.close_incomplete"
    await cluster.aclose()  # once more is no error
    with pytest.raises(EnvironmentFault, match="in use"):
        await LogCluster.open(data_dir)
    assert not (data_dir / CLEAN_SHUTDOWN_FILE).exists()
    gate.open()
    hanging.cancel()
    await until(lambda: not is_in_use(data_dir))
    assert not (data_dir / CLEAN_SHUTDOWN_FILE).exists()
    again = await LogCluster.open(data_dir)
    assert await values_of(again, "t") in ([b"1"], [b"1", b"2"])
    await again.aclose()


async def test_a_cancelled_close_still_closes_in_the_right_order(disk, data_dir):
    cluster = await LogCluster.open(data_dir, disk=disk)
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"1")
    gate = disk.hold("sync_file", "t-0")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await cluster.aclose()
    assert is_in_use(data_dir)
    assert not (data_dir / CLEAN_SHUTDOWN_FILE).exists()
    gate.open()
    await cluster.aclose()
    assert (data_dir / CLEAN_SHUTDOWN_FILE).exists()
    assert not is_in_use(data_dir)


async def test_an_append_of_a_cancelled_caller_is_not_written_behind_a_close(disk, data_dir):
    cluster = await LogCluster.open(data_dir, disk=disk)
    await cluster.admin.create_topic("t")
    gate = disk.hold("write_at", "t-0")
    append = asyncio.ensure_future(put(cluster, "t", b"1"))
    await arrived(gate)
    append.cancel()
    closing = asyncio.ensure_future(cluster.aclose())
    await asyncio.sleep(0.05)
    assert not closing.done()
    gate.open()
    await closing
    again = await LogCluster.open(data_dir)
    assert await values_of(again, "t") == [b"1"]
    await again.aclose()


# -- a disk that is full, and files that go away -----------------------------------------------------------------------


async def test_any_step_that_finds_the_disk_full_loses_nothing_and_work_goes_on(open_log, disk):
    cluster = await open_log(disk=disk)
    await cluster.admin.create_topic("t", configs={"segment.bytes": "400"})
    acknowledged = []
    refused = 0
    for number in range(60):
        if number % 2:
            disk.refuse_at(number // 2 % 9, errno.ENOSPC)
        try:
            await put(cluster, "t", b"%04d" % number + bytes(90), acks="durable" if number % 3 == 0 else "written")
        except EnvironmentFault as error:
            refused += 1
            if error.code == "log.sync_failed":
                pytest.skip("a failed fsync is another matter")
        else:
            acknowledged.append(number)
        disk.heal()
        found = [int(value[:4]) for value in await values_of(cluster, "t")]
        assert set(acknowledged) <= set(found)
        assert found == sorted(set(found))
    assert refused > 5


async def test_a_newest_segment_that_is_removed_is_told_to_producers_and_after_the_restart(
    open_log, data_dir, log_file, caplog
):
    cluster = await open_log()
    await cluster.admin.create_topic("t", configs={"segment.bytes": "300"})
    producer = cluster.producer(client_id="p")
    for number in range(5):
        await producer.append("t", Columns([b"%d" % number * 90]), acks="durable")
    log_file("t").unlink()
    for attempt in (
        lambda: producer.append("t", Columns([b"x" * 90]), acks="durable"),
        lambda: cluster.admin.fetch(NAME, 4),
    ):
        with pytest.raises(EnvironmentFault, match="removed") as caught:
            await attempt()
        assert caught.value.code == "log.segment_missing"
    with pytest.raises(EnvironmentFault):
        await cluster.aclose()
    with caplog.at_level(logging.ERROR):
        again = await open_log()
    assert "records at offsets 4 to 4 were on disk and are gone" in caplog.text
    info = (await again.admin.describe_topic("t")).partitions[0]
    assert info.log_end_offset == 5, "no offset is given out twice"
    await put(again, "t", b"next")
    assert await values_of(again, "t", offset=4) == [b"next"]


async def test_an_append_that_nobody_syncs_finds_out_too(open_log, log_file):
    cluster = await open_log()
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"1")
    log_file("t").unlink()

    async def go_on():
        while True:
            await put(cluster, "t", b"2")
            await asyncio.sleep(0.02)

    with pytest.raises(EnvironmentFault, match="removed"):
        await asyncio.wait_for(go_on(), 10)
    with pytest.raises(EnvironmentFault):
        await cluster.aclose()


# -- transactions that cannot be ended ---------------------------------------------------------------------------------


async def test_a_transaction_that_timed_out_while_the_disk_refused_is_told_as_such_and_raises_one_epoch(open_log, disk):
    now = 1_000_000
    cluster = await open_log(disk=disk, clock=lambda: now)
    await cluster.admin.create_topic("t")
    producer = cluster.producer(client_id="p", configs={"transactional.id": "p", "transaction.timeout.ms": "1000"})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("t", Columns([b"1"]))
    epoch = cluster._transactions._entries["p"].record.epoch
    now += 2_000
    disk.refuse("write_at", "__transaction_state", errno.ENOSPC)
    for _ in range(4):
        await cluster._transactions.abort_timed_out()
    assert cluster._transactions._entries["p"].record.epoch == epoch + 1
    disk.heal()
    await cluster._transactions.abort_timed_out()
    with pytest.raises(TransactionStateError, match="took longer"):
        await producer.append("t", Columns([b"2"]))
    await producer.abort_transaction()
    await producer.begin_transaction()
    await producer.append("t", Columns([b"3"]))
    await producer.commit_transaction()


async def test_an_init_that_the_disk_refuses_raises_one_epoch_however_often_it_is_tried(open_log, disk):
    cluster = await open_log(disk=disk)
    await cluster.admin.create_topic("t")
    first, second = (cluster.producer(client_id=n, configs={"transactional.id": "p"}) for n in "12")
    await first.init_transactions()
    await first.begin_transaction()
    await first.append("t", Columns([b"1"]))
    epoch = cluster._transactions._entries["p"].record.epoch
    disk.refuse("write_at", "__transaction_state", errno.ENOSPC)
    for _ in range(4):
        with pytest.raises(EnvironmentFault):
            await second.init_transactions()
    assert cluster._transactions._entries["p"].record.epoch == epoch + 1
    disk.heal()
    await second.init_transactions()
    with pytest.raises(ProducerFencedError):
        await first.append("t", Columns([b"2"]))


@pytest.mark.parametrize("refused", range(4))
async def test_whichever_step_of_a_commit_the_disk_refuses_what_is_told_and_what_is_visible_agree(
    open_log, disk, refused
):
    now_ms = time.time_ns() // 1_000_000
    every = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": "5"}
    cluster = await open_log(disk=disk, configs=every)
    await cluster.admin.create_topic("t", partitions=2)
    producer = cluster.producer(client_id="p", configs={"transactional.id": "p"})
    await producer.init_transactions()
    await producer.begin_transaction()
    for partition in range(2):
        await producer.append("t", Columns([b"1"], timestamps=now_ms), partition=partition)
    # The decision, two markers, and that all is done.
    disk.refuse("write_at", "", errno.ENOSPC, after=refused, times=1)
    try:
        await producer.commit_transaction()
        may_be = {1}
    except EnvironmentFault:
        try:
            await producer.abort_transaction()
            may_be = {0}
        except TransactionStateError:  # it is ended as decided
            may_be = {1}
    disk.heal()
    await until(lambda: not cluster._transactions.is_decided("p"))
    assert {len(await committed(cluster, partition)) for partition in range(2)} == may_be
    await producer.begin_transaction()
    for partition in range(2):
        await producer.append("t", Columns([b"2"], timestamps=now_ms), partition=partition)
    await producer.commit_transaction()
    assert [(await committed(cluster, partition))[-1] for partition in range(2)] == [b"2", b"2"]


async def committed(cluster, partition):
    offset, found = 0, []
    while batches := await cluster.admin.fetch(TopicPartition("t", partition), offset, isolation="read_committed"):
        found += [value for batch in batches for value in batch.columns.values]
        offset = batches[-1].next_offset
    return found
