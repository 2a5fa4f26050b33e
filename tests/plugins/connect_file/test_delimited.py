"""CSV to values: headers, quotes, types."""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_file.delimited import CsvFormat, column_of, valid_columns, valid_delimiter, valid_quote

TYPED = ["id:int64", "price:decimal(2)", "at:timestamp", "ok:boolean", "x:float64", "on:date", "t:time"]
HEADER = b"id,price,at,ok,x,on,t,name\n"


def read(text: bytes, *, records_max: int = 100, **options: Any) -> list[dict[str, Any]]:
    """Read a whole file."""
    format_ = CsvFormat(**options)
    layout = format_.layout_of(text)
    assert layout is not None
    taken = format_.take(text[format_.header_bytes(layout) :], layout, records_max)
    assert taken.bad is None, taken.bad
    values = [value for rows in taken.rows for value in rows.values]
    for value in values:
        format_.schema(layout).validate(value)
    return values


def test_a_header_names_the_columns_and_all_are_text() -> None:
    assert read(b"id,name\n1,a\n2,\n") == [{"id": "1", "name": "a"}, {"id": "2", "name": ""}]


def test_columns_have_the_types_that_they_are_given() -> None:
    data = HEADER + b"7,1.50,2024-02-29T12:30:00.250Z,true,2.5,2024-02-29,12:30:00,a\n,,,,,,,\n"
    first, second = read(data, columns=TYPED)
    assert first == {
        "id": 7,
        "price": Decimal("1.50"),
        "at": dt.datetime(2024, 2, 29, 12, 30, 0, 250000, tzinfo=dt.UTC),
        "ok": True,
        "x": 2.5,
        "on": dt.date(2024, 2, 29),
        "t": dt.time(12, 30),
        "name": "a",
    }
    assert second == {**dict.fromkeys(first), "name": ""}


def test_without_a_header_the_config_names_the_columns() -> None:
    assert read(b"1;a\n", has_header=False, columns=["id:int32", "name"], delimiter=";") == [{"id": 1, "name": "a"}]


def test_a_text_for_null_is_null_in_any_column() -> None:
    options: dict[str, Any] = {"columns": ["id:int32"], "null": "NULL"}
    assert read(b"id,name\nNULL,NULL\n1,\n", **options) == [{"id": None, "name": None}, {"id": 1, "name": ""}]


def test_a_quoted_field_may_go_over_lines_and_hold_anything() -> None:
    data = b'id,text\n1,"a ""b"", \r\n\nc"\n2,plain\n'
    assert read(data) == [{"id": "1", "text": 'a "b", \r\n\nc'}, {"id": "2", "text": "plain"}]


def test_a_record_whose_quote_is_open_is_left_for_later() -> None:
    format_ = CsvFormat()
    layout = format_.layout_of(b"a,b\n")
    [rows] = format_.take(b'1,2\n3,"four\nfive\n', layout, 100).rows
    assert (rows.values, rows.size_bytes) == ([{"a": "1", "b": "2"}], 4)


def test_a_header_without_an_end_waits() -> None:
    assert CsvFormat().layout_of(b"id,na") is None
    assert CsvFormat().layout_of(b'id,"na\nme') is None
    assert CsvFormat().layout_of(b"\n\n") is None


@pytest.mark.parametrize(
    ("header", "options", "why"),
    [
        (b"id,id\n", {}, "names 'id' twice"),
        (b"id,\n", {}, "has no name"),
        (b"id\n", {"columns": ["other:int32"]}, "lacks the column 'other'"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(header: bytes, options: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        CsvFormat(**options).layout_of(header)


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (b"1,2,3\n", "it has 3 fields, and the columns are 2"),
        (b"1\n", "it has 1 fields, and the columns are 2"),
        (b"x,2\n", "column 'id' is not of the type that it was given, int32"),
        (b"1_0,2\n", "column 'id' is not of the type"),
        (b"3000000000,2\n", "column 'id' is out of the range"),
        (b'"x",2\n', "column 'id' is not of the type"),
        (b"1,\xff\n", "it has bytes that are not utf-8"),
    ],
)
@pytest.mark.parametrize("before", [b"1,a\n2,b\n", b'1,"a"\n2,b\n'])
def test_a_record_that_does_not_fit_ends_what_is_taken_right_in_front_of_it(
    before: bytes, record: bytes, why: str
) -> None:
    format_ = CsvFormat(columns=["id:int32"])
    layout = format_.layout_of(b"id,name\n")
    taken = format_.take(before + record + b"3,c\n", layout, 100)
    assert [row["id"] for rows in taken.rows for row in rows.values] == [1, 2]
    assert sum(rows.size_bytes for rows in taken.rows) == len(before)
    assert taken.bad is not None
    assert taken.bad.size_bytes == len(record)
    assert why in taken.bad.why


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("128", "int8"),
        ("1.5", "int32"),
        ("1.234", "decimal(2)"),
        ("maybe", "boolean"),
        ("1_0.5", "float64"),
        ("2024-02-30", "date"),
        ("25:00", "time"),
        ("12:00+01:00", "time"),
        ("yesterday", "timestamp"),
    ],
)
def test_what_is_not_of_its_type_is_refused_and_never_bent(text: str, type_: str) -> None:
    format_ = CsvFormat(columns=[f"a:{type_}"])
    assert format_.take(text.encode() + b"\n", format_.layout_of(b"a\n"), 1).bad is not None


fields = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


@given(st.lists(st.tuples(fields, fields), max_size=6), st.integers(1, 4), st.integers(0, 60))
def test_what_a_csv_writer_writes_is_read_back_however_it_is_cut(
    rows: list[tuple[str, str]], records_max: int, cut: int
) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("a", "b"), *rows])
    data = text.getvalue().encode()
    format_ = CsvFormat()
    layout = format_.layout_of(data)
    assert layout is not None
    body = data[format_.header_bytes(layout) :]
    found, held = [], b""
    for part in (body[:cut], body[cut:]):
        held += part
        for one in format_.take(held, layout, records_max).rows:
            found += one.values
            held = held[one.size_bytes :]
    assert [(row["a"], row["b"]) for row in found] == rows
    assert held == b""


def test_columns_are_names_with_types() -> None:
    assert column_of("a")[0] == column_of("a:string")[0] == column_of(" a : INT32 ")[0] == "a"
    for text, why in [("", "names no column"), (":int32", "names no column"), ("a:number", "is no type of a column")]:
        with pytest.raises(ValueError, match=why):
            column_of(text)
    with pytest.raises(ValueError, match="'a' is there twice"):
        valid_columns(["a", "a:int32"])


@pytest.mark.parametrize("text", ["", "ab", '"', "\n"])
def test_a_delimiter_is_one_character(text: str) -> None:
    with pytest.raises(ValueError, match="one character"):
        valid_delimiter(text)
    valid_delimiter("tab")
    valid_quote("")
    with pytest.raises(ValueError, match="one character"):
        valid_quote("ab")


#: Texts that are of the type, nearly so, and not at all.
ODD = {
    "int32": ["1", " 2 ", "-3", "1_000", "2147483648", "x", "1.0", ""],
    "float64": ["1.5", "1e5", "nan", "1_0", " 2", "", "x"],
    "boolean": ["true", "T", "0", " yes ", "maybe", ""],
    "decimal(2)": ["1.50", "12.345", "1", "1.e5", "1e-1.00", "-0.01", " 1.25", "x.25", "NaN", "1_0.00", ""],
    "date": ["2024-02-29", "20240229", " 2024-02-29", "2023-02-29", "2024-W09-4", ""],
    "time": ["12:30:00", "12:30", "12:30:00Z", "25:00", " 12:30", ""],
    "timestamp": ["2024-02-29T12:30:00Z", "2024-02-29T12:30:00", "2024-02-29", "12:30", ""],
}


@pytest.mark.parametrize("kind", ODD)
@given(data=st.data())
def test_a_column_is_what_its_texts_are_by_themselves(kind, data):
    texts = data.draw(st.lists(st.sampled_from(ODD[kind]), min_size=1, max_size=6))
    one_column = CsvFormat(has_header=False, columns=["n:int64", f"x:{kind}"])
    layout = one_column.layout_of(b"")

    def read(chosen):
        lines = "".join(f"{number},{text}\n" for number, text in enumerate(chosen)).encode()
        taken = one_column.take(lines, layout, 100)
        values = [value["x"] for rows in taken.rows for value in rows.values]
        return [repr(value) for value in values], taken.bad is not None

    alone = [read([text]) for text in texts]
    good = list(itertools.takewhile(lambda one: not one[1], alone))
    assert read(texts) == ([one[0][0] for one in good], len(good) < len(texts))
