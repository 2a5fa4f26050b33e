"""ValueToKey: a key made of fields of the value."""

from __future__ import annotations

import pytest

from connect.api import INT32, STRING, Batch, ConfigError, DataError, Record, Schema
from tests.support.transforms import make_transform

ROW = Schema.struct({"id": INT32, "to": Schema.struct({"zip": STRING}), "n": Schema("int32", optional=True, default=7)})
VALUE = {"id": 1, "to": {"zip": "69001"}, "n": None}
V2 = {"field_syntax_version": "V2"}


def test_the_key_becomes_an_object_of_the_fields_and_the_value_stays() -> None:
    made = make_transform("ValueToKey", fields="id").apply(Record("t", VALUE, key="old"))
    assert made == Record("t", VALUE, key={"id": 1})


def test_with_a_schema_the_key_has_the_schemas_of_the_fields() -> None:
    made = make_transform("ValueToKey", fields="id,n").apply(Record("t", VALUE, value_schema=ROW))
    assert made is not None
    assert made.key == {"id": 1, "n": 7}
    assert made.key_schema == Schema.struct({"id": INT32, "n": Schema("int32", optional=True, default=7)})


def test_a_nested_field_is_called_as_the_last_step_of_its_path() -> None:
    transform = make_transform("ValueToKey", fields="id,to.zip", **V2)
    for schema in (None, ROW):
        made = transform.apply(Record("t", VALUE, value_schema=schema))
        assert made is not None and made.key == {"id": 1, "zip": "69001"}


def test_a_missing_field_is_null_without_schema_and_an_error_with_one() -> None:
    made = make_transform("ValueToKey", fields="none").apply(Record("t", VALUE))
    assert made is not None and made.key == {"none": None}
    with pytest.raises(DataError, match="Field does not exist: none"):
        make_transform("ValueToKey", fields="none").apply(Record("t", VALUE, value_schema=ROW))


@pytest.mark.parametrize("value", [None, "text", [1]])
def test_a_value_that_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(DataError, match=r"copying fields from value to key"):
        make_transform("ValueToKey", fields="id").apply_batch(Batch("t", [VALUE, value]))


def test_fields_that_would_share_a_name_or_none_are_refused() -> None:
    with pytest.raises(ConfigError, match="two fields would be called 'zip'"):
        make_transform("ValueToKey", fields="a.zip,b.zip", **V2)
    with pytest.raises(ConfigError, match="'fields' must not be empty"):
        make_transform("ValueToKey", fields="")
    with pytest.raises(ConfigError, match="Incomplete backtick pair") as caught:
        make_transform("ValueToKey", fields="`a", **V2)
    assert caught.value.config_path == "fields"
