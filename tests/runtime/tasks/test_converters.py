"""Batches into bytes and out of them, as one task's converters make them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from connect.api import (
    INT64,
    STRING,
    Batch,
    Column,
    Converter,
    Encoded,
    Header,
    HeaderConverter,
    Headers,
    Plugin,
    PluginError,
    Schema,
)
from connect.records import Columns, FetchedBatch
from connect.runtime.tasks.converters import Converters, raw_batch


class Typed(Converter):
    """Text, with a schema that digits change."""

    def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
        return [None if value is None else str(value).encode() for value in values]

    def decode(self, topic: str, data: Sequence[bytes | None]) -> list[Column]:
        runs: list[Column] = []
        for item in data:
            schema = INT64 if item is not None and item.isdigit() else STRING
            if not runs or runs[-1].schema is not schema:
                runs.append(Column(schema, []))
            runs[-1].values.append(None if item is None else item.decode())
        return runs


class TextHeaders(HeaderConverter):
    def from_connect_header(self, topic: str, name: str, schema: Schema | None, value: Any) -> bytes | None:
        return str(value).encode()

    def to_connect_header(self, topic: str, name: str, data: bytes | None) -> tuple[Schema | None, Any]:
        return None, (data or b"").decode()


def converters(value: Converter | None = None) -> tuple[Converters, list[str]]:
    steps: list[str] = []

    def at(step: str, plugin: Plugin) -> None:
        steps.append(step)

    return Converters(Typed(), value or Typed(), TextHeaders(), at), steps


def fetched(values: list[bytes | None], keys: list[bytes | None] | None, headers: Any = None) -> FetchedBatch:
    count = len(values)
    return FetchedBatch("t", 2, range(7, 7 + count), Columns(values, keys, 5, headers), 7 + count)


def test_a_batch_becomes_columns_that_know_where_they_are_from() -> None:
    made, steps = converters()
    batch = Batch(
        "t",
        ["a", None],
        keys=["k", "l"],
        partition=1,
        timestamps=[3, None],
        headers=[Headers([Header("h", 5)]), None],
        source_partition={"p": 0},
        source_offset={"n": 2},
    )
    out = made.encode(batch, 99, is_in_order=False)
    assert (list(out.columns.values), list(out.columns.keys or ())) == ([b"a", None], [b"k", b"l"])
    assert (out.columns.timestamps, out.columns.headers) == ([3, 99], [[("h", b"5")], None])
    assert (out.partition, out.source_partition, out.source_offset) == (1, {"p": 0}, {"n": 2})
    assert not out.is_in_order
    assert steps == ["KEY_CONVERTER", "VALUE_CONVERTER", "HEADER_CONVERTER"]


def test_records_without_a_timestamp_get_the_present_time_together() -> None:
    made, _ = converters()
    assert made.encode(Batch("t", ["a"]), 99, is_in_order=True).columns.timestamps == 99
    assert made.encode(Batch("t", ["a"]), 99, is_in_order=True).columns.keys is None


def test_fetched_bytes_are_cut_where_a_schema_changes_in_either_column() -> None:
    made, _ = converters()
    batches = made.decode(raw_batch("t", fetched([b"1", b"a", b"b"], [b"x", b"y", b"2"])))
    assert [(batch.values, batch.keys, list(batch.offsets or ())) for batch in batches] == [
        (["1"], ["x"], [7]),
        (["a"], ["y"], [8]),
        (["b"], ["2"], [9]),
    ]
    assert [(batch.value_schema, batch.key_schema) for batch in batches] == [
        (INT64, STRING),
        (STRING, STRING),
        (STRING, INT64),
    ]
    assert {(batch.original_topic, batch.original_partition) for batch in batches} == {("t", 2)}


def test_headers_are_read_and_keys_that_are_not_there_have_a_schema() -> None:
    made, _ = converters()
    (batch,) = made.decode(raw_batch("t", fetched([b"a", b"b"], None, [[("h", b"5")], None])))
    assert batch.headers is not None
    assert [[(header.name, header.value) for header in headers or ()] for headers in batch.headers] == [
        [("h", "5")],
        [],
    ]
    assert (batch.keys, batch.key_schema) == (None, STRING)


def test_a_converter_that_returns_too_few_values_is_refused() -> None:
    class Short(Typed):
        def encode(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> list[bytes | None]:
            return super().encode(topic, schema, values)[1:]

    made, steps = converters(Short())
    with pytest.raises(PluginError, match="encode"):
        made.encode(Batch("t", ["a", "b"]), 99, is_in_order=True)
    assert steps == ["VALUE_CONVERTER"]


class Named(Typed):
    """Text, whose record says in a header how it is written."""

    def __init__(self, name: str, added: Any = None) -> None:
        super().__init__()
        self._name = name
        self._added = [(name, b"new")] if added is None else added

    def encode_with_headers(self, topic: str, schema: Schema | None, values: Sequence[Any]) -> Encoded:
        return Encoded(self.encode(topic, schema, values), self._added)

    def decode_with_headers(
        self, topic: str, data: Sequence[bytes | None], headers: Sequence[Sequence[tuple[str, bytes | None]] | None]
    ) -> list[Column]:
        return [Column(STRING, [dict(pairs or ()).get(self._name) for pairs in headers])]


def test_headers_of_converters_are_set_on_records_that_have_a_key_or_a_value() -> None:
    made = Converters(Named("k"), Named("v"), TextHeaders(), lambda *_: None)
    own = [Headers([Header("v", "old"), Header("h", 5)]), None, None]
    out = made.encode(Batch("t", ["a", None, "b"], keys=["x", "y", None], headers=own), 1, is_in_order=True)
    assert out.columns.headers == [
        [("h", b"5"), ("k", b"new"), ("v", b"new")],
        [("k", b"new")],
        [("v", b"new")],
    ]
    assert made.encode(Batch("t", ["a"]), 1, is_in_order=True).columns.headers == [[("v", b"new")]]
    assert made.encode(Batch("t", [None]), 1, is_in_order=True).columns.headers == [None]


def test_a_converter_is_given_the_headers_of_the_log() -> None:
    made = Converters(Named("k"), Named("v"), TextHeaders(), lambda *_: None)
    (batch,) = made.decode(raw_batch("t", fetched([b"a", b"b"], [b"c", b"d"], [[("v", b"1"), ("k", None)], None])))
    assert (batch.values, batch.keys) == ([b"1", None], [None, None])
    assert batch.headers is not None
    assert [[header.name for header in headers or ()] for headers in batch.headers] == [["v", "k"], []]


@pytest.mark.parametrize("added", [[("v", "text")], [("v",)], "v", [(1, b"")]])
def test_headers_that_are_none_are_refused(added: Any) -> None:
    made = Converters(Typed(), Named("v", added), TextHeaders(), lambda *_: None)
    with pytest.raises(PluginError, match="encode_with_headers"):
        made.encode(Batch("t", ["a"]), 1, is_in_order=True)
