from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import Batch, Column, Converter, DataError, HeaderConverter, Predicate, Record, Schema, Transform
from connect.ports import Columns, FetchedBatch
from connect.runtime.config import SinkConnectorConfig
from connect.runtime.pipeline import Pipeline, Stage, coalesce
from connect.runtime.tolerance import Tolerance
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


class FailOn(Transform):
    bad = "bad"

    def apply_batch(self, batch: Batch) -> Batch:
        if self.bad in batch.values:
            raise DataError(f"{self.bad} is bad")
        return batch


class IsVowel(Predicate):
    def test(self, record: Record) -> bool:
        return record.value in "aeiou"


class Text(Converter):
    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        return [None if value is None else value.encode() for value in values]

    def decode(self, topic: str, data: Sequence[bytes | None]) -> list[Column]:
        return [Column(None, [None if item is None else item.decode() for item in data])]


class TextHeaders(HeaderConverter):
    def from_connect_header(self, topic: str, name: str, schema: Schema | None, value: Any) -> bytes | None:
        return str(value).encode()

    def to_connect_header(self, topic: str, name: str, data: bytes | None) -> tuple[Schema | None, Any]:
        return None, data


def make_pipeline(*stages: Stage, **keys: str) -> tuple[Pipeline, Tolerance]:
    config = SinkConnectorConfig.parse({"name": "c", "connector.class": "C", "topics": "t", **keys})
    tolerance = Tolerance(config, log=logging.getLogger("test"), interrupted=threading.Event())
    return Pipeline(stages, Text(), Text(), TextHeaders(), tolerance, lambda: 99), tolerance


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


@given(st.text("abcdefghi", max_size=30))
def test_with_a_predicate_the_batch_gives_what_single_records_give(text: str) -> None:
    stage = Stage("u", Upper(), IsVowel())
    assert values_after(stage, list(text)) == [v.upper() if v in "aeiou" else v for v in text]


def test_one_bad_record_of_a_batch_is_skipped_and_the_others_go_on() -> None:
    pipeline, tolerance = make_pipeline(Stage("f", FailOn()), **{"errors.tolerance": "all"})
    (out,) = pipeline.to_bytes([make_batch(["a", "bad", "b"])])
    assert (list(out.columns.values), tolerance.skipped) == ([b"a", b"b"], 1)


def test_without_tolerance_a_bad_record_is_named() -> None:
    pipeline, _ = make_pipeline(Stage("f", FailOn()))
    with pytest.raises(DataError, match=r"bad is bad \(transform 'f', topic orders, partition 0, offset 8\)"):
        pipeline.transform([make_sink_batch(["a", "bad", "b"], base_offset=7)])


def test_a_source_record_without_timestamp_gets_the_present_time() -> None:
    pipeline, _ = make_pipeline()
    (out,) = pipeline.to_bytes([make_batch(["a", "b"], timestamps=[5, None])])
    assert out.columns.timestamps == [5, 99]


def test_fetched_bytes_become_a_batch_with_offsets() -> None:
    pipeline, _ = make_pipeline()
    fetched = FetchedBatch("t", 1, range(4, 6), Columns([b"a", None], keys=[b"k", None], timestamps=7), 6)
    (batch,) = pipeline.from_bytes([fetched])
    assert (batch.values, batch.keys, list(batch.offsets or ()), batch.partition, batch.timestamps) == (
        ["a", None],
        ["k", None],
        [4, 5],
        1,
        7,
    )


def test_bytes_that_cannot_be_read_are_skipped_one_by_one() -> None:
    pipeline, tolerance = make_pipeline(**{"errors.tolerance": "all"})
    fetched = FetchedBatch("t", 0, range(3), Columns([b"a", b"\xff", b"c"]), 3)
    (batch,) = pipeline.from_bytes([fetched])
    assert (batch.values, batch.offsets, tolerance.skipped) == (["a", "c"], [0, 2], 1)


def test_neighbours_that_are_alike_are_joined() -> None:
    joined = coalesce(
        [make_batch(["a"], timestamps=1), make_batch(["b"], timestamps=2, keys=["k"]), make_batch(["c"], topic="x")]
    )
    assert [(b.topic, b.values, b.keys, b.timestamps) for b in joined] == [
        ("orders", ["a", "b"], [None, "k"], [1, 2]),
        ("x", ["c"], None, None),
    ]
