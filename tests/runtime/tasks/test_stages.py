"""Transforms with conditions: who is changed, who is left alone, and in which order all of them go on."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connect.api import Batch, Predicate, Record, Transform
from connect.runtime.tasks.stages import Stage, coalesce
from tests.support.factories import make_batch, make_sink_batch


class Upper(Transform):
    def apply_batch(self, batch: Batch) -> Batch:
        return batch.replace(values=[value.upper() for value in batch.values])


class DropAll(Transform):
    def apply_batch(self, batch: Batch) -> None:
        return None


class Route(Transform):
    def apply(self, record: Record) -> Record:
        return record.replace(topic=f"{record.topic}-{record.value}")


class IsVowel(Predicate):
    def test(self, record: Record) -> bool:
        return record.value in "aeiou"


def values_after(stage: Stage, values: list[Any]) -> list[Any]:
    return [value for batch in stage.apply(make_sink_batch(values)) for value in batch.values]


def test_a_transform_applies_only_where_its_predicate_holds_and_order_is_kept() -> None:
    assert values_after(Stage("u", Upper(), IsVowel()), list("abcde")) == list("AbcdE")


def test_negate_turns_the_predicate_round() -> None:
    assert values_after(Stage("u", Upper(), IsVowel(), negate=True), list("abcde")) == list("aBCDe")


def test_dropping_what_meets_a_predicate_keeps_the_rest_with_its_offsets() -> None:
    (kept,) = Stage("d", DropAll(), IsVowel()).apply(make_sink_batch(list("abcde"), base_offset=10))
    assert (kept.values, kept.offsets) == (["b", "c", "d"], [11, 12, 13])


def test_records_that_go_to_other_topics_keep_their_order_within_each() -> None:
    batches = Stage("r", Route(), IsVowel()).apply(make_batch(list("abae")))
    assert [(b.topic, b.values) for b in batches] == [
        ("orders-a", ["a"]),
        ("orders", ["b"]),
        ("orders-a", ["a"]),
        ("orders-e", ["e"]),
    ]


def test_with_a_predicate_a_transform_of_single_records_is_given_each_once_though_it_drops_some() -> None:
    seen: list[Any] = []

    class OnceEach(Transform):
        def apply(self, record: Record) -> Record | None:
            seen.append(record.value)
            return record if seen.count(record.value) == 1 else None

    assert values_after(Stage("o", OnceEach(), IsVowel()), list("aabebe")) == list("abeb")
    assert seen == list("aaee")


@given(st.text("abcdefghi", max_size=30))
def test_with_a_predicate_the_batch_gives_what_single_records_give(text: str) -> None:
    stage = Stage("u", Upper(), IsVowel())
    assert values_after(stage, list(text)) == [v.upper() if v in "aeiou" else v for v in text]


def test_neighbours_that_are_alike_are_joined() -> None:
    joined = coalesce(
        [make_batch(["a"], timestamps=1), make_batch(["b"], timestamps=2, keys=["k"]), make_batch(["c"], topic="x")]
    )
    assert [(b.topic, b.values, b.keys, b.timestamps) for b in joined] == [
        ("orders", ["a", "b"], [None, "k"], [1, 2]),
        ("x", ["c"], None, None),
    ]


def test_joined_batches_keep_the_offset_of_each_with_its_last_record() -> None:
    one, none, two = (
        make_batch(values, source_partition={"p": 0}, source_offset={"n": n})
        for n, values in enumerate([["a", "b"], [], ["c"]])
    )
    [joined] = coalesce([one, none, two])
    assert joined.source_offsets == [None, {"n": 0}, {"n": 2}]
