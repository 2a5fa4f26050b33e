"""Configs that people published run as they stand: host, login, database and paths alone are edited."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from connect.records import Columns
from tests.support.worker import RunningWorker, running_worker

pytestmark = pytest.mark.postgres

PUBLISHED: list[dict[str, Any]] = json.loads(Path(__file__).with_name("public_configs.json").read_text())
#: A slot is the server's, and what a published config calls it is not the test's own.
DROP_SLOTS = """
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()
"""


def name_of(case: dict[str, Any]) -> str:
    origin, _, place = case["from"].removeprefix("github.com/").partition(" ")
    return f"{case['config']['connector.class'].rpartition('.')[2]}-{origin}-{place.rpartition('/')[2]}"


@pytest.mark.parametrize("case", PUBLISHED, ids=name_of)
async def test_a_published_config_runs_as_it_stands(case: dict[str, Any], tmp_path: Path, postgres_url: str) -> None:
    await does_its_work(case, tmp_path, postgres_url)


async def does_its_work(case: dict[str, Any], tmp_path: Path, url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(case.get("tables", "SELECT 1"))
        async with running_worker(tmp_path, offset_flush_interval_ms="50") as worker:
            await give(worker, case)
            answer = await worker.client.put("/connectors/c/config", json=edited(case, tmp_path, url))
            assert answer.status_code == 201, answer.json()
            if "then" in case:
                await worker.until(lambda: worker.records("c") > 0 or "INSERT INTO" not in case["tables"])
                await connection.execute(case["then"])
            for topic, count in case.get("topics", {}).items():
                await until_there(worker, topic, count)
            for query, rows in case.get("rows", {}).items():
                await until_rows(worker, connection, query, rows)
            if "file" in case:
                await worker.until(lambda: written(tmp_path / "a-file") == case["file"])
            states = [task.state.name for task in worker.herder.status("c").tasks]
            assert set(states) == {"RUNNING"}
    finally:
        await connection.execute(DROP_SLOTS)
        await connection.close()


async def give(worker: RunningWorker, case: dict[str, Any]) -> None:
    """Put the case's records into their topics, for a sink."""
    producer = worker.herder.cluster.producer(client_id="test")
    for topic in {record["topic"] for record in case.get("records", ())}:
        await worker.herder.cluster.admin.create_topic(topic)
    for record in case.get("records", ()):
        key, value = (
            None if record.get(each) is None else json.dumps(record[each]).encode() for each in ("key", "value")
        )
        await producer.append(
            record["topic"], Columns([value], None if key is None else [key], 1_700_000_000_000, None)
        )
    await producer.aclose()


def packed(value: Any) -> bytes | None:
    return None if value is None else json.dumps(value).encode()


def edited(case: dict[str, Any], tmp_path: Path, url: str) -> dict[str, Any]:
    """The config with where and as whom alone put in."""
    config = {key: value for key, value in case["config"].items() if key != "name"}
    place = urlsplit(url)
    here = {
        "connection.url": f"jdbc:{url}",
        "connection.user": place.username,
        "connection.password": "",
        "database.hostname": place.hostname,
        "database.port": str(place.port),
        "database.user": place.username,
        "database.password": "",
        "database.dbname": place.path[1:],
        "file": str(tmp_path / "a-file"),
        "schema.filename": str(tmp_path / "a-schema"),
        **case.get("edit", {}),
    }
    if "lines" in case:
        (tmp_path / "a-file").write_text("".join(line + "\n" for line in case["lines"]))
    if "schema" in case:
        (tmp_path / "a-schema").write_text(json.dumps(case["schema"]))
    return config | {key: value for key, value in here.items() if key in config}


async def until_there(worker: RunningWorker, topic: str, count: int) -> None:
    found: list[Any] = []

    async def look() -> bool:
        if topic not in await worker.herder.cluster.admin.list_topics():
            return False
        found[:] = await worker.values(topic)
        return len(found) >= count

    await until_true(worker, look, lambda: f"{topic} has {len(found)} of {count} records")


async def until_rows(worker: RunningWorker, connection: Any, query: str, rows: list[list[Any]]) -> None:
    found: list[Any] = []

    async def look() -> bool:
        try:
            found[:] = [list(row) for row in await connection.fetch(query)]
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
            return False
        return found == rows

    await until_true(worker, look, lambda: f"{query} has {found}, not {rows}")


async def until_true(worker: RunningWorker, look: Any, why: Any) -> None:
    deadline = time.monotonic() + 30
    while not await look():
        traces = [task.trace for task in worker.herder.status("c").tasks if task.trace]
        assert not traces, traces
        assert time.monotonic() < deadline, why()
        await asyncio.sleep(0.02)


def written(path: Path) -> str | None:
    return path.read_text() if path.exists() else None
