"""JSON is written as Jackson writes it."""

from __future__ import annotations

import json
import tracemalloc

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import INT64, STRING, Schema
from connect_converters import JsonConverter
from connect_converters.json_writing import as_kafka_writes
from tests.support.converters import make_converter


@given(st.lists(st.text(), max_size=3))
def test_the_escapes_mean_what_was_escaped(texts: list[str]) -> None:
    try:
        given = [orjson.dumps(text) for text in texts]
    except TypeError:
        return
    written = as_kafka_writes(given)
    assert [json.loads(text) for text in written] == texts
    assert not any(byte >= 0xF0 for text in written for byte in text)


@pytest.mark.parametrize("schema", [None, Schema.map(STRING, INT64)], ids=["without a schema", "with one"])
def test_what_is_written_has_memory_of_its_own_size(schema: Schema | None) -> None:
    converter = make_converter(JsonConverter, schemas_enable="false")
    values = [{"a": n} for n in range(1000)]
    tracemalloc.start()
    try:
        texts = converter.encode("t", schema, values)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert json.loads(texts[-1]) == values[-1]
    assert kept / len(values) < 500, "a result of orjson has up to 4 KiB"
