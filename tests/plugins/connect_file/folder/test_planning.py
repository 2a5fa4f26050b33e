"""Which record goes to which file."""

import pytest

from connect.api import INT64, ConfigError, DataError, Schema
from connect_file.folder.encoding import BytesBody, CsvDialect, CsvEncoder, JsonEncoder
from connect_file.folder.planning import FileState, Planner, Rolling
from connect_file.folder.templates import Template
from connect_file.folder.times import Times


def plan(batches, *, opened=None, ends=None, records=100, interval_ms=None, encoder=None, nulls="fail", text=None):
    times = Times("Record", None)
    planner = Planner(
        encoder or JsonEncoder(BytesBody),
        Template(text or "${start_offset}", times),
        times,
        Rolling(records, interval_ms),
        nulls=nulls,
    )
    return planner.plan(
        batches, lambda at, identity: (opened or {}).get(identity), lambda at, identity: (ends or {}).get(identity, 0)
    )


def shape(segments):
    return [(one.is_new, one.first_offset, one.end_offset, one.records) for one in segments]


def test_records_go_on_in_the_file_that_is_open_until_it_is_full(batch):
    state = FileState((), (), 8, 3, None)
    found = plan([batch([1, 2, 3, 4, 5], 3)], opened={"": state}, records=10)
    assert shape(found) == [(False, 3, 5, 2), (True, 5, 8, 3)]


def test_batches_of_one_put_go_on_in_one_file(batch):
    assert shape(plan([batch([1, 2]), batch([3, 4], 2)], records=3)) == [
        (True, 0, 2, 2),
        (False, 2, 3, 1),
        (True, 3, 4, 1),
    ]


def test_records_of_several_files_are_parted_in_order(batch):
    found = plan([batch([{"k": "a"}, {"k": "b"}, {"k": "a"}])], text="${field:k}-${start_offset}")
    assert [(one.identity, one.first_offset, one.end_offset, one.chunk) for one in found] == [
        ("a-", 0, 3, b'{"k":"a"}\n{"k":"a"}\n'),
        ("b-", 1, 2, b'{"k":"b"}\n'),
    ]


def test_records_in_front_of_the_end_of_their_file_are_left_out(batch):
    assert shape(plan([batch([1, 2, 3])], ends={"": 2})) == [(True, 2, 3, 1)]
    assert plan([batch([1, 2, 3])], ends={"": 3}) == []


def test_a_record_that_is_later_than_the_interval_begins_a_file_and_an_earlier_one_does_not(batch):
    found = plan([batch([1, 2, 3, 4], timestamps=[100, 50, 199, 200])], interval_ms=100)
    assert shape(found) == [(True, 0, 3, 3), (True, 3, 4, 1)]
    assert [one.first_ms for one in found] == [100, 200]


def test_one_offset_is_in_one_file(batch):
    made = batch([1, 2, 3]).replace(offsets=[0, 0, 1])
    assert shape(plan([made], records=1)) == [(True, 0, 1, 2), (True, 1, 2, 1)]
    full = FileState((), (), 1, 1, None)
    assert shape(plan([made], opened={"": full}, records=1)) == [(False, 0, 1, 2), (True, 1, 2, 1)]


def test_another_schema_is_another_file_beside_the_first(batch):
    one, other = (Schema.struct({name: INT64}) for name in "ab")
    found = plan(
        [batch([{"a": 1}], 0, schema=one), batch([{"b": 1}], 1, schema=other), batch([{"a": 2}], 2, schema=one)],
        encoder=CsvEncoder(BytesBody, CsvDialect()),
    )
    assert [one.is_new for one in found] == [True, True, False]
    assert found[0].identity == found[2].identity != found[1].identity


def test_a_map_with_a_further_column_takes_the_place_of_the_file(batch):
    encoder = CsvEncoder(BytesBody, CsvDialect())
    found = plan([batch([{"a": 1}]), batch([{"b": 1}], 1), batch([{"a": 2}], 2)], encoder=encoder)
    assert [(one.is_new, one.layout) for one in found] == [
        (True, ("a",)),
        (True, ("a", "b")),
        (False, ("a", "b")),
    ]
    assert len({one.identity for one in found}) == 1


def test_bad_records_are_named_over_all_batches(batch):
    with pytest.raises(DataError) as caught:
        plan([batch([1, object()]), batch([None, 2], 2)])
    assert [one.index for one in caught.value.failed] == [1, 2]


def test_null_values_are_left_out_where_that_is_asked_for(batch):
    assert shape(plan([batch([1, None, 2]), batch([None], 3)], nulls="ignore")) == [(True, 0, 3, 2)]


@pytest.mark.parametrize("missing", ["original_topic", "original_partition", "offsets"])
def test_records_that_have_no_place_in_the_log_are_refused(batch, missing):
    with pytest.raises(ConfigError, match="made by a transform"):
        plan([batch([1]).replace(**{missing: None})])
