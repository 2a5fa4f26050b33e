"""A segment's transaction index, and which aborted transactions a reader is told of."""

from __future__ import annotations

import pytest

from connect.log.storage.aborted import load_aborted, save_aborted, touching
from connect.records import AbortedTransaction
from tests.support.disk import FaultyDisk

FIRST, SECOND = AbortedTransaction(7, 0, 9, 5), AbortedTransaction(8, 5, 19, 20)


def test_what_is_saved_is_what_is_loaded_entry_by_entry(tmp_path):
    path = tmp_path / "0.txnindex"
    save_aborted(FaultyDisk(), path, [FIRST, SECOND])
    assert len(path.read_bytes()) == 2 * 34
    assert load_aborted(path) == [FIRST, SECOND]


def test_an_empty_file_says_that_nothing_was_aborted_and_none_that_nobody_knows(tmp_path):
    path = tmp_path / "0.txnindex"
    assert load_aborted(path) is None
    save_aborted(FaultyDisk(), path, [])
    assert load_aborted(path) == []


def test_an_index_with_entries_is_on_disk_when_it_is_saved(tmp_path):
    disk = FaultyDisk()
    save_aborted(disk, tmp_path / "0.txnindex", [FIRST])
    assert [step for step, _ in disk.steps][-3:] == ["sync_file", "rename", "sync_folder"]


@pytest.mark.parametrize("position", [0, 2 + 8, 2 + 16])
def test_entries_that_cannot_be_right_are_not_believed(tmp_path, position):
    path = tmp_path / "0.txnindex"
    save_aborted(FaultyDisk(), path, [AbortedTransaction(7, 3, 9, 5)])
    raw = bytearray(path.read_bytes())
    raw[position] = 0x80  # another version; a first, a last offset below zero
    path.write_bytes(raw)
    assert load_aborted(path) is None
    path.write_bytes(raw[:-1])
    assert load_aborted(path) is None


def test_a_transaction_that_ends_before_it_begins_is_a_broken_promise(tmp_path):
    with pytest.raises(AssertionError, match="ends behind its beginning"):
        save_aborted(FaultyDisk(), tmp_path / "0.txnindex", [AbortedTransaction(7, 9, 3, 5)])


@pytest.mark.parametrize(
    ("offsets", "found"),
    [((0, 5), [FIRST]), ((0, 6), [FIRST, SECOND]), ((10, 20), [SECOND]), ((20, 30), []), ((9, 10), [FIRST, SECOND])],
)
def test_a_reader_is_told_of_those_that_touch_its_offsets_by_first_offset(offsets, found):
    assert list(touching([[SECOND, FIRST]], *offsets)) == found


def test_no_more_indexes_are_read_than_needed():
    def indexes():
        yield [FIRST, SECOND]
        raise AssertionError("the last stable offset of the second says that nothing else can touch these offsets")

    assert touching(indexes(), 0, 20) == (FIRST, SECOND)
