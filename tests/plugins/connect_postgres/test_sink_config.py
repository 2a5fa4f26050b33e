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
        ({"insert.mode": "update", "pk.mode": "record_value"}, "needs pk.fields: name the fields"),
        ({"pk.mode": "kafka", "pk.fields": "one"}, "needs three names in pk.fields"),
        ({"pk.mode": "record_key", "pk.fields": "id,id"}, "names a column twice"),
        ({"table.name.format": "$topic"}, "the only placeholder is ${topic}"),
        ({"table.name.format": "a.b.c.d"}, "TABLE or SCHEMA.TABLE is expected"),
        ({"offsets.table.name": "a.b.c"}, "offsets.table.name: table name 'a.b.c': TABLE or SCHEMA.TABLE is expected"),
        ({"offsets.table.name": "a.b."}, "offsets.table.name: table name 'a.b.': TABLE or SCHEMA.TABLE is expected"),
        ({"insert.mode": "merge"}, "insert.mode"),
        ({"topics.to.tables.mapping": "orders"}, "topics.to.tables.mapping: table name ''"),
        ({"topics.to.tables.mapping": ":t"}, "TOPIC:TABLE is expected"),
        (
            {"handle.tombstone": "true", "delete.enabled": "true", "pk.mode": "record_key"},
            "deletes by them: remove one",
        ),
        ({"auto.evolve": "true", "auto.evolve.policy": "freeze"}, "auto.evolve.policy=freeze does not"),
        ({"auto.evolve.policy": "grow"}, "auto.evolve.policy"),
        ({"fields.whitelist": "a", "json.value.column.name": "doc"}, "takes the whole value: remove one of them"),
        ({"dialect.name": "OracleDatabaseDialect"}, "dialect.name=OracleDatabaseDialect: this connector speaks to"),
        ({"table.types": "MATERIALIZED VIEW"}, "nothing can be written into a MATERIALIZED VIEW"),
        ({"table.types": "SYNONYM"}, "'SYNONYM' is none of TABLE"),
        ({"jdbc.credentials.provider.class": "com.acme.Vault"}, "Java code that provides the login is not run here"),
        ({"jdbc.credentials.provider.path": "x"}, "jdbc.credentials.provider.path: Java code"),
        ({"date.timezone": "CET"}, "date.timezone"),
        ({"timestamp.precision.mode": "seconds"}, "timestamp.precision.mode"),
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
        ({"table.name.format": "Sales.${topic}", "sql.quote.identifiers": "false"}, TableName("orders", "sales")),
        ({"topics.to.tables.mapping": "x:y, Orders:s.Given", "table.name.format": "z"}, TableName("Given", "s")),
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


def test_what_the_jdbc_sink_takes_and_has_no_meaning_here_is_taken() -> None:
    provider = "io.confluent.connect.jdbc.util.DefaultJdbcCredentialsProvider"
    keys = {
        "dialect.name": "PostgreSqlDatabaseDialect",
        "mssql.use.merge.holdlock": "false",
        "trim.sensitive.log": "true",
        "jdbc.credentials.provider.class": provider,
        "date.timezone": "utc",
        "pk.fields": "id",
    }
    assert SinkConfig.parse({**SINK, **keys}).key_mode == "none"


@pytest.mark.parametrize(
    ("keys", "policy", "adds"),
    [
        ({}, "freeze", False),
        ({"auto.evolve": "true"}, "add", True),
        ({"auto.evolve": "true", "auto.evolve.policy": "EVOLVE"}, "evolve", True),
        ({"auto.evolve.policy": "discard_row"}, "discard_row", False),
    ],
)
def test_auto_evolve_and_its_policy_are_one_answer(keys: dict[str, str], policy: str, adds: bool) -> None:
    config = SinkConfig.parse({**SINK, **keys})
    assert (config.policy, config.adds_columns) == (policy, adds)


def test_a_long_topic_has_a_table_of_its_own_where_names_are_shortened() -> None:
    config = SinkConfig.parse({**SINK, "long.names": "shorten", "table.name.format": "${topic}"})
    tables = [config.table_of("n" * 70 + end).name for end in "ab"]
    assert all(len(name) == 63 and name.startswith("nnnn") for name in tables)
    assert len(set(tables)) == 2
    assert config.table_of("n" * 63).name == "n" * 63


def test_a_topics_name_may_be_normalized() -> None:
    config = SinkConfig.parse({**SINK, "table.name.normalize": "true", "table.name.format": "s.kafka_${topic}"})
    assert config.table_of("a.b-c_1") == TableName("kafka_a_b_c_1", "s")


def test_modes_are_read_in_any_case() -> None:
    config = SinkConfig.parse({**SINK, "insert.mode": "UPSERT", "pk.mode": "Record_Key"})
    assert (config.write_mode, config.key_mode) == ("upsert", "record_key")
    assert SinkConfig.parse({**SINK, "insert.mode": "MULTI"}).write_mode == "insert"


def test_what_is_wrong_is_told_all_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        SinkConfig.parse({**SINK, "insert.mode": "upsert", "delete.enabled": "true", "table.name.format": "$x"})
    assert [problem.key for problem in raised.value.problems] == ["pk.mode", "delete.enabled", "table.name.format"]
