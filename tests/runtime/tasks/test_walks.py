"""Single records through converters and transforms: what each step made of them, dropped, changed or failed on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from connect.api import (
    Batch,
    Column,
    Converter,
    DataError,
    FailedRecord,
    HeaderConverter,
    Predicate,
    Record,
    Schema,
    StructColumn,
    Transform,
)
from connect.runtime.border.watchdog import Abandoned
from connect.runtime.tasks.shown import Shown
from connect.runtime.tasks.stages import Stage
from connect.runtime.tasks.walks import CHANGES_MAX, Change, Step, Walks, changes, singly
from tests.support.factories import make_batch, make_headers, make_sink_batch


class Text(Converter):
    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        if "unwritable" in values:
            raise DataError("it is unwritable", hint="Write another.")
        return [None if value is None else str(value).encode() for value in values]

    def decode(self, topic: str, data: Sequence[bytes | None]) -> list[Column]:
        return [Column(Schema("string"), [None if item is None else item.decode() for item in data])]


class TextHeaders(HeaderConverter):
    def from_connect_header(self, topic: str, name: str, schema: Schema | None, value: Any) -> bytes | None:
        return str(value).encode()

    def to_connect_header(self, topic: str, name: str, data: bytes | None) -> tuple[Schema | None, Any]:
        return None, data


class Set(Transform):
    """Sets a field, in a copy."""

    def apply(self, record: Record) -> Record:
        return record.replace(value={**record.value, "zip": "12345"})


class SetInPlace(Transform):
    def apply(self, record: Record) -> Record:
        record.value["zip"] = "12345"
        return record


class Drop(Transform):
    def apply(self, record: Record) -> None:
        return None


class Twice(Transform):
    def apply_batch(self, batch: Batch) -> list[Batch]:
        return [batch, batch.replace(topic=f"{batch.topic}-copy")]


class Fail(Transform):
    error: BaseException = DataError("no such field")

    def apply_batch(self, batch: Batch) -> Batch:
        raise self.error


class IsVowel(Predicate):
    def test(self, record: Record) -> bool:
        return record.value in "aeiou"


class Upper(Transform):
    def apply(self, record: Record) -> Record:
        return record.replace(value=record.value.upper())


def walks(*stages: Stage, secrets: Sequence[str] = ()) -> Walks:
    return Walks(stages, Text(), Text(), TextHeaders(), Shown(secrets), lambda: 99)


def source_steps(value: Any, *stages: Stage, **columns: Any) -> list[Step]:
    return walks(*stages).of_source(0, make_batch([value], **columns))[0]["steps"]


def failing(error: BaseException) -> Stage:
    transform = Fail()
    transform.error = error
    return Stage("bad", transform)


def test_a_sources_record_is_shown_as_given_behind_each_transform_and_as_bytes() -> None:
    steps = source_steps({"id": 1, "zip": "1"}, Stage("set", Set()), keys=["k"], headers=[make_headers(h=1)])
    assert [(step["stage"], step["alias"]) for step in steps] == [
        ("source", None),
        ("transform", "set"),
        ("converters", None),
    ]
    assert steps[1]["records"][0]["value"] == {"id": 1, "zip": "12345"}
    assert steps[1]["changed"] == [{"path": "value.zip", "kind": "changed"}]
    assert steps[2]["records"] == [
        {
            "topic": "orders",
            "partition": None,
            "timestamp": 99,
            "key": "k",
            "key_schema": None,
            "value": "{'id': 1, 'zip': '12345'}",
            "value_schema": None,
            "headers": [{"name": "h", "value": "1"}],
        }
    ]


def test_a_sinks_record_is_shown_as_bytes_decoded_and_behind_each_transform() -> None:
    raw = make_sink_batch([b"a"], keys=[b"\xff"], partition=2, base_offset=7)
    walk, parts = walks(Stage("u", Upper())).of_sink(3, raw)
    assert {name: walk[name] for name in ("index", "topic", "partition", "offset")} == {  # type: ignore[literal-required]
        "index": 3,
        "topic": "orders",
        "partition": 2,
        "offset": 7,
    }
    assert walk["steps"][0]["records"][0]["key"] == {"base64": "/w=="}
    assert walk["steps"][1]["error"] is not None  # the key is no UTF-8
    assert (walk["steps"][1]["error"]["code"], walk["steps"][1]["error"]["exception"]) == (
        "plugin.failed",
        "UnicodeDecodeError",
    )
    assert (len(walk["steps"]), parts) == (2, [])
    walk, parts = walks(Stage("u", Upper())).of_sink(3, raw.replace(keys=None))
    assert [step["stage"] for step in walk["steps"]] == ["topic", "converters", "transform"]
    assert [step["records"][0]["value"] for step in walk["steps"]] == ["a", "a", "A"]
    assert walk["steps"][1]["records"][0]["value_schema"] == "string"
    assert (parts[0].values, list(parts[0].offsets or ())) == (["A"], [7])


def test_what_a_condition_says_is_told_and_the_record_goes_on_untouched() -> None:
    stage = Stage("u", Upper(), IsVowel(), negate=True)
    (applied, kept) = (source_steps(value, stage)[1] for value in "ba")
    assert (applied["applied"], applied["predicate"], applied["records"][0]["value"]) == (
        True,
        IsVowel.plugin_name(),
        "B",
    )
    assert (kept["applied"], kept["changed"], kept["records"][0]["value"]) == (False, [], "a")


def test_a_dropped_record_ends_there() -> None:
    steps = source_steps("a", Stage("d", Drop()), Stage("u", Upper()))
    assert [(step["dropped"], step["records"] == []) for step in steps] == [(False, False), (True, True)]


def test_a_record_that_is_parted_goes_on_as_both() -> None:
    walk, outgoing = walks(Stage("t", Twice()), Stage("u", Upper())).of_source(0, make_batch(["a"]))
    assert [record["topic"] for record in walk["steps"][1]["records"]] == ["orders", "orders-copy"]
    assert walk["steps"][1]["changed"] == [{"path": "topic", "kind": "changed"}]
    assert [out.columns.values for out in outgoing] == [[b"A"], [b"A"]]


@pytest.mark.parametrize(
    ("error", "code", "message", "name"),
    [
        (DataError("no such field", hint="Name one."), "data.invalid", "no such field", "DataError"),
        (
            DataError("some", failed=[FailedRecord(0, "this one is bad")]),
            "data.invalid",
            "this one is bad",
            "DataError",
        ),
        (KeyError("zip"), "plugin.failed", "KeyError: 'zip'", "KeyError"),
        (SystemExit(3), "plugin.failed", "SystemExit: 3 (apply_batch of ", "SystemExit"),
    ],
)
def test_what_a_transform_raises_is_in_its_step(error: BaseException, code: str, message: str, name: str) -> None:
    steps = source_steps("a", failing(error), Stage("u", Upper()))
    assert len(steps) == 2
    fault = steps[1]["error"]
    assert fault is not None
    assert (fault["code"], fault["exception"], steps[1]["dropped"]) == (code, name, False)
    assert fault["message"].startswith(message)
    assert fault["hint"]


def test_what_a_converter_raises_is_in_its_step_under_its_name() -> None:
    step = source_steps("unwritable")[-1]
    assert step["error"] == {
        "code": "data.invalid",
        "message": "it is unwritable",
        "hint": "Write another.",
        "exception": "DataError",
    }
    assert (step["stage"], step["plugin"], step["records"]) == ("converters", Text.plugin_name(), [])


def test_a_thread_that_was_given_up_goes_no_further() -> None:
    with pytest.raises(Abandoned):
        source_steps("a", failing(Abandoned()))


def test_a_change_in_place_is_seen_too() -> None:
    (step,) = source_steps({"id": 1}, Stage("s", SetInPlace()))[1:2]
    assert step["changed"] == [{"path": "value.zip", "kind": "added"}]


def test_secrets_are_in_no_step() -> None:
    stage = failing(DataError("cannot reach Wj9-kL2x"))
    walk, _ = walks(Stage("set", Set()), stage, secrets=["Wj9-kL2x"]).of_source(0, make_batch([{"a": "Wj9-kL2x"}]))
    assert "Wj9" not in str(walk)
    assert str(walk).count("[hidden]") == 3


def test_a_header_whose_name_tells_of_a_secret_is_hidden_as_a_field_is() -> None:
    headers = make_headers(api_key="Wj9-kL2x", trace="a1", password=None)
    steps = source_steps({"id": 1}, headers=[headers])
    for step in (steps[0], steps[-1]):
        (record,) = step["records"]
        assert [header["value"] for header in record["headers"]][:2] == ["[hidden]", "a1"]
    assert "Wj9" not in str(steps)


def test_structs_as_columns_are_shown_as_structs() -> None:
    column = StructColumn({"a": ["x", "y"]}, 2).for_batch()
    first, second = singly(make_batch(column))
    assert walks().of_source(0, first)[0]["steps"][0]["records"][0]["value"] == {"a": "x"}
    assert walks().of_source(0, second)[0]["steps"][0]["records"][0]["value"] == {"a": "y"}


def changed(old: Any, new: Any, **columns: Any) -> list[Change]:
    return changes(make_batch([old]), make_batch([new], **columns), Shown())


def paths(found: list[Change]) -> list[tuple[str, str]]:
    return [(change["path"], change["kind"]) for change in found]


def test_changes_are_told_by_path_and_kind() -> None:
    old = {"same": 1, "gone": 1, "address": {"zip": 1}, "items": [{"n": 1}, {"n": 2}], "nan": float("nan")}
    new = {"same": 1, "address": {"zip": 2}, "items": [{"n": 1}, {"n": 3}, {}], "new": None, "nan": float("nan")}
    assert paths(changed(old, new)) == [
        ("value.gone", "removed"),
        ("value.address.zip", "changed"),
        ("value.items[1].n", "changed"),
        ("value.items[2]", "added"),
        ("value.new", "added"),
    ]


def test_a_value_of_another_type_is_changed_though_it_is_equal() -> None:
    assert paths(changed({"a": 1, "b": 1}, {"a": 1.0, "b": True})) == [("value.a", "changed"), ("value.b", "changed")]


def test_topic_key_time_headers_and_schemas_are_looked_at() -> None:
    columns = {
        "topic": "other",
        "keys": ["k"],
        "timestamps": 5,
        "headers": [make_headers(h=1)],
        "value_schema": Schema("string"),
        "partition": 1,
    }
    assert paths(changed("v", "v", **columns)) == [
        ("topic", "changed"),
        ("partition", "added"),
        ("timestamp", "added"),
        ("key", "added"),
        ("value_schema", "added"),
        ("headers.h", "added"),
    ]


def test_very_many_changes_are_one_of_the_whole() -> None:
    old = {f"f{n}": n for n in range(CHANGES_MAX + 1)}
    assert paths(changed(old, dict.fromkeys(old, -1))) == [("value", "changed")]


def test_a_value_that_cannot_be_compared_is_changed_where_it_is_another() -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise ValueError("no")

        __hash__ = object.__hash__

    odd = Odd()
    assert paths(changed(odd, odd)) == []
    assert paths(changed({"a": odd}, {"a": Odd()})) == [("value", "changed")]
