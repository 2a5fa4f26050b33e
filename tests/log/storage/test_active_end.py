"""Appending, rolling, taking back and syncing, of one partition alone."""

from __future__ import annotations

import errno
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from connect.api import EnvironmentFault
from connect.api.errors import OutOfOrderSequenceError, UnknownTopicOrPartitionError
from connect.codec.encode import with_producer
from connect.log.storage.open_files import OpenFiles
from tests.log.conftest import batch_of, values_in

FIRST = f"{0:020d}.log"


def syncs_of(disk, name=FIRST):
    return [path for step, path in disk.steps if step == "sync_file" and path.endswith(name)]


# -- rolling -----------------------------------------------------------------------------------------------------------


def test_a_segment_is_on_disk_before_the_next_one_is_made(make_partition, disk):
    partition = make_partition(segment_bytes="200")
    for number in range(2):
        partition.append([batch_of(bytes([number]) * 100)])
    second = f"t-0/{1:020d}.log"
    assert disk.steps.index(("sync_file", f"t-0/{FIRST}")) < disk.steps.index(("create", second))
    assert disk.steps.index(("sync_folder", f"{partition.directory.parent.name}/t-0")) < disk.steps.index(
        ("write_at", second)
    )
    assert partition.segment_count == 2


def test_a_roll_that_the_disk_refuses_leaves_no_second_segment_and_is_tried_again(make_partition, disk, tmp_path):
    partition = make_partition(segment_bytes="200")
    partition.append([batch_of(bytes(100))])
    disk.refuse("create", f"{1:020d}.index", errno.ENOSPC, times=1)
    with pytest.raises(EnvironmentFault, match="cannot create") as caught:
        partition.append([batch_of(bytes(100))])
    assert caught.value.code == "environment.disk"
    assert [path.name for path in (tmp_path / "t-0").glob("*.log")] == [FIRST]
    assert partition.append([batch_of(b"x" * 100)]) == 1
    assert values_in(partition) == [bytes(100), b"x" * 100]


def test_readers_go_on_while_the_segment_that_a_roll_leaves_is_synced(make_partition, disk):
    partition = make_partition(segment_bytes="200")
    partition.append([batch_of(bytes(100))])
    gate = disk.hold("sync_file", FIRST)
    with ThreadPoolExecutor(2) as pool:
        append = pool.submit(partition.append, [batch_of(bytes(100))])
        assert gate.arrived.wait(10)
        assert pool.submit(values_in, partition).result(10) == [bytes(100)]
        assert not append.done()
        gate.open()
        assert append.result(10) == 1


def test_an_asked_roll_leaves_an_empty_segment_as_it_is(make_partition):
    partition = make_partition()
    partition.roll()
    assert partition.segment_count == 0
    partition.append([batch_of(b"a")])
    partition.roll()
    partition.roll()
    assert partition.segment_count == 2


# -- torn writes -------------------------------------------------------------------------------------------------------


def test_a_write_that_fails_is_taken_back_and_where_that_fails_too_before_the_next(make_partition, disk):
    partition = make_partition()
    partition.append([batch_of(b"before")])
    path = partition.directory / FIRST
    size = path.stat().st_size

    def write_a_part(step, at):
        if step == "write_at" and at == path:
            with path.open("ab") as file:
                file.write(b"torn")
            raise OSError(errno.ENOSPC, "No space left on device")

    disk.hooks.append(write_a_part)
    disk.refuse("truncate", FIRST, times=1)
    with pytest.raises(EnvironmentFault, match="cannot"):
        partition.append([batch_of(b"lost")])
    assert path.stat().st_size == size + len(b"torn")
    disk.heal()
    assert partition.append([batch_of(b"after")]) == 1
    assert values_in(partition) == [b"before", b"after"]
    steps = [step for step, _ in disk.steps]
    assert steps[-2:] == ["truncate", "write_at"]


def test_a_torn_write_is_taken_back_before_a_clean_stop(make_partition, disk):
    partition = make_partition()
    partition.append([batch_of(b"before")])
    disk.refuse("write_at", FIRST, times=1)
    disk.refuse("truncate", FIRST, times=1)
    with pytest.raises(EnvironmentFault):
        partition.append([batch_of(b"lost")])
    disk.steps.clear()
    partition.close()
    assert ("truncate", f"t-0/{FIRST}") in disk.steps
    assert values_in(make_partition()) == [b"before"]


# -- syncing -----------------------------------------------------------------------------------------------------------


def test_a_sync_with_nothing_new_asks_nothing_of_the_disk(make_partition, disk):
    partition = make_partition()
    partition.sync()
    partition.append([batch_of(b"a")])
    assert not partition.is_synced
    partition.sync()
    assert partition.is_synced
    assert partition.is_synced_to(1)
    partition.sync()
    assert len(syncs_of(disk)) == 1


def test_those_who_sync_at_the_same_time_share_one_fsync(make_partition, disk):
    partition = make_partition()
    partition.append([batch_of(b"a")])
    gate = disk.hold("sync_file", FIRST)
    with ThreadPoolExecutor(8) as pool:
        syncs = [pool.submit(partition.sync) for _ in range(8)]
        assert gate.arrived.wait(10)
        gate.open()
        for sync in syncs:
            sync.result(10)
    assert len(syncs_of(disk)) == 1


def test_what_is_appended_during_an_fsync_is_not_said_to_be_on_disk(make_partition, disk):
    partition = make_partition()
    partition.append([batch_of(b"a")])
    gate = disk.hold("sync_file", FIRST)
    with ThreadPoolExecutor(1) as pool:
        sync = pool.submit(partition.sync)
        assert gate.arrived.wait(10)
        partition.append([batch_of(b"b")])
        gate.open()
        sync.result(10)
    assert partition.is_synced_to(1)
    assert not partition.is_synced_to(2)


def test_a_second_fsync_after_one_that_failed_is_not_even_tried(make_partition, disk):
    partition = make_partition(segment_bytes="200")
    partition.append([batch_of(bytes(100))])
    disk.refuse("sync_file", FIRST, times=1)
    with pytest.raises(EnvironmentFault) as caught:
        partition.sync()
    assert caught.value.code == "log.sync_failed"
    disk.heal()
    disk.steps.clear()
    attempts = (
        partition.sync,
        partition.roll,
        partition.close,
        lambda: partition.append([batch_of(bytes(100))]),
        lambda: partition.append_marker(1, 0, 1, is_commit=True),
        lambda: partition.delete_records(1),
    )
    for attempt in attempts:
        with pytest.raises(EnvironmentFault, match="takes nothing more until the log is opened again") as caught:
            attempt()
        assert caught.value.code == "log.sync_failed"
    assert partition.remove_oldest(lambda segments, config: len(segments)) == 0
    assert not syncs_of(disk)
    assert not partition.is_synced
    assert partition.recovery_point == 0
    assert values_in(partition) == [bytes(100)]


def test_who_waits_behind_an_fsync_that_fails_is_told_as_well(make_partition, disk):
    partition = make_partition()
    partition.append([batch_of(b"a")])
    gate = disk.hold("sync_file", FIRST)
    disk.refuse("sync_file", FIRST, times=1)
    with ThreadPoolExecutor(3) as pool:
        syncs = [pool.submit(partition.sync) for _ in range(3)]
        assert gate.arrived.wait(10)
        gate.open()
        for sync in syncs:
            with pytest.raises(EnvironmentFault, match="cannot sync"):
                sync.result(10)
    assert not syncs_of(disk)


# -- the file ----------------------------------------------------------------------------------------------------------


def test_a_segment_that_is_removed_is_missed_within_a_second_and_used_again_once_it_is_back(make_partition):
    partition = make_partition()
    partition.append([batch_of(b"a")])
    path = partition.directory / FIRST
    moved = path.rename(path.with_suffix(".moved"))
    partition._end._presence_due = 0.0  # a second has passed
    with pytest.raises(EnvironmentFault, match="removed or replaced while the log was open") as caught:
        partition.append([batch_of(b"b")])
    assert caught.value.code == "log.segment_missing"
    moved.rename(path)
    assert partition.append([batch_of(b"b")]) == 1
    assert values_in(partition) == [b"a", b"b"]


def test_a_file_in_the_place_of_the_segment_is_not_taken_for_it(make_partition):
    partition = make_partition()
    partition.append([batch_of(b"a")])
    path = partition.directory / FIRST
    content = path.read_bytes()
    path.unlink()
    path.with_suffix(".kept").touch()  # so that the new file cannot have the old one's inode
    path.write_bytes(content)
    with pytest.raises(EnvironmentFault, match="removed or replaced"):
        partition.sync()


def test_append_files_beyond_the_bound_are_closed_and_opened_again(make_partition):
    files = OpenFiles(limit=1)
    partitions = [make_partition(files=files, name=f"t-{number}") for number in range(3)]
    for value in (b"a", b"b"):
        for partition in partitions:
            partition.append([batch_of(value)])
    assert [values_in(partition) for partition in partitions] == [[b"a", b"b"]] * 3


def test_an_append_file_is_not_closed_while_an_append_goes_on(make_partition, disk):
    partition = make_partition()
    partition.append([batch_of(b"a")])
    gate = disk.hold("write_at", FIRST)
    append = threading.Thread(target=partition.append, args=([batch_of(b"b")],))
    append.start()
    assert gate.arrived.wait(10)
    assert not partition._end.try_release()
    gate.open()
    append.join(10)
    assert partition._end.try_release()


# -- producers ---------------------------------------------------------------------------------------------------------


def test_of_a_list_of_sequenced_batches_those_before_the_odd_one_are_appended(make_partition):
    partition = make_partition()
    first, second, odd = (
        with_producer(batch_of(value), 7, 0, sequence, is_transactional=False)
        for value, sequence in ((b"a", 0), (b"b", 1), (b"d", 3))
    )
    with pytest.raises(OutOfOrderSequenceError):
        partition.append([first, second, odd])
    assert values_in(partition) == [b"a", b"b"]
    assert partition.append([first]) == 0  # there already
    assert partition.log_end_offset == 2


def test_the_last_stable_offset_stays_where_the_oldest_open_transaction_begins(make_partition):
    partition = make_partition()
    partition.append([batch_of(b"plain")])
    partition.append([with_producer(batch_of(b"open"), 7, 0, 0, is_transactional=True)])
    partition.append([batch_of(b"more")])
    assert (partition.last_stable_offset, partition.log_end_offset) == (1, 3)
    assert partition.open_transactions == {7: 1}
    partition.append_marker(7, 0, 1, is_commit=True)
    assert partition.last_stable_offset == partition.log_end_offset == 4


def test_a_deleted_partition_takes_nothing(make_partition):
    partition = make_partition()
    partition.append([batch_of(b"a")])
    partition.delete()
    with pytest.raises(UnknownTopicOrPartitionError):
        partition.append([batch_of(b"b")])
    partition.sync()  # there is nothing left to bring to disk
