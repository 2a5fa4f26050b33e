"""JSON is read as Jackson reads it, and written as it writes it."""

from __future__ import annotations

import json
from base64 import b64encode
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api.java import as_kafka_writes, from_base64, strict_loads


@pytest.mark.parametrize(
    ("text", "value"),
    [("007", 7), ('{"a":-01}', {"a": -1}), ('"0\\"07"', '0"07'), ("1 2", 1), ("{} x", {}), ("1.50", Decimal("1.50"))],
)
def test_reading_is_as_lax_as_kafkas_and_keeps_every_digit(text: str, value: Any) -> None:
    assert repr(strict_loads(text.encode())) == repr(value)


@pytest.mark.parametrize("text", ["1x", "NaN", "[1,]", "{'a':1}", "", "\xff"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        strict_loads(text.encode("latin-1"))


def test_the_whole_text_can_be_asked_for() -> None:
    assert strict_loads(b" {} ", whole=True) == {}
    with pytest.raises(ValueError, match="nothing more"):
        strict_loads(b"{},1", whole=True)


@given(st.binary(max_size=9))
def test_base64_comes_back(data: bytes) -> None:
    assert from_base64(b64encode(data).decode()) == data


@pytest.mark.parametrize(
    ("text", "data"), [(" AQ==", b"\x01"), ("AQ==\nAg==", b"\x01\x02"), ("AQ== ", b"\x01"), ("", b"")]
)
def test_base64_is_read_as_jackson_reads_it(text: str, data: bytes) -> None:
    assert from_base64(text) == data


@pytest.mark.parametrize("text", ["AQ", "AQ=", "AJxY=", "A===", "A Q==", "AQ==A", "é==="])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not base64"):
        from_base64(text)


@given(st.lists(st.text(), max_size=3))
def test_the_escapes_mean_what_was_escaped(texts: list[str]) -> None:
    try:
        given = [orjson.dumps(text) for text in texts]
    except TypeError:
        return
    written = as_kafka_writes(given)
    assert [json.loads(text) for text in written] == texts
    assert not any(byte >= 0xF0 for text in written for byte in text)
