"""What may be committed of a poll that failed half-way: never past a record that is not in the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connect.api import Batch
from connect.records import Columns
from connect.runtime.tasks.outgoing import Outgoing
from connect.runtime.tasks.source_offsets import PendingOffsets, half_way, offsets_before, offsets_of

P = {"p": 0}


def batch(numbers: list[int], *, partition: Mapping[str, Any] = P, each: bool = True) -> Batch:
    offsets: list[Mapping[str, Any] | None] = [{"n": n} for n in numbers]
    last = {"n": numbers[-1]}
    return Batch("t", numbers, source_partition=partition, source_offset=last, source_offsets=offsets if each else None)


def out(made: Batch) -> Outgoing:
    return Outgoing(
        "t", None, Columns([b""] * len(made)), made.source_partition, made.source_offset, made.source_offsets
    )


def reached(
    polled: list[Batch], appended: list[Outgoing], left: list[Outgoing], *, in_order: bool = True
) -> dict[int, int]:
    found = offsets_before(polled, appended, left, in_order=in_order)
    return {partition["p"]: offset["n"] for partition, offset in found}


def test_what_lies_before_the_first_record_that_is_left_counts() -> None:
    polled = batch([1, 2, 3, 4])
    whole = out(polled)
    assert reached([polled], [whole.cut(0, 2)], [whole.cut(2, 4)]) == {0: 2}
    assert reached([polled], [], [whole]) == {}


def test_records_that_a_transform_dropped_are_done() -> None:
    polled = batch([1, 2, 3, 4])
    assert reached([polled], [], [out(polled.select([0, 0, 1, 0]))], in_order=False) == {0: 2}


def test_a_source_partition_of_which_nothing_is_left_counts_to_its_end() -> None:
    one, other = batch([1, 2], each=False), batch([7], partition={"p": 1}, each=False)
    assert reached([one, other], [out(one)], [out(other)], in_order=False) == {0: 2}


def test_without_offsets_of_records_only_the_order_tells() -> None:
    first, second = batch([1, 2], each=False), batch([3, 4], each=False)
    assert reached([first, second], [out(first)], [out(second)], in_order=True) == {0: 2}
    assert reached([first, second], [out(first)], [out(second)], in_order=False) == {}


def test_records_that_nobody_knows_hold_everything_back() -> None:
    polled = batch([1, 2])
    strangers = [
        out(batch([2], partition={"p": 9})),
        out(batch([2])),  # equal offsets, other objects: a transform's copy
        Outgoing("t", None, Columns([b""])),
    ]
    for stranger in strangers:
        assert reached([polled], [out(polled).cut(0, 1)], [stranger], in_order=False) == {}


@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=12),
    st.data(),
)
def test_never_past_a_record_that_is_left_however_a_transform_parts_them(
    rows: list[tuple[int, bool]], data: st.DataObject
) -> None:
    polled = [batch([n], partition={"p": p}, each=each) for n, (p, each) in enumerate(rows)]
    order = data.draw(st.permutations([b for b in polled if data.draw(st.booleans())]))
    cut = data.draw(st.integers(0, len(order)))
    left = order[cut:]
    found = reached(polled, [out(b) for b in order[:cut]], [out(b) for b in left], in_order=False)
    for b in left:
        assert found.get(b.source_partition["p"], -1) < b.values[0]  # type: ignore[index]


def within(polled: list[Batch], appended: list[Outgoing], left: list[Outgoing]) -> list[tuple[list[int], int]]:
    return [(found.values, count) for found, count in half_way(polled, appended, left)]


def test_a_batch_is_half_way_where_some_of_its_records_are_in_the_log() -> None:
    first, second = batch([1, 2, 3], each=False), batch([4, 5, 6], each=False)
    joined = out(batch([1, 2, 3, 4, 5, 6], each=False))
    assert within([first, second], [joined.cut(0, 2)], [joined.cut(2, 6)]) == [([1, 2, 3], 2)]
    assert within([first, second], [joined.cut(0, 2), joined.cut(2, 5)], [joined.cut(5, 6)]) == [([4, 5, 6], 2)]
    for at in (0, 3, 6):
        assert within([first, second], [joined.cut(0, at)], [joined.cut(at, 6)]) == []


def test_each_source_partition_is_counted_by_itself() -> None:
    one, other = batch([1, 2], each=False), batch([7, 8], partition={"p": 1}, each=False)
    assert within([one, other], [out(one), out(other).cut(0, 1)], [out(other).cut(1, 2)]) == [([7, 8], 1)]


def test_where_records_were_dropped_or_made_on_the_way_counting_tells_nothing() -> None:
    polled = batch([1, 2, 3], each=False)
    fewer, stranger = out(batch([1, 3], each=False)), Outgoing("t", None, Columns([b""]))
    assert within([polled], [fewer.cut(0, 1)], [fewer.cut(1, 2)]) == []
    assert within([polled], [out(polled).cut(0, 1)], [out(polled).cut(1, 3), stranger]) == []


def test_batches_with_an_offset_of_each_record_need_nobody_to_tell() -> None:
    polled = batch([1, 2, 3])
    assert within([polled], [out(polled).cut(0, 1)], [out(polled).cut(1, 3)]) == []


def test_pending_offsets_keep_the_newest_of_each_source_partition() -> None:
    pending = PendingOffsets()
    pending.add(offsets_of([batch([1]), batch([2]), batch([5], partition={"p": 1})]))
    taken = pending.take()
    assert not pending
    pending.add(offsets_of([batch([3])]))
    pending.put_back(taken)
    assert pending.take() == [(P, {"n": 3}), ({"p": 1}, {"n": 5})]
