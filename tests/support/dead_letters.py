"""A sink that fails on what is marked, its queue, and operations awaited to their end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connect.records import Columns
from connect.runtime.dead_letters.operations import Operation
from tests.support.worker import JSON, STRING, RunningWorker

PREFIX = "__connect.errors."


def file_sink(tmp_path: Path, name: str = "s", **config: str) -> dict[str, str]:
    """A file sink whose converter fails on what is no JSON."""
    return {
        "connector.class": "FileStreamSink",
        "file": str(tmp_path / f"{name}.txt"),
        "topics": "orders",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.context.headers.enable": "true",
        "key.converter": STRING,
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        **config,
    }


async def produce(
    worker: RunningWorker, *values: bytes | None, topic: str = "orders", key: bytes | None = b"k", **more: Any
) -> None:
    admin = worker.herder.cluster.admin
    if await admin.partitions(topic) is None:
        await admin.create_topic(topic)
    producer = worker.herder.cluster.producer(client_id="test")
    keys = more.pop("keys", [key] * len(values))
    await producer.append(topic, Columns(list(values), keys=keys, timestamps=1_700_000_000_000, **more))
    await producer.aclose()


async def letter(worker: RunningWorker, value: bytes | None, *, key: bytes | None = b"k", **told: object) -> None:
    """Append a letter as a connector writes it; `told` are its context headers with '_' for '.'."""
    headers = [(PREFIX + name.replace("_", "."), str(one).encode()) for name, one in told.items()]
    await produce(worker, value, topic="dead", key=key, headers=[headers or None])


async def started(worker: RunningWorker, config: dict[str, str], *, records: int, name: str = "s") -> None:
    """Create a connector, and wait until it has gone through so many records, and all is committed."""
    answer = await worker.client.put(f"/connectors/{name}/config", json=config)
    assert answer.status_code in (200, 201), answer.text
    await worker.until(lambda: worker.records(name) == records)


async def replay(worker: RunningWorker, queue: str = "dead", **order: Any) -> Operation:
    """Replay, and return the operation at its end."""
    bench = worker.herder.dead_letters
    began = await bench.replay(queue, **order)
    return await bench.operations.wait(began.id, 30)


def lines(tmp_path: Path, name: str = "s") -> list[str]:
    return (tmp_path / f"{name}.txt").read_text().splitlines()
