from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connect.runtime.model import State
from tests.support.worker import STRING, RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path, offset_flush_interval_ms="100") as running:
        yield running


async def pipe(worker: RunningWorker, tmp_path: Path) -> None:
    """Three lines through a source and a sink."""
    (tmp_path / "in.txt").write_text("a\nb\nc\n")
    common = {"value.converter": STRING}
    source = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t", **common}
    sink = {"connector.class": "FileStreamSink", "file": str(tmp_path / "out.txt"), "topics": "t", **common}
    await worker.client.put("/connectors/source/config", json=source)
    await worker.until(lambda: worker.records("source") == 3)
    await worker.client.put("/connectors/sink/config", json=sink)
    await worker.until(lambda: worker.records("sink") == 3)


async def test_lag_is_shown_for_each_sink_task_and_partition(worker: RunningWorker, tmp_path: Path) -> None:
    await pipe(worker, tmp_path)
    for _ in range(1000):  # until its offsets are committed
        if (await worker.client.get("/v1/lag")).json()["connectors"][0]["lag"] == 0:
            break
        await asyncio.sleep(0.01)
    await worker.client.put("/connectors/sink/stop")
    await worker.until_state("sink", State.STOPPED)
    with (tmp_path / "in.txt").open("a") as file:
        file.write("d\ne\n")
    await worker.until(lambda: worker.records("source") == 5)
    found = (await worker.client.get("/v1/connectors/sink/lag")).json()
    assert (found["lag"], found["partitions"][0]["committed_offset"], found["partitions"][0]["log_end_offset"]) == (
        2,
        3,
        5,
    )
    assert (await worker.client.get("/v1/connectors/source/lag")).status_code == 400
    assert (await worker.client.get("/v1/connectors/none/lag")).status_code == 404


async def test_throughput_is_measured_over_a_window(worker: RunningWorker, tmp_path: Path) -> None:
    await pipe(worker, tmp_path)
    found = (await worker.client.get("/v1/throughput?window_ms=50")).json()
    assert [(row["connector"], row["records"]) for row in found["tasks"]] == [("sink", 3), ("source", 3)]
    assert (found["records_per_second"], found["window_ms"] >= 50) == (0, True)
    for wrong in ("0", "-1", "x", "10001", "99999999999999999999", "１"):
        assert (await worker.client.get("/v1/throughput", params={"window_ms": wrong})).status_code == 400
