"""Previews of the sources of a database: rows come, and the database is as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connect.records import Columns
from tests.plugins.connect_postgres.cdc.conftest import keys_of
from tests.plugins.connect_postgres.conftest import Database
from tests.plugins.connect_postgres.test_previews import state_of
from tests.support.worker import JSON, RunningWorker, running_worker

pytestmark = pytest.mark.postgres


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path) as running:
        yield running


@pytest.fixture
async def tables(database: Database) -> tuple[str, ...]:
    await database.execute(
        "CREATE TABLE orders (id bigserial PRIMARY KEY, item text, changed timestamptz NOT NULL DEFAULT now())",
        "CREATE TABLE people (id bigint PRIMARY KEY, name text)",
        "INSERT INTO orders (item) SELECT 'item ' || n FROM generate_series(1, 300) n",
        "INSERT INTO people VALUES (1, 'a'), (2, 'b')",
    )
    return ("orders", "people")


async def previewed(worker: RunningWorker, config: dict[str, str], **more: Any) -> dict[str, Any]:
    answer = await worker.client.post("/v1/preview", json={"config": {"name": "s", **config}, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def cdc(database: Database, **keys: str) -> dict[str, str]:
    return {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", **keys_of(database.url, **keys)}


def jdbc(database: Database, **keys: str) -> dict[str, str]:
    return {
        "connector.class": "io.confluent.connect.jdbc.JdbcSourceConnector",
        "connection.url": database.url,
        "topic.prefix": "pg-",
        **keys,
    }


@pytest.mark.parametrize("publication", [(), ("CREATE PUBLICATION dbz_publication FOR TABLE people",)])
async def test_change_data_capture_shows_rows_and_makes_neither_slot_nor_publication(
    worker: RunningWorker, database: Database, tables: tuple[str, ...], publication: tuple[str, ...]
) -> None:
    await database.execute(*publication)
    before = await state_of(database, *tables)
    answer = await previewed(worker, cdc(database), records=20)
    assert (answer["problems"], answer["error"], answer["ended_by"]) == ([], None, "records")
    values = [walk["steps"][0]["records"][0]["value"] for walk in answer["walks"]]
    assert {value["source"]["table"] for value in values} == {"orders", "people"}
    assert {value["op"] for value in values} == {"r"}
    assert await state_of(database, *tables) == before


async def test_a_publication_that_is_not_there_and_not_to_be_made_is_told(
    worker: RunningWorker, database: Database, tables: tuple[str, ...]
) -> None:
    before = await state_of(database, *tables)
    answer = await previewed(worker, cdc(database, publication_autocreate_mode="disabled"))
    assert answer["error"]["code"] == "postgres.publication"
    assert await state_of(database, *tables) == before


async def test_change_data_capture_beside_its_running_connector_leaves_its_slot_alone(
    worker: RunningWorker, database: Database, slot: str, tables: tuple[str, ...]
) -> None:
    config = cdc(database, slot_name=slot)
    await worker.herder.create("s", {"name": "s", **config})
    await worker.until(lambda: worker.records("s") >= 302)
    answer = await previewed(worker, {**config, "slot.drop.on.stop": "true"}, records=5)
    assert (answer["error"], len(answer["walks"])) == (None, 5)
    assert await database.rows("SELECT active FROM pg_replication_slots WHERE slot_name = '" + slot + "'") == [(True,)]
    await database.execute("INSERT INTO people VALUES (3, 'c')")
    await worker.until(lambda: worker.records("s") >= 303)
    await worker.herder.stop("s")


@pytest.mark.parametrize(
    "keys",
    [
        {"mode": "bulk"},
        {"mode": "incrementing", "incrementing.column.name": "id", "table.whitelist": "orders"},
        {"mode": "timestamp", "timestamp.column.name": "changed", "table.whitelist": "orders"},
        {"mode": "bulk", "query": "SELECT id, item FROM orders"},
    ],
)
async def test_tables_and_queries_are_read_and_the_database_is_as_it_was(
    worker: RunningWorker, database: Database, tables: tuple[str, ...], keys: dict[str, str]
) -> None:
    before = await state_of(database, *tables)
    answer = await previewed(worker, jdbc(database, **keys), records=5)
    assert (answer["problems"], answer["error"], len(answer["walks"])) == ([], None, 5)
    assert await state_of(database, *tables) == before


async def test_a_query_that_would_change_something_is_refused(
    worker: RunningWorker, database: Database, tables: tuple[str, ...]
) -> None:
    before = await state_of(database, *tables)
    query = "SELECT nextval('orders_id_seq') AS id"
    answer = await previewed(worker, jdbc(database, mode="bulk", query=query))
    assert "read-only" in answer["error"]["message"]
    assert await state_of(database, *tables) == before


async def test_a_server_that_is_away_is_told_without_its_password(worker: RunningWorker) -> None:
    config = {
        "connector.class": "io.confluent.connect.jdbc.JdbcSourceConnector",
        "connection.url": "jdbc:postgresql://127.0.0.1:1/none",
        "connection.user": "me",
        "connection.password": "Wj9-kL2x",
        "mode": "bulk",
        "topic.prefix": "pg-",
    }
    answer = await previewed(worker, config)
    assert answer["error"]["message"]
    assert "Wj9" not in str(answer)


async def test_a_sink_in_a_process_of_its_own_tells_its_statements_and_refusals_alike(
    worker: RunningWorker, database: Database
) -> None:
    await database.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, price numeric(10, 2), made timestamptz)", "INSERT INTO t VALUES (1)"
    )
    await worker.herder.cluster.admin.create_topic("t")
    producer = worker.herder.cluster.producer(client_id="test")
    values = [f'{{"id": {n}, "price": 1.5, "made": 1700000000000}}'.encode() for n in (1, 2)]
    await producer.append("t", Columns(values, None, 1, None), partition=0)
    await producer.aclose()
    config = {
        "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
        "topics": "t",
        "connection.url": database.url,
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
    }
    before = await state_of(database, "t")
    here = await previewed(worker, config)
    there = await previewed(worker, {**config, "plugin.isolation": "process"}, timeout_ms=30_000)
    assert {**here, "took_ms": 0} == {**there, "took_ms": 0}
    assert [walk["steps"][-1]["error"] is None for walk in here["walks"]] == [False, True]
    assert "t_pkey" in here["walks"][0]["steps"][-1]["error"]["message"]
    (item,) = here["target"]["items"]
    assert (item["records"], len(item["parameters"])) == ([1], 1)
    assert await state_of(database, "t") == before
