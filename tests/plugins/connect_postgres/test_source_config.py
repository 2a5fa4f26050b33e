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
        (
            {"mode": "incrementing", "query": "SELECT 1"},
            "mode=incrementing with a query needs incrementing",
        ),
        ({"mode": "timestamp"}, "mode=timestamp needs timestamp.column.name: name the column"),
        ({"mode": "incrementing", "incrementing.column.mapping": "id"}, "REGEX:COLUMN is expected, not 'id'"),
        ({"incrementing.column.mapping": "(:id"}, "is no regular expression"),
        ({"timestamp.columns.mapping": "a:b"}, "REGEX:[COLUMN|COLUMN] is expected"),
        (
            {"incrementing.column.mapping": "a:id", "incrementing.column.name": "id"},
            "incrementing.column.name and incrementing.column.mapping exclude each other",
        ),
        (
            {"timestamp.columns.mapping": "a:[t]", "timestamp.column.name": "t"},
            "timestamp.column.name and timestamp.columns.mapping exclude each other",
        ),
        ({"query": "SELECT 1", "incrementing.column.mapping": "a:id"}, "a query is no table"),
        ({"query": "SELECT 1", "query.masked": "SELECT 2"}, "query and query.masked exclude each other"),
        ({"query.masked": "SELECT 1; SELECT 2"}, "query holds 2 statements"),
        ({"table.whitelist": "a", "table.exclude.list": "b"}, "exclude each other"),
        ({"load.ranges": "2", "query": "SELECT 1"}, "with query nothing is cut into parts"),
        ({"load.ranges": "2", "query.suffix": "LIMIT 1"}, "with query.suffix nothing is cut into parts"),
        ({"load.ranges": "65"}, "load.ranges"),
        ({"dialect.name": "OracleDatabaseDialect"}, "dialect.name"),
        ({"transaction.isolation.mode": "SQL_SERVER_SNAPSHOT"}, "transaction.isolation.mode"),
        ({"jdbc.credentials.provider.class": "org.example.Vault"}, "names a class of Java, org.example.Vault"),
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
    assert "SELECT 2" not in str(raised.value)
    assert raised.value.config_path in {*keys, "query", "incrementing.column.name", "timestamp.column.name"}


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
        ({"table.include.list": r"public\..*", "table.exclude.list": ".*a"}, ["public.b"]),
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
    assert (config.id_column(None), config.time_columns(None)) == ("OrderId", ["Changed", "Äther"])
    config = SourceConfig.parse({**keys, "quote.sql.identifiers": "never"})
    assert (config.id_column(None), config.time_columns(None)) == ("orderid", ["changed", "Äther"])


def test_a_query_is_taken_without_the_semicolon_behind_it() -> None:
    assert SourceConfig.parse({**SOURCE, "query": "SELECT ';' AS a;  "}).statement.rstrip() == "SELECT ';' AS a"
    assert SourceConfig.parse(SOURCE).statement == ""


def test_how_values_come_out_is_read_in_any_case() -> None:
    keys = {"numeric.mapping": "BEST_FIT", "timestamp.granularity": "MICROS_LONG", "db.timezone": "Europe/Amsterdam"}
    style = SourceConfig.parse({**SOURCE, **keys}).style
    assert (style.numeric_mapping, style.timestamp_granularity) == ("best_fit", "micros_long")
    assert str(style.zone) == "Europe/Amsterdam"


def parsed(**keys: str) -> SourceConfig:
    config = JdbcSourceConnector.config_class.parse({**SOURCE, **{k.replace("_", "."): v for k, v in keys.items()}})
    assert isinstance(config, SourceConfig)
    return config


def test_keys_that_ask_for_what_is_so_anyway_are_taken() -> None:
    config = parsed(
        dialect_name="PostgreSqlDatabaseDialect",
        query_retry_attempts="3",
        transaction_isolation_mode="repeatable_read",
        date_calendar_system="legacy",
        max_buffer_size="7",
        poll_linger_ms="1",
        table_monitoring_startup_polling_limit_ms="5",
        jdbc_credentials_provider_class="io.confluent.connect.jdbc.util.DefaultJdbcCredentialsProvider",
    )
    assert config.isolation is None
    assert parsed(transaction_isolation_mode="SERIALIZABLE").isolation == "serializable"


def test_an_old_key_for_numerics_counts_where_the_new_one_is_not_given() -> None:
    assert parsed(numeric_precision_mapping="true").style.numeric_mapping == "precision_only"
    assert parsed(numeric_precision_mapping="true", numeric_mapping="best_fit").style.numeric_mapping == "best_fit"
    assert parsed(numeric_precision_mapping="false").style.numeric_mapping == "none"


def test_a_masked_query_is_read_as_another_and_shown_to_nobody() -> None:
    config = parsed(query_masked="SELECT 'secret' AS a;")
    assert (config.statement, config.given_query) == ("SELECT 'secret' AS a", "SELECT 'secret' AS a;")
    assert "secret" not in repr(config)
