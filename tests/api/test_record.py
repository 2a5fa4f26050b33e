from __future__ import annotations

from connect.api import INT32, STRING, Batch
from tests.support.factories import make_batch, make_record


def test_records_that_are_alike_become_one_batch() -> None:
    batches = Batch.group([make_record(value=i, timestamp=i) for i in range(3)])
    assert [(b.values, b.timestamps) for b in batches] == [([0, 1, 2], [0, 1, 2])]


def test_a_new_batch_starts_where_topic_or_schema_changes() -> None:
    records = [
        make_record(value=1, value_schema=INT32),
        make_record(value="a", value_schema=STRING),
        make_record("other", "b", value_schema=STRING),
    ]
    assert [(b.topic, b.values) for b in Batch.group(records)] == [("orders", [1]), ("orders", ["a"]), ("other", ["b"])]


def test_a_batch_gives_back_its_records() -> None:
    records = [
        make_record(value=i, key=f"k{i}", timestamp=i, source_partition={"p": 1}, source_offset={"o": i})
        for i in range(3)
    ]
    assert list(Batch.group(records)[0].records()) == records


def test_selecting_keeps_columns_aligned() -> None:
    batch = make_batch(["a", "b", "c"], keys=["1", "2", "3"], offsets=range(5, 8))
    chosen = batch.select([True, False, True])
    assert (chosen.values, chosen.keys, chosen.offsets) == (["a", "c"], ["1", "3"], [5, 7])


def test_only_the_part_with_the_last_record_keeps_the_source_offset() -> None:
    batch = make_batch(count=4, source_offset={"o": 4})
    assert (batch[:2].source_offset, batch[2:].source_offset) == (None, {"o": 4})


def test_keys_and_timestamps_are_columns_also_where_one_stands_for_all() -> None:
    assert make_batch(count=2, timestamps=5).timestamp_column() == [5, 5]
    assert make_batch(count=2, timestamps=[5, None]).timestamp_column() == [5, None]
    assert make_batch(count=2).key_column() == [None, None]
    assert make_batch(count=2, keys=["a", None]).key_column() == ["a", None]


def test_selecting_every_record_is_the_batch_itself() -> None:
    batch = make_batch(count=2, source_offset={"o": 2})
    assert batch.select([True, 1]) is batch
    assert batch.select([True, False]).source_offset is None
    assert batch.select([False, True]).source_offset == {"o": 2}
