"""The indexes of a segment: entries, look-ups, and files that cannot be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.log.storage.index import Indexes, load_times
from tests.support.disk import FaultyDisk


@pytest.fixture
def indexes() -> Indexes:
    indexes = Indexes()
    for offset, position, timestamp in ((9, 0, 100), (19, 500, 90), (29, 1000, 200)):
        indexes.append(offset, position)
        indexes.append_time(timestamp, offset)
    return indexes


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "0.index", tmp_path / "0.timeindex"


def test_the_entries_around_an_offset_are_those_that_may_lead_to_its_batch(indexes):
    assert indexes.around(0) == [(9, 0)]
    assert indexes.around(9) == [(19, 500), (9, 0)]
    assert indexes.around(15) == [(19, 500), (9, 0)]
    assert indexes.around(40) == [(29, 1000)]
    assert Indexes().around(5) == []
    assert indexes.last == (29, 1000)


def test_a_time_entry_is_made_for_a_later_timestamp_alone(indexes):
    assert list(indexes.timestamps) == [100, 200]
    assert list(indexes.timestamp_offsets) == [9, 29]


def test_before_the_offset_that_a_time_leads_to_every_record_is_earlier(indexes):
    assert [indexes.lookup_time(timestamp) for timestamp in (0, 100, 101, 200, 201)] == [0, 0, 9, 9, 29]


def test_entries_that_do_not_rise_are_a_broken_promise(indexes):
    with pytest.raises(AssertionError, match="offset entries rise"):
        indexes.append(29, 2000)
    with pytest.raises(AssertionError, match="positions rise"):
        indexes.append(39, 1000)


def test_what_is_saved_is_what_is_loaded(indexes, paths):
    indexes.save(FaultyDisk(), *paths)
    loaded = Indexes.load(*paths, log_bytes=1500)
    assert loaded is not None
    assert (loaded.offsets, loaded.positions) == (indexes.offsets, indexes.positions)
    assert (loaded.timestamps, loaded.timestamp_offsets) == (indexes.timestamps, indexes.timestamp_offsets)


@pytest.mark.parametrize("missing", [0, 1])
def test_where_one_file_is_missing_nothing_is_loaded(indexes, paths, missing):
    indexes.save(FaultyDisk(), *paths)
    paths[missing].unlink()
    assert Indexes.load(*paths, log_bytes=1500) is None


def test_an_entry_that_leads_behind_the_log_is_no_index(indexes, paths):
    indexes.save(FaultyDisk(), *paths)
    assert Indexes.load_offsets(paths[0], 1000) is None
    assert Indexes.load_offsets(paths[0], 1001) is not None


@pytest.mark.parametrize(
    "raw",
    [
        bytes(7),  # half an entry
        bytes([0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 9]),  # an offset twice
        bytes([0, 0, 0, 5, 0, 0, 0, 9, 0, 0, 0, 6, 0, 0, 0, 1]),  # a position that goes back
    ],
)
def test_an_offset_index_that_cannot_be_right_is_none(paths, raw):
    paths[0].write_bytes(raw)
    assert Indexes.load_offsets(paths[0], 1000) is None


def test_a_time_index_that_does_not_rise_is_none(paths):
    entry = bytes([0] * 7 + [5, 0, 0, 0, 1])
    paths[1].write_bytes(entry * 2)
    assert load_times(paths[1]) is None
    assert load_times(paths[0]) is None  # not there


def test_zeros_that_a_broker_preallocated_are_no_entries(indexes, paths):
    indexes.save(FaultyDisk(), *paths)
    for path in paths:
        path.write_bytes(path.read_bytes() + bytes(240))
    loaded = Indexes.load(*paths, log_bytes=1500)
    assert loaded is not None
    assert list(loaded.offsets) == [9, 19, 29]
    assert list(loaded.timestamps) == [100, 200]
