"""Records to columns: what of keys, values and coordinates is written, and what is refused with the way out."""

from __future__ import annotations

import pytest

from connect.api import INT32, INT64, OPTIONAL_STRING, STRING, Batch, ConfigError, DataError, Schema
from connect_postgres.fields import Fields, fields_of, key_fields_of
from connect_postgres.sink_config import KAFKA_COLUMNS, SinkConfig
from tests.support.factories import make_sink_batch

ORDER = Schema.struct({"id": INT64, "item": OPTIONAL_STRING, "size": INT32.replace(default=7, optional=True)})


def config(**keys: str) -> SinkConfig:
    return SinkConfig.parse(
        {"connection.url": "postgresql://127.0.0.1/db", **{name.replace("_", "."): one for name, one in keys.items()}}
    )


def fields(batch: Batch, **keys: str) -> Fields:
    return fields_of(batch, config(**keys))


def test_a_field_becomes_a_column_in_the_records_order() -> None:
    found = fields(make_sink_batch([{"b": 1, "a": "x"}, {"b": 2, "a": "y"}]))
    assert found.columns == {"b": [1, 2], "a": ["x", "y"]}
    assert found.schemas == {"b": None, "a": None}
    assert found.key == []


def test_objects_of_different_fields_have_null_for_what_they_lack() -> None:
    found = fields(make_sink_batch([{"a": 1}, {"b": 2, "a": 3}, {"b": 4}]))
    assert found.columns == {"a": [1, 3, None], "b": [None, 2, 4]}
    same_count = fields(make_sink_batch([{"a": 1, "b": 2}, {"a": 3, "c": 4}]))
    assert same_count.columns == {"a": [1, 3], "b": [2, None], "c": [None, 4]}


def test_a_structs_columns_are_those_of_its_schema_with_defaults_for_null() -> None:
    batch = make_sink_batch([{"id": 1, "item": "a", "size": None}, {"id": 2, "extra": 1}], value_schema=ORDER)
    found = fields(batch)
    assert found.columns == {"id": [1, 2], "item": ["a", None], "size": [7, 7]}
    assert found.schemas["item"] == OPTIONAL_STRING


def test_coordinates_are_those_of_the_record_before_any_transform() -> None:
    batch = make_sink_batch([{"a": 1}, {"a": 2}], topic="orders", partition=3, base_offset=40)
    routed = batch.replace(topic="elsewhere", partition=0)
    found = fields(routed, pk_mode="kafka")
    assert found.key == list(KAFKA_COLUMNS)
    assert found.key_rows == [("orders", 3, 40), ("orders", 3, 41)]
    assert [found.schemas[name] for name in found.key] == [STRING, INT32, INT64]
    assert fields(batch, pk_mode="kafka", pk_fields="t,p,o").key == ["t", "p", "o"]


def test_a_records_key_makes_columns_of_its_fields_before_the_values() -> None:
    batch = make_sink_batch([{"a": 1, "id": 9}], keys=[{"id": 5, "sub": 6}])
    assert fields(batch, pk_mode="record_key").columns == {"id": [5], "sub": [6], "a": [1]}, "the key's id counts"
    assert fields(batch, pk_mode="record_key", pk_fields="sub").key == ["sub"]
    plain = make_sink_batch([{"a": 1}], keys=["k"], key_schema=STRING)
    found = fields(plain, pk_mode="record_key", pk_fields="id")
    assert found.columns == {"id": ["k"], "a": [1]}
    assert found.schemas["id"] == STRING


def test_fields_of_the_value_can_be_the_key_and_all_of_them_are_where_none_is_named() -> None:
    batch = make_sink_batch([{"a": 1, "id": 2}])
    assert list(fields(batch, pk_mode="record_value", pk_fields="id").columns) == ["id", "a"]
    assert fields(batch, pk_mode="record_value").key == ["a", "id"]


def test_a_whitelist_leaves_fields_out_beside_the_keys() -> None:
    batch = make_sink_batch([{"id": 1, "a": 2, "b": 3}])
    assert list(fields(batch, pk_mode="record_value", pk_fields="id", fields_whitelist="b").columns) == ["id", "b"]


def test_names_without_quotes_fold_and_two_that_come_to_one_are_refused() -> None:
    folds = {"quote_sql_identifiers": "never"}
    assert list(fields(make_sink_batch([{"Id": 1, "ITEM": 2}]), **folds).columns) == ["id", "item"]
    with pytest.raises(DataError, match="two fields for column id"):
        fields(make_sink_batch([{"Id": 1, "id": 2}]), **folds)


def test_only_the_keys_of_tombstones_are_taken() -> None:
    batch = make_sink_batch([None, None], keys=[{"id": 1}, {"id": 2}])
    found = key_fields_of(batch, config(pk_mode="record_key"))
    assert (found.columns, found.key_rows) == ({"id": [1, 2]}, [(1,), (2,)])


@pytest.mark.parametrize(
    ("batch", "keys", "error", "mentions"),
    [
        (make_sink_batch(["x"]), {}, DataError, "a value of topic orders is str; an object is expected"),
        (make_sink_batch([{"a": 1}, None]), {}, DataError, r"is null \(a tombstone\)"),
        (make_sink_batch([1], value_schema=INT32), {}, DataError, "has schema int32; a struct is expected"),
        (make_sink_batch([{}]), {}, DataError, "it is an empty object"),
        (make_sink_batch([{"a": 1}]), {"fields_whitelist": "b"}, ConfigError, "the value's fields are a"),
        (make_sink_batch([{"a": 1}]), {"pk_mode": "record_key", "pk_fields": "id"}, DataError, "has no key"),
        (
            make_sink_batch([{"a": 1}], keys=["k"]),
            {"pk_mode": "record_key"},
            ConfigError,
            "needs one name in pk.fields, for their column; 0 given",
        ),
        (
            make_sink_batch([{"a": 1}], keys=[{"id": 1}]),
            {"pk_mode": "record_key", "pk_fields": "no"},
            DataError,
            "has no field 'no', which pk.fields names; it has id",
        ),
        (
            make_sink_batch([{"a": 1}]),
            {"pk_mode": "record_value", "pk_fields": "no"},
            DataError,
            "has no field 'no', which pk.fields names; it has a",
        ),
    ],
)
def test_records_that_lack_what_the_config_asks_are_refused_with_what_they_have(
    batch: Batch, keys: dict[str, str], error: type[Exception], mentions: str
) -> None:
    with pytest.raises(error, match=mentions):
        fields(batch, **keys)
