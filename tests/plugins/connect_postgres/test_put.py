"""A put over several tables is one transaction, with a real worker before a real server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connect.records import Columns
from connect.runtime.model import State
from tests.support.worker import JSON, RunningWorker, running_worker

from .conftest import Database

pytestmark = pytest.mark.postgres
TWO = ("CREATE TABLE good (id int, v text)", "CREATE TABLE narrow (id int PRIMARY KEY CHECK (id < 2))")


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path) as running:
        yield running


async def produce(worker: RunningWorker, topic: str, values: list[Any]) -> None:
    if await worker.herder.cluster.admin.partitions(topic) is None:
        await worker.herder.cluster.admin.create_topic(topic)
    producer = worker.herder.cluster.producer(client_id="test")
    columns = Columns([json.dumps(value).encode() for value in values], timestamps=1_700_000_000_000)
    await producer.append(topic, columns)
    await producer.aclose()


async def start(worker: RunningWorker, database: Database, **keys: str) -> None:
    config = {
        "connector.class": "JdbcSinkConnector",
        "connection.url": database.url,
        "topics": "good,narrow",
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        **{k.replace("_", "."): v for k, v in keys.items()},
    }
    answer = await worker.client.put("/connectors/s/config", json=config)
    assert answer.status_code == 201, answer.text


async def test_what_is_in_front_of_a_refused_record_is_written_once_in_all_tables_however_often_it_is_tried(
    worker: RunningWorker, database: Database
) -> None:
    await database.execute(*TWO)
    await produce(worker, "good", [{"id": number, "v": "x"} for number in range(100)])
    await produce(worker, "narrow", [{"id": number} for number in range(5)])
    await start(worker, database)
    assert "SQLSTATE 23514" in await worker.until_failed("s")
    for _ in range(2):
        await worker.client.post("/connectors/s/restart?includeTasks=true")
        await worker.until_failed("s")
        assert await database.rows("SELECT (SELECT count(*) FROM good), (SELECT count(*) FROM narrow)") == [(100, 2)]
    await database.execute("ALTER TABLE narrow DROP CONSTRAINT narrow_id_check")
    await worker.client.post("/connectors/s/restart?includeTasks=true")
    await worker.until(lambda: worker.records("s") >= 3)
    assert await database.rows("SELECT (SELECT count(*) FROM good), (SELECT count(*) FROM narrow)") == [(100, 5)]


async def test_a_bad_record_of_one_table_is_isolated_and_all_others_are_written_once(
    worker: RunningWorker, database: Database
) -> None:
    await database.execute(*TWO)
    await produce(worker, "good", [{"id": number, "v": "x"} for number in range(20)])
    await produce(worker, "narrow", [{"id": 0}, {"id": 7}, {"id": 1}])
    await start(
        worker,
        database,
        errors_tolerance="all",
        **{"errors.deadletterqueue.topic.name": "dead", "errors_log_enable": "true"},
    )
    await worker.until(lambda: worker.records("s") == 23)
    assert await database.rows("SELECT (SELECT count(*) FROM good), (SELECT array_agg(id) FROM narrow)") == [
        (20, [0, 1])
    ]
    assert [json.loads(value or b"") for value in await worker.values("dead")] == [{"id": 7}]


async def test_what_was_put_before_a_failure_is_committed_so_that_a_restart_does_not_put_it_again(
    worker: RunningWorker, database: Database
) -> None:
    await database.execute(*TWO)
    await produce(worker, "good", [{"id": 1, "v": "x"}])
    await produce(worker, "narrow", [{"id": 0}])
    await start(worker, database)
    await worker.until(lambda: worker.records("s") == 2)
    await produce(worker, "narrow", [{"id": 9}])
    await worker.until_failed("s")
    answer = (await worker.client.get("/connectors/s/offsets")).json()["offsets"]
    found = {one["partition"]["kafka_topic"]: one["offset"]["kafka_offset"] for one in answer}
    assert found == {"good": 1, "narrow": 1}
    assert worker.herder.status("s").tasks[0].state is State.FAILED
