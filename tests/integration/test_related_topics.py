"""Related topics of a worker that is killed: each table's records are those that the seed says, each once."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from connect.log import LogCluster
from connect.records import TopicPartition
from connect_datagen import DatagenConnector
from tests.support.tasks import poll, source_task
from tests.support.worker import JSON, STRING, WorkerProcess

KILLS: Final = 3
DEADLINE_S: Final = 60.0
STATUS: Final = {"name": "status", "type": {"type": "string", "arg.properties": {"options": ["new", "sent", "paid"]}}}
MODEL: Final = {
    "tables": {
        "products": {"count": 300},
        "customers": {"deletes": {"share": 0.2, "within": 50}},
        "orders": {
            "rows": 4,
            "references": {"customer_id": {"table": "customers", "pick": "zipf"}, "product_id": "products"},
            "fields": [STATUS],
            "updates": {"per_row": 1, "within": 40},
            "operation_field": "op",
        },
    }
}
CONFIG: Final = {
    "kafka.topic": "shop.{table}",
    "model.string": json.dumps(MODEL),
    "random.seed": "5",
    "rate": "4000",
    "time.start": "2025-01-01T00:00:00Z",
    "iterations": "12000",
}


def written(data_dir: Path) -> int:
    size = 0
    with contextlib.suppress(FileNotFoundError):  # a folder that has just got its name
        size = sum(path.stat().st_size for path in data_dir.glob("**/shop.*/*.log"))
    return size


def until(condition: Callable[[], bool], worker: WorkerProcess) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert worker.process.poll() is None, worker.log
        assert time.monotonic() < deadline, worker.log
        time.sleep(0.005)


async def records_of(data_dir: Path, topic: str) -> list[tuple[Any, Any, int]]:
    cluster = await LogCluster.open(data_dir)
    found: list[tuple[Any, Any, int]] = []
    try:
        at, offset = TopicPartition(topic, 0), 0
        while batches := await cluster.admin.fetch(at, offset, isolation="read_committed"):
            for batch in batches:
                columns, offset = batch.columns, batch.next_offset
                times = columns.timestamps
                for place, (key, value) in enumerate(zip(columns.keys or [], columns.values, strict=True)):
                    row = None if value is None else json.loads(value)
                    found.append((key, row, times[place] if not isinstance(times, int) else times))
    finally:
        await cluster.aclose()
    return found


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("exactly_once", [True, False])
async def test_a_worker_that_is_killed_goes_on_with_the_records_that_the_seed_says(
    tmp_path: Path, exactly_once: bool
) -> None:
    data = tmp_path / "data"
    (tmp_path / "shop.json").write_text(
        json.dumps(
            {
                "name": "shop",
                "config": {
                    "connector.class": "DatagenConnector",
                    "key.converter": STRING,
                    "value.converter": JSON,
                    "value.converter.schemas.enable": "false",
                    **CONFIG,
                },
            }
        )
    )
    (tmp_path / "worker.properties").write_text(
        f"exactly.once.source.support={'enabled' if exactly_once else 'disabled'}\noffset.flush.interval.ms=200\n"
    )
    arguments = ("--config", tmp_path / "worker.properties", tmp_path / "shop.json")
    for _ in range(KILLS):
        with WorkerProcess(data, *arguments) as worker:
            enough = written(data) + 60_000
            until(lambda enough=enough: written(data) > enough, worker)
            worker.kill()
    with WorkerProcess(data, *arguments) as worker:
        until(lambda: "records are made; task 0 idles" in worker.log, worker)
        assert worker.stop() == 0, worker.log

    task = await source_task(DatagenConnector, {**CONFIG, "time.speedup": "0"})
    task.context.stopping.set()  # so that idling does not wait
    expected: dict[str, list[tuple[Any, Any, int]]] = {}
    while batches := await poll(task):
        for batch in batches:
            keys = [str(key).encode() for key in batch.keys]
            expected.setdefault(batch.topic, []).extend(zip(keys, batch.values, batch.timestamps, strict=True))
    assert sum(map(len, expected.values())) >= 12_000
    for topic, records in expected.items():
        found = await records_of(data, topic)
        if not exactly_once:  # some may come again, but then as they were, and no other does
            assert len(found) >= len(records)
            found = list({repr(record): record for record in found}.values())
            records = list({repr(record): record for record in records}.values())
        assert found == records
