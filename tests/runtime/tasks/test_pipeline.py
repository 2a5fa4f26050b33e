from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from connect.api import (
    Batch,
    Column,
    ConnectError,
    Converter,
    DataError,
    HeaderConverter,
    PluginError,
    Predicate,
    Record,
    RetriableError,
    Schema,
    StructColumn,
    Transform,
)
from connect.records import Columns, FetchedBatch
from connect.runtime.border.watchdog import Abandoned
from connect.runtime.connector_config import SinkConnectorConfig
from connect.runtime.failure_kinds import kind_of
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


def skipped(pipeline: Pipeline) -> int:
    return len(pipeline.outcome.failures)


def ending(pipeline: Pipeline) -> DataError:
    assert pipeline.outcome.ending is not None
    return pipeline.outcome.ending


def test_one_bad_record_of_a_batch_is_skipped_and_the_others_go_on() -> None:
    pipeline, tolerance = make_pipeline(Stage("f", FailOn()), **{"errors.tolerance": "all"})
    outgoing = pipeline.to_bytes([make_batch(["a", "bad", "b"])])
    assert [value for out in outgoing for value in out.columns.values] == [b"a", b"b"]
    assert (skipped(pipeline), tolerance.skipped) == (1, 0)  # counted once it is known that it does not come again


class TextOfA(Text):
    """Writes field a, and remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[Sequence[Any]] = []

    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        self.given.append(values)
        return [value["a"].encode() for value in values]


def columns_pipeline(converter: Converter, *stages: Stage) -> Pipeline:
    config = SinkConnectorConfig.parse({"name": "c", "connector.class": "C", "topics": "t", "errors.tolerance": "all"})
    tolerance = Tolerance(config, log=logging.getLogger("test"), interrupted=threading.Event())
    return Pipeline(stages, converter, converter, TextHeaders(), tolerance, lambda: 99)


def test_structs_that_come_as_columns_are_the_converters_as_they_are_each_batch_by_itself() -> None:
    converter = TextOfA()
    columns = [StructColumn({"a": texts}, 2).for_batch() for texts in (["x", "y"], ["z", "u"])]
    outgoing = columns_pipeline(converter).to_bytes([make_batch(columns[0], keys=columns[1]), make_batch(columns[1])])
    assert [out.columns.values for out in outgoing] == [[b"x", b"y"], [b"z", b"u"]]
    assert [given is column for given, column in zip(converter.given, [columns[1], *columns], strict=True)] == [
        True
    ] * 3


def test_transforms_are_given_lists_of_dicts_in_place_of_columns() -> None:
    seen: list[Any] = []

    class Look(Transform):
        def apply_batch(self, batch: Batch) -> Batch:
            seen.append((batch.values, batch.keys))
            return batch

    column = StructColumn({"a": ["x", "y"]}, 2).for_batch()
    batches = [make_batch(column, keys=column), make_batch(column), make_batch([{"a": "z"}], keys=column[:1])]
    columns_pipeline(TextOfA(), Stage("look", Look())).to_bytes(batches)
    rows = [{"a": "x"}, {"a": "y"}]
    assert seen == [([*rows, *rows, {"a": "z"}], [*rows, None, None, rows[0]])]
    assert [type(part) for part in seen[0]] == [list, list]


def test_of_columns_one_bad_struct_is_skipped_and_the_others_go_on() -> None:
    pipeline = columns_pipeline(TextOfA())
    outgoing = pipeline.to_bytes([make_batch(StructColumn({"a": ["x", 5, "y"]}, 3).for_batch())])
    assert [value for out in outgoing for value in out.columns.values] == [b"x", b"y"]
    assert skipped(pipeline) == 1


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
    pipeline, _ = make_pipeline(Stage("n", transform), **{"errors.tolerance": "all"})
    (out,) = pipeline.to_bytes([make_batch(["a", "bad1", "b", "bad2", "c"])])
    assert (list(out.columns.values), skipped(pipeline)) == ([b"a", b"b", b"c"], 2)
    assert transform.calls == [["a", "bad1", "b", "bad2", "c"], ["a", "b", "c"]]


def test_of_a_batch_of_bad_records_nothing_is_given_again() -> None:
    transform = NameBad()
    pipeline, _ = make_pipeline(Stage("n", transform), **{"errors.tolerance": "all"})
    assert pipeline.to_bytes([make_batch(["bad1", "bad2"])]) == []
    assert (len(transform.calls), skipped(pipeline)) == (1, 2)


class IsNumbered(Predicate):
    def test(self, record: Record) -> bool:
        return record.value[-1].isdigit()


def test_behind_a_predicate_the_record_that_a_transform_names_is_the_one_that_is_skipped() -> None:
    pipeline, _ = make_pipeline(Stage("n", NameBad(), IsNumbered()), **{"errors.tolerance": "all"})
    batches = pipeline.transform([make_sink_batch(["bad", "a1", "bad2", "b", "bad3", "c4"], base_offset=10)])
    assert [value for batch in batches for value in batch.values] == ["bad", "a1", "b", "c4"]
    failed = [(str(one.error), one.batch.record(one.index).offset) for one in pipeline.outcome.failures]
    assert failed == [("bad2 is bad", 12), ("bad3 is bad", 14)]


def test_without_tolerance_the_first_record_that_is_named_is_the_failure() -> None:
    pipeline, _ = make_pipeline(Stage("n", NameBad()))
    (out,) = pipeline.transform([make_sink_batch(["a", "bad1", "bad2"], base_offset=7)])
    assert ending(pipeline).message == "bad1 is bad (transform 'n', topic orders, partition 0, offset 8)"
    assert (out.values, [batch.values for batch in pipeline.outcome.dropped]) == (["a"], [["bad1", "bad2"]])


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
    class Interrupting(FailOn):
        def apply_batch(self, batch: Batch) -> Batch:
            if batch.values == ["away"]:
                raise Interrupted
            return super().apply_batch(batch)

    pipeline, tolerance = make_pipeline(Stage("f", Interrupting()), **{"errors.tolerance": "all"})
    with pytest.raises(Interrupted):
        pipeline.to_bytes([make_batch(["a", "bad", "away"])])
    assert tolerance.skipped == 0
    assert len(pipeline.to_bytes([make_batch(["bad", "b"])])) == 1
    assert skipped(pipeline) == 1


def test_without_tolerance_a_bad_record_is_named() -> None:
    pipeline, _ = make_pipeline(Stage("f", FailOn()))
    (out,) = pipeline.transform([make_sink_batch(["a", "bad", "b"], base_offset=7)])
    assert ending(pipeline).message == "bad is bad (transform 'f', topic orders, partition 0, offset 8)"
    assert (out.values, [batch.values for batch in pipeline.outcome.dropped]) == (["a"], [["bad", "b"]])


class FailOnSecond(FailOn):
    bad = "early"


def test_without_tolerance_the_first_bad_record_of_all_steps_is_the_failure_and_those_behind_it_are_dropped() -> None:
    pipeline, _ = make_pipeline(Stage("f", FailOn()), Stage("g", FailOnSecond()))
    batches = [make_sink_batch(["a", "early"]), make_sink_batch(["b", "bad", "c"], base_offset=2, topic="other")]
    batches.append(make_sink_batch(["d"], base_offset=5, topic="last"))
    (out,) = pipeline.transform(batches)
    assert ending(pipeline).message == "early is bad (transform 'g', topic orders, partition 0, offset 1)"
    assert out.values == ["a"]
    assert [batch.values for batch in pipeline.outcome.dropped] == [["early"], ["b"], ["bad", "c"], ["d"]]


class Away(Transform):
    """Takes nothing, as one that asks a server which is away."""

    calls = 0

    def apply_batch(self, batch: Batch) -> Batch:
        self.calls += 1
        raise RetriableError("the server is away")


def test_a_step_that_takes_nothing_for_a_reason_that_passes_skips_no_record() -> None:
    for values in (["a"], ["a", "b", "c"]):
        pipeline, _ = make_pipeline(Stage("s", Away()), **{"errors.tolerance": "all"})
        with pytest.raises(ConnectError, match="the server is away") as raised:
            pipeline.to_bytes([make_batch(values)])
        assert kind_of(raised.value) == "outage"
        assert not isinstance(raised.value, RetriableError)  # else the poll would be made again, without these
        assert skipped(pipeline) == 0


def test_the_time_for_tries_is_up_for_a_batch_and_not_for_each_of_its_records_anew() -> None:
    away = Away()
    keys = {"errors.tolerance": "all", "errors.retry.timeout": "50", "errors.retry.delay.max.ms": "20"}
    pipeline, _ = make_pipeline(Stage("s", away), **keys)
    began = time.monotonic()
    with pytest.raises(ConnectError, match="the server is away"):
        pipeline.to_bytes([make_batch([str(n) for n in range(100)])])
    assert time.monotonic() - began < 5
    assert away.calls < 120


def test_one_record_that_a_step_cannot_take_now_while_it_takes_others_is_skipped() -> None:
    class Slow(Transform):
        def apply(self, record: Record) -> Record:
            if record.value == "slow":
                raise RetriableError("too slow")
            return record

    pipeline, _ = make_pipeline(Stage("s", Slow()), **{"errors.tolerance": "all"})
    outgoing = pipeline.to_bytes([make_batch(["a", "slow", "b"])])
    assert [value for out in outgoing for value in out.columns.values] == [b"a", b"b"]
    assert skipped(pipeline) == 1


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
    pipeline, _ = make_pipeline(**{"errors.tolerance": "all"})
    fetched = FetchedBatch("t", 0, range(3), Columns([b"a", b"\xff", b"c"]), 3)
    (batch,) = pipeline.from_bytes([fetched])
    assert (batch.values, batch.offsets, skipped(pipeline)) == (["a", "c"], [0, 2], 1)


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
        strict = naughty_pipeline(stages, value)
        assert strict.to_bytes([make_batch(["a", "b"])]) == []
        assert type(what).__name__ in ending(strict).message
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
    assert (skipped(pipeline), tolerance.skipped) == (0, 0)


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
    pipeline = naughty_pipeline(stages, value)
    assert pipeline.to_bytes([make_batch(["a"])]) == []
    assert told in ending(pipeline).message
    assert ending(pipeline).code == "plugin.broken"


@pytest.mark.parametrize("runs", [None, [], [(None, ["a", "b"])], [("schema", ["a"])], ["a"]])
def test_a_wrong_decode_is_refused_in_words_of_the_contract(runs: Any) -> None:
    fetched = FetchedBatch("t", 0, range(1), Columns([b"a"]), 1)
    pipeline = naughty_pipeline([], Naughty(runs))
    assert pipeline.from_bytes([fetched]) == []
    assert "Naughty.decode returned" in ending(pipeline).message


def test_one_plugin_that_fails_to_close_keeps_none_of_the_others_open() -> None:
    closed: list[str] = []

    class Closing(Text):
        def close(self) -> None:
            closed.append("closed")
            raise SystemExit(3)

    Pipeline([], Closing(), Closing(), TextHeaders(), make_pipeline()[1], lambda: 0).close()
    assert closed == ["closed", "closed"]
