"""Hash codes as Java has them; more of them, recorded of Debezium, are in tests/conformance/vectors/debezium.jsonl."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from connect.api import BOOLEAN, BYTES, FLOAT64, INT32, INT64, STRING, DataError, Schema
from connect_transforms.debezium.hashes import java_hash, murmur_hash


@pytest.mark.parametrize(
    ("value", "schema", "code"),
    [
        ("hello", STRING, 99_162_322),
        ("", STRING, 0),
        (True, BOOLEAN, 1231),
        (-7, INT32, -7),
        (1 << 40, INT64, 256),
        (1.0, FLOAT64, 1_072_693_248),
        (b"\x01\x02", BYTES, 1024),
        (Decimal("1.50"), Schema.decimal(2), 31 * 150 + 2),
        (dt.date(1970, 1, 2), Schema.date(), 86_400_000),
        (dt.time(0, 0, 1), Schema.time(), 1000),
    ],
)
def test_a_hash_is_javas(value: Any, schema: Schema, code: int) -> None:
    assert java_hash(value, schema) == code


def test_a_text_is_hashed_by_its_bytes_and_anything_else_by_its_code() -> None:
    assert murmur_hash("a", STRING) != murmur_hash("b", STRING)
    assert murmur_hash(5, INT32) == murmur_hash(5, INT64)
    assert murmur_hash("\ud800", STRING) == murmur_hash("?", STRING)


def test_what_has_no_hash_of_its_own_is_refused() -> None:
    for value in ({}, [1], Decimal("NaN")):
        with pytest.raises(DataError, match="no partition is chosen by a java"):
            java_hash(value, STRING)
