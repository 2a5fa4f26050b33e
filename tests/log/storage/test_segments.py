"""Reading a partition's segments while some are removed or replaced, by a disk that is slow or refuses."""

from __future__ import annotations

import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event

import pytest

from connect.api import EnvironmentFault
from connect.api.errors import CorruptBatchError, OffsetOutOfRangeError, UnknownTopicOrPartitionError
from connect.codec.encode import encode_gap, with_producer
from connect.log.storage.partition import Partition
from tests.log.conftest import batch_of, values_in
from tests.support.disk import FaultyDisk

#: Ten segments of one record each, of which the first nine may be replaced.
VALUES = [b"%d" % number * 50 for number in range(10)]


@pytest.fixture
def partition(make_partition) -> Partition:
    partition = make_partition(segment_bytes="120")
    for value in VALUES:
        partition.append([batch_of(value)])
    assert partition.segment_count == len(VALUES)
    return partition


@pytest.fixture
def replace(partition: Partition) -> Callable[..., bool]:
    """Replaces some of the segments by one that holds only the last record of theirs, as compaction would."""

    def replace(first: int = 0, count: int = 3) -> bool:
        old = partition.view().segments[first : first + count]
        batch = batch_of(VALUES[old[-1].base_offset])
        gap = encode_gap(old[0].base_offset, old[-1].base_offset - 1)
        cleaned = old[0].path.with_suffix(".log.cleaned")
        cleaned.write_bytes(gap + batch.head(old[-1].base_offset) + batch.payload)
        return partition.replace_segments(old, cleaned, [])

    return replace


def names(partition: Partition) -> list[str]:
    return sorted(path.name for path in partition.directory.glob("*.log*"))


# -- readers -----------------------------------------------------------------------------------------------------------


#: Each step of a replacement that takes as long as the disk does.
SLOW = {
    "make the new name last": ("sync_folder", 0),
    "remove the old ones": ("remove", 0),
    "make their removal last": ("sync_folder", 1),
    "make the last name last": ("sync_folder", 2),
}


@pytest.mark.parametrize("step", SLOW)
def test_readers_go_on_while_the_disk_is_at_work_on_a_replacement(partition, replace, disk, step):
    kind, skipped = SLOW[step]
    seen = 0

    def read_beside(name: str, path: Path) -> None:
        nonlocal seen
        seen += name == kind
        if (name, seen) == (kind, skipped + 1):
            reads.append(pool.submit(values_in, partition).result(10))

    reads: list[list[bytes | None]] = []
    disk.hooks.append(read_beside)
    with ThreadPoolExecutor(1) as pool:
        assert replace()
    assert reads == [VALUES if step == "make the new name last" else VALUES[2:]]
    assert values_in(partition) == VALUES[2:]


def test_readers_go_on_while_segments_before_the_start_are_removed(partition, disk):
    gate = disk.hold("remove", ".log")
    with ThreadPoolExecutor(2) as pool:
        deletion = pool.submit(partition.delete_records, 4)
        assert gate.arrived.wait(10)
        assert pool.submit(values_in, partition).result(10) == VALUES[4:]
        assert not deletion.done()
        gate.open()
        assert deletion.result(10) == 4
    assert names(partition)[0] == f"{4:020d}.log"


def test_a_reader_whose_files_go_away_under_it_reads_again(partition, replace):
    """The file that a view led to is replaced between the look at the segments and the reading."""
    look, looks = partition._segments.view, []

    def late(*isolation):
        view = look(*isolation)
        if not looks:
            looks.append(view)
            assert replace()
        return view

    partition._segments.view = late
    found = partition.read(1, max_bytes=1 << 20)
    assert found.headers[0].base_offset == 0  # the gap that stands for offsets 0 and 1 by now
    assert len(looks) == 1


def test_a_reader_that_meets_the_last_rename_reads_again(partition, replace, monkeypatch):
    """It has looked for the name before the last one, which is gone when it opens it, and nobody has said so yet."""
    segments = partition._segments
    rename, looked, renamed, missed = segments._disk.rename, Event(), Event(), Event()

    def slow_rename(source: Path, target: Path) -> None:
        rename(source, target)
        renamed.set()
        assert missed.wait(10)
        wait([reading], 0.1)  # a reader that does not look for the lock says by now that the file is missing

    def read(view) -> bytes:
        path = view.segments[0].path
        looked.set()
        assert renamed.wait(10)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            missed.set()
            raise

    with monkeypatch.context() as patch:
        patch.setattr(segments, "_finish_swap", lambda: None)
        assert replace()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(segments._undisturbed, read, "read_uncommitted")
        assert looked.wait(10)
        monkeypatch.setattr(segments._disk, "rename", slow_rename)
        segments._finish_swap()
        assert VALUES[2] in reading.result(10)


def test_a_cursor_from_before_a_replacement_leads_to_the_same_offset(partition, replace):
    cursor = partition.read(0, max_bytes=1).cursor
    assert replace()
    found = partition.read(1, max_bytes=1 << 20, cursor=cursor)
    assert (found.headers[0].base_offset, found.headers[0].last_offset) == (0, 1)
    assert partition.read(2, max_bytes=1, cursor=found.cursor).headers[0].base_offset == 2


def test_an_offset_before_the_start_is_out_of_range_once_records_are_deleted(partition):
    partition.delete_records(4)
    with pytest.raises(OffsetOutOfRangeError, match="holds 4 to 10"):
        partition.read(3, max_bytes=1)


def test_a_deleted_partition_is_not_read(partition):
    partition.delete()
    with pytest.raises(UnknownTopicOrPartitionError):
        partition.read(0, max_bytes=1)


def test_a_file_that_somebody_removed_is_named(partition):
    partition.view().segments[3].path.unlink()
    with pytest.raises(EnvironmentFault, match=f"{3:020d}.log: it is not there") as caught:
        values_in(partition)
    assert caught.value.code == "log.segment_missing"


@pytest.mark.parametrize("position", [0, 16, 30, 70])
def test_a_damaged_batch_is_an_error_of_the_tree_and_no_broken_assertion(partition, position):
    path = partition.view().segments[3].path
    content = bytearray(path.read_bytes())
    content[position] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(CorruptBatchError, match=f"{path.name} at position 0"):
        values_in(partition, 3)


def test_a_segment_that_lost_its_end_is_an_error_of_the_tree(partition):
    path = partition.view().segments[3].path
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CorruptBatchError):
        values_in(partition, 3)


# -- replacing and removing --------------------------------------------------------------------------------------------


def test_a_replacement_takes_the_place_of_its_neighbours_also_for_the_next_opening(partition, replace, make_partition):
    assert replace(first=3, count=4)
    assert names(partition) == [f"{base:020d}.log" for base in (0, 1, 2, 3, 7, 8, 9)]
    expected = VALUES[:3] + VALUES[6:]
    assert values_in(partition) == expected
    partition.close()
    assert values_in(make_partition()) == expected


def test_nothing_is_replaced_where_a_segment_is_gone_meanwhile(partition, replace):
    old = partition.view().segments[:3]
    cleaned = old[0].path.with_suffix(".log.cleaned")
    cleaned.write_bytes(b"")
    partition.delete_records(2)
    assert not partition.replace_segments(old, cleaned, [])
    assert cleaned.exists()
    partition.delete()
    assert not partition.replace_segments(partition._segments._all[:1], cleaned, [])


#: The steps of a replacement at which a disk may refuse, with whether readers are with the new segment by then.
STEPS = {
    "rename to swap": ("rename", 0, False),
    "sync that": ("sync_folder", 0, False),
    "remove": ("remove", 4, True),
    "sync the removal": ("sync_folder", 1, True),
    "rename to its last name": ("rename", 1, True),
    "sync that one": ("sync_folder", 2, True),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_replacement_that_the_disk_breaks_off_can_be_read_and_finished(
    partition, replace, disk: FaultyDisk, make_partition, step
):
    kind, after, is_replaced = STEPS[step]
    disk.refuse(kind, "", errno.EIO, after=after, times=1)
    with pytest.raises(EnvironmentFault, match="cannot replace segments of"):
        replace()
    expected = VALUES[2:] if is_replaced else VALUES
    assert values_in(partition) == expected
    partition.append([batch_of(b"later")])
    assert replace(first=4, count=2)  # finishes the first one before
    assert not list(partition.directory.glob("*.swap"))
    at = [each.base_offset for each in partition.view().segments]
    expected = values_in(partition)
    partition.close()
    again = make_partition()
    assert values_in(again) == expected
    assert [each.base_offset for each in again.view().segments] == at


def test_records_can_be_deleted_behind_a_replacement_that_was_broken_off(partition, replace, disk, make_partition):
    disk.refuse("remove", f"{1:020d}.log", times=1)
    with pytest.raises(EnvironmentFault):
        replace()
    partition.delete_records(5)
    assert names(partition)[0] == f"{5:020d}.log"
    partition.close()
    assert values_in(make_partition()) == VALUES[5:]


def test_a_start_whose_segments_cannot_be_removed_holds_and_the_next_opening_removes_them(
    partition, disk, make_partition
):
    disk.refuse("remove", ".log", times=1)
    with pytest.raises(EnvironmentFault, match="cannot remove segments of"):
        partition.delete_records(3)
    assert values_in(partition) == VALUES[3:]
    partition.close()
    again = make_partition()
    assert again.log_start_offset == 3
    assert values_in(again) == VALUES[3:]
    assert names(again)[0] == f"{3:020d}.log"


# -- aborted transactions ----------------------------------------------------------------------------------------------


def test_aborted_transactions_are_found_again_where_their_index_is_gone(make_partition):
    partition = make_partition()
    partition.append([with_producer(batch_of(b"a"), 7, 0, 0, is_transactional=True)])
    partition.append_marker(7, 0, 1, is_commit=False)
    partition.roll()
    first = partition.view().segments[0]
    first.transaction_index_path.unlink()
    first.aborted = None
    found = partition.read(0, max_bytes=1 << 20, isolation="read_committed")
    assert [(aborted.producer_id, aborted.first_offset) for aborted in found.aborted] == [(7, 0)]
    assert first.transaction_index_path.exists()
