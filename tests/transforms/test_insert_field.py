"""InsertField: adds what is known of the record, or a fixed text, as fields."""

from __future__ import annotations

import datetime as dt

import pytest

from connect.api import INT32, OPTIONAL_STRING, STRING, Batch, ConfigError, ConnectError, DataError, Record, Schema
from tests.support.transforms import make_transform, transformed

AT_MS = 1_706_704_200_000
AT = dt.datetime(2024, 1, 31, 12, 30, tzinfo=dt.UTC)


def test_what_is_known_of_a_record_becomes_fields() -> None:
    config = {
        "topic_field": "topic", "partition_field": "partition", "offset_field": "offset", "timestamp_field": "at",
        "static_field": "shop", "static_value": "north",
    }  # fmt: skip
    batch = Batch("orders", [{"id": 1}, {"id": 2}], partition=3, timestamps=[AT_MS, None], offsets=[7, 9])
    made = make_transform("InsertField$Value", **config).apply_batch(batch)
    assert isinstance(made, Batch)
    assert made.values == [
        {"id": 1, "topic": "orders", "partition": 3, "offset": 7, "at": AT_MS, "shop": "north"},
        {"id": 2, "topic": "orders", "partition": 3, "offset": 9, "shop": "north"},
    ]
    assert batch.values == [{"id": 1}, {"id": 2}]


def test_what_is_not_known_is_left_out() -> None:
    assert transformed("InsertField$Value", {"id": 1}, partition_field="p", timestamp_field="t") == {"id": 1}


def test_the_timestamp_is_a_timestamp_where_there_is_a_schema() -> None:
    schema = Schema.struct({"id": INT32}, name="row")
    made = make_transform("InsertField$Value", timestamp_field="at", topic_field="topic!").apply(
        Record("orders", {"id": 1}, value_schema=schema, timestamp=AT_MS)
    )
    assert made is not None
    assert made.value == {"id": 1, "at": AT, "topic": "orders"}
    assert made.value_schema == Schema.struct(
        {"id": INT32, "topic": STRING, "at": Schema.timestamp(optional=True)}, name="row"
    )


@pytest.mark.parametrize(("suffix", "schema"), [("!", STRING), ("?", OPTIONAL_STRING), ("", OPTIONAL_STRING)])
def test_a_suffix_says_whether_the_field_is_required(suffix: str, schema: Schema) -> None:
    made = make_transform("InsertField$Value", topic_field=f"source{suffix}").apply(
        Record("orders", {"id": 1}, value_schema=Schema.struct({"id": INT32}))
    )
    assert made is not None and made.value_schema is not None
    assert made.value_schema.field("source").schema == schema  # type: ignore[union-attr]


def test_offsets_are_for_sinks_only() -> None:
    with pytest.raises(DataError, match="Only SinkRecord supported"):
        transformed("InsertField$Value", {"id": 1}, offset_field="o")


def test_a_null_passes_as_it_is() -> None:
    parts = make_transform("InsertField$Value", topic_field="t").apply_batch(Batch("orders", [None, {}]))
    assert isinstance(parts, list)
    assert [value for part in parts for value in part.values] == [None, {"t": "orders"}]


def test_objects_that_are_missing_on_the_way_are_made() -> None:
    config = {"topic_field": "meta.topic", "field_syntax_version": "V2"}
    assert transformed("InsertField$Value", {"id": 1}, **config) == {"id": 1, "meta": {"topic": "orders"}}


def test_a_field_that_is_there_is_replaced_without_schema_and_an_error_with_one() -> None:
    assert transformed("InsertField$Value", {"id": 1}, topic_field="id") == {"id": "orders"}
    with pytest.raises(ConnectError, match="duplication"):
        transformed("InsertField$Value", {"id": 1}, Schema.struct({"id": INT32}), topic_field="id")


@pytest.mark.parametrize("config", [{}, {"static_value": "a"}])
def test_a_config_that_inserts_nothing_is_refused(config: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="No field insertion configured") as raised:
        make_transform("InsertField$Value", **config)
    assert raised.value.config_path == "topic.field"


def test_fields_are_added_to_the_key() -> None:
    made = make_transform("InsertField$Key", topic_field="t").apply(Record("orders", {"id": 1}, key={"id": 2}))
    assert made == Record("orders", {"id": 1}, key={"id": 2, "t": "orders"})


def test_a_static_field_without_a_value_is_named() -> None:
    with pytest.raises(
        ConfigError, match=r"configuration static\.value: No value specified for static field: a"
    ) as raised:
        make_transform("InsertField$Value", static_field="a")
    assert raised.value.config_path == "static.value"
