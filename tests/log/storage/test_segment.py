"""One log file: what it takes note of, how an offset is found, what a scan refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.api.errors import CorruptBatchError
from connect.codec.encode import encode
from connect.codec.header import HEADER_BYTES
from connect.log.storage.files import Disk
from connect.log.storage.index import Indexes
from connect.log.storage.segment import Segment, read_batches, scan
from connect.records import AbortedTransaction, Columns

BASE = 100


@pytest.fixture
def segment(tmp_path: Path) -> Segment:
    """Ten batches of two records from offset 100 on, each with an entry in the index."""
    segment = Segment(Disk(), tmp_path, BASE, index_interval_bytes=0)
    segment.indexes, segment.aborted = Indexes(), []
    content = b""
    for number in range(10):
        batch = encode(Columns([b"%d" % number * 20] * 2, timestamps=1_000 + number))
        content += batch.head(segment.next_offset) + batch.payload
        segment.added(batch.size_bytes, segment.next_offset + 2, batch.max_timestamp)
    segment.path.write_bytes(content)
    return segment


def rolled(segment: Segment) -> Segment:
    """The same as one that is not the newest any more."""
    segment.indexes = None
    return segment


def offsets_of(segment: Segment) -> list[int]:
    return [header.base_offset for header in scan(segment.path, 0, segment.size_bytes, BASE, gaps=False)]


def test_a_segment_is_named_after_its_first_offset_and_so_are_its_indexes(segment):
    assert segment.path.name == f"{100:020d}.log"
    suffixes = {".index", ".timeindex", ".txnindex", ".snapshot"}
    paths = (segment.index_path, segment.time_index_path, segment.transaction_index_path, segment.snapshot_path)
    assert {path.suffix for path in paths} == suffixes
    assert {path.stem for path in paths} == {segment.path.stem}


def test_it_knows_its_bytes_its_offsets_and_its_times(segment):
    assert segment.size_bytes == segment.path.stat().st_size
    assert segment.next_offset == 120
    assert (segment.oldest_timestamp(), segment.newest_timestamp()) == (1_000, 1_009)
    assert offsets_of(segment) == list(range(100, 120, 2))


def test_a_batch_that_does_not_follow_is_a_broken_promise(segment):
    for size, next_offset in ((100, 120), (HEADER_BYTES - 1, 122)):
        with pytest.raises(AssertionError):
            segment.added(size, next_offset, 0)


@pytest.mark.parametrize("offset", range(100, 120))
def test_an_offset_is_found_at_or_just_before_its_batch_from_memory_and_from_files(segment, offset):
    for each in (segment, segment.save_indexes() or rolled(segment)):
        position, base_offset = each.locate(offset)
        assert base_offset <= offset < base_offset + 4
        header = next(scan(each.path, position, each.size_bytes, base_offset, gaps=False))
        assert (header.base_offset, header.position) == (base_offset, position)


def test_an_index_that_leads_elsewhere_is_not_used(segment):
    segment.save_indexes()
    raw = bytearray(segment.index_path.read_bytes())
    for entry in range(len(raw) // 8):
        raw[entry * 8 + 7] += 1  # each position one byte too far
    segment.index_path.write_bytes(raw)
    assert rolled(segment).locate(115) == (0, BASE)


def test_indexes_that_are_gone_are_made_again_and_written(segment):
    segment.save_indexes()
    expected = segment.index_path.read_bytes(), segment.time_index_path.read_bytes()
    segment.index_path.unlink()
    segment.time_index_path.unlink()
    rolled(segment)
    assert segment.locate(119)[1] >= 116
    assert (segment.index_path.read_bytes(), segment.time_index_path.read_bytes()) == expected
    assert segment.newest_timestamp() == 1_009


def test_indexes_are_written_once_for_the_same_bytes(segment):
    segment.save_indexes()
    segment.index_path.unlink()
    segment.save_indexes()
    assert not segment.index_path.exists()


def test_a_segment_that_reaches_too_far_for_its_index_takes_no_more(segment):
    assert segment.fits(BASE + (1 << 31))
    assert not segment.fits(BASE + (1 << 31) + 1)


def test_aborted_transactions_are_kept_in_its_index(segment, tmp_path):
    segment.aborted = [AbortedTransaction(7, 100, 103, 104)]
    segment.save_aborted()
    assert Segment(Disk(), tmp_path, BASE, 0).load_aborted() == segment.aborted


def test_removing_takes_all_of_its_files(segment, tmp_path):
    segment.save_indexes()
    segment.remove()
    assert list(tmp_path.iterdir()) == []


# -- reading -----------------------------------------------------------------------------------------------------------


def test_a_reading_holds_whole_batches_and_says_where_to_go_on(segment):
    found = read_batches(segment.path, 0, segment.size_bytes, BASE, max_bytes=250)
    assert [header.base_offset for header in found.headers] == [100, 102]
    assert (found.position, found.next_offset) == (found.headers[-1].end, 104)
    further = read_batches(segment.path, found.position, segment.size_bytes, 104, max_bytes=1)
    assert [header.base_offset for header in further.headers] == [104]  # at least one whole one


def test_batches_before_the_offset_are_walked_over_without_a_look_at_their_records(segment):
    raw = bytearray(segment.path.read_bytes())
    raw[HEADER_BYTES] ^= 0xFF
    segment.path.write_bytes(raw)
    found = read_batches(segment.path, 0, segment.size_bytes, BASE, max_bytes=1 << 20, from_offset=102)
    assert found.headers[0].base_offset == 102
    with pytest.raises(CorruptBatchError, match=f"{segment.path.name} at position 0: .* has CRC"):
        read_batches(segment.path, 0, segment.size_bytes, BASE, max_bytes=1 << 20)


def test_damage_behind_good_batches_waits_for_its_turn(segment):
    raw = bytearray(segment.path.read_bytes())
    position = read_batches(segment.path, 0, segment.size_bytes, BASE, max_bytes=250).position
    raw[position + HEADER_BYTES] ^= 0xFF
    segment.path.write_bytes(raw)
    found = read_batches(segment.path, 0, segment.size_bytes, BASE, max_bytes=1 << 20)
    assert found.position == position
    with pytest.raises(CorruptBatchError, match=f"at position {position}"):
        read_batches(segment.path, position, segment.size_bytes, found.next_offset, max_bytes=1 << 20)


@pytest.mark.parametrize(("gaps", "offset", "is_read"), [(False, 103, False), (True, 103, True), (True, 101, False)])
def test_offsets_follow_one_another_or_at_least_rise_where_gaps_are_allowed(segment, gaps, offset, is_read):
    size = segment.size_bytes // 10
    raw = bytearray(segment.path.read_bytes()[: 2 * size])
    raw[size : size + 8] = offset.to_bytes(8, "big")
    segment.path.write_bytes(raw)
    read = [0, size] if is_read else [0] if not gaps else []
    if read:
        found = read_batches(segment.path, 0, 2 * size, BASE, max_bytes=1 << 20, gaps=gaps)
        assert [header.position for header in found.headers] == read
    else:  # either of the two may have the wrong offset
        with pytest.raises(CorruptBatchError):
            list(scan(segment.path, 0, 2 * size, BASE, gaps=gaps))


def test_a_file_that_lost_its_end_is_corruption(segment):
    segment.path.write_bytes(segment.path.read_bytes()[:-1])
    with pytest.raises(CorruptBatchError):
        offsets_of(segment)
