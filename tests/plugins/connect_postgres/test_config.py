"""What is wrong between keys is told before anything starts: with the key, the reason and the fix."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect_postgres import JdbcSinkConnector, JdbcSourceConnector
from connect_postgres.names import TableName

SOURCE = {"connection.url": "jdbc:postgresql://127.0.0.1/db", "mode": "bulk", "topic.prefix": "pg-"}
SINK = {"connection.url": "postgresql://127.0.0.1/db"}


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
        ({"insert.mode": "merge"}, "insert.mode"),
    ],
)
def test_a_sink_config_that_makes_no_sense_is_refused(keys: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        JdbcSinkConnector.config_class.parse({**SINK, **keys})
    assert problem in str(raised.value)


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


def test_a_password_is_a_secret_and_the_target_shows_none() -> None:
    config = JdbcSinkConnector.config_class.parse(
        {"connection.url": "postgresql://u:s3cret@h/db", "connection.password": "pa55"}
    )
    assert "pa55" not in repr(config.connection_password)
    assert config.target == "postgresql://u:[hidden]@h/db"
    assert config.dsn == "postgresql://u:pa55@h/db"
