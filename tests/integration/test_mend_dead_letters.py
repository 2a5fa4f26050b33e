"""One bad row among many is mended and replayed: all of them arrive, none twice, each key's in order."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from connect.records import Columns
from tests.support.command import lines
from tests.support.dead_letters import file_sink, replay
from tests.support.forks import ForkedWorker
from tests.support.plain import NO_TLS
from tests.support.worker import JSON, STRING, running_worker

ROWS, BAD, KEYS = 10_000, 4_711, 100


@pytest.mark.postgres
async def test_one_poison_row_in_ten_thousand_is_mended_by_a_replay(tmp_path: Path, postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE TABLE rows (n int NOT NULL UNIQUE, k int NOT NULL, at serial)")
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as worker:
        cluster = worker.herder.cluster
        await cluster.admin.create_topic("rows")
        schema = {"type": "struct", "optional": False}
        schema["fields"] = [{"field": name, "type": "int32", "optional": True} for name in ("n", "k")]
        values: list[bytes | None] = [
            json.dumps({"schema": schema, "payload": {"n": n, "k": None if n == BAD else n % KEYS}}).encode()
            for n in range(ROWS)
        ]
        producer = cluster.producer(client_id="test")
        await producer.append("rows", Columns(values, keys=[b"%d" % (n % KEYS) for n in range(ROWS)], timestamps=1))
        await producer.aclose()
        sink = {
            "connector.class": "JdbcSinkConnector",
            "connection.url": f"jdbc:{postgres_url}",
            "topics": "rows",
            "key.converter": STRING,
            "value.converter": JSON,
            "errors.tolerance": "all",
            "errors.deadletterqueue.topic.name": "dead",
            "errors.deadletterqueue.context.headers.enable": "true",
        }
        await worker.client.put("/connectors/s/config", json=sink)
        await worker.until(lambda: worker.records("s") == ROWS, deadline_s=90)
        assert await connection.fetchval("SELECT count(*) FROM rows") == ROWS - 1
        report = await worker.herder.dead_letters.causes("dead")
        assert [(cause.count, cause.stage) for cause in report.causes] == [(1, "TASK_PUT")]
        patch = [{"op": "replace", "path": "/value/payload/k", "value": BAD % KEYS}]
        done = await replay(worker, patch=patch, where="stage = TASK_PUT")
        assert (done.done, done.refused, done.error) == (1, 0, None), done
        await worker.until(lambda: worker.records("s") == ROWS + 1)
        assert (await replay(worker, patch=patch)).done == 0
    found = await connection.fetchrow("SELECT count(*), count(DISTINCT n) FROM rows")
    assert tuple(found or ()) == (ROWS, ROWS)
    # The mended row comes last of its key, and all others stay in their order.
    query = "SELECT n FROM rows WHERE n <> $1 AND k = $2 ORDER BY at"
    order = [row["n"] for row in await connection.fetch(query, BAD, BAD % KEYS)]
    assert order == sorted(order)
    await connection.close()


def operation(url: str, id_: str, wait_ms: int = 0) -> dict[str, Any]:
    answer = httpx.get(f"{url}/v1/dlq-operations/{id_}", params={"wait_ms": wait_ms}, timeout=30, verify=NO_TLS)
    found: dict[str, Any] = answer.json()
    return found


def test_a_worker_that_is_killed_in_the_middle_of_a_replay_has_lost_and_doubled_nothing(tmp_path: Path) -> None:
    count, data = 2_000, tmp_path / "data"
    flush = {"CONNECT_OFFSET_FLUSH_INTERVAL_MS": "50"}
    mend = {"patch": [{"op": "move", "from": "/key", "path": "/value"}]}
    with ForkedWorker(data, **flush) as worker:
        url = worker.url()
        lines("topic", "create", "orders", "--url", url)
        text = "".join(f"{n}\t{{{n}\n" for n in range(count)).encode()
        lines("produce", "--topic", "orders", "--parse-key", "--url", url, stdin=text)
        httpx.put(f"{url}/connectors/s/config", json=file_sink(tmp_path), timeout=30, verify=NO_TLS).raise_for_status()
        deadline = time.monotonic() + 60
        while (httpx.get(f"{url}/v1/dlq", timeout=30, verify=NO_TLS).json()["queues"] or [{"size": 0}])[0][
            "size"
        ] != count:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        # Nothing but the replay may be under way when the worker is killed: the file sink promises at least once.
        httpx.put(f"{url}/connectors/s/stop", timeout=30, verify=NO_TLS)
        began = httpx.post(f"{url}/v1/dlq/dead/replay", json=mend, timeout=30, verify=NO_TLS).json()
        while not (found := operation(url, began["id"]))["done"]:
            assert found["state"] == "running", found
        worker.kill()
    with ForkedWorker(data, **flush) as worker:
        url = worker.url()
        before = httpx.get(f"{url}/v1/dlq/dead", timeout=30, verify=NO_TLS).json()
        assert before["open"] + before["replayed"] == count
        again = httpx.post(f"{url}/v1/dlq/dead/replay", json=mend, timeout=30, verify=NO_TLS).json()
        while (found := operation(url, again["id"], 10_000))["state"] == "running":
            assert time.monotonic() < deadline + 120
        assert (found["state"], found["done"]) == ("done", before["open"])
        httpx.put(f"{url}/connectors/s/resume", timeout=30, verify=NO_TLS)
        target = tmp_path / "s.txt"
        while not target.exists() or len(target.read_text().splitlines()) < count:
            assert time.monotonic() < deadline + 180
            time.sleep(0.05)
        assert target.read_text().split() == [f"{n}" for n in range(count)]
        assert worker.stop() == 0


async def test_letters_of_several_topics_go_back_as_records_of_theirs(tmp_path: Path) -> None:
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as worker:
        cluster = worker.herder.cluster
        producer = cluster.producer(client_id="test")
        for topic in ("a", "b"):
            await cluster.admin.create_topic(topic)
            await producer.append(topic, Columns([b"{1", b"{2"], timestamps=1))
        await producer.aclose()
        router = {"transforms": "t", "transforms.t.type": "InsertField$Value", "transforms.t.topic.field": "from"}
        config = {**file_sink(tmp_path, **router), "topics": "a,b"}
        await worker.client.put("/connectors/s/config", json=config)
        await worker.until(lambda: worker.records("s") == 4)
        done = await replay(worker, patch=[{"op": "replace", "path": "/value", "value": {}}])
        assert (done.done, done.refused) == (4, 0)
        await worker.until(lambda: worker.records("s") == 8)
    found = [json.loads(line)["from"] for line in (tmp_path / "s.txt").read_text().splitlines()]
    assert sorted(found) == ["a", "a", "b", "b"]
