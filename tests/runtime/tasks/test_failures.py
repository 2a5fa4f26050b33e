from __future__ import annotations

from connect.api import Batch, DataError, FailedRecord
from connect.records import TopicPartition
from connect.runtime.tasks.failures import Failure, before, contents, first_places, named, told_to_observers
from tests.support.factories import make_sink_batch


def failure(batch: Batch, index: int = 0) -> Failure:
    return Failure(DataError("bad"), "put", batch, index, "TASK_PUT", None)


def test_what_lies_behind_what_was_not_put_comes_again_and_has_not_failed_yet() -> None:
    batch = make_sink_batch(["a", "b", "c"], base_offset=5)
    other = make_sink_batch(["x"], partition=1, base_offset=9)
    failures = [failure(batch, 0), failure(batch, 2), failure(other)]
    kept = before(failures, {TopicPartition("orders", 0): 6})
    assert [one.place for one in kept] == [(TopicPartition("orders", 0), 5), (TopicPartition("orders", 1), 9)]


def test_the_first_place_of_each_partition_is_known_where_each_has_one() -> None:
    batch = make_sink_batch(["a", "b", "c"], base_offset=5)
    failures = [failure(batch, 2), failure(batch, 1)]
    assert first_places(failures) == {TopicPartition("orders", 0): 6}
    assert first_places([*failures, failure(Batch("orders", ["made by a transform"]))]) is None


def test_details_of_a_record_are_added_to_those_of_the_whole() -> None:
    whole = DataError("two are bad", details={"sqlstate": "23502", "table": "t"})
    one = named(whole, FailedRecord(0, "null", {"column": "a", "table": "u"}))
    assert one.details == {"sqlstate": "23502", "table": "u", "column": "a"}
    assert one.__cause__ is whole


def test_a_failure_says_what_went_wrong_and_where() -> None:
    one = Failure(ValueError("no number"), "put", make_sink_batch(["x"], base_offset=3), 0, "TASK_PUT", None)
    assert (one.reason, one.where) == ("ValueError: no number", "topic orders, partition 0, offset 3")
    assert told_to_observers(one.error, one.stage, one.batch, one.index)["offset"] == 3


def test_a_line_of_a_sinks_record_has_its_timestamp_and_of_a_sources_its_contents_cut() -> None:
    assert contents(make_sink_batch(["secret"], timestamps=[7]), 0) == ", timestamp 7"
    assert contents(Batch("t", ["v"], keys=["k"]), 0) == ", key 'k', value 'v'"
    assert len(contents(Batch("t", ["x" * 10_000_000]), 0)) < 1100
