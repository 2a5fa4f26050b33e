"""All records of one partition, for the log's own topics."""

from __future__ import annotations

import logging

import pytest

from connect.api.errors import CorruptBatchError
from connect.codec.encode import encode, with_producer
from connect.log.inspection.scan import PassedOver, records_in, walk_batches
from connect.records import Columns
from tests.log.conftest import batch_of


def test_every_batch_comes_markers_and_open_transactions_too_across_segments(make_partition):
    partition = make_partition(segment_bytes="200")
    partition.append([batch_of(b"a" * 60), batch_of(b"b" * 60)])
    partition.append([with_producer(batch_of(b"open"), 7, 0, 0, is_transactional=True)])
    partition.append_marker(7, 0, 5, is_commit=False)
    assert partition.segment_count > 1
    found = list(walk_batches(partition))
    assert [batch.header.base_offset for batch in found] == [0, 1, 2, 3]
    assert [batch.header.is_control for batch in found] == [False, False, False, True]


def test_what_is_appended_meanwhile_is_left_to_the_next_walk(make_partition):
    partition = make_partition()
    partition.append([batch_of(b"a")])
    walk = walk_batches(partition)
    first = next(walk)
    partition.append([batch_of(b"b")])
    assert first.columns.values == [b"a"]
    assert list(walk) == []


def test_an_empty_partition_has_none_and_deleted_records_are_not_looked_for(make_partition):
    partition = make_partition()
    assert list(walk_batches(partition)) == []
    partition.append([batch_of(b"a"), batch_of(b"b")])
    partition.delete_records(1)
    assert [batch.header.base_offset for batch in walk_batches(partition)] == [1]


def test_a_damaged_batch_ends_the_walk_as_corruption(make_partition):
    partition = make_partition()
    partition.append([batch_of(b"a"), batch_of(b"b")])
    path = partition.view().segments[0].path
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    walk = walk_batches(partition)
    assert next(walk).columns.values == [b"a"]
    with pytest.raises(CorruptBatchError):
        next(walk)


def test_records_come_with_offset_key_and_value(make_partition):
    partition = make_partition()
    partition.append([encode(Columns([b"1", None], [b"a", b"b"])), batch_of(b"3")])
    found = [record for batch in walk_batches(partition) for record in records_in(batch)]
    assert found == [(0, b"a", b"1"), (1, b"b", None), (2, None, b"3")]


def test_of_many_records_that_cannot_be_read_a_hundred_are_named_and_the_rest_counted(caplog):
    passed_over = PassedOver("t-0")
    for offset in range(103):
        passed_over.take(offset, "no key")
    passed_over.close()
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(lines) == 101
    assert lines[0] == "t-0: the record at offset 0 cannot be read and is passed over: no key"
    assert lines[-1] == "t-0: 3 more records cannot be read and are passed over"
