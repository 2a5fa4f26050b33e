"""Values to the bytes of files, and back by the source's own formats."""

import csv
import datetime as dt
import io
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import BYTES, INT64, OPTIONAL_STRING, STRING, DataError, Schema
from connect_file.delimited import CsvFormat
from connect_file.folder.encoding import (
    BytesBody,
    CsvDialect,
    CsvEncoder,
    JsonEncoder,
    LinesEncoder,
    WholeEncoder,
)
from connect_file.formats import JsonFormat

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


def written(encoder, batch, *puts):
    """Return the bytes of a file that puts make, which fit into one."""
    layout, body, data = None, None, b""
    for values in puts:
        layout = encoder.layout(batch, values, layout)
        body = body or encoder.body(layout)
        data += body.add(encoder.chunk(list(values), layout))
    return data + body.end()


@given(st.lists(JSON, min_size=1))
def test_json_is_read_back_as_it_was(values):
    data = written(JsonEncoder(BytesBody), None, values)
    taken = JsonFormat(None).last(data, "", 1000) if not any(map(_is_big, values)) else None
    if taken is not None:
        assert [value for rows in taken.rows for value in rows.values] == values
    assert data.count(b"\n") == len(values)


def _is_big(value):
    if isinstance(value, dict):
        return any(map(_is_big, value.values()))
    if isinstance(value, list):
        return any(map(_is_big, value))
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def test_a_line_is_the_text_or_its_json():
    assert written(LinesEncoder(BytesBody), None, ["a", {"b": 1}]) == b'a\n{"b":1}\n'


@pytest.mark.parametrize(("value", "data"), [(b"\xff", b"\xff"), ("é", "é".encode()), (bytearray(b"x"), b"x")])
def test_a_whole_value_is_all_of_a_file(value, data):
    assert written(WholeEncoder(BytesBody), None, [value]) == data


def test_a_whole_value_that_is_neither_text_nor_bytes_is_a_bad_record():
    with pytest.raises(DataError, match="neither text nor bytes"):
        WholeEncoder(BytesBody).chunk([1], ())


def csv_encoder(**more):
    return CsvEncoder(BytesBody, CsvDialect(**more))


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, unique=True).flatmap(
        lambda names: st.lists(
            st.fixed_dictionaries(
                {name: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) for name in names}
            ),
            min_size=1,
        )
    )
)
def test_csv_is_read_back_as_it_was(values):
    schema = Schema.struct(dict.fromkeys(values[0], STRING))
    made = _Batch(values, schema)
    data = written(csv_encoder(), made, values)
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert rows == [list(values[0]), *([value[name] for name in values[0]] for value in values)]


class _Batch:
    def __init__(self, values, schema=None):
        self.values, self.value_schema = values, schema


TYPED = {
    "i": st.none() | st.integers(-(2**63), 2**63 - 1),
    "f": st.none() | st.floats(allow_nan=False),
    "b": st.none() | st.booleans(),
    "d": st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9),
    "day": st.none() | st.dates(),
    "at": st.none() | st.datetimes(timezones=st.just(dt.UTC)),
    "t": st.none() | st.times(),
    "s": st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).filter(r"\N".__ne__),
}
COLUMNS = ["i:int64", "f:float64", "b:boolean", "d:decimal(3)", "day:date", "at:timestamp", "t:time", "s:string"]


@given(st.lists(st.fixed_dictionaries(TYPED), min_size=1, max_size=4))
def test_typed_csv_is_read_back_by_the_source_as_it_was(values):
    schema = Schema.struct(dict.fromkeys(TYPED, OPTIONAL_STRING))
    data = written(csv_encoder(null=r"\N"), _Batch(values, schema), values)
    source = CsvFormat(delimiter=",", quote='"', has_header=True, columns=COLUMNS, null=r"\N", charset=None)
    layout = source.layout_of(data)
    taken = source.last(data[source.header_bytes(layout) :], layout, 1000)
    assert taken.bad is None
    assert [value for rows in taken.rows for value in rows.values] == values


def test_nested_values_and_bytes_are_texts_in_csv():
    value = {"a": [1, {"b": None}], "c": b"\xff", "d": Decimal("1.50"), "n": float("nan"), "x": None}
    assert written(csv_encoder(), _Batch([value]), [value]) == b'a,c,d,n,x\n"[1,{""b"":null}]",/w==,1.50,nan,\n'


def test_a_text_that_would_be_read_as_null_is_a_bad_record():
    with pytest.raises(DataError, match=r"column 's' has the text that csv\.null has") as caught:
        written(csv_encoder(null="NULL"), _Batch([{"s": "NULL"}]), [{"s": "NULL"}])
    assert "NULL" not in caught.value.message


def test_maps_of_more_columns_begin_another_file_and_of_fewer_do_not():
    encoder = csv_encoder()
    first = encoder.layout(_Batch([]), [{"a": 1, "b": 2}], None)
    assert encoder.layout(_Batch([]), [{"b": 1}], first) is first
    assert encoder.layout(_Batch([]), [{"c": 1}, {"a": 1}], first) == ("a", "b", "c")


def test_schemas_of_other_columns_have_names_of_their_own():
    encoder = csv_encoder()
    names = {
        encoder.layout_name(_Batch([], Schema.struct(dict.fromkeys(fields, INT64)))) for fields in ("ab", "ba", "abc")
    }
    assert len(names) == 3
    assert encoder.layout_name(_Batch([])) == ""


@pytest.mark.parametrize(
    ("value", "schema", "why"),
    [
        (1, None, "a int and no map"),
        ({}, None, "no fields"),
        ({1: 2}, None, "no text"),
        (b"", BYTES, "a BYTES and no struct"),
    ],
)
def test_a_value_without_columns_is_a_bad_record(value, schema, why):
    with pytest.raises(DataError, match=why):
        csv_encoder().layout(_Batch([value], schema), [value], None)


def test_without_quotes_a_field_with_a_delimiter_is_a_bad_record():
    value = {"a": "x,y"}
    with pytest.raises(DataError, match="without quotes"):
        written(csv_encoder(quote=""), _Batch([value]), [value])


@pytest.mark.parametrize("text", ["\r", "a\rb", "\r\n", "\n"])
def test_a_line_end_in_a_field_is_within_quotes(text):
    assert written(csv_encoder(), _Batch([{"a": text}]), [{"a": text}]).endswith(f'"{text}"\n'.encode())
    with pytest.raises(DataError, match="without quotes"):
        written(csv_encoder(quote=""), _Batch([{"a": text}]), [{"a": text}])


def test_without_a_header_and_with_other_characters():
    value = {"a": "x;'y", "b": 1}
    data = written(csv_encoder(delimiter=";", quote="'", has_header=False), _Batch([value]), [value])
    assert data == b"'x;''y';1\n"


def test_json_without_text_form_is_a_bad_record():
    with pytest.raises(DataError, match="type dict cannot be written"):
        JsonEncoder(BytesBody).chunk([{"a": object()}], ())
    assert orjson.loads(JsonEncoder(BytesBody).chunk([{"a": b"x"}], ())) == {"a": "eA=="}
