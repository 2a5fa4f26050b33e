from __future__ import annotations

from typing import Any

import pytest

from connect.api import Batch, PluginError, Predicate, Record, Transform


class Single(Transform):
    """Drops nulls, and sends numbers to another topic."""

    def apply(self, record: Record) -> Record | None:
        if record.value is None:
            return None
        return record.replace(topic="numbers") if isinstance(record.value, int) else record


class Columns(Transform):
    def apply_batch(self, batch: Batch) -> Batch | None:
        kept = batch.select([value is not None for value in batch.values])
        return kept.replace(topic="kept") if len(kept) else None


def test_who_changes_one_record_is_given_batches_and_the_order_stays() -> None:
    batches = Single().apply_batch(Batch("t", ["a", 1, None, 2, "b"]))
    assert isinstance(batches, list)
    assert [(batch.topic, batch.values) for batch in batches] == [("t", ["a"]), ("numbers", [1, 2]), ("t", ["b"])]


def test_who_changes_batches_can_be_given_one_record() -> None:
    record = Record("t", "a", key="k", source_offset={"n": 1}, source_partition={"p": 1})
    assert Columns().apply(record) == record.replace(topic="kept")
    assert Columns().apply(Record("t")) is None


def test_what_a_transform_may_not_return_is_named() -> None:
    class Wrong(Transform):
        def apply(self, record: Record) -> Any:
            return record.value

    with pytest.raises(PluginError, match=r"Wrong\.apply returned str 'a'; expected a Record, or None to drop it"):
        Wrong().apply_batch(Batch("t", ["a"]))


def test_a_transform_with_neither_form_says_which_it_must_have() -> None:
    with pytest.raises(NotImplementedError, match="Transform must define apply or apply_batch"):
        Transform().apply(Record("t"))
    with pytest.raises(NotImplementedError, match="Transform must define apply or apply_batch"):
        Transform().apply_batch(Batch("t", [1]))
    with pytest.raises(NotImplementedError, match="Predicate must define test"):
        Predicate().test(Record("t"))


def test_a_predicate_of_one_record_answers_for_each_of_a_batch() -> None:
    class Large(Predicate):
        def test(self, record: Record) -> bool:
            return bool(record.value > 1)

    assert Large().test_batch(Batch("t", [1, 2, 3])) == [False, True, True]
