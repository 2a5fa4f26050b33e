"""Array literals and hstore."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect_postgres.cdc.literals import parse_array, parse_hstore


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@given(st.lists(st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_an_array_of_texts_comes_back(items: list[str | None]) -> None:
    literal = "{" + ",".join("NULL" if item is None else quoted(item) for item in items) + "}"
    assert parse_array(literal.encode(), bytes.decode) == items


@pytest.mark.parametrize(
    ("literal", "items"),
    [
        (b"{}", []),
        (b"{1,NULL,-3}", [1, None, -3]),
        (b"{{1,2},{3,NULL}}", [[1, 2], [3, None]]),
        (b"{{{1}},{{2}}}", [[[1]], [[2]]]),
        (b"[0:1]={5,6}", [5, 6]),
        (b"[-1:0][2:2]={{5},{6}}", [[5], [6]]),
    ],
)
def test_an_array_may_have_nulls_dimensions_and_bounds(literal: bytes, items: list[object]) -> None:
    assert parse_array(literal, int) == items


@pytest.mark.parametrize(
    ("literal", "items"),
    [
        (b"{}", []),
        (b"{NULL;(1,1),(0,0)}", [None, "(1,1),(0,0)"]),
        (b"{{(1,1),(0,0)};{NULL}}", [["(1,1),(0,0)"], [None]]),
        (b"{{(1,1),(0,0);(2,2),(1,1)}}", [["(1,1),(0,0)", "(2,2),(1,1)"]]),
    ],
)
def test_boxes_are_parted_by_semicolons_and_have_nulls_and_dimensions_too(literal: bytes, items: list[object]) -> None:
    assert parse_array(literal, bytes.decode, b";") == items


def test_the_word_null_in_quotes_is_a_text() -> None:
    assert parse_array(b'{"NULL",null}', bytes.decode) == ["NULL", None]


def test_boxes_are_parted_by_semicolons() -> None:
    assert parse_array(b"{(1,1),(0,0);(2,2),(1,1)}", bytes.decode, b";") == ["(1,1),(0,0)", "(2,2),(1,1)"]


@pytest.mark.parametrize("literal", [b"", b"{", b"{1}}", b"1", b'{"a}', b"{1}x"])
def test_what_is_no_array_is_refused(literal: bytes) -> None:
    with pytest.raises(ValueError, match="array"):
        parse_array(literal, int)


def test_hstore_is_a_map_of_texts() -> None:
    assert parse_hstore(b'"a"=>"1", "b\\"c"=>NULL, "d"=>"x\\\\y"') == {"a": "1", 'b"c': None, "d": "x\\y"}
    assert parse_hstore(b"") == {}
    with pytest.raises(ValueError, match="hstore"):
        parse_hstore(b"a=>1")
