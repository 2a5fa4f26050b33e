from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from connect.api import (
    Batch,
    Column,
    Converter,
    DataError,
    HeaderConverter,
    PluginError,
    Predicate,
    Record,
    Schema,
    Transform,
)
from connect.records import Columns, FetchedBatch
from connect.runtime.border.watchdog import Abandoned
from connect.runtime.connector_config import SinkConnectorConfig
from connect.runtime.tasks.pipeline import Pipeline
from connect.runtime.tasks.stages import Stage
from connect.runtime.tasks.tolerance import Interrupted, Tolerance
from tests.support.factories import make_batch, make_sink_batch


class Upper(Transform):
    def apply_batch(self, batch: Batch) -> Batch:
        return batch.replace(values=[value.upper() for value in batch.values])


class FailOn(Transform):
    bad = "bad"

    def apply_batch(self, batch: Batch) -> Batch:
        if self.bad in batch.values:
            raise DataError(f"{self.bad} is bad")
        return batch


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


def test_one_bad_record_of_a_batch_is_skipped_and_the_others_go_on() -> None:
    pipeline, tolerance = make_pipeline(Stage("f", FailOn()), **{"errors.tolerance": "all"})
    (out,) = pipeline.to_bytes([make_batch(["a", "bad", "b"])])
    assert (list(out.columns.values), tolerance.skipped) == ([b"a", b"b"], 1)


class NameBad(Transform):
    """Says which values begin with 'bad', and takes none of a batch that has such."""

    def __init__(self) -> None:
        self.calls: list[list[Any]] = []

    def apply_batch(self, batch: Batch) -> Batch:
        self.calls.append(list(batch.values))
        failed = [(n, f"{value} is bad") for n, value in enumerate(batch.values) if value.startswith("bad")]
        if failed:
            raise DataError("some are bad", failed=failed)
        return batch


def test_a_transform_that_names_its_bad_records_is_given_the_others_together() -> None:
    transform = NameBad()
    pipeline, tolerance = make_pipeline(Stage("n", transform), **{"errors.tolerance": "all"})
    (out,) = pipeline.to_bytes([make_batch(["a", "bad1", "b", "bad2", "c"])])
    assert (list(out.columns.values), tolerance.skipped) == ([b"a", b"b", b"c"], 2)
    assert transform.calls == [["a", "bad1", "b", "bad2", "c"], ["a", "b", "c"]]


def test_of_a_batch_of_bad_records_nothing_is_given_again() -> None:
    transform = NameBad()
    pipeline, tolerance = make_pipeline(Stage("n", transform), **{"errors.tolerance": "all"})
    assert pipeline.to_bytes([make_batch(["bad1", "bad2"])]) == []
    assert (len(transform.calls), tolerance.skipped) == (1, 2)


class IsNumbered(Predicate):
    def test(self, record: Record) -> bool:
        return record.value[-1].isdigit()


def test_behind_a_predicate_the_record_that_a_transform_names_is_the_one_that_is_skipped() -> None:
    pipeline, tolerance = make_pipeline(Stage("n", NameBad(), IsNumbered()), **{"errors.tolerance": "all"})
    failed: list[tuple[str, int | None]] = []
    tolerance.on_failed = lambda error, stage, batch, index, skipped: failed.append(
        (str(error), batch.record(index).offset)
    )
    batches = pipeline.transform([make_sink_batch(["bad", "a1", "bad2", "b", "bad3", "c4"], base_offset=10)])
    assert [value for batch in batches for value in batch.values] == ["bad", "a1", "b", "c4"]
    assert failed == [("bad2 is bad", 12), ("bad3 is bad", 14)]


def test_without_tolerance_the_first_record_that_is_named_is_the_failure() -> None:
    pipeline, _ = make_pipeline(Stage("n", NameBad()))
    with pytest.raises(DataError, match=r"bad1 is bad \(transform 'n', topic orders, partition 0, offset 8\)"):
        pipeline.transform([make_sink_batch(["a", "bad1", "bad2"], base_offset=7)])


def test_a_converter_that_names_its_bad_values_is_given_the_others_together() -> None:
    class Picky(Text):
        calls = 0

        def decode(self, topic: str, data: Sequence[bytes | None]) -> list[Column]:
            self.calls += 1
            failed = [(n, "not UTF-8") for n, item in enumerate(data) if item == b"\xff"]
            if failed:
                raise DataError("bad bytes", failed=failed)
            return super().decode(topic, data)

    config = SinkConnectorConfig.parse({"connector.class": "C", "name": "c", "topics": "t", "errors.tolerance": "all"})
    tolerance, picky = Tolerance(config, log=logging.getLogger("test"), interrupted=threading.Event()), Picky()
    pipeline = Pipeline([], Text(), picky, TextHeaders(), tolerance, lambda: 0)
    fetched = FetchedBatch("t", 0, range(5), Columns([b"a", b"\xff", b"b", b"\xff", b"c"]), 5)
    (batch,) = pipeline.from_bytes([fetched])
    assert (batch.values, list(batch.offsets or ()), picky.calls) == (["a", "b", "c"], [0, 2, 4], 2)


def test_a_transform_that_names_a_record_it_was_not_given_is_broken() -> None:
    class Wrong(Transform):
        def apply_batch(self, batch: Batch) -> Batch:
            raise DataError("bad", failed=[(5, "x")])

    pipeline, _ = make_pipeline(Stage("w", Wrong()), **{"errors.tolerance": "all"})
    with pytest.raises(
        PluginError, match=r"Wrong\.apply_batch raised DataError with failed = int 5; expected each index"
    ):
        pipeline.transform([make_sink_batch(["a", "b"])])


def test_what_is_interrupted_counts_none_of_its_records_as_skipped_since_they_come_again() -> None:
    class Away(FailOn):
        def apply_batch(self, batch: Batch) -> Batch:
            if batch.values == ["away"]:
                raise Interrupted
            return super().apply_batch(batch)

    pipeline, tolerance = make_pipeline(Stage("f", Away()), **{"errors.tolerance": "all"})
    assert len(pipeline.to_bytes([make_batch(["bad", "b"])])) == 1
    for _ in range(2):
        with pytest.raises(Interrupted):
            pipeline.to_bytes([make_batch(["a", "bad", "away"])])
        assert tolerance.skipped == 1


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


class Naughty(Transform, Predicate, Converter):  # type: ignore[misc]
    """Returns or raises what it is told."""

    def __init__(self, what: Any) -> None:
        self.what = what

    def _do(self) -> Any:
        if isinstance(self.what, BaseException):
            raise self.what
        return self.what

    def apply_batch(self, batch: Batch) -> Any:
        return self._do()

    def test_batch(self, batch: Batch) -> Any:
        return self._do()

    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> Any:
        return self._do()

    def decode(self, topic: str, data: Sequence[bytes | None]) -> Any:
        return self._do()


class NaughtyApply(Transform):
    def apply(self, record: Record) -> Any:
        return "text"


RAISED = [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration(), ExceptionGroup("g", [ValueError()])]


def naughty_pipeline(stages: Sequence[Stage], value: Converter, **keys: str) -> Pipeline:
    tolerance = make_pipeline(**keys)[1]
    return Pipeline(stages, Text(), value, TextHeaders(), tolerance, lambda: 0)


@pytest.mark.parametrize("what", RAISED, ids=repr)
def test_whatever_a_step_raises_fails_its_record_and_nothing_else(what: BaseException) -> None:
    for stages, value in (
        ([Stage("n", Naughty(what))], Text()),
        ([Stage("n", Upper(), Naughty(what))], Text()),
        ([], Naughty(what)),
    ):
        with pytest.raises(DataError, match=type(what).__name__):
            naughty_pipeline(stages, value).to_bytes([make_batch(["a", "b"])])
        tolerant = naughty_pipeline(stages, value, **{"errors.tolerance": "all"})
        assert tolerant.to_bytes([make_batch(["a", "b"])]) == []


@pytest.mark.parametrize("form", ["apply", "apply_batch"])
def test_what_was_left_behind_and_is_interrupted_does_not_go_on_with_the_next_record(form: str) -> None:
    calls: list[Any] = []

    def computes(given: Any) -> Any:
        calls.append(given)
        raise Abandoned

    stage = Stage("n", type("Computes", (Transform,), {form: lambda self, given: computes(given)})())
    pipeline, tolerance = make_pipeline(stage, **{"errors.tolerance": "all"})
    with pytest.raises(Interrupted):
        pipeline.to_bytes([make_batch(["a", "b", "c"])])
    assert len(calls) == 1
    assert tolerance.skipped == 0


@pytest.mark.parametrize(
    ("stages", "value", "told"),
    [
        ([Stage("n", Naughty("text"))], Text(), "Naughty.apply_batch returned str 'text'"),
        ([Stage("n", Naughty([None]))], Text(), "apply_batch returned a list with None in it"),
        ([Stage("n", Naughty(Batch("t", [1], keys=[1, 2])))], Text(), "apply_batch returned 2 keys for 1 values"),
        ([Stage("n", Naughty(Batch(None, [1])))], Text(), "apply_batch returned topic = None"),  # type: ignore[arg-type]
        ([Stage("n", NaughtyApply())], Text(), "NaughtyApply.apply returned str 'text'"),
        ([Stage("n", Upper(), Naughty("no"))], Text(), "test_batch returned str 'no'"),
        ([Stage("n", Upper(), Naughty([True, False, True]))], Text(), "test_batch returned list; expected True"),
        ([Stage("n", Upper(), Naughty(None))], Text(), "test_batch returned None"),
        ([], Naughty(["a"]), "Naughty.encode returned str 'a'"),
        ([], Naughty([b"a", b"b", b"c"]), "encode returned list; expected one item for each of 1 values, and not 3"),
        ([], Naughty(None), "encode returned None"),
    ],
)
def test_a_wrong_return_is_refused_in_words_of_the_contract(stages: Any, value: Converter, told: str) -> None:
    with pytest.raises(DataError) as raised:
        naughty_pipeline(stages, value).to_bytes([make_batch(["a"])])
    assert told in raised.value.message
    assert raised.value.code == "plugin.broken"


@pytest.mark.parametrize("runs", [None, [], [(None, ["a", "b"])], [("schema", ["a"])], ["a"]])
def test_a_wrong_decode_is_refused_in_words_of_the_contract(runs: Any) -> None:
    fetched = FetchedBatch("t", 0, range(1), Columns([b"a"]), 1)
    with pytest.raises(DataError, match=r"Naughty\.decode returned"):
        naughty_pipeline([], Naughty(runs)).from_bytes([fetched])


def test_one_plugin_that_fails_to_close_keeps_none_of_the_others_open() -> None:
    closed: list[str] = []

    class Closing(Text):
        def close(self) -> None:
            closed.append("closed")
            raise SystemExit(3)

    Pipeline([], Closing(), Closing(), TextHeaders(), make_pipeline()[1], lambda: 0).close()
    assert closed == ["closed", "closed"]
