"""JSON is written in memory of its own size."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from connect.api import INT64, STRING, Schema
from connect_converters import JsonConverter
from tests.support.converters import make_converter


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
