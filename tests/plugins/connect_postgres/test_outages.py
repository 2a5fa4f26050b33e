"""Outages before a real worker: connectors stay, wait however long it lasts, and come back by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connect.records import Columns
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


#: How a server refuses all writes for a while, by what the log tells of it: what begins it, and what ends it.
OUTAGES = {
    "SQLSTATE 25006": (
        'ALTER DATABASE "{0}" SET default_transaction_read_only = on',
        'ALTER DATABASE "{0}" RESET default_transaction_read_only',
    ),
    "SQLSTATE 53300": (
        'ALTER DATABASE "{0}" CONNECTION LIMIT 0; ALTER ROLE writer CONNECTION LIMIT 0',
        'ALTER DATABASE "{0}" CONNECTION LIMIT -1; ALTER ROLE writer CONNECTION LIMIT -1',
    ),
    "": ("SELECT 1", "SELECT 1"),  # connections that are cut may be made again before anybody tells of it
}


async def test_a_sink_that_writes_exactly_once_comes_back_from_every_outage_with_each_record_once(
    worker: RunningWorker, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    name = database.url.rpartition("/")[2]
    await worker.herder.cluster.admin.create_topic("t")
    await database.execute("CREATE TABLE t (id int)", "CREATE ROLE writer LOGIN", "GRANT ALL ON t TO writer")
    await database.execute("GRANT CREATE ON SCHEMA public TO writer")
    producer, written = worker.herder.cluster.producer(client_id="test"), 0

    async def produce() -> None:
        nonlocal written
        await producer.append("t", Columns([b'{"id": %d}' % number for number in range(written, written + 50)]))
        written += 50

    async def all_there() -> None:
        await worker.until(lambda: worker.records("s") == written)
        assert await database.rows("SELECT count(*), count(DISTINCT id) FROM t") == [(written, written)]

    config = {
        "connector.class": "JdbcSinkConnector",
        "connection.url": database.url,
        "connection.user": "writer",
        "topics": "t",
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        "delivery.guarantee": "exactly-once",
        "retry.backoff.ms": "10",
        "errors.retry.delay.max.ms": "20",
    }
    assert (await worker.client.put("/connectors/s/config", json=config)).status_code == 201
    try:
        await produce()
        await all_there()
        for told, (begin, end) in OUTAGES.items():
            await database.execute(begin.format(name))
            await database.disconnect_others()
            await produce()
            await worker.until(lambda: told in caplog.text)  # noqa: B023 - within this round
            await database.disconnect_others()
            await database.execute(end.format(name))
            # The session that met the outage is at its settings still: a failover ends it.
            await database.disconnect_others()
            await produce()
            await all_there()
        assert worker.herder.status("s").tasks[0].state is State.RUNNING
    finally:
        await producer.aclose()
        await worker.client.delete("/connectors/s")
        await worker.until(lambda: "s" not in worker.herder.connectors())
        await database.disconnect_others()
        await database.execute("DROP OWNED BY writer", "DROP ROLE writer")
