"""The sink's keys: what is wrong between them is told before anything starts; and which table a topic has."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect_postgres import JdbcSinkConnector
from connect_postgres.names import TableName
from connect_postgres.sink_config import SinkConfig

SINK = {"connection.url": "postgresql://127.0.0.1/db"}


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"insert.mode": "upsert"}, "insert.mode=upsert needs a key to find rows by: set pk.mode"),
        ({"insert.mode": "update"}, "insert.mode=update needs a key"),
        ({"delete.enabled": "true"}, "delete.enabled=true needs pk.mode=record_key"),
        ({"insert.mode": "upsert", "pk.mode": "record_value"}, "needs pk.fields: name the fields"),
        ({"pk.mode": "kafka", "pk.fields": "one"}, "needs three names in pk.fields"),
        ({"pk.fields": "id"}, "pk.fields has no meaning with pk.mode=none"),
        ({"pk.mode": "record_key", "pk.fields": "id,id"}, "names a column twice"),
        ({"table.name.format": "$topic"}, "the only placeholder is ${topic}"),
        ({"table.name.format": "a.b.c.d"}, "TABLE or SCHEMA.TABLE is expected"),
        ({"offsets.table.name": "a.b.c"}, "offsets.table.name: table name 'a.b.c': TABLE or SCHEMA.TABLE is expected"),
        ({"offsets.table.name": "a.b."}, "offsets.table.name: table name 'a.b.': TABLE or SCHEMA.TABLE is expected"),
        ({"insert.mode": "merge"}, "insert.mode"),
        (
            {"table.name.format": "other.public.t"},
            "table name 'other.public.t' is of database 'other', and connection.url leads to 'db'",
        ),
    ],
)
def test_a_sink_config_that_makes_no_sense_is_refused(keys: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        JdbcSinkConnector.config_class.parse({**SINK, **keys})
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("keys", "table"),
    [
        ({}, TableName("Orders")),
        ({"table.name.format": "kafka_${topic}"}, TableName("kafka_Orders")),
        ({"table.name.format": "Sales.${topic}"}, TableName("Orders", "Sales")),
        ({"table.name.format": "fixed"}, TableName("fixed")),
        ({"table.name.format": '"dot.ted".${topic}'}, TableName("Orders", "dot.ted")),
        ({"table.name.format": "Sales.${topic}", "quote.sql.identifiers": "never"}, TableName("orders", "sales")),
    ],
)
def test_a_topic_has_the_table_that_the_format_says(keys: dict[str, str], table: TableName) -> None:
    assert SinkConfig.parse({**SINK, **keys}).table_of("Orders") == table


def test_a_dot_in_a_topic_divides_schema_and_table_and_more_of_them_are_refused() -> None:
    config = SinkConfig.parse(SINK)
    assert config.table_of("sales.orders") == TableName("orders", "sales")
    with pytest.raises(ValueError, match=r"table name 'a\.b\.c\.d': TABLE or SCHEMA\.TABLE is expected"):
        config.table_of("a.b.c.d")


def test_a_table_of_another_database_is_refused_and_one_of_the_same_is_not() -> None:
    config = SinkConfig.parse(SINK)
    assert config.table_of("db.sales.orders") == TableName("orders", "sales")
    with pytest.raises(ValueError, match="is of database 'other'"):
        config.table_of("other.sales.orders")
    nowhere = SinkConfig.parse({"connection.url": "postgresql://127.0.0.1"})
    assert nowhere.table_of("other.sales.orders") == TableName("orders", "sales")


def test_modes_are_read_in_any_case() -> None:
    config = SinkConfig.parse({**SINK, "insert.mode": "UPSERT", "pk.mode": "Record_Key"})
    assert (config.write_mode, config.key_mode) == ("upsert", "record_key")


def test_what_is_wrong_is_told_all_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        SinkConfig.parse({**SINK, "insert.mode": "upsert", "delete.enabled": "true", "table.name.format": "$x"})
    assert [problem.key for problem in raised.value.problems] == ["pk.mode", "delete.enabled", "table.name.format"]
