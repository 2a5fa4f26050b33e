"""The source's keys: what is wrong between them is told before anything starts; and which tables they choose."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect_postgres import JdbcSourceConnector
from connect_postgres.names import TableName
from connect_postgres.source_config import SourceConfig, TaskConfig, decode_table, encode_table, same_table

SOURCE = {"connection.url": "jdbc:postgresql://127.0.0.1/db", "mode": "bulk", "topic.prefix": "pg-"}


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"mode": "incrementing"}, "mode=incrementing needs incrementing.column.name: name the column"),
        ({"mode": "timestamp"}, "mode=timestamp needs timestamp.column.name: name the column"),
        ({"mode": "timestamp+incrementing", "timestamp.column.name": "t"}, "needs incrementing.column.name"),
        ({"mode": "sometimes"}, "Invalid value sometimes for configuration mode"),
        ({"query": "SELECT 1", "table.whitelist": "a"}, "query and table.whitelist exclude each other"),
        ({"query": "SELECT 1; SELECT 2"}, "query holds 2 statements; one is expected"),
        ({"query": "SELECT 1 AS id; COMMIT; DROP TABLE victim; SELECT 2 AS id"}, "query holds 4 statements"),
        ({"query": "-- nothing"}, "query holds 0 statements"),
        ({"query": "SELECT 1", "query.suffix": "LIMIT 1; DROP TABLE victim"}, "query.suffix is put behind a statement"),
        ({"table.whitelist": "a", "table.blacklist": "b"}, "table.whitelist and table.blacklist exclude each other"),
        ({"table.include.list": "("}, "is no regular expression"),
        ({"table.whitelist": "a..b"}, "TABLE or SCHEMA.TABLE is expected"),
        ({"table.types": "SYNONYM"}, "'SYNONYM' is none of TABLE"),
        ({"numeric.mapping": "exact"}, "numeric.mapping"),
        ({"db.timezone": "Mars/Olympus"}, "the name of a time zone is expected"),
        ({"poll.interval.ms": "0"}, "poll.interval.ms"),
    ],
)
def test_a_source_config_that_makes_no_sense_is_refused(keys: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        JdbcSourceConnector.config_class.parse({**SOURCE, **keys})
    assert problem in str(raised.value)
    assert raised.value.config_path in {*keys, "incrementing.column.name", "timestamp.column.name"}


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        ({}, ["public.a", "public.b", "other.a"]),
        ({"table.whitelist": "a"}, ["public.a", "other.a"]),
        ({"table.whitelist": 'other.a,"b"'}, ["public.b", "other.a"]),
        ({"table.blacklist": "public.a"}, ["public.b", "other.a"]),
        ({"table.include.list": r"public\..*"}, ["public.a", "public.b"]),
        ({"table.include.list": r"db\.other\.a"}, ["other.a"]),
        ({"table.exclude.list": ".*a"}, ["public.b"]),
    ],
)
def test_lists_choose_tables_by_name_or_by_pattern(keys: dict[str, str], chosen: list[str]) -> None:
    config = JdbcSourceConnector.config_class.parse({**SOURCE, **keys})
    tables = [TableName("a", "public"), TableName("b", "public"), TableName("a", "other")]
    assert [str(table) for table in tables if config.selects(table, "db")] == chosen


def test_a_list_never_takes_a_table_of_another_case() -> None:
    config = SourceConfig.parse({**SOURCE, "table.whitelist": "Orders"})
    assert config.selects(TableName("Orders", "public"), "db")
    assert not config.selects(TableName("orders", "public"), "db")


@pytest.mark.parametrize(
    "table",
    [
        TableName("orders"),
        TableName("orders", "public"),
        TableName("a.b,c", "d.e"),
        TableName("per%2Ccent", " schema "),
        TableName('quo"ted', "ümlaut"),
    ],
    ids=str,
)
def test_a_tables_name_survives_the_list_that_tasks_are_given(table: TableName) -> None:
    text = encode_table(table)
    assert "," not in text
    assert decode_table(text) == table
    other = encode_table(TableName("other", "public"))
    assert TaskConfig.parse({**SOURCE, "tables": f"{text},{other}"}).table_names == [
        table,
        TableName("other", "public"),
    ]


def test_a_name_without_a_schema_means_the_table_in_every_schema() -> None:
    assert same_table(TableName("a"), TableName("a", "other"))
    assert same_table(TableName("a", "other"), TableName("a", "other"))
    assert not same_table(TableName("a", "public"), TableName("a", "other"))


def test_names_of_columns_are_taken_as_they_are_unless_they_are_to_be_read_without_quotes() -> None:
    keys = {
        **SOURCE,
        "mode": "timestamp+incrementing",
        "incrementing.column.name": "OrderId",
        "timestamp.column.name": "Changed,Äther",
    }
    config = SourceConfig.parse(keys)
    assert (config.id_column, config.time_columns) == ("OrderId", ["Changed", "Äther"])
    config = SourceConfig.parse({**keys, "quote.sql.identifiers": "never"})
    assert (config.id_column, config.time_columns) == ("orderid", ["changed", "Äther"])


def test_a_query_is_taken_without_the_semicolon_behind_it() -> None:
    assert SourceConfig.parse({**SOURCE, "query": "SELECT ';' AS a;  "}).statement.rstrip() == "SELECT ';' AS a"
    assert SourceConfig.parse(SOURCE).statement == ""


def test_how_values_come_out_is_read_in_any_case() -> None:
    keys = {"numeric.mapping": "BEST_FIT", "timestamp.granularity": "MICROS_LONG", "db.timezone": "Europe/Amsterdam"}
    style = SourceConfig.parse({**SOURCE, **keys}).style
    assert (style.numeric_mapping, style.timestamp_granularity) == ("best_fit", "micros_long")
    assert str(style.zone) == "Europe/Amsterdam"
