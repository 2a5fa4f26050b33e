"""Bytes to values: lines and JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import STRING, compile_pattern
from connect_file.formats import BadRecord, JsonFormat, LinesFormat, MultilineFormat, WholeFormat
from connect_file.lines import Rows


def test_lines_are_texts_in_groups_and_a_last_one_without_end_is_left() -> None:
    taken = LinesFormat(None).take("one\ntwö\r\nthree\nfour".encode(), "", 2)
    assert taken.rows == [Rows(["one", "twö"], 10), Rows(["three"], 6)]
    assert taken.bad is None
    assert LinesFormat(None).schema("") == STRING


def test_a_line_that_is_not_in_the_charset_ends_what_is_taken_right_in_front_of_it() -> None:
    taken = LinesFormat("UTF-8").take(b"one\ntwo\nthr\xffee\nfour\n", "", 100)
    assert taken.rows == [Rows(["one", "two"], 8)]
    assert taken.bad == BadRecord(7, "it has bytes that are not UTF-8")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(json_values, max_size=8), st.integers(1, 4))
def test_each_line_of_json_is_its_value(values: list[object], records_max: int) -> None:
    data = b"".join(json.dumps(value).encode() + b"\n" for value in values)
    taken = JsonFormat(None).take(data, "", records_max)
    assert [value for rows in taken.rows for value in rows.values] == values
    assert sum(rows.size_bytes for rows in taken.rows) == len(data)


def test_blank_lines_are_no_records_and_count_as_read() -> None:
    [rows] = JsonFormat(None).take(b'{"a":1}\n\n  \r\n{"a":2}\n{"a":', "", 100).rows
    assert rows == Rows([{"a": 1}, {"a": 2}], 21)


@pytest.mark.parametrize(("line", "why"), [(b'{"a":\n', "it is not JSON"), (b'{"a":"\xff"}\n', "it is not")])
def test_a_line_that_is_no_json_ends_what_is_taken(line: bytes, why: str) -> None:
    taken = JsonFormat(None).take(b"1\n2\n" + line + b"3\n", "", 100)
    assert taken.rows == [Rows([1, 2], 4)]
    assert taken.bad is not None
    assert taken.bad.size_bytes == len(line)
    assert taken.bad.why.startswith(why)


def test_lines_that_would_be_json_only_together_are_none() -> None:
    assert JsonFormat(None).take(b"[1\n2]\n", "", 100).bad is not None
    assert JsonFormat(None).take(b"1,2\n", "", 100).bad is not None


def test_json_in_a_charset_is_read() -> None:
    assert JsonFormat("ISO-8859-1").take(b'"caf\xe9"\n', "", 1).rows[0].values == ["café"]


def test_a_record_of_several_lines_ends_where_the_next_begins() -> None:
    format_ = MultilineFormat(None, compile_pattern("^[0-9]", key="multiline.start"))
    data = b"  odd\n1 one\n  more\r\n2 two\n3 thr"
    assert format_.take(data, "", 2).rows == [Rows(["  odd", "1 one\n  more"], 20)]
    assert format_.take(data, "", 1).rows == [Rows(["  odd"], 6), Rows(["1 one\n  more"], 14)]
    assert format_.last(data, "", 9).rows == [Rows(["  odd", "1 one\n  more", "2 two", "3 thr"], len(data) + 1)]
    assert format_.take(b"", "", 9).rows == []


def test_a_line_that_cannot_be_read_ends_the_record_in_front_of_it() -> None:
    format_ = MultilineFormat("UTF-8", compile_pattern("^[0-9]", key="multiline.start"))
    taken = format_.take(b"1 one\n  more\n\xff\n2 two\n", "", 9)
    assert taken.rows == [Rows(["1 one\n  more"], 13)]
    assert taken.bad == BadRecord(2, "it has bytes that are not UTF-8")


def test_all_of_a_file_is_its_bytes_or_in_a_charset_its_text() -> None:
    assert WholeFormat(None).take(b"one\n", "", 9).rows == []
    assert WholeFormat(None).last(b"one\ntwo", "", 9).rows == [Rows([b"one\ntwo"], 7)]
    assert WholeFormat("UTF-8").last(b"zw\xc3\xb6lf", "", 9).rows == [Rows(["zwölf"], 6)]
    assert WholeFormat("UTF-8").last(b"\xff", "", 9).bad == BadRecord(1, "it has bytes that are not UTF-8")
