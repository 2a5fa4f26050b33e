"""The keys, each by itself and together."""

from __future__ import annotations

import pytest

from connect.api import InvalidConfigError
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.names import TableName

PLAIN = {"database.hostname": "db", "database.dbname": "shop", "topic.prefix": "p"}


def config(keys: dict[str, str] | None = None, **more: str) -> CdcConfig:
    return CdcConfig.parse({**PLAIN, **(keys or {}), **{key.replace("_", "."): value for key, value in more.items()}})


def problems(**keys: str) -> list[str]:
    with pytest.raises(InvalidConfigError) as caught:
        config(**keys)
    return [problem.key for problem in caught.value.problems]


def test_debeziums_keys_say_where_the_database_is() -> None:
    made = config(database_user="ann", database_password="s3cret", database_port="5433", database_sslmode="require")
    assert made.dsn == "postgresql://ann:s3cret@db:5433/shop?sslmode=require"
    assert made.target == "postgresql://db:5433/shop"


def test_several_hosts_may_have_ports_of_their_own() -> None:
    assert config(database_hostname="a, b:6000").reach.hosts == ("a:5432", "b:6000")


def test_a_url_takes_their_place() -> None:
    made = CdcConfig.parse(
        {
            "connection.url": "jdbc:postgresql://db/shop?targetServerType=primary",
            "connection.user": "ann",
            "topic.prefix": "p",
        }
    )
    assert made.dsn.startswith("postgresql://ann@db/shop")


def test_no_secret_is_printed() -> None:
    assert "s3cret" not in repr(config(database_password="s3cret")) + config(database_password="s3cret").target


@pytest.mark.parametrize(
    ("keys", "paths"),
    [
        ({"database_hostname": ""}, ["database.hostname"]),
        ({"database_dbname": ""}, ["database.dbname"]),
        ({"topic_prefix": "a b"}, ["topic.prefix"]),
        ({"plugin_name": "decoderbufs"}, ["plugin.name"]),
        ({"slot_name": "Orders"}, ["slot.name"]),
        ({"table_include_list": "a", "table_exclude_list": "b"}, ["table.exclude.list"]),
        ({"table_include_list": "("}, ["table.include.list"]),
        ({"message_key_columns": "public.t"}, ["message.key.columns"]),
        ({"skipped_operations": "x"}, ["skipped.operations"]),
        ({"slot_stream_params": "binary=true"}, ["slot.stream.params"]),
        ({"slot_stream_params": "nothing"}, ["slot.stream.params"]),
    ],
)
def test_what_is_wrong_is_told_with_its_key(keys: dict[str, str], paths: list[str]) -> None:
    assert problems(**keys) == paths


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        ({}, ["public.a", "public.b", "shop.a"]),
        ({"table_include_list": "public\\.a"}, ["public.a"]),
        ({"table_include_list": ".*\\.A"}, ["public.a", "shop.a"]),
        ({"table_exclude_list": "public\\..*"}, ["shop.a"]),
        ({"schema_include_list": "shop"}, ["shop.a"]),
        ({"schema_exclude_list": "shop", "table_include_list": ".*a"}, ["public.a"]),
        ({"table_include_list": "public.a,shop.a"}, ["public.a", "shop.a"]),
    ],
)
def test_lists_choose_tables_whatever_the_case(keys: dict[str, str], chosen: list[str]) -> None:
    made = config(**keys)
    tables = [TableName("a", "public"), TableName("b", "public"), TableName("a", "shop"), TableName("t", "pg_catalog")]
    assert [str(table) for table in tables if made.selects(table)] == chosen


def test_lists_choose_columns_and_messages() -> None:
    made = config(column_include_list="public\\.t\\.(a|b)", message_prefix_exclude_list="x.*")
    table = TableName("t", "public")
    assert [column for column in "abc" if made.selects_column(table, column)] == ["a", "b"]
    assert [prefix for prefix in ("x1", "y") if made.selects_message(prefix)] == ["y"]


def test_keys_of_records_are_pairs_of_tables_and_columns() -> None:
    made = config(message_key_columns="public.t:a,b; (.*).u : c")
    assert made.key_columns == [("public.t", ["a", "b"]), ("(.*).u", ["c"])]


def test_none_skips_no_operation() -> None:
    assert config(skipped_operations="none").skipped == frozenset()
    assert config().skipped == {"t"}


def test_topics_have_the_delimiter_that_is_asked_for() -> None:
    assert config(topic_delimiter="_").topic_of("public", "t") == "p_public_t"
