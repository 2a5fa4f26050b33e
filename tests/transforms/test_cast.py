"""Cast: fields, or the whole key or value, in another primitive type."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from connect.api import INT32, OPTIONAL_STRING, STRING, Batch, ConfigError, DataError, Record, Schema
from tests.support.transforms import make_transform, transformed


@pytest.mark.parametrize(
    ("value", "target", "expected"),
    [
        (300, "int8", 44),
        (3.99, "int32", 3),
        ("42", "int64", 42),
        ("TRUE", "boolean", True),
        ("yes", "boolean", False),
        (1, "boolean", True),
        (1.5, "string", "1.5"),
        (1e7, "string", "1.0E7"),
        (True, "int16", 1),
        ("0.1", "float64", 0.1),
        (16777217, "float32", 16777216.0),
        (b"ab", "string", "YWI="),
    ],
)  # fmt: skip
def test_a_whole_value_becomes_another_type_as_java_narrows_and_prints(value: Any, target: str, expected: Any) -> None:
    assert transformed("Cast$Value", value, spec=target) == expected


@pytest.mark.parametrize("text", [" 1", "1 ", "1.5", "one", ""])
def test_a_text_must_be_a_number_of_the_type_without_blanks(text: str) -> None:
    with pytest.raises(DataError):
        transformed("Cast$Value", text, spec="int32")


def test_dates_with_a_schema_become_days_or_milliseconds_or_their_iso_text() -> None:
    schema = Schema.struct({"day": Schema.date(), "at": Schema.timestamp(), "shown": Schema.date()})
    value = {
        "day": dt.date(1970, 1, 3),
        "at": dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC),
        "shown": dt.date(2024, 1, 31),
    }
    made = transformed("Cast$Value", value, schema, spec="day:int32,at:int64,shown:string")
    assert made == {"day": 2, "at": 1000, "shown": "2024-01-31"}


def test_without_schema_a_field_that_is_missing_is_added_with_null_and_with_schema_it_is_passed_over() -> None:
    assert transformed("Cast$Value", {"a": 1}, spec="b:int8") == {"a": 1, "b": None}
    assert transformed("Cast$Value", {"a": 1}, Schema.struct({"a": INT32}), spec="b:int8") == {"a": 1}


def test_the_schema_changes_with_the_values_and_keeps_what_is_optional_and_its_default() -> None:
    schema = Schema.struct({"a": Schema("int32", default=7), "b": OPTIONAL_STRING}, name="row", version=2)
    made = make_transform("Cast$Value", spec="a:string").apply(Record("t", {"a": None, "b": None}, value_schema=schema))
    assert made is not None and made.value_schema is not None
    assert made.value == {"a": "7", "b": None}
    assert (made.value_schema.name, made.value_schema.version) == ("row", 2)
    assert made.value_schema.field("a").schema == Schema("string", default="7")  # type: ignore[union-attr]
    assert made.value_schema.field("b").schema == OPTIONAL_STRING  # type: ignore[union-attr]


def test_the_schema_of_a_whole_value_that_is_cast_keeps_all_but_its_type() -> None:
    about: dict[str, Any] = {"optional": True, "name": "n", "version": 3, "doc": "d", "parameters": {"k": "v"}}
    made = make_transform("Cast$Value", spec="string").apply(
        Record("t", 5, value_schema=Schema("int32", default=7, **about))
    )
    assert made is not None
    assert made.value_schema == Schema("string", default="7", **about)


def test_the_default_of_a_struct_is_cast_as_its_values_are() -> None:
    schema = Schema.struct({"a": INT32, "b": STRING}, default={"a": 7, "b": "x"})
    made = make_transform("Cast$Value", spec="a:string").apply(Record("t", {"a": 1, "b": "y"}, value_schema=schema))
    assert made is not None and made.value_schema is not None
    assert made.value_schema.default == {"a": "7", "b": "x"}
    assert schema.default == {"a": 7, "b": "x"}


def test_a_null_stays_null_where_defaults_are_not_wanted() -> None:
    schema = Schema.struct({"a": Schema("int32", default=7, optional=True)})
    config = {"spec": "a:string", "replace_null_with_default": "false"}
    assert transformed("Cast$Value", {"a": None}, schema, **config) == {"a": None}


def test_a_path_reaches_into_objects_and_leaves_the_given_ones_as_they_are() -> None:
    given = {"n": {"a": "1", "b": "1"}}
    assert transformed("Cast$Value", given, spec="n.a:int8", field_syntax_version="V2") == {"n": {"a": 1, "b": "1"}}
    assert given == {"n": {"a": "1", "b": "1"}}


def test_nulls_among_records_pass_in_their_place() -> None:
    batch = Batch("t", [None, {"a": "1"}, None], value_schema=Schema.struct({"a": STRING}, optional=True))
    parts = make_transform("Cast$Value", spec="a:int8").apply_batch(batch)
    assert isinstance(parts, list)
    assert [value for part in parts for value in part.values] == [None, {"a": 1}, None]


def test_the_key_is_cast_beside_an_untouched_value() -> None:
    made = make_transform("Cast$Key", spec="string").apply(Record("t", Decimal(5), key=5, key_schema=INT32))
    assert made is not None
    assert (made.key, made.key_schema, made.value) == ("5", STRING, Decimal(5))


@pytest.mark.parametrize("spec", ["", "a:b:c", "a:struct", "a:date", "int8,a:int8"])
def test_a_spec_that_names_no_primitive_type_is_refused(spec: str) -> None:
    with pytest.raises(ConfigError):
        make_transform("Cast$Value", spec=spec)
