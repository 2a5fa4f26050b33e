"""JSON is written as Jackson writes it."""

from __future__ import annotations

import json

import orjson
from hypothesis import given
from hypothesis import strategies as st

from connect_converters.json_writing import as_kafka_writes


@given(st.lists(st.text(), max_size=3))
def test_the_escapes_mean_what_was_escaped(texts: list[str]) -> None:
    try:
        given = [orjson.dumps(text) for text in texts]
    except TypeError:
        return
    written = as_kafka_writes(given)
    assert [json.loads(text) for text in written] == texts
    assert not any(byte >= 0xF0 for text in written for byte in text)
