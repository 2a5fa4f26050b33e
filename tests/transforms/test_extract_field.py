"""ExtractField: one field of key or value takes its place."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import INT32, STRING, DataError, Record, Schema
from tests.support.transforms import make_transform, transformed

ORDER = Schema.struct({"id": INT32, "to": Schema.struct({"city": STRING}, optional=True)})
V2 = {"field_syntax_version": "V2"}


def test_a_field_takes_the_place_of_the_value_with_its_schema() -> None:
    made = make_transform("ExtractField$Value", field="id").apply(
        Record("t", {"id": 5, "to": None}, key="k", value_schema=ORDER)
    )
    assert made == Record("t", 5, key="k", value_schema=INT32)


def test_a_missing_field_is_null_without_schema_and_an_error_with_one() -> None:
    assert transformed("ExtractField$Value", {"id": 5}, field="none") is None
    with pytest.raises(DataError, match="Unknown field: none"):
        transformed("ExtractField$Value", {"id": 5, "to": None}, ORDER, field="none")


@pytest.mark.parametrize(
    ("value", "schema", "field", "expected"),
    [
        ({"to": {"city": "Lyon"}}, None, "to.city", "Lyon"),
        ({"to": None}, None, "to.city", None),
        ({"a.b": {"c": 1}}, None, "`a.b`.c", 1),
        ({"id": 1, "to": {"city": "Lyon"}}, ORDER, "to.city", "Lyon"),
        ({"id": 1, "to": None}, ORDER, "to.city", None),
    ],
)
def test_a_path_leads_into_objects(value: Any, schema: Schema | None, field: str, expected: Any) -> None:
    assert transformed("ExtractField$Value", value, schema, field=field, **V2) == expected


def test_a_name_with_dots_is_one_field_in_version_1() -> None:
    assert transformed("ExtractField$Value", {"to.city": 1, "to": {"city": 2}}, field="to.city") == 1


def test_a_null_that_has_a_default_becomes_it_unless_that_is_not_wanted() -> None:
    schema = Schema.struct({"a": Schema("int32", optional=True, default=7)})
    assert transformed("ExtractField$Value", {"a": None}, schema, field="a") == 7
    assert transformed("ExtractField$Value", {"a": None}, schema, field="a", replace_null_with_default="false") is None


def test_a_null_value_stays_null_and_what_is_no_object_is_refused() -> None:
    assert transformed("ExtractField$Value", None, field="a") is None
    with pytest.raises(DataError, match=r"Only Map objects supported in absence of schema for \[field extraction\]"):
        transformed("ExtractField$Value", "text", field="a")


def test_the_key_is_replaced_by_its_field() -> None:
    made = make_transform("ExtractField$Key", field="id").apply(Record("t", {"id": 1}, key={"id": 2}))
    assert made == Record("t", {"id": 1}, key=2)
