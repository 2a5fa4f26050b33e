"""The payloads of one schema: a column at a time where they are to the letter of it, one by one where not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connect.api import INT32, STRING, DataError, Schema
from connect.api.columns import OddValueError
from connect_converters.json_payloads import PayloadReader, PayloadWriter
from connect_converters.json_values import Decoder, Encoder

ROW = Schema.struct({"id": INT32, "price": Schema.decimal(2)})


def writer(schema: Schema, *, numeric: bool = False) -> PayloadWriter:
    return PayloadWriter(schema, Encoder(numeric_decimals=numeric, nulls_to_defaults=True))


def reader(schema: Schema | None) -> PayloadReader:
    return PayloadReader(schema, Decoder(nulls_to_defaults=True))


def test_an_odd_value_among_many_is_written_as_it_is_alone() -> None:
    numbers = [*range(100), 5]
    assert writer(INT32).write(numbers) == [str(number).encode() for number in numbers]
    texts = ["a"] * 100 + ["\ud800"]
    assert writer(STRING).write(texts) == [b'"a"'] * 100 + [b'"\\uD800"']


def test_a_value_that_does_not_fit_is_an_error_wherever_it_stands() -> None:
    for at in (0, 50, 99):
        column: list[object] = list(range(100))
        column[at] = "x"
        with pytest.raises(DataError, match="Invalid type for INT32"):
            writer(INT32).write(column)


def test_a_schema_without_a_fast_way_is_written_and_read_value_by_value() -> None:
    schema = Schema.map(INT32, STRING)
    assert writer(schema).write([{1: "a"}, {}]) == [b'[[1,"a"]]', b"[]"]
    assert reader(schema).read([b'[[1,"a"]]', b"[]"]) == [{1: "a"}, {}]


def test_decimals_are_read_from_base64_and_from_numbers_with_every_digit() -> None:
    rows = [{"id": 1, "price": Decimal("1.50")}, {"id": 2, "price": Decimal("0.10")}]
    for numeric in (False, True):
        texts = writer(ROW, numeric=numeric).write(rows)
        own = reader(ROW)
        assert [own.read(texts), own.read(texts)] == [rows, rows]


def test_without_schema_values_are_as_json_has_them() -> None:
    assert reader(None).read([b'{"a":1}', b"1.5", b"null"]) == [{"a": 1}, 1.5, None]


def test_what_kafka_reads_beyond_the_standard_is_read_one_by_one() -> None:
    assert reader(INT32).read([b"007", b"5"]) == [7, 5]


def test_a_text_that_is_no_json_or_more_than_one_value_is_odd() -> None:
    for text in (b"", b"{", b"1 2", b"[1,]"):
        with pytest.raises(OddValueError):
            reader(None).read([b"1", text])


def test_a_value_that_is_wrong_for_its_schema_is_an_error_in_kafkas_words() -> None:
    with pytest.raises(DataError, match="Structs should be encoded as JSON objects"):
        reader(ROW).read([b"[]"])
