"""Parts of what goes into the log: each knows where in the source it is from, the last alone where the whole ends."""

from __future__ import annotations

from connect.records import Columns
from connect.runtime.tasks.outgoing import Outgoing

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
