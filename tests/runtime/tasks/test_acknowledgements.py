"""What becomes of each record of a source: known by its own offset, told in order, and only once it is durable."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import Batch, CommittedRecord, PluginError, RecordMetadata, SourceTask
from connect.records import Appended, Columns
from connect.runtime.tasks.acknowledgements import Acknowledgements
from connect.runtime.tasks.outgoing import Outgoing


class Hears(SourceTask):
    def commit_records(self, records: Any) -> None:
        pass


def batch(*numbers: int) -> Batch:
    offsets = [{"n": n} for n in numbers]
    return Batch(topic="t", values=list(numbers), source_partition={"p": 0}, source_offsets=offsets)  # type: ignore[arg-type]


def out(made: Batch, *rows: int) -> Outgoing:
    """What is left of a batch behind the transforms."""
    assert made.source_offsets is not None
    offsets = [made.source_offsets[row] for row in rows]
    return Outgoing("t", None, Columns([b""] * len(rows)), made.source_partition, None, offsets)


async def test_only_a_task_that_overrides_the_method_has_any() -> None:
    assert Acknowledgements.of(SourceTask()) is None
    assert Acknowledgements.of(Hears()) is not None


async def test_records_are_told_in_the_order_of_the_poll_with_where_they_landed() -> None:
    acks = Acknowledgements(Hears())
    (polled,) = acks.told_apart([batch(1, 2, 3)])
    acks.landed(out(polled, 2, 0), Appended(((0, 10, 1), (4, 20, 1))))
    acks.polled([polled], is_whole=True)
    acks.durable(acks.take())
    assert acks.news() == [
        CommittedRecord({"p": 0}, {"n": 1}, RecordMetadata("t", 4, 20)),
        CommittedRecord({"p": 0}, {"n": 2}, None),
        CommittedRecord({"p": 0}, {"n": 3}, RecordMetadata("t", 0, 10)),
    ]
    assert acks.news() == []


async def test_records_whose_offsets_are_one_object_are_told_apart() -> None:
    one = {"n": 1}
    acks = Acknowledgements(Hears())
    same = Batch(topic="t", values=["a", "b"], source_partition={"p": 0}, source_offsets=[one, one])
    (polled,) = acks.told_apart([same])
    acks.landed(out(polled, 1), Appended(((0, 5, 1),)))
    acks.polled([polled], is_whole=True)
    assert [record.metadata for record in acks.take()] == [None, RecordMetadata("t", 0, 5)]


async def test_of_a_poll_that_failed_half_way_only_what_landed_is_told() -> None:
    acks = Acknowledgements(Hears())
    (polled,) = acks.told_apart([batch(1, 2)])
    acks.landed(out(polled, 0), Appended(((0, 5, 1),)))
    acks.polled([polled], is_whole=False)
    assert [record.source_offset for record in acks.take()] == [{"n": 1}]


async def test_nothing_is_told_before_the_flush_that_covers_it_and_a_failed_one_keeps_the_order() -> None:
    acks = Acknowledgements(Hears())
    for number in (1, 2):
        (polled,) = acks.told_apart([batch(number)])
        acks.polled([polled], is_whole=True)
        if number == 1:
            taken = acks.take()
    assert acks.news() == []
    acks.put_back(taken)
    assert acks.is_waiting.is_set()
    acks.durable(acks.take())
    assert not acks.is_waiting.is_set()
    assert [record.source_offset for record in acks.news()] == [{"n": 1}, {"n": 2}]


async def test_a_record_without_an_offset_of_its_own_is_refused() -> None:
    for made in (
        Batch(topic="t", values=[1], source_partition={"p": 0}),
        Batch(topic="t", values=[1], source_offsets=[{}]),
    ):
        with pytest.raises(PluginError, match="expected one for each record, since the task has commit_records"):
            Acknowledgements(Hears()).told_apart([made])
