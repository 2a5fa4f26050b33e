from __future__ import annotations

from collections import OrderedDict
from typing import Any, cast

import pytest

from connect.api import (
    STRING,
    Batch,
    ConfigData,
    DataError,
    FailedRecord,
    Header,
    Headers,
    PluginError,
    Problem,
    Record,
)
from connect.api import contract as c


class Naughty:
    pass


PLUGIN = Naughty()


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        ({}, "returned dict"),
        (42, "returned int 42"),
        ("text", "returned str 'text'"),
        (b"bytes", "returned bytes"),
        (["a"], "a list with str 'a' in it"),
        ([Record("t"), None], "a list with None in it"),
        ([Record("t"), Batch("t", [1])], "a list with Record in it"),
    ],
)
def test_poll_returns_records_or_batches_and_nothing_else(returned: Any, told: str) -> None:
    with pytest.raises(PluginError) as raised:
        c.records_of(PLUGIN, "poll", returned)
    assert raised.value.message.startswith("Naughty.poll returned")
    assert told in raised.value.message
    assert raised.value.message.endswith("expected Record, a list of them, a Batch, or None")
    assert raised.value.code == "plugin.broken"


@pytest.mark.parametrize(
    "returned",
    [None, [], (), Record("t"), [Record("t")], (Record("t"),), iter([Record("t")]), Batch("t", [1]), [Batch("t", [1])]],
)
def test_what_poll_may_return_comes_as_batches(returned: Any) -> None:
    batches = c.records_of(PLUGIN, "poll", returned)
    assert all(isinstance(batch, Batch) for batch in batches)
    assert sum(map(len, batches)) <= 1


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"topic": None}, "topic = None"),
        ({"topic": ""}, "topic = str ''"),
        ({"topic": 5}, "topic = int 5"),
        ({"values": "ab"}, "values = str 'ab'"),
        ({"values": {1: 2}}, "values = dict"),
        ({"keys": ["k"]}, "1 keys for 2 values"),
        ({"keys": 5}, "keys = int 5 for 2 values"),
        ({"timestamps": [1]}, "1 timestamps for 2 values"),
        ({"timestamps": "now"}, "timestamps = str 'now'"),
        ({"timestamps": [1, "now"]}, "timestamp = str 'now'"),
        ({"timestamps": [1, 2.5]}, "timestamp = float 2.5"),
        ({"timestamps": [1, True]}, "timestamp = bool True"),
        ({"timestamps": True}, "timestamps = bool True"),
        ({"headers": [None]}, "1 headers for 2 values"),
        ({"headers": [None, {"a": 1}]}, "headers = dict"),
        ({"partition": "0"}, "partition = str '0'"),
        ({"key_schema": "string"}, "key_schema = str 'string'"),
        ({"value_schema": {}}, "value_schema = dict"),
    ],
)
def test_a_batch_whose_parts_do_not_fit_is_refused_by_the_part(part: dict[str, Any], told: str) -> None:
    with pytest.raises(PluginError, match="Naughty") as raised:
        c.batches_of(PLUGIN, "poll_batch", Batch(**{"topic": "t", "values": [1, 2], **part}))
    assert told in raised.value.message


@pytest.mark.parametrize("topic", [None, ""])
def test_a_transform_hands_on_the_topic_that_it_was_given(topic: Any) -> None:
    given = Batch(topic, [1])
    assert c.batches_of(PLUGIN, "apply_batch", [Batch(topic, [2])], given=given)[0].values == [2]


def test_an_empty_topic_is_a_transforms_config_and_no_topic_at_all_its_own_fault() -> None:
    given = Batch("t", [1])
    assert c.batches_of(PLUGIN, "apply_batch", Batch("", [1]), given=given)[0].topic == ""
    with pytest.raises(PluginError, match="topic = None"):
        c.batches_of(PLUGIN, "apply_batch", Batch(cast(str, None), [1]), given=given)


def test_a_sound_batch_passes_with_every_column_there_is() -> None:
    headers = Headers([Header("h", 1)])
    batch = Batch(
        "t",
        [1, 2],
        keys=[None, "k"],
        partition=0,
        timestamps=[1, None],
        headers=[None, headers],
        key_schema=STRING,
    )
    assert c.batches_of(PLUGIN, "poll_batch", batch) == [batch]
    assert c.batches_of(PLUGIN, "poll_batch", (b for b in [batch])) == [batch]
    assert c.batches_of(PLUGIN, "poll_batch", None) == []


@pytest.mark.parametrize(
    "value",
    [None, {}, {"a": 1}, {"a": "é", "b": None, "c": True, "d": 1.5}, {"a": [1, {"b": (2,)}]}, OrderedDict(a=-(2**63))],
)
def test_source_coordinates_are_what_json_holds(value: Any) -> None:
    c.check_source(PLUGIN, "poll", Batch("t", [1], source_partition=value, source_offset=value))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("abc", "= str 'abc'; expected a dict"),
        ([1], "expected a dict"),
        ({"n": object()}, "['n'] = object; expected what JSON can hold"),
        ({"n": b"x"}, "['n'] = bytes"),
        ({"n": float("nan")}, "a finite number"),
        ({"n": float("inf")}, "a finite number"),
        ({"n": 2**63}, "at most 64 bits"),
        ({"n": 10**5000}, "= int of very many digits; expected a number of at most 64 bits"),
        ({1: "n"}, "keys of text"),
        ({"n": {"m": {2: 3}}}, "keys of text"),
        ({"n": [1, {"m": {4}}]}, "['m'] = set"),
        ({"n": "\ud800"}, "text that UTF-8 can hold"),
        ({"\ud800": 1}, "text that UTF-8 can hold"),
    ],
)
@pytest.mark.parametrize("part", ["source_partition", "source_offset"])
def test_source_coordinates_that_cannot_be_stored_are_refused_at_poll(part: str, value: Any, told: str) -> None:
    with pytest.raises(PluginError, match=part) as raised:
        c.check_source(PLUGIN, "poll", Batch("t", [1], **{part: value}))
    assert told in raised.value.message


def test_the_offset_of_each_record_is_looked_at() -> None:
    c.check_source(PLUGIN, "poll", Batch("t", [1, 2], source_partition={}, source_offsets=[None, {"n": 1}]))
    for odd, told in (([{"n": object()}, {"n": 1}], "['n'] = object"), ([{"n": 1}], "1 source_offsets for 2 values")):
        with pytest.raises(PluginError) as raised:
            c.check_source(PLUGIN, "poll", Batch("t", [1, 2], source_offsets=odd))
        assert told in raised.value.message


@pytest.mark.parametrize("offsets", [{"source_offset": {"n": 1}}, {"source_offsets": [None, {"n": 1}]}])
def test_an_offset_without_its_partition_is_refused_and_not_dropped(offsets: dict[str, Any]) -> None:
    with pytest.raises(PluginError, match="source_partition = None; expected a dict, since there is a source_offset"):
        c.check_source(PLUGIN, "poll", Batch("t", [1, 2], **offsets))
    c.check_source(PLUGIN, "poll", Batch("t", [1, 2], source_offsets=[None, None]))


@pytest.mark.parametrize("column", [None, 5, b"ab", "ab", [b"a"], [b"a", "b"], ["a", b"b"], [1, 2], {1: 2, 3: 4}])
def test_encode_returns_bytes_or_null_for_each_value(column: Any) -> None:
    with pytest.raises(PluginError, match=r"Naughty\.encode returned"):
        c.check_column(PLUGIN, "encode", column, 2)
    c.check_column(PLUGIN, "encode", [b"a", None], 2)


@pytest.mark.parametrize(
    "runs", [None, 5, [5], [(None, ["a"])], [(None, 5)], [("x", ["a", "b"])], [(None, ["a", "b"], 1)]]
)
def test_decode_returns_runs_that_make_all_values(runs: Any) -> None:
    with pytest.raises(PluginError, match=r"Naughty\.decode returned"):
        c.check_runs(PLUGIN, "decode", runs, 2)
    c.check_runs(PLUGIN, "decode", [(None, ["a"]), (STRING, ["b"])], 2)


@pytest.mark.parametrize("configs", [None, {}, "x", [None], ["x"], [{"a": 5}], [{"a": None}], [{5: "a"}], 3])
def test_task_configs_are_flat_text(configs: Any) -> None:
    with pytest.raises(PluginError, match=r"Naughty\.task_configs returned"):
        c.task_configs_of(PLUGIN, configs)
    assert c.task_configs_of(PLUGIN, ({"a": "b"},)) == [{"a": "b"}]


def test_check_returns_problems_and_alter_offsets_a_verdict() -> None:
    for odd in (None, "x", ["x"], 5, [Problem("k", 5)]):  # type: ignore[arg-type]
        with pytest.raises(PluginError, match=r"Naughty\.check returned"):
            c.problems_of(PLUGIN, odd)
    assert c.problems_of(PLUGIN, iter([Problem("k", "m")])) == [Problem("k", "m")]
    for odd in (None, 1, "yes"):
        with pytest.raises(PluginError, match=r"Naughty\.alter_offsets returned"):
            c.looked_of(PLUGIN, odd)
    assert c.looked_of(PLUGIN, True) is True


def test_the_records_that_an_error_names_come_in_order_and_each_once() -> None:
    error = DataError("x", failed=[(2, "c"), FailedRecord(0, "a")])
    assert c.failed_of(PLUGIN, "put", error, 3) == [FailedRecord(0, "a"), FailedRecord(2, "c")]
    assert c.failed_of(PLUGIN, "put", DataError("x"), 3) == []


def test_details_of_a_cause_are_text() -> None:
    given = FailedRecord(0, "a", {"column": "name"})
    assert c.failed_of(PLUGIN, "put", DataError("x", failed=[given]), 1) == [given]
    assert c.details_of(PLUGIN, "put", DataError("x", details={"sqlstate": "22001"})) == {"sqlstate": "22001"}
    odd: Any = {"column": 3}
    with pytest.raises(PluginError, match=r"put raised DataError with details = int 3; expected text for 'column'"):
        c.details_of(PLUGIN, "put", DataError("x", details=odd))
    with pytest.raises(PluginError, match="expected a mapping of text"):
        c.failed_of(PLUGIN, "put", DataError("x", failed=[FailedRecord(0, "a", [("a", "b")])]), 1)  # type: ignore[arg-type]


def test_of_a_flush_what_is_not_the_tasks_any_more_is_passed_over() -> None:
    put = {("t", 0): 5}
    assert c.flushed_of(PLUGIN, None, put) is None
    assert c.flushed_of(PLUGIN, {("t", 0): 5, ("u", 1): 9}, put) == {("t", 0): 5}


def test_resume_offsets_are_of_the_partitions_that_were_asked_for() -> None:
    assert c.resume_offsets_of(PLUGIN, None, [("t", 0)]) == {}
    assert c.resume_offsets_of(PLUGIN, {("t", 0): 0}, [("t", 0), ("t", 1)]) == {("t", 0): 0}
    with pytest.raises(PluginError, match="the offset of t-2 = int 1; expected none but the partitions"):
        c.resume_offsets_of(PLUGIN, {("t", 2): 1}, [("t", 0)])


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        ({"k": "hunter2"}, "Naughty.get returned dict; expected ConfigData"),
        (None, "Naughty.get returned NoneType; expected ConfigData"),
        (ConfigData("hunter2"), "Naughty.get returned values: str; expected a mapping of texts"),
        (ConfigData({b"hunter2": "v"}), "Naughty.get returned a key: bytes; expected text"),
        (ConfigData({"k": b"hunter2"}), "Naughty.get returned 'k': bytes; expected text"),
        (ConfigData({}, -1), "Naughty.get returned ttl_ms -1; expected a number of ms, or None"),
        (ConfigData({}, True), "Naughty.get returned ttl_ms True; expected a number of ms, or None"),
    ],
)
def test_a_provider_returns_texts_and_what_else_it_returns_is_not_quoted(returned: Any, told: str) -> None:
    with pytest.raises(PluginError) as raised:
        c.config_data_of(PLUGIN, returned)
    assert raised.value.message == told


def test_what_a_provider_may_return_comes_as_it_is() -> None:
    data = ConfigData(OrderedDict(k="v"), 0)
    assert c.config_data_of(PLUGIN, data) is data


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        ([b"a"], "expected an Encoded"),
        (([b"a", b"b"], ()), "one item for each of 1 values, and not 2"),
        (([5], ()), "expected bytes or None"),
        (([b"a"], {"h": b"x"}), "expected a list of a header's name and bytes"),
        (([b"a"], [("h", "x")]), "expected a header's name and bytes"),
    ],
)
def test_what_is_encoded_is_bytes_and_headers(returned: Any, told: str) -> None:
    with pytest.raises(PluginError) as raised:
        c.check_encoded(PLUGIN, "encode_with_headers", returned, 1)
    assert told in raised.value.message
    c.check_encoded(PLUGIN, "encode_with_headers", ([None], [("h", b"x")]), 1)
