"""A record as JSON and back, without loss."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import DataError
from connect.runtime.dead_letters.documents import Content, content_of, document_of, dumps, loads, parsed, pointed

JSON = st.recursive(
    st.none() | st.text() | st.floats() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.none() | st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_what_is_left_alone_goes_back_as_the_bytes_that_it_was(data: bytes | None) -> None:
    content = Content(data, data, [("h", data), ("h", None)], 5)
    assert content_of(document_of(content), content) == content


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (None, "null"),
        (b'{"a": 1.10}', "json"),
        (b'"x"', "json"),
        (b"42", "text"),
        (b"null", "text"),
        (b"{not", "text"),
        (b'{"a": 1, "a": 2}', "text"),
        (b"[NaN]", "text"),
        (b"[" * 5000, "text"),
        (b"[" * 200 + b"]" * 200, "text"),
        (b"\xff", "base64"),
        (b"", "text"),
    ],
)
def test_bytes_have_one_form(data: bytes | None, form: str) -> None:
    assert parsed(data)[0] == form


def test_numbers_keep_their_digits() -> None:
    assert dumps(loads('{"a":1.10,"b":12345678901234567890123,"c":1e400}')) == (
        '{"a":1.10,"b":12345678901234567890123,"c":1E+400}'
    )


@pytest.mark.parametrize(
    ("before", "changed", "after"),
    [
        (b"text", "other", b"other"),
        (b'"text"', "other", b'"other"'),
        (b'{"a": 1}', {"a": "ä"}, '{"a":"ä"}'.encode()),
        (b"{bad", {"a": 1}, b'{"a":1}'),
        (b"\xff", {"base64": "AAE="}, b"\x00\x01"),
        (b"x", None, None),
        (None, [1], b"[1]"),
        (b'{"a":1}', {"base64": "AAE="}, b'{"base64":"AAE="}'),
    ],
)
def test_what_is_changed_is_bytes_again(before: bytes | None, changed: object, after: bytes | None) -> None:
    content = Content(None, before, [], 0)
    assert content_of({**document_of(content), "value": changed}, content).value == after


@pytest.mark.parametrize(
    ("changes", "mentions"),
    [
        ({"timestamp": "now"}, "/timestamp is"),
        ({"timestamp": True}, "/timestamp is true"),
        ({"headers": {"a": 1}}, "/headers is no array"),
        ({"headers": [{"name": 1}]}, "/headers/0 is"),
        ({"value": {"base64": "!"}}, "holds no base64"),
        ({"value": "\ud800"}, "no UTF-8"),
    ],
)
def test_what_is_no_record_is_told_with_its_place(changes: dict[str, object], mentions: str) -> None:
    content = Content(None, None, [], 0)
    with pytest.raises(DataError, match=mentions):
        content_of({**document_of(content), **changes}, content)


def test_a_path_leads_into_objects_and_arrays_or_nowhere() -> None:
    document = {"a": [{"b": 1}], "": 2}
    assert [pointed(document, path) for path in ("a.0.b", "a.1", "a.x", "b", "")] == [1, None, None, None, 2]
