"""Fields by name and by path."""

import pytest

from connect.api import INT64, STRING, DataError, Schema
from connect_file.folder import fields


def field_values(made, name):
    return fields.field_values(made, name, use="which names its folder")


INNER = Schema.struct({"city": STRING}, optional=True)


def test_a_field_is_found_by_name_and_through_structs(batch):
    schema = Schema.struct({"a": INNER, "b": INT64})
    made = batch([{"a": {"city": "x"}, "b": 1}, {"a": None, "b": 2}], schema=schema)
    assert field_values(made, "b") == [1, 2]
    assert field_values(made, "a.city") == ["x", None]


def test_a_name_with_a_dot_counts_before_a_path(batch):
    assert field_values(batch([{"a.b": 1, "a": {"b": 2}}]), "a.b") == [1]
    assert field_values(batch([{"a": {"b": 2}}, {}]), "a.b") == [2, None]


@pytest.mark.parametrize("name", ["c", "a.c", "b.c"])
def test_a_field_that_the_schema_has_not_is_a_bad_record(batch, name):
    with pytest.raises(DataError, match=f"has no field '{name}', which names its folder"):
        field_values(batch([{}], schema=Schema.struct({"a": INNER, "b": INT64})), name)


def test_a_value_that_has_no_fields_is_a_bad_record(batch):
    with pytest.raises(DataError, match="no struct or map"):
        field_values(batch(["text"]), "a")


def test_what_a_name_with_a_dot_means_hangs_on_the_record_alone(batch):
    assert field_values(batch([{"a.b": 1}, {"a": {"b": 2}}, {"a": None}]), "a.b") == [1, 2, None]


def test_a_path_through_a_value_that_has_no_fields_is_a_bad_record(batch):
    with pytest.raises(DataError, match="no struct or map"):
        field_values(batch([{"a": 7}]), "a.b")
