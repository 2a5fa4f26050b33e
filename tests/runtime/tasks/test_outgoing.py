"""Parts of what goes into the log: each knows where in the source it is from, the last alone where the whole ends."""

from __future__ import annotations

from connect.records import Columns
from connect.runtime.tasks.outgoing import Outgoing, joined

P = {"p": 0}


def test_the_size_is_counted_of_keys_and_values() -> None:
    out = Outgoing("t", None, Columns([b"abc", None], [b"k", None]))
    assert (len(out), out.size_bytes) == (2, 4)


def test_the_last_part_alone_has_the_offset_of_the_whole_and_the_others_say_where_that_is() -> None:
    out = Outgoing("t", 3, Columns([b"a", b"b", b"c"]), P, {"n": 3}, [{"n": 1}, {"n": 2}, {"n": 3}], is_in_order=False)
    front, back = out.cut(0, 2), out.cut(2, 3)
    assert (front.source_offset, back.source_offset) == (None, {"n": 3})
    assert (front.source_offsets, back.source_offsets) == ([{"n": 1}, {"n": 2}], [{"n": 3}])
    assert front.source_end == back.source_end == {"n": 3}
    assert [front.size_bytes, back.size_bytes] == [2, 1]
    assert {(part.topic, part.partition, part.is_in_order) for part in (front, back)} == {("t", 3, False)}
    assert list(front.cut(1, 2).columns.values) == [b"b"]
    assert front.cut(1, 2).source_end == {"n": 3}


def test_parts_become_one_append_with_the_columns_that_any_of_them_has() -> None:
    plain = Outgoing("t", 1, Columns([b"a", None], timestamps=5), P, {"n": 1})
    full = Outgoing("t", 1, Columns([b"b"], [b"k"], [7], [[("h", b"1")]]), P, {"n": 2})
    out = joined([plain, full, plain])
    assert (out.topic, out.partition, out.size_bytes) == ("t", 1, 4)
    assert list(out.columns.values) == [b"a", None, b"b", b"a", None]
    assert out.columns.keys == [None, None, b"k", None, None]
    assert list(out.columns.stamps) == [5, 5, 7, 5, 5]
    assert out.columns.headers == [None, None, [("h", b"1")], None, None]


def test_parts_of_one_time_without_keys_stay_so() -> None:
    columns = joined([Outgoing("t", None, Columns([b"a"], timestamps=5))] * 2).columns
    assert (columns.values, columns.keys, columns.timestamps, columns.headers) == ([b"a", b"a"], None, 5, None)
