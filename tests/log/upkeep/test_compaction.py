"""What compaction keeps, and that readers, crashes and small memory change nothing about it."""

from __future__ import annotations

import asyncio
import errno
import random
import shutil
import threading
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connect.api import ConfigError, EnvironmentFault, InvalidRecordError
from connect.api.errors import CorruptBatchError
from connect.codec.decode import decode
from connect.codec.header import iterate_batches
from connect.log import LogCluster
from connect.log.owner import CLEAN_SHUTDOWN_FILE
from connect.log.storage.partition import GAPLESS_FILE
from connect.log.upkeep.compaction import compact, measure_dirt
from connect.ports import Subscription
from connect.records import Columns, TopicPartition
from tests.log.conftest import until
from tests.support.disk import FaultyDisk
from tests.support.lengths import examples

NAME = TopicPartition("t", 0)
NOW = 1_700_000_000_000
COMPACTED = {"cleanup.policy": "compact", "segment.bytes": "1000", "delete.retention.ms": "1000"}


class Log:
    """A log with a clock of its own and one compacted topic."""

    def __init__(self, open_log, **configs):
        self.now = NOW
        self.open_log = open_log
        self.configs = configs

    async def open(self, **options):
        self.cluster = await self.open_log(clock=lambda: self.now, configs={"log.cleaner.enable": "false"}, **options)
        if await self.cluster.admin.partitions("t") is None:
            await self.cluster.admin.create_topic("t", configs=COMPACTED | self.configs)
        self.producer = self.cluster.producer(client_id="test")
        return self

    async def put(self, *pairs, producer=None):
        keys, values = zip(*pairs, strict=True)
        await (producer or self.producer).append("t", Columns(list(values), list(keys), self.now), partition=0)

    async def records(self, isolation="read_uncommitted"):
        offset, found = 0, []
        while batches := await self.cluster.admin.fetch(NAME, offset, isolation=isolation):
            for batch in batches:
                found += zip(batch.offsets, batch.columns.keys or (), batch.columns.values, strict=False)
                offset = batch.next_offset
        return found

    async def compact(self):
        [result] = await self.cluster.compact("t")
        return result


@pytest.fixture
async def log(open_log):
    return await Log(open_log).open()


async def test_the_newest_value_of_each_key_stays_with_its_offset_and_timestamp(log):
    for turn in range(20):
        log.now += 1
        await log.put(*[(b"k%d" % key, b"%d in %d" % (key, turn)) for key in range(3)], (b"once-%d" % turn, b"x"))
    await log.compact()
    found = await log.records()
    assert found[-3 - 1 :] == [
        (76, b"k0", b"0 in 19"),
        (77, b"k1", b"1 in 19"),
        (78, b"k2", b"2 in 19"),
        (79, b"once-19", b"x"),
    ]
    assert [key for _, key, _ in found] == [b"once-%d" % n for n in range(19)] + [b"k0", b"k1", b"k2", b"once-19"]
    [batch] = await log.cluster.admin.fetch(NAME, 79)
    assert batch.columns.timestamps == NOW + 20
    assert await log.cluster.admin.offset_for_time(NAME, NOW + 3) == 11


async def test_the_active_segment_and_what_is_behind_it_is_never_touched(log):
    for turn in range(30):
        await log.put((b"k", b"%d" % turn * 30))
    part = log.cluster._topics.get("t").partitions[0]
    active = part.view().segments[-1]
    before = active.path.read_bytes()
    assert await log.cluster._upkeep.compact_dirty() == 1
    assert active.path.read_bytes() == before
    found = await log.records()
    assert [offset for offset, _, _ in found] == list(range(active.base_offset - 1, 30))


async def test_a_tombstone_stays_for_delete_retention_ms_then_goes(log):
    await log.put((b"a", b"1"), (b"b", b"1"))
    await log.put((b"a", None))
    await log.compact()
    assert await log.records() == [(1, b"b", b"1"), (2, b"a", None)]
    log.now += 999
    await log.put((b"c", b"1"))
    await log.compact()
    assert (2, b"a", None) in await log.records()
    log.now += 2
    await log.put((b"d", b"1"))
    await log.compact()
    assert await log.records() == [(1, b"b", b"1"), (3, b"c", b"1"), (4, b"d", b"1")]
    assert (await log.cluster.admin.describe_topic("t")).partitions[0].log_end_offset == 5


async def test_offsets_have_no_gap_from_batch_to_batch(log, data_dir):
    for turn in range(40):
        await log.put((b"k%d" % (turn % 3), bytes(100)), (b"other", bytes(20)))
    await log.compact()
    next_offset = 0
    for path in sorted((data_dir / "t-0").glob("*.log")):
        for header in iterate_batches(path.read_bytes()):
            assert header.base_offset == next_offset
            next_offset = header.next_offset
    assert next_offset == 80


async def test_a_flipped_bit_in_the_base_offset_of_a_compacted_segment_shows(log, data_dir):
    for turn in range(40):
        await log.put((b"k%d" % (turn % 3), bytes(100)))
    await log.compact()
    path = sorted((data_dir / "t-0").glob("*.log"))[-2]
    raw = bytearray(path.read_bytes())
    second = list(iterate_batches(bytes(raw)))[1].position
    raw[second + 7] ^= 1
    path.write_bytes(raw)
    with pytest.raises(CorruptBatchError, match="base offset"):
        await log.records()


async def test_a_record_without_a_key_is_refused(log):
    with pytest.raises(InvalidRecordError, match="is compacted"):
        await log.producer.append("t", Columns([b"a"]))
    with pytest.raises(InvalidRecordError, match="is compacted"):
        await log.producer.append("t", Columns([b"a", b"b"], [b"k", None]))


async def test_a_topic_that_is_not_compacted_is_refused(log):
    await log.cluster.admin.create_topic("plain")
    with pytest.raises(ConfigError, match="is not compacted"):
        await log.cluster.compact("plain")


async def test_every_attribute_of_a_batch_that_is_thinned_out_stays(open_log, data_dir):
    log = await Log(open_log, **{"compression.type": "zstd"}).open()
    columns = Columns(
        [b"1" * 50, b"2" * 50, b"3"], [b"a", b"b", b"a"], [NOW, NOW - 5, NOW + 7], [[("h", b"x")], None, [("h", None)]]
    )
    await log.producer.append("t", columns, partition=0)
    await log.compact()
    header = decode(min((data_dir / "t-0").glob("*.log")).read_bytes())
    assert (header.header.base_offset, header.header.last_offset, header.header.count) == (0, 2, 2)
    assert header.header.codec_number == 4
    assert header.columns == Columns([b"2" * 50, b"3"], [b"b", b"a"], [NOW - 5, NOW + 7], [None, [("h", None)]])


async def test_a_reader_in_the_middle_is_not_disturbed(log):
    for turn in range(300):
        await log.put((b"k%d" % (turn % 50), b"%d" % turn * 20))
    consumer = await log.cluster.consumer(
        Subscription(("t",)), group=None, client_id="test", configs={"auto.offset.reset": "earliest"}
    )
    seen = {}
    for turn in range(1000):
        # One that only walks over what is empty, as compaction leaves it, returns nothing and is not the last.
        batches = await consumer.poll(timeout_ms=0, max_bytes=700)
        if not batches and consumer.position(NAME) == (await consumer.end_offsets())[NAME]:
            break
        for batch in batches:
            assert not seen or batch.offsets[0] > max(seen)
            seen.update(zip(batch.offsets, batch.columns.values, strict=True))
        if turn % 5 == 3:
            await log.put((b"k%d" % (turn % 50), b"new"))
            await log.compact()
    for offset, _, value in await log.records():
        assert seen[offset] == value


async def test_a_small_buffer_takes_more_rounds_to_the_same_end(log, open_log):
    dice = random.Random(3)
    expected = {}
    for turn in range(400):
        key, value = b"key-%d" % dice.randrange(150), b"%d" % turn * 10
        expected[key] = (turn, key, value)
        await log.put((key, value))
    part = log.cluster._topics.get("t").partitions[0]
    part.roll()
    dirt = measure_dirt(part, None, log.now)
    results = list(compact(part, dirt, now_ms=log.now, buffer_bytes=6_000, stopping=threading.Event()))
    assert results[-1].rounds > 3
    assert results[-1].cleaned_offset == 400
    assert await log.records() == sorted(expected.values())


@pytest.mark.slow
async def test_a_million_keys_take_no_more_memory_than_the_buffer_says(log, monkeypatch):
    buffer_bytes = 4 << 20  # with a sixteenth of the keys, so that the test is quick
    for start in range(0, 62_500, 2_500):
        keys = [b"user-%012d" % key for key in range(start, start + 2_500)]
        await log.producer.append("t", Columns([b"."] * 2_500, keys, NOW), partition=0)
    part = log.cluster._topics.get("t").partitions[0]
    part.roll()
    dirt = measure_dirt(part, None, log.now)
    tracemalloc.start()
    try:
        for _ in compact(part, dirt, now_ms=log.now, buffer_bytes=buffer_bytes, stopping=threading.Event()):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < buffer_bytes + (6 << 20)  # beside the map: a reading of 1 MiB, taken apart
    assert len(await log.records()) == 62_500


async def test_what_is_dirty_is_remembered_across_a_restart(log, open_log, data_dir):
    for turn in range(40):
        await log.put((b"k%d" % (turn % 3), bytes(100)))
    await log.compact()
    await log.cluster.aclose()
    assert (data_dir / "cleaner-offset-checkpoint").read_text() == "0\n1\nt 0 40\n"
    again = await log.open()
    await again.put((b"k0", b"x"))
    result = await again.compact()
    assert result.cleaned_offset == 41


async def test_the_dirty_ratio_and_the_lags_decide_when(open_log):
    log = await Log(open_log, **{"min.cleanable.dirty.ratio": "0.6", "min.compaction.lag.ms": "1000"}).open()
    for turn in range(30):
        await log.put((b"k%d" % turn, bytes(100)))
    assert await log.cluster._upkeep.compact_dirty() == 0  # too young
    log.now += 2_000
    assert await log.cluster._upkeep.compact_dirty() == 1
    for turn in range(10):
        await log.put((b"k%d" % turn, bytes(100)))
    log.now += 2_000
    assert await log.cluster._upkeep.compact_dirty() == 0  # too little
    await log.cluster.admin.alter_topic("t", {"max.compaction.lag.ms": "1"})
    assert await log.cluster._upkeep.compact_dirty() == 1
    assert len(await log.records()) == 30


async def test_the_cleaner_runs_by_itself(open_log, data_dir):
    cluster = await open_log(configs={"log.cleaner.backoff.ms": "5"})
    await cluster.admin.create_topic("t", configs=COMPACTED)
    for turn in range(30):
        await cluster.producer(client_id="test").append("t", Columns([bytes(100)], [b"k"], NOW + turn))
    await until(lambda: "t 0" in read_or_empty(data_dir / "cleaner-offset-checkpoint"))
    assert len(await cluster.admin.fetch(NAME, 0)) < 15


def read_or_empty(path):
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("part", ["t-0/00000000000000000000.log.cleaned", "t-0/"])
async def test_a_partition_whose_disk_refuses_holds_up_no_other_and_is_tried_again(open_log, part):
    disk = FaultyDisk()
    log = await Log(open_log, **{"max.compaction.lag.ms": "1000"}).open(disk=disk)
    await log.cluster.admin.create_topic("u", configs=COMPACTED)
    for turn in range(30):
        for topic in ("t", "u"):
            await log.producer.append(topic, Columns([bytes(100)], [b"k"], log.now + turn))
    log.now += 10_000  # the newest segment of t is due
    upkeep, cleaned = log.cluster._upkeep, log.cluster._topics.cleaned
    disk.refuse("create", part, errno.ENOSPC)
    await upkeep.compact_dirty()
    assert cleaned.get("t-0") is None
    assert cleaned.get("u-0") is not None
    disk.heal()
    await upkeep.compact_dirty()
    assert cleaned.get("t-0") is not None


async def test_a_damaged_segment_is_left_as_it_is_and_reported_once(open_log, data_dir, caplog):
    log = await Log(open_log).open()
    for turn in range(30):
        await log.put((b"k%d" % (turn % 2), bytes(100)))
    path = min((data_dir / "t-0").glob("*.log"))
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)
    for _ in range(2):
        await log.cluster._upkeep.compact_dirty()
    assert path.read_bytes() == bytes(raw)
    assert caplog.text.count("is not compacted until the log is opened again") == 1
    assert not list((data_dir / "t-0").glob("*.cleaned"))


# -- transactions ------------------------------------------------------------------------------------------------------


async def test_aborted_records_go_and_committed_ones_stay_with_their_markers(log, open_log, data_dir):
    producer = log.cluster.producer(client_id="test", configs={"transactional.id": "tx"})
    await producer.init_transactions()
    for number, end in enumerate((producer.commit_transaction, producer.abort_transaction) * 4):
        await producer.begin_transaction()
        await log.put((b"k%d" % number, b"%d" % number * 100), (b"same", b"%d" % number), producer=producer)
        await end()
    committed = [(0, b"k0"), (6, b"k2"), (12, b"k4"), (18, b"k6"), (19, b"same")]
    for turn in range(3):
        await log.compact()
        assert [record[:2] for record in await log.records("read_committed")] == committed, turn
        assert [record[:2] for record in await log.records()] == committed
        log.now += 5_000
        await log.put((b"other", b"%d" % turn))
        committed = [*committed[:5], (24 + turn, b"other")]
    await log.compact()
    await log.cluster.aclose()
    (data_dir / CLEAN_SHUTDOWN_FILE).unlink()
    again = await log.open()
    assert [record[:2] for record in await again.records("read_committed")] == committed


async def test_markers_of_transactions_without_records_go_after_their_time(log, data_dir):
    producer = log.cluster.producer(client_id="test", configs={"transactional.id": "tx"})
    await producer.init_transactions()
    for _ in range(3):
        await producer.begin_transaction()
        await log.put((b"same", b"x"), producer=producer)
        await producer.commit_transaction()

    def markers():
        raw = b"".join(path.read_bytes() for path in sorted((data_dir / "t-0").glob("*.log")))
        return [header.base_offset for header in iterate_batches(raw) if header.is_control]

    assert markers() == [1, 3, 5]
    for _ in range(3):
        await log.compact()
        log.now += 2_000
        await log.put((b"next", b"x"))
    assert markers() == [5]


async def test_an_open_transaction_is_not_compacted(log):
    producer = log.cluster.producer(client_id="test", configs={"transactional.id": "tx"})
    await producer.init_transactions()
    await log.put((b"k", b"1"))
    await producer.begin_transaction()
    await log.put((b"k", b"2"), producer=producer)
    await log.put((b"k", b"3"))
    await log.compact()
    assert [value for _, _, value in await log.records()] == [b"1", b"2", b"3"]
    await producer.commit_transaction()
    await log.compact()
    assert [value for _, _, value in await log.records()] == [b"3"]


async def test_the_last_sequence_number_of_a_producer_survives_its_records(log, open_log, data_dir):
    producer = log.cluster.producer(client_id="test", configs={"enable.idempotence": "true"})
    for value in (b"1", b"2"):
        await log.put((b"k", value), producer=producer)
    await log.put((b"k", b"3"))
    await log.compact()
    raw = min((data_dir / "t-0").glob("*.log")).read_bytes()
    kept = [(header.base_sequence, header.count) for header in iterate_batches(raw) if header.producer_id >= 0]
    assert kept == [(1, 0)]


# -- crashes -----------------------------------------------------------------------------------------------------------


class Crash(BaseException):
    """Ends the process, as far as the code under test can tell."""


#: The first step of the disk that does not happen any more, by kind and path.
STEPS = {
    "write the cleaned segment": ("sync_file", ".cleaned"),
    "rename it to swap": ("rename", ".cleaned"),
    "remove the old ones": ("remove", ".log"),
    "rename it into place": ("rename", ".swap"),
}


@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_at_any_step_loses_nothing(open_log, tmp_path, data_dir, step):
    disk = FaultyDisk()
    log = await Log(open_log).open(disk=disk)
    expected = {}
    for turn in range(60):
        key = b"k%d" % (turn % 7)
        expected[key] = (turn, key, b"%d" % turn * 30)
        await log.put(expected[key][1:])
    crash_at(disk, *STEPS[step])
    with pytest.raises(Crash):
        await log.compact()
    shutil.copytree(data_dir, tmp_path / "copy")
    disk.heal()
    copy = await LogCluster.open(tmp_path / "copy", configs={"log.cleaner.enable": "false"})
    try:
        log.cluster, crashed = copy, log.cluster
        newest = {key: (offset, key, value) for offset, key, value in await log.records()}
        assert newest == expected
        assert not [path for path in (tmp_path / "copy" / "t-0").iterdir() if path.suffix in (".cleaned", ".swap")]
        await log.compact()
        assert await log.records() == sorted(expected.values())
    finally:
        await copy.aclose()
        log.cluster = crashed


def crash_at(disk, step, part):
    dead = []

    def hook(name, path):
        if dead or (name == step and part in path.name):
            dead.append(name)
            raise Crash

    disk.hooks.append(hook)


async def test_stopping_in_the_middle_leaves_the_log_as_it_was(log, data_dir):
    for turn in range(60):
        await log.put((b"k%d" % (turn % 7), bytes(100)))
    before = await log.records()
    log.cluster._upkeep._stopping.set()
    await log.compact()
    assert await log.records() == before
    assert not list((data_dir / "t-0").glob("*.cleaned"))


# -- against a model ---------------------------------------------------------------------------------------------------

KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])
BATCH = st.lists(st.tuples(KEYS, st.one_of(st.none(), st.binary(max_size=40))), min_size=1, max_size=5)
STEP = st.one_of(BATCH, st.just("compact"), st.just("later"), st.just("reopen"), st.just("crash"))


@settings(max_examples=examples(60), deadline=None)
@given(steps=st.lists(STEP, max_size=25))
def test_the_newest_of_each_key_is_always_there_whatever_happens(tmp_path_factory, steps):
    asyncio.run(follow(tmp_path_factory.mktemp("model"), steps))


async def follow(data_dir, steps):
    opened = []

    async def open_log(**options):
        opened.append(await LogCluster.open(data_dir / "data", **options))
        return opened[-1]

    log = await Log(open_log, **{"segment.bytes": "300"}).open()
    newest, end = {}, 0
    try:
        for step in steps:
            if step == "compact":
                await log.compact()
            elif step == "later":
                log.now += 700
            elif step in ("reopen", "crash"):
                await log.cluster.aclose()
                if step == "crash":
                    (data_dir / "data" / CLEAN_SHUTDOWN_FILE).unlink()
                await log.open()
            else:
                await log.put(*step)
                for key, value in step:
                    newest[key] = (end, value)
                    end += 1
            found = await log.records()
            assert [offset for offset, _, _ in found] == sorted({offset for offset, _, _ in found})
            last = {key: (offset, value) for offset, key, value in found}
            for key, (offset, value) in newest.items():
                assert last.get(key, (offset, None)) == (offset, value), (
                    "a key's newest is there; a tombstone may have gone"
                )
            assert set(last) <= set(newest)
            assert (await log.cluster.admin.describe_topic("t")).partitions[0].log_end_offset == end
    finally:
        for cluster in opened:
            await cluster.aclose()


async def test_records_are_read_where_the_disk_takes_no_index(open_log, data_dir):
    disk = FaultyDisk()
    log = await Log(open_log, **{"index.interval.bytes": "0"}).open(disk=disk)
    for turn in range(30):
        await log.put((b"k%d" % turn, bytes(100)))
    for path in (data_dir / "t-0").glob("*index"):
        path.unlink()
    disk.refuse("write_at", "index", errno.ENOSPC)
    assert [offset for offset, _, _ in await log.records()] == list(range(30))
    assert await log.cluster.admin.offset_for_time(NAME, NOW) == 0
    [batch, *_] = await log.cluster.admin.fetch(NAME, 4)
    assert batch.offsets[0] == 4
    assert not list(data_dir.glob("t-0/00000000000000000000.*index"))  # an empty one would pass for a whole one
    disk.heal()


async def test_a_compaction_that_the_disk_refuses_at_its_end_leaves_what_can_be_read_and_compacted(open_log):
    disk = FaultyDisk()
    log = await Log(open_log).open(disk=disk)
    for turn in range(30):
        await log.put((b"k%d" % (turn % 7), b"%d" % turn * 20))
    before = {key: value for _, key, value in await log.records()}

    def refuse_the_last_sync(step, path):
        last, name = disk.steps[-1]
        if step == "sync_folder" and last == "rename" and name.endswith(".log.swap"):  # to its name
            raise OSError(errno.EIO, "Input/output error")

    disk.hooks.append(refuse_the_last_sync)
    with pytest.raises(EnvironmentFault):
        await log.compact()
    disk.heal()
    assert {key: value for _, key, value in await log.records()} == before
    await log.compact()
    assert {key: value for _, key, value in await log.records()} == before


# -- damage ------------------------------------------------------------------------------------------------------------


async def test_a_base_offset_that_reaches_into_the_next_segment_is_corruption_and_stays_as_it_is(log, data_dir):
    """Where a broker's compaction may have left gaps, no neighbour tells that an offset outside the CRC is wrong."""
    for turn in range(12):
        await log.put((b"k%d" % turn, bytes(100)))
    await log.cluster.aclose()
    (data_dir / "t-0" / GAPLESS_FILE).unlink()
    first, second = sorted((data_dir / "t-0").glob("*.log"))[:2]
    content = bytearray(first.read_bytes())
    *_, last = iterate_batches(bytes(content))
    content[last.position : last.position + 8] = (int(second.stem) + 1).to_bytes(8, "big")
    first.write_bytes(content)
    await log.open()
    with pytest.raises(CorruptBatchError, match="expected"):
        await log.compact()
    assert first.read_bytes() == content
