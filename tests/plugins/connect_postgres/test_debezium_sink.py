"""Debezium's JDBC sink by its class name and keys."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import ConfigError
from connect_postgres import DebeziumSinkConnector
from connect_postgres.debezium_sink import DebeziumSinkConfig
from tests.support.tasks import put, sink_task, stop

from .conftest import Database
from .test_envelope import event, events, row

URL = {"connection.url": "jdbc:postgresql://h/d"}
#: As in Debezium's documentation.
DOCUMENTED = {
    "tasks.max": "1",
    "connection.url": "jdbc:postgresql://localhost/db",
    "connection.username": "pguser",
    "connection.password": "pgpassword",
    "insert.mode": "upsert",
    "delete.enabled": "true",
    "primary.key.mode": "record_key",
    "schema.evolution": "basic",
    "use.time.zone": "UTC",
    "topics": "orders",
}


def test_its_keys_mean_what_they_mean_there() -> None:
    config = DebeziumSinkConfig.parse(DOCUMENTED)
    assert (config.connection_user, config.key_mode, config.write_mode) == ("pguser", "record_key", "upsert")
    assert (config.creates_tables, config.adds_columns, config.delete_enabled) == (True, True, True)
    assert (config.max_retries, config.retry_backoff_ms) == (5, 1000)


def test_a_table_is_named_as_debezium_names_it() -> None:
    assert str(DebeziumSinkConfig.parse(URL).table_of("Shop.public.orders")) == "shop_public_orders"
    quoted = DebeziumSinkConfig.parse({**URL, "quote.identifiers": "true", "collection.name.format": "s.${topic}"})
    assert str(quoted.table_of("Shop.x")) == "s.Shop_x"
    assert str(DebeziumSinkConfig.parse({**URL, "table.name.format": "old_${topic}"}).table_of("a")) == "old_a"


def test_without_evolution_nothing_is_made_and_what_is_ours_can_be_set_beside_it() -> None:
    plain = DebeziumSinkConfig.parse(URL)
    assert (plain.creates_tables, plain.policy) == (False, "freeze")
    own = DebeziumSinkConfig.parse({**URL, "auto.evolve.policy": "evolve", "schema.evolution": "basic"})
    assert (own.creates_tables, own.policy) == (True, "evolve")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"insert.mode": "upsert"}, "needs a key to find rows by: set primary.key.mode to record_key"),
        ({"primary.key.mode": "kafka", "primary.key.fields": "a"}, "needs three names in primary.key.fields"),
        ({"collection.name.format": "${source.db}"}, r"^collection\.name\.format '\$\{source\.db\}': the only placeh"),
        ({"primary.key.mode": "record_header"}, r"configuration primary\.key\.mode"),
        ({"field.exclude.list": "a"}, r"ReplaceField\$Value with exclude"),
        ({"field.include.list": "t:a"}, r"field\.include\.list 't:a': fields of one topic alone"),
        ({"column.naming.strategy": "com.example.Mine"}, "Java code that names tables and columns is not run here"),
    ],
)
def test_what_cannot_be_done_is_refused_in_its_words(keys: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        DebeziumSinkConfig.parse({**URL, **keys})


def test_the_names_of_what_it_does_anyway_are_taken() -> None:
    config = DebeziumSinkConfig.parse(
        {
            **URL,
            "connection.username": "u",
            "collection.naming.strategy": "io.debezium.sink.naming.DefaultCollectionNamingStrategy",
            "column.naming.strategy": "io.debezium.sink.naming.DefaultColumnNamingStrategy",
            "use.reduction.buffer": "true",
            "connection.pool.max_size": "8",
            "connection.restart.on.errors": "true",
            "connection.sslmode": "require",
            "connection.unknown": "x",
        }
    )
    assert config.unheeded == ["unknown"]
    assert config.driver_parameters["sslmode"] == "require"


@pytest.mark.postgres
async def test_a_table_is_made_and_follows_its_change_events(database: Database) -> None:
    keys: dict[str, Any] = {**DOCUMENTED, "connection.url": database.url}
    del keys["connection.username"], keys["connection.password"]
    task = await sink_task(DebeziumSinkConnector, keys)
    try:
        changes = [event("c", after=row(1)), event("r", after=row(2)), event("u", row(1), row(1, "b"))]
        await put(task, events(*changes, event("d", before=row(2)), event("t")).replace(topic="shop.Orders"))
    finally:
        await stop(task)
    assert await database.rows("SELECT id, name FROM shop_orders") == [(1, "b")]


@pytest.mark.postgres
async def test_deletions_and_tombstones_are_left_out_where_they_are_not_asked_for(database: Database) -> None:
    await database.execute("CREATE TABLE orders (id int, name text)")
    task = await sink_task(DebeziumSinkConnector, {"connection.url": database.url, "topics": "orders"})
    try:
        await put(task, events(event("c", after=row(1)), event("d", before=row(1))))
        await put(task, events(None, schema=None, base_offset=2))
    finally:
        await stop(task)
    assert await database.rows("SELECT id FROM orders") == [(1,)]
