"""Where records of an append go; that the hash is Kafka's own is tested with the partitioner."""

from __future__ import annotations

from connect.codec.partitioner import partitions_of
from connect.codec.placement import Placement, approximate_bytes
from connect.records import Columns


def test_keys_decide_where_there_are_some_and_the_others_stay_together():
    keys = [b"a", None, b"b", None, b"c"]
    placed = Placement().partitions("orders", 7, Columns([b""] * 5, keys))
    assert [placed[row] for row in (0, 2, 4)] == partitions_of([b"a", b"b", b"c"], 7)
    assert placed[1] == placed[3]


def test_records_without_keys_share_a_partition_until_it_had_its_fill():
    placement, small, large = Placement(), Columns([b"v"] * 3), Columns([bytes(20_000)])
    given = [small, small, large, small, large, small]
    assert [placement.partitions("orders", 3, each) for each in given] == [0, 0, 0, 1, 1, 2]
    assert placement.partitions("others", 3, small) == 0, "each topic has its own"


def test_a_topic_of_one_partition_is_not_hashed_for():
    assert Placement().partitions("orders", 1, Columns([b"v"] * 2, [b"a", b"b"])) == 0


def test_bytes_are_those_of_keys_and_values_and_a_little_more():
    assert approximate_bytes(Columns([b"abc", None], [b"k", None])) == 3 + 1 + 20
