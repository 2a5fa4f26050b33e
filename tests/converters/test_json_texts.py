"""Columns as JSON texts: structs that come as columns are written as their dicts are, and refused as they are."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import (
    BOOLEAN,
    FLOAT64,
    INT32,
    OPTIONAL_STRING,
    STRING,
    DataError,
    Repeated,
    Schema,
    SchemaType,
    StructColumn,
)
from connect.api.columns import OddValueError
from connect_converters.json_payloads import PayloadWriter
from connect_converters.json_texts import TextWriter
from connect_converters.json_values import Encoder
from tests.support.converters import schemas, values_of

ENCODER = Encoder(numeric_decimals=False, nulls_to_defaults=True)
PAIR = Schema.struct({"a": INT32, "b": OPTIONAL_STRING})
#: What some field takes and some do not.
ODD = (None, True, 1, 1 << 40, 1 << 70, 1.5, float("nan"), -0.0, "x", "\ud800", "a\x7fb", b"x", [], {}, {"a": 1},
       Decimal("1.50"), Decimal("1.5"), Decimal("-0.00"), Decimal("NaN"), Decimal("1E-9"), (1,))  # fmt: skip


def column_of(schema: Schema, values: Sequence[dict[str, Any]], repeated: Sequence[str] = ()) -> StructColumn:
    """Return structs as columns, as deep as no struct is null; what `repeated` names is the first one's for all."""
    fields: dict[str, Any] = {}
    for field in schema.fields:
        column = [value[field.name] for value in values]
        if field.name in repeated and values:
            fields[field.name] = Repeated(column[0])
        elif field.schema.type is SchemaType.STRUCT and all(type(value) is dict for value in column):
            known = {name.name for name in field.schema.fields}
            is_whole = all(value.keys() == known for value in column)
            fields[field.name] = column_of(field.schema, column) if is_whole else column
        else:
            fields[field.name] = column
    return StructColumn(fields, len(values))


@st.composite
def struct_columns(draw: st.DrawFn, *, odd: bool = False) -> tuple[Schema, StructColumn, Encoder]:
    names = draw(st.lists(st.text(min_size=1, max_size=3), unique=True, max_size=4))
    schema = Schema.struct({name: draw(schemas()) for name in names})
    values = draw(st.lists(values_of(schema), max_size=4))
    if odd and names and values:
        values[draw(st.integers(0, len(values) - 1))][draw(st.sampled_from(names))] = draw(st.sampled_from(ODD))
    repeated = draw(st.lists(st.sampled_from(names), max_size=2)) if names else []
    encoder = Encoder(numeric_decimals=draw(st.booleans()), nulls_to_defaults=draw(st.booleans()))
    return schema, column_of(schema, values, repeated), encoder


def written(write: Any, value: Any) -> bytes | str:
    try:
        text: bytes = write(value)
    except DataError as error:
        return str(error)
    return text


@given(struct_columns())
def test_columns_are_written_to_the_byte_as_their_dicts_one_by_one(
    drawn: tuple[Schema, StructColumn, Encoder],
) -> None:
    schema, column, encoder = drawn
    expected = [encoder.encode(schema, value) for value in column]
    assert PayloadWriter(schema, encoder).write(column) == expected
    assert PayloadWriter(schema, encoder).write(list(column)) == expected


@given(struct_columns(odd=True))
def test_columns_with_an_odd_value_are_written_or_refused_as_their_dicts(
    drawn: tuple[Schema, StructColumn, Encoder],
) -> None:
    schema, column, encoder = drawn
    expected = [written(lambda one: encoder.encode(schema, one), value) for value in column]
    writer = PayloadWriter(schema, encoder)
    assert [written(lambda one: writer.write([one])[0], value) for value in column] == expected
    refused = [text for text in expected if isinstance(text, str)]
    if refused:
        with pytest.raises(DataError) as raised:
            writer.write(column)
        assert str(raised.value) == refused[0]
    else:
        assert writer.write(column) == expected


@given(st.lists(st.none() | st.text(alphabet='\x7f",\\\x1f\U0001f600a'), min_size=1))
def test_texts_with_whatever_parts_them_are_whole(texts: list[str | None]) -> None:
    assert TextWriter(OPTIONAL_STRING, ENCODER).write(texts) == [ENCODER.encode(OPTIONAL_STRING, t) for t in texts]


@given(st.integers(-2, 12), st.lists(st.integers(-(10**12), 10**12), min_size=1), st.booleans())
def test_decimals_of_any_scale_are_written_as_one_by_one(scale: int, numbers: list[int], is_odd: bool) -> None:
    schema = Schema.decimal(scale)
    values = [Decimal(number).scaleb(-scale) for number in numbers]
    assert PayloadWriter(schema, ENCODER).write(values) == [ENCODER.encode(schema, value) for value in values]
    if is_odd:  # fewer digits than the scale, which its text tells and its value does not
        values.append(Decimal(7).scaleb(1 - scale))
        with pytest.raises(OddValueError):
            TextWriter(schema, ENCODER).write(values)


def test_more_texts_than_go_together_come_in_their_order() -> None:
    texts = [str(number) for number in range(2000)]
    assert TextWriter(STRING, ENCODER).write(texts) == [b'"%d"' % number for number in range(2000)]


def test_one_and_the_same_value_is_written_once_and_equal_ones_are_not_taken_for_it() -> None:
    shared = {"a": 1, "b": "x"}
    assert TextWriter(PAIR, ENCODER).write([shared] * 3) == [b'{"a":1,"b":"x"}'] * 3
    with pytest.raises(OddValueError):
        TextWriter(INT32, ENCODER).write([1, True, 1])
    assert TextWriter(FLOAT64, ENCODER).write([0.0, -0.0, 0.0]) == [b"0.0", b"-0.0", b"0.0"]
    assert TextWriter(BOOLEAN, ENCODER).write([True, False, True]) == [b"true", b"false", b"true"]


@pytest.mark.parametrize(
    "column",
    [
        StructColumn({"b": ["x"], "a": [1]}, 1),
        StructColumn({"a": [1]}, 1),
        StructColumn({"a": [1], "b": ["x"], "c": [0]}, 1),
    ],
)
def test_columns_that_are_not_the_schemas_go_one_by_one_as_dicts(column: StructColumn) -> None:
    with pytest.raises(OddValueError):
        TextWriter(PAIR, ENCODER).write(column)
    assert PayloadWriter(PAIR, ENCODER).write(column) == [ENCODER.encode(PAIR, column[0])]


def test_no_structs_and_structs_without_fields() -> None:
    assert TextWriter(PAIR, ENCODER).write(StructColumn({"a": [], "b": Repeated("x")}, 0)) == []
    assert TextWriter(Schema.struct({}), ENCODER).write(StructColumn({}, 2)) == [b"{}", b"{}"]


def test_a_column_where_no_struct_is_wanted_is_refused_in_kafkas_words() -> None:
    with pytest.raises(DataError, match="Invalid type for INT32"):
        PayloadWriter(INT32, ENCODER).write(StructColumn({"a": [1]}, 1))
