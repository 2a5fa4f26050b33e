"""The value types at the ground."""

from __future__ import annotations

import pytest

from connect.records import Columns, FetchedBatch, OffsetAndMetadata, TimestampType, TopicPartition, why_no_topic

FULL = Columns(
    values=[b"a", None, b"c"],
    keys=[b"k", None, b"l"],
    timestamps=[1, 2, 3],
    headers=[[("h", b"1")], None, None],
)


def test_a_topic_partition_is_written_as_kafka_does() -> None:
    assert str(TopicPartition("my-orders", 3)) == "my-orders-3"
    assert sorted([TopicPartition("b", 0), TopicPartition("a", 10), TopicPartition("a", 2)])[0] == ("a", 2)


@pytest.mark.parametrize("name", ["orders", "a.b_c-1", "x" * 249, "...", "__own"])
def test_a_topic_can_have_a_name_by_kafkas_rules(name: str) -> None:
    assert why_no_topic(name) is None


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 250, "with space", "a/b", "\u00fc", "a\n"])
def test_a_name_that_no_topic_can_have_is_told_why(name: str) -> None:
    assert why_no_topic(name)


def test_columns_count_their_values() -> None:
    assert len(FULL) == 3
    assert not Columns([])


def test_bytes_are_counted_over_keys_and_values_and_nulls_are_nothing() -> None:
    assert Columns([b"ab", None], [b"c", b""]).size_bytes == 3
    assert Columns([b"ab", None]).size_bytes == 2


@pytest.mark.parametrize(("timestamps", "stamps"), [(7, [7, 7, 7]), ([1, 2, 3], [1, 2, 3])])
def test_there_is_a_timestamp_for_each_record(timestamps: int | list[int], stamps: list[int]) -> None:
    assert list(Columns([b"", b"", None], timestamps=timestamps).stamps) == stamps


def test_a_cut_takes_the_same_rows_of_every_column() -> None:
    assert FULL.cut(1) == Columns([None, b"c"], [None, b"l"], [2, 3], [None, None])
    assert FULL.cut(0, 1) == Columns([b"a"], [b"k"], [1], [[("h", b"1")]])
    assert FULL.cut(0) == FULL


def test_a_cut_leaves_what_stands_for_all_rows_as_it_is() -> None:
    assert Columns([b"a", b"b"], timestamps=9).cut(1, 2) == Columns([b"b"], None, 9, None)


def test_a_fetched_batch_counts_its_records_and_not_its_offsets() -> None:
    batch = FetchedBatch("orders", 0, [4, 9], Columns([b"a", b"b"]), next_offset=20)
    assert len(batch) == 2
    assert batch.timestamp_type is TimestampType.CREATE_TIME


def test_timestamp_types_have_kafka_s_numbers() -> None:
    assert {each.name: each.value for each in TimestampType} == {"CREATE_TIME": 0, "LOG_APPEND_TIME": 1}


def test_an_offset_that_was_committed_without_more_has_none_of_it() -> None:
    assert OffsetAndMetadata(5) == OffsetAndMetadata(5, leader_epoch=-1, metadata="", commit_timestamp=-1)


def test_values_do_not_change() -> None:
    with pytest.raises(AttributeError):
        FULL.values = []  # type: ignore[misc]
