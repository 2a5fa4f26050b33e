"""The logical types as JSON: Decimal, Date, Time, Timestamp."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from connect.api import DataError, Schema
from connect_converters.json_logical import FROM_JSON, binary, node_type
from connect_converters.json_values import Decoder, Encoder

DECODER = Decoder(nulls_to_defaults=True)
AT = dt.datetime(2024, 1, 31, 12, 30, 15, 123000, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        (Schema.decimal(2), Decimal("1.50"), b'"AJY="'),
        (Schema.date(), dt.date(1970, 1, 3), b"2"),
        (Schema.time(), dt.time(0, 0, 1), b"1000"),
        (Schema.timestamp(), AT, b"1706704215123"),
    ],
)
def test_a_logical_value_is_written_as_its_base_type_and_read_again(schema: Schema, value: Any, text: bytes) -> None:
    encoder = Encoder(numeric_decimals=False, nulls_to_defaults=True)
    assert encoder.encode(schema, value) == text
    node = text.decode().strip('"') if text.startswith(b'"') else int(text)
    assert DECODER.decode(schema, node) == value


def test_a_decimal_may_be_written_as_a_number_with_every_digit() -> None:
    encoder = Encoder(numeric_decimals=True, nulls_to_defaults=True)
    assert encoder.encode(Schema.decimal(2), Decimal("12345678901234567890.10")) == b"12345678901234567890.10"
    assert DECODER.decode(Schema.decimal(2), Decimal("1.50")) == Decimal("1.50")


@pytest.mark.parametrize(
    ("schema", "node", "why"),
    [
        (Schema.decimal(2), True, "should be numeric or bytes but was BOOLEAN"),
        (Schema.decimal(2), "!", "Invalid bytes for Decimal field"),
        (
            Schema.date(),
            "2024-01-31",
            "Invalid type for Date, underlying representation should be integer but was STRING",
        ),
        (Schema.time(), 1 << 31, "Invalid type for Time"),
        (Schema.timestamp(), Decimal("1.5"), "underlying representation should be integral but was NUMBER"),
    ],
)
def test_what_is_no_base_value_is_refused_in_kafkas_words(schema: Schema, node: Any, why: str) -> None:
    with pytest.raises(DataError, match=why):
        DECODER.decode(schema, node)


def test_a_value_of_another_type_is_not_written_as_a_decimal() -> None:
    for value in (5, "1.5", Decimal("NaN")):
        with pytest.raises(DataError, match="Invalid"):
            Encoder(numeric_decimals=True, nulls_to_defaults=True).encode(Schema.decimal(2), value)


def test_bytes_are_read_from_base64_and_what_is_no_text_is_null() -> None:
    assert binary("AQ==") == b"\x01"
    assert binary(5) is None
    with pytest.raises(DataError, match="Invalid bytes field"):
        binary("A")


@pytest.mark.parametrize(
    ("node", "name"),
    [
        (True, "BOOLEAN"), (1, "NUMBER"), (Decimal(1), "NUMBER"), ("", "STRING"), ([], "ARRAY"), ({}, "OBJECT"),
        (None, "NULL"),
    ],
)  # fmt: skip
def test_a_node_is_called_as_jackson_calls_it(node: Any, name: str) -> None:
    assert node_type(node) == name


def test_every_logical_type_has_a_reader() -> None:
    assert set(FROM_JSON) == {
        schema.name for schema in (Schema.decimal(0), Schema.date(), Schema.time(), Schema.timestamp())
    }
