"""Outages before a real worker: connectors stay, wait however long it lasts, and come back by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connect.runtime.model import State
from tests.support.worker import JSON, RunningWorker, running_worker

from .conftest import Database, Proxy

pytestmark = pytest.mark.postgres


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path) as running:
        yield running


async def create(worker: RunningWorker, **keys: str) -> None:
    config = {
        "connector.class": "JdbcSourceConnector",
        "mode": "incrementing",
        "incrementing.column.name": "id",
        "topic.prefix": "p-",
        "poll.interval.ms": "10",
        "connection.backoff.ms": "20",
        "value.converter": JSON,
        **{k.replace("_", "."): v for k, v in keys.items()},
    }
    answer = await worker.client.put("/connectors/c/config", json=config)
    assert answer.status_code == 201, answer.text


async def test_a_source_that_starts_in_an_outage_reads_when_it_is_over(
    worker: RunningWorker, database: Database
) -> None:
    await database.execute("CREATE TABLE orders (id int NOT NULL)", "INSERT INTO orders VALUES (1), (2)")
    async with Proxy.closed(database.url) as proxy:
        await create(worker, connection_url=proxy.url)
        await worker.until_state("c", State.RUNNING, tasks=0)
        await proxy.open()
        await worker.until_state("c", State.RUNNING, tasks=1)
        await worker.until(lambda: worker.records("c") == 2)


async def test_a_sink_that_starts_while_no_connection_is_to_be_had_writes_when_one_is(
    worker: RunningWorker, database: Database
) -> None:
    await worker.herder.cluster.admin.create_topic("t")
    await database.execute(
        "CREATE TABLE t (id int)", "CREATE ROLE crowded LOGIN CONNECTION LIMIT 0", "GRANT ALL ON t TO crowded"
    )
    try:
        answer = await worker.client.put(
            "/connectors/s/config",
            json={
                "connector.class": "JdbcSinkConnector",
                "connection.url": database.url,
                "connection.user": "crowded",
                "topics": "t",
                "value.converter": JSON,
                "value.converter.schemas.enable": "false",
                "errors.retry.delay.max.ms": "50",
            },
        )
        assert answer.status_code == 201
        await worker.until(lambda: worker.herder.status("s").connector.state is State.RUNNING)
        await database.execute("ALTER ROLE crowded CONNECTION LIMIT -1")
        await worker.until_state("s", State.RUNNING, tasks=1)
        posted = await worker.client.post("/v1/topics/t/records", json={"records": [{"value": "eyJpZCI6IDF9"}]})
        assert posted.status_code == 200, posted.text
        await worker.until(lambda: worker.records("s") == 1)
        assert await database.rows("SELECT id FROM t") == [(1,)]
    finally:
        await worker.client.delete("/connectors/s")
        await worker.until(lambda: "s" not in worker.herder.connectors())
        await database.disconnect_others()
        await database.execute("DROP OWNED BY crowded", "DROP ROLE crowded")


async def test_one_table_without_rights_leaves_the_task_running_for_the_other(
    worker: RunningWorker, database: Database
) -> None:
    await database.execute(
        "CREATE TABLE yes (id int)",
        "CREATE TABLE no (id int)",
        "INSERT INTO yes VALUES (1)",
        "CREATE ROLE partly LOGIN",
        "GRANT SELECT ON yes TO partly",
    )
    try:
        await create(
            worker,
            connection_url=database.url,
            connection_user="partly",
            mode="bulk",
            table_whitelist="no,yes",
            poll_interval_ms="600000",
        )
        await worker.until(lambda: worker.records("c") == 1)
        await worker.until_state("c", State.RUNNING, tasks=1)
    finally:
        await worker.client.delete("/connectors/c")
        await database.disconnect_others()
        await database.execute("DROP OWNED BY partly", "DROP ROLE partly")
