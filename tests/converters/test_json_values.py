"""Connect values to JSON and back, one value at a time: the meaning that the columns must keep to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from connect.api import BYTES, FLOAT32, FLOAT64, INT8, INT32, OPTIONAL_STRING, STRING, DataError, Schema
from connect_converters.json_values import Decoder, Encoder, FieldError, text_of

ENCODER = Encoder(numeric_decimals=False, nulls_to_defaults=True)
DECODER = Decoder(nulls_to_defaults=True)
ROW = Schema.struct({"id": INT32, "to": Schema.struct({"zip": STRING}, optional=True)})


@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        (INT8, 5, b"5"), (FLOAT64, 1e7, b"1.0E7"), (FLOAT32, 0.1, b"0.1"), (FLOAT64, float("nan"), b'"NaN"'),
        (BYTES, b"\x01", b'"AQ=="'), (Schema.array(INT32), [1, 2], b"[1,2]"),
        (Schema.map(STRING, INT32), {"a": 1}, b'{"a":1}'), (Schema.map(INT32, INT32), {1: 2}, b"[[1,2]]"),
        (OPTIONAL_STRING, None, b"null"), (Schema("int32", default=7), None, b"7"),
        (ROW, {"id": 1}, b'{"id":1,"to":null}'),
        (None, 1 << 70, b"1180591620717411303424"), (None, {1: 2}, b"[[1,2]]"), (None, "\ud800", b'"\\uD800"'),
    ],
)  # fmt: skip
def test_a_value_is_written_to_the_byte_as_kafka_writes_it(schema: Schema | None, value: Any, text: bytes) -> None:
    assert ENCODER.encode(schema, value) == text


@pytest.mark.parametrize(
    ("schema", "value", "why"),
    [
        (INT8, 200, "Invalid type for INT8"), (INT32, True, "Invalid type for INT32"),
        (STRING, 5, "Invalid type for STRING"), (BYTES, "x", "Invalid type for bytes type"),
        (STRING, None, "null value for field that is required"),
        (None, object(), "does not have corresponding schema type"), (None, float, "does not have corresponding"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused_in_kafkas_words(schema: Schema | None, value: Any, why: str) -> None:
    with pytest.raises(DataError, match=why):
        ENCODER.encode(schema, value)


@pytest.mark.parametrize(
    ("schema", "node", "value"),
    [
        (INT8, 300, 44), (INT32, "5", 0), (INT32, Decimal("3.9"), 3), (INT32, True, 0),
        (STRING.replace(optional=True), 5, None), (FLOAT64, "x", 0.0), (FLOAT32, Decimal("0.1"), 0.10000000149011612),
        (Schema("boolean"), 1, False), (Schema.array(INT32), {"a": 1}, [1]), (Schema.array(INT32), 5, []),
        (Schema.map(INT32, INT32), [[1, 2]], {1: 2}), (None, {"a": [Decimal("1.5")]}, {"a": [1.5]}),
    ],
)  # fmt: skip
def test_reading_is_as_forgiving_as_kafkas(schema: Schema | None, node: Any, value: Any) -> None:
    found = DECODER.decode(schema, node)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("schema", "node", "why"),
    [
        (INT32, None, "Invalid null value for required INT32 field"),
        (ROW, [], "Structs should be encoded as JSON objects, but found ARRAY"),
        (Schema.map(STRING, INT32), [], "Maps with string fields should be encoded as JSON objects"),
        (Schema.map(INT32, INT32), {}, "Maps with non-string fields should be encoded as JSON array of tuples"),
        (Schema.map(INT32, INT32), [5], "instead of array tuple: NUMBER"),
        (Schema.map(INT32, INT32), [[1]], "expected length 2 but found :1"),
    ],
)
def test_what_cannot_be_read_is_refused_in_kafkas_words(schema: Schema, node: Any, why: str) -> None:
    with pytest.raises(DataError, match=why):
        DECODER.decode(schema, node)


def test_a_bad_field_is_named_with_the_way_to_it() -> None:
    with pytest.raises(FieldError, match=r"field 'to\.zip'$") as caught:
        ENCODER.node(ROW, {"id": 1, "to": {"zip": 5}})
    assert caught.value.path == ("to", "zip")
    with pytest.raises(FieldError, match=r"field 'to\.zip'$"):
        DECODER.decode(ROW, {"id": 1, "to": {}})


def test_a_null_becomes_its_default_unless_that_is_not_wanted() -> None:
    schema = Schema("int32", optional=True, default=7)
    for wanted, written, read in ((True, b"7", 7), (False, b"null", None)):
        assert Encoder(numeric_decimals=False, nulls_to_defaults=wanted).encode(schema, None) == written
        assert Decoder(nulls_to_defaults=wanted).decode(schema, None) == read


def test_a_text_with_half_a_surrogate_pair_is_written_with_an_escape() -> None:
    assert text_of({"a": ["\udc00", "b"]}) == b'{"a":["\\uDC00","b"]}'
