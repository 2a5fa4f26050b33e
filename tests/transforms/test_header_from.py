"""HeaderFrom: fields are moved or copied into headers."""

from __future__ import annotations

import pytest

from connect.api import INT32, STRING, Batch, ConfigError, DataError, Header, Headers, Record, Schema
from tests.support.transforms import make_transform

ROW = Schema.struct({"id": INT32, "name": STRING})


def test_a_moved_field_leaves_the_value_and_its_schema() -> None:
    transform = make_transform("HeaderFrom$Value", fields="name", headers="who", operation="move")
    made = transform.apply(Record("t", {"id": 1, "name": "Ann"}, value_schema=ROW))
    assert made is not None and made.headers is not None
    assert made.value == {"id": 1}
    assert made.value_schema == Schema.struct({"id": INT32})
    assert list(made.headers) == [Header("who", "Ann", STRING)]


def test_a_copied_field_stays() -> None:
    transform = make_transform("HeaderFrom$Value", fields="name", headers="who", operation="copy")
    made = transform.apply(Record("t", {"id": 1, "name": "Ann"}))
    assert made is not None and made.headers is not None
    assert made.value == {"id": 1, "name": "Ann"}
    assert list(made.headers) == [Header("who", "Ann", None)]


def test_headers_come_in_the_order_given_behind_those_that_are_there() -> None:
    transform = make_transform("HeaderFrom$Value", fields="b,a", headers="x,y", operation="copy")
    given = [Headers().add("x", "old"), None]
    made = transform.apply_batch(Batch("t", [{"a": 1, "b": 2}, {"a": 3, "b": 4}], headers=given))
    assert isinstance(made, Batch) and made.headers is not None
    assert [[(h.name, h.value) for h in headers or ()] for headers in made.headers] == [
        [("x", "old"), ("x", 2), ("y", 1)],
        [("x", 4), ("y", 3)],
    ]


def test_a_missing_field_is_a_null_header_without_schema_and_an_error_with_one() -> None:
    transform = make_transform("HeaderFrom$Value", fields="none", headers="h", operation="move")
    made = transform.apply(Record("t", {"id": 1}))
    assert made is not None and made.headers is not None
    assert list(made.headers) == [Header("h", None, None)]
    with pytest.raises(DataError, match="Field does not exist: none; it cannot be put in the header 'h'"):
        transform.apply(Record("t", {"id": 1, "name": "Ann"}, value_schema=ROW))


def test_a_nested_field_is_moved_by_its_path() -> None:
    config = {"fields": "to.city", "headers": "city", "operation": "move", "field_syntax_version": "V2"}
    made = make_transform("HeaderFrom$Value", **config).apply(Record("t", {"to": {"city": "Lyon", "zip": 5}}))
    assert made is not None and made.headers is not None
    assert (made.value, list(made.headers)) == ({"to": {"zip": 5}}, [Header("city", "Lyon", None)])


def test_fields_of_the_key_are_taken_from_the_key() -> None:
    made = make_transform("HeaderFrom$Key", fields="id", headers="h", operation="move").apply(
        Record("t", {"id": 1}, key={"id": 2, "n": 3})
    )
    assert made is not None and made.headers is not None
    assert (made.key, made.value, list(made.headers)) == ({"n": 3}, {"id": 1}, [Header("h", 2, None)])


@pytest.mark.parametrize(
    "config",
    [
        {"fields": "a,b", "headers": "x", "operation": "move"},
        {"fields": "", "headers": "x", "operation": "move"},
        {"fields": "a", "headers": "x", "operation": "take"},
        {"fields": "a", "headers": "x"},
    ],
)
def test_a_config_without_a_header_for_each_field_is_refused(config: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        make_transform("HeaderFrom$Value", **config)
