"""SetSchemaMetadata: another name or version for the schema of key or value."""

from __future__ import annotations

import pytest

from connect.api import INT32, Batch, ConnectError, DataError, InvalidConfigError, Record, Schema
from tests.support.transforms import make_transform, transformed

ROW = Schema.struct({"id": INT32}, name="row", version=1)


@pytest.mark.parametrize(
    ("config", "name", "version"),
    [
        ({"schema_name": "order"}, "order", 1),
        ({"schema_version": "5"}, "row", 5),
        ({"schema_name": "order", "schema_version": "5"}, "order", 5),
    ],
)
def test_name_and_version_are_set_and_the_rest_stays(config: dict[str, str], name: str, version: int) -> None:
    made = make_transform("SetSchemaMetadata$Value", **config).apply(Record("t", {"id": 1}, value_schema=ROW))
    assert made is not None
    assert made.value_schema == Schema.struct({"id": INT32}, name=name, version=version)
    assert made.value == {"id": 1}


def test_a_null_gets_the_new_schema_too() -> None:
    row = ROW.replace(optional=True)
    batch = Batch("t", [None, {"id": 1}], value_schema=row)
    made = make_transform("SetSchemaMetadata$Value", schema_name="order").apply_batch(batch)
    assert isinstance(made, Batch)
    assert (made.values, made.value_schema) == ([None, {"id": 1}], row.replace(name="order"))


def test_a_value_without_schema_is_an_error_and_a_null_is_not() -> None:
    with pytest.raises(DataError, match=r"Schema required for \[updating schema metadata\]"):
        transformed("SetSchemaMetadata$Value", {"id": 1}, schema_name="order")
    assert transformed("SetSchemaMetadata$Value", None, schema_name="order") is None


def test_a_schema_that_is_none_of_a_struct_is_an_error() -> None:
    with pytest.raises(ConnectError):
        transformed("SetSchemaMetadata$Value", 5, INT32, schema_name="order")


def test_nothing_to_set_is_refused() -> None:
    with pytest.raises(InvalidConfigError, match="Neither schema name nor version") as caught:
        make_transform("SetSchemaMetadata$Value")
    assert [problem.key for problem in caught.value.problems] == ["schema.name"]


def test_the_schema_of_the_key_is_set() -> None:
    made = make_transform("SetSchemaMetadata$Key", schema_name="id").apply(
        Record("t", 1, key={"id": 1}, key_schema=ROW)
    )
    assert made is not None and made.key_schema is not None
    assert made.key_schema.name == "id"
