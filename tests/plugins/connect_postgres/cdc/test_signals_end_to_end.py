"""A worker with a connector that is told over REST to read a table again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from connect.api import UnknownTopicOrPartitionError
from tests.support.worker import JSON, RunningWorker, running_worker

from ..conftest import DEADLINE_S, Database
from .conftest import keys_of

pytestmark = pytest.mark.postgres
SIGNALS = "/v1/connectors/c/signals"


def config(database: Database) -> dict[str, str]:
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        "key.converter": JSON,
        "snapshot.mode": "no_data",
        "incremental.snapshot.chunk.size": "10",
        **keys_of(database.url),
    }


async def read_again(worker: RunningWorker) -> list[int]:
    """Return the keys of rows that came of an incremental snapshot."""
    try:
        values = [orjson.loads(value) for value in await worker.values("p.public.t") if value]
    except UnknownTopicOrPartitionError:
        return []
    return [one["after"]["id"] for one in values if one["source"]["snapshot"] == "incremental"]


async def until(is_so: Callable[[], Awaitable[Any]]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not await is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_signal_over_rest_is_heeded_and_outlives_the_worker(
    database: Database, slot: str, tmp_path: Path
) -> None:
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY)",
        "INSERT INTO t SELECT generate_series(1, 300)",
        "CREATE PUBLICATION pub FOR TABLE t",
    )

    async def is_refused_for_its_table() -> bool:
        body = {"type": "execute-snapshot", "data": {"data-collections": ["public.x"]}}
        answer = await worker.client.post(SIGNALS, json=body)
        assert answer.status_code == 400
        return "no table that is read matches" in answer.json()["message"]

    async with running_worker(tmp_path) as worker:
        assert await worker.herder.create("c", config(database))
        await until(is_refused_for_its_table)  # before that it is refused since there is no slot yet
        body = {"id": "again", "type": "execute-snapshot", "data": {"data-collections": ["public.t"]}}
        answer = await worker.client.post(SIGNALS, json=body)
        assert (answer.status_code, answer.json()["id"]) == (202, "again")

    async def all_are_there() -> bool:
        return set(await read_again(worker)) == set(range(1, 301))

    async with running_worker(tmp_path) as worker:
        await until(all_are_there)
