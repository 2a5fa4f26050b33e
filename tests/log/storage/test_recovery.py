"""What a crash, a torn write or a damaged file does to a partition."""

from __future__ import annotations

import contextlib
import shutil

import pytest

from connect.api import LogError
from connect.api.errors import CorruptBatchError
from connect.log import LogCluster
from connect.records import TopicPartition
from tests.log.conftest import put, until, values_of

NAME = TopicPartition("t", 0)


async def write_three_batches(open_log, **configs):
    cluster = await open_log()
    await cluster.admin.create_topic("t", configs=configs)
    await put(cluster, "t", b"one", b"two")
    await put(cluster, "t", b"three", timestamps=1_700_000_000_005)
    await put(cluster, "t", b"four", b"five", b"six", timestamps=1_700_000_000_003)
    await cluster.aclose()


ALL = [b"one", b"two", b"three", b"four", b"five", b"six"]
PREFIXES = ([], ALL[:2], ALL[:3], ALL)


def crash(data_dir):
    """Make the directory look as if its owner had been killed."""
    (data_dir / ".kafka_cleanshutdown").unlink()


@pytest.mark.slow
async def test_a_tail_torn_at_any_byte_opens_to_a_valid_prefix(open_log, data_dir, log_file):
    await write_three_batches(open_log)
    path = log_file("t")
    whole = path.read_bytes()
    lengths = set()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        crash(data_dir)
        cluster = await open_log()
        values = await values_of(cluster, "t")
        assert values in PREFIXES
        lengths.add(len(values))
        assert path.stat().st_size == (await cluster.admin.describe_topic("t")).partitions[0].size_bytes
        await cluster.aclose()
    assert lengths == {0, 2, 3}


async def test_what_was_cut_is_logged_once_and_the_log_goes_on(open_log, data_dir, log_file, caplog):
    await write_three_batches(open_log)
    with log_file("t").open("ab") as file:
        file.write(b"half a batch")
    crash(data_dir)
    cluster = await open_log()
    await put(cluster, "t", b"seven")
    assert await values_of(cluster, "t") == [*ALL, b"seven"]
    assert caplog.text.count("cut a torn tail off t-0/00000000000000000000.log: 12 bytes") == 1
    await cluster.aclose()
    assert await values_of(await open_log(), "t") == [*ALL, b"seven"]


async def test_a_torn_tail_is_found_after_a_clean_stop_too(open_log, data_dir, log_file):
    await write_three_batches(open_log)
    with log_file("t").open("ab") as file:
        file.write(b"someone appended this")
    assert await values_of(await open_log(), "t") == ALL


@pytest.mark.slow
@pytest.mark.parametrize("clean", [True, False])
async def test_no_flipped_bit_ever_changes_a_record(open_log, data_dir, log_file, clean):
    await write_three_batches(open_log)
    path = log_file("t")
    whole = path.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        marker = data_dir / ".kafka_cleanshutdown"
        marker.touch() if clean else marker.unlink(missing_ok=True)
        for index in data_dir.glob("t-0/*index"):
            index.unlink()
        cluster = await open_log()
        with contextlib.suppress(LogError):
            # Cut in the tail, or the one field that is no part of a record: the leader epoch.
            assert await values_of(cluster, "t") in PREFIXES[2:]
        await cluster.aclose()


async def test_damage_in_the_middle_is_reported_with_file_and_position_and_what_follows_stays(
    open_log, data_dir, log_file, caplog
):
    await write_three_batches(open_log)
    path = log_file("t")
    raw = bytearray(path.read_bytes())
    position = raw.index(b"three")
    raw[position] ^= 1
    path.write_bytes(raw)
    crash(data_dir)
    cluster = await open_log()
    assert "records at offsets 2 to 2 cannot be read, valid ones follow and are kept" in caplog.text
    batches = await cluster.admin.fetch(NAME, 0)
    assert [value for batch in batches for value in batch.columns.values] == ALL[:2]
    with pytest.raises(CorruptBatchError, match=r"t-0/0{20}\.log at position \d+: .*CRC"):
        await cluster.admin.fetch(NAME, 2)
    assert await values_of(cluster, "t", offset=3) == ALL[3:]
    await put(cluster, "t", b"seven")
    assert await values_of(cluster, "t", offset=3) == [*ALL[3:], b"seven"]


async def test_damage_to_a_length_in_the_middle_does_not_cut_what_follows(open_log, data_dir, log_file):
    await write_three_batches(open_log)
    path = log_file("t")
    raw = bytearray(path.read_bytes())
    second = raw.index(b"two") + 4
    raw[second + 10] ^= 0x40
    path.write_bytes(raw)
    crash(data_dir)
    cluster = await open_log()
    with pytest.raises(CorruptBatchError):
        await cluster.admin.fetch(NAME, 2)
    for offset in (3, 4, 5):
        assert await values_of(cluster, "t", offset=offset) == ALL[offset:]


@pytest.mark.parametrize("damage", ["missing", "empty", "odd", "wrong"])
async def test_a_damaged_index_is_made_again(open_log, data_dir, damage):
    cluster = await open_log()
    await cluster.admin.create_topic("t", configs={"index.interval.bytes": "100", "segment.bytes": "1500"})
    for number in range(60):
        await put(cluster, "t", b"%04d" % number, timestamps=1000 + number)
    await cluster.aclose()
    saved = {path: path.read_bytes() for path in data_dir.glob("t-0/*index") if path.suffix != ".txnindex"}
    assert len(saved) > 4
    for path, content in saved.items():
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes({"empty": b"", "odd": content + b"x", "wrong": b"\xff" * len(content)}[damage])
    again = await open_log()
    for offset in (0, 17, 31, 59):
        assert (await values_of(again, "t", offset=offset))[0] == b"%04d" % offset
        assert await again.admin.offset_for_time(NAME, 1000 + offset) == offset
    await again.aclose()
    if damage != "empty":  # an empty index is a valid one
        assert {path: path.read_bytes() for path in saved} == saved


async def test_an_index_that_points_inside_a_batch_is_not_believed(open_log, data_dir):
    cluster = await open_log()
    await cluster.admin.create_topic("t", configs={"index.interval.bytes": "0", "segment.bytes": "300"})
    for number in range(20):
        await put(cluster, "t", b"%04d" % number)
    await cluster.aclose()
    for path in data_dir.glob("t-0/*.index"):
        raw = bytearray(path.read_bytes())
        raw[7::8] = bytes(byte ^ 1 for byte in raw[7::8])
        path.write_bytes(raw)
    again = await open_log()
    for offset in range(20):
        assert (await values_of(again, "t", offset=offset))[0] == b"%04d" % offset


async def test_a_copy_taken_while_the_log_is_open_recovers(open_log, data_dir, tmp_path):
    cluster = await open_log()
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"one")
    shutil.copytree(data_dir, tmp_path / "copy")
    copy = await LogCluster.open(tmp_path / "copy")
    assert await values_of(copy, "t") == [b"one"]
    await copy.aclose()


async def test_a_value_that_holds_a_record_batch_is_not_taken_for_one_in_a_torn_tail(open_log, data_dir, log_file):
    await write_three_batches(open_log)
    inner = log_file("t").read_bytes()
    cluster = await open_log()
    await put(cluster, "t", inner + b"more of the value")
    await cluster.aclose()
    path = log_file("t")
    path.write_bytes(path.read_bytes()[:-5])
    crash(data_dir)
    assert await values_of(await open_log(), "t") == ALL


async def test_a_rolled_segment_that_lost_its_end_is_reported(open_log, data_dir):
    cluster = await open_log()
    await cluster.admin.create_topic("t", configs={"segment.bytes": "300"})
    for number in range(9):
        await put(cluster, "t", b"%04d" % number)
    await cluster.aclose()
    second = sorted(data_dir.glob("t-0/*.log"))[1]
    raw = second.read_bytes()
    second.write_bytes(raw[: len(raw) // 2])
    again = await open_log()
    with pytest.raises(CorruptBatchError, match=rf"{second.name} ends at position \d+ with offset \d"):
        await values_of(again, "t")
    assert (await values_of(again, "t", offset=8)) == [b"0008"]


@pytest.mark.parametrize("base_offset", [3, 6])
async def test_an_empty_segment_of_a_broken_off_roll_is_put_away(open_log, data_dir, base_offset):
    await write_three_batches(open_log)
    orphan = data_dir / "t-0" / f"{base_offset:020d}.log"
    orphan.touch()
    cluster = await open_log()
    assert await values_of(cluster, "t") == ALL
    assert not orphan.exists()


async def test_a_roll_killed_before_its_first_write_goes_on(open_log, data_dir):
    await write_three_batches(open_log, **{"segment.bytes": "100"})
    (data_dir / "t-0" / f"{6:020d}.log").touch()
    crash(data_dir)
    cluster = await open_log()
    await put(cluster, "t", b"seven")
    assert await values_of(cluster, "t") == [*ALL, b"seven"]


# -- what is known to be on disk ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("was_clean", "noted"), [(True, True), (True, False), (False, True)])
async def test_a_flip_in_the_tail_that_was_on_disk_is_corruption_and_never_cut(
    open_log, data_dir, log_file, caplog, was_clean, noted
):
    await write_three_batches(open_log)
    path = log_file("t")
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.write_bytes(raw)
    if not was_clean:
        crash(data_dir)
    if not noted:  # a log of an earlier version, left clean
        (data_dir / "recovery-point-offset-checkpoint").unlink()
    cluster = await open_log()
    with pytest.raises(CorruptBatchError, match=r"t-0/0{20}\.log at position \d+: .*CRC"):
        await cluster.admin.fetch(NAME, 3)
    assert "records at offsets 3 to 5 cannot be read. They were whole once: nothing is cut" in caplog.text
    assert path.read_bytes() == bytes(raw)
    await put(cluster, "t", b"seven")
    assert await values_of(cluster, "t", offset=6) == [b"seven"]
    await cluster.aclose()
    again = await open_log()
    with pytest.raises(CorruptBatchError):
        await again.admin.fetch(NAME, 3)
    assert await values_of(again, "t", offset=6) == [b"seven"]


async def test_a_flipped_length_in_the_tail_after_a_clean_stop_is_corruption_too(open_log, log_file):
    await write_three_batches(open_log)
    path = log_file("t")
    raw = bytearray(path.read_bytes())
    third = raw.index(b"three") + len(b"three") + 1
    raw[third + 10] ^= 0x10  # the length says more than there is
    path.write_bytes(raw)
    cluster = await open_log()
    with pytest.raises(CorruptBatchError):
        await cluster.admin.fetch(NAME, 3)
    assert path.read_bytes() == bytes(raw)


async def test_only_what_lies_behind_the_recovery_point_is_cut(open_log, data_dir, tmp_path, log_file, caplog):
    cluster = await open_log(configs={"log.flush.offset.checkpoint.interval.ms": "10"})
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"one", b"two", acks="durable")
    checkpoint = data_dir / "recovery-point-offset-checkpoint"
    await until(lambda: checkpoint.exists() and "t 0 2" in checkpoint.read_text())
    await put(cluster, "t", b"three")
    shutil.copytree(data_dir, tmp_path / "copy")
    for values, place in (([b"one", b"two"], -3), (None, 70)):
        copy = tmp_path / f"copy{place}"
        shutil.copytree(tmp_path / "copy", copy)
        path = copy / "t-0" / log_file("t").name
        raw = bytearray(path.read_bytes())
        raw[place] ^= 1
        path.write_bytes(raw)
        opened = await LogCluster.open(copy)
        if values is not None:
            assert await values_of(opened, "t") == values
            assert "cut a torn tail off" in caplog.text
        else:
            with pytest.raises(CorruptBatchError):
                await opened.admin.fetch(NAME, 0)
            assert await values_of(opened, "t", offset=2) == [b"three"]
        await opened.aclose()


async def test_a_recovery_point_does_not_go_back_when_the_log_is_opened_after_a_crash(open_log, data_dir, tmp_path):
    cluster = await open_log()
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"one", b"two", acks="durable")
    await cluster._upkeep.save_recovery_points()
    await put(cluster, "t", b"three")
    shutil.copytree(data_dir, tmp_path / "copy")
    opened = await LogCluster.open(tmp_path / "copy")
    await opened._upkeep.save_recovery_points()
    noted = (tmp_path / "copy" / "recovery-point-offset-checkpoint").read_text()
    await opened.aclose()
    assert "t 0 2" in noted


async def test_a_write_that_never_reached_the_disk_is_cut_with_what_follows_and_counted(
    open_log, data_dir, tmp_path, log_file, caplog
):
    cluster = await open_log()
    await cluster.admin.create_topic("t")
    await put(cluster, "t", b"one")
    start = log_file("t").stat().st_size
    await put(cluster, "t", b"two" * 400)
    end = log_file("t").stat().st_size
    await put(cluster, "t", b"three", b"four")
    shutil.copytree(data_dir, tmp_path / "copy")
    path = tmp_path / "copy" / "t-0" / log_file("t").name
    raw = bytearray(path.read_bytes())
    raw[start:end] = bytes(end - start)
    path.write_bytes(raw)
    copy = await LogCluster.open(tmp_path / "copy")
    assert await values_of(copy, "t") == [b"one"]
    assert "with 2 whole record(s) behind the torn write" in caplog.text
    await copy.aclose()


async def test_a_clean_stop_notes_that_everything_is_on_disk(open_log, data_dir):
    await write_three_batches(open_log)
    assert (data_dir / "recovery-point-offset-checkpoint").read_text() == "0\n1\nt 0 6\n"


async def test_a_partition_without_any_segment_left_says_so_and_keeps_its_offsets(open_log, data_dir, log_file, caplog):
    await write_three_batches(open_log)
    log_file("t").unlink()
    cluster = await open_log()
    await put(cluster, "t", b"seven")
    assert "its records before offset 6 are gone" in caplog.text
    assert await values_of(cluster, "t", offset=6) == [b"seven"]
