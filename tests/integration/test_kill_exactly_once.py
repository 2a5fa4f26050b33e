"""The promise of exactly-once sources, against kill -9 in the middle of transactions: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest
from tests.integration.test_kill import config_file

from connect.app import open_cluster
from connect.records import TopicPartition
from tests.support.lengths import length
from tests.support.worker import DEADLINE_S, STRING, WorkerProcess

KILLS = length("CONNECT_DELIVERY_KILLS")
LINES_A_ROUND = 3000
LINE_BYTES = 40


def size_of(data: Path, topic: str) -> int:
    """The bytes that a topic has on its way to disk: the progress that a kill is timed by."""
    return sum(path.stat().st_size for path in data.glob(f"{topic}-0/*.log"))


def until_size(worker: WorkerProcess, topic: str, size_bytes: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while size_of(worker.data_dir, topic) < size_bytes:
        assert worker.process.poll() is None, worker.log
        assert time.monotonic() < deadline, f"{topic} did not reach {size_bytes} bytes:\n{worker.log}"
        time.sleep(0.0005)


async def committed(data: Path, topic: str) -> list[bytes]:
    """What a reader of committed records sees, in order."""
    cluster = await open_cluster(data)
    try:
        assert [info for info in await cluster.admin.list_transactions() if info.is_open] == []
        values: list[bytes] = []
        offset = 0
        while batches := await cluster.admin.fetch(TopicPartition(topic, 0), offset, isolation="read_committed"):
            values += [value or b"" for batch in batches for value in batch.columns.values]
            offset = batches[-1].next_offset
        return values
    finally:
        await cluster.aclose()


@pytest.mark.slow
@pytest.mark.timeout(120 + 10 * KILLS)
@pytest.mark.parametrize(
    "keys",
    [
        {},
        {
            "transaction_boundary": "interval",
            "transaction_boundary_interval_ms": "20",
            "offsets_storage_topic": "own-offsets",
        },
    ],
    ids=["poll", "interval, own offsets topic"],
)
def test_nothing_is_lost_and_nothing_comes_twice_through_kills_in_transactions(
    tmp_path: Path, keys: dict[str, str]
) -> None:
    lines, data, output = tmp_path / "in.txt", tmp_path / "data", tmp_path / "out.txt"
    lines.touch()
    source = config_file(
        tmp_path,
        "source",
        connector_class="FileStreamSource",
        file=str(lines),
        topic="lines",
        batch_size="50",  # many small transactions
        value_converter=STRING,
        exactly_once_support="required",
        **keys,
    )
    sink = config_file(
        tmp_path, "sink", connector_class="FileStreamSink", file=str(output), topics="lines", value_converter=STRING
    )
    marks = random.Random(20_261_126)
    worker_keys = {"CONNECT_EXACTLY_ONCE_SOURCE_SUPPORT": "enabled", "CONNECT_OFFSET_FLUSH_INTERVAL_MS": "50"}
    written = 0
    for _ in range(KILLS):
        with WorkerProcess(data, source, **worker_keys) as worker:
            worker.url()
            with lines.open("a") as out:
                out.writelines(f"line {n:010d} {'x' * 24}\n" for n in range(written, written + LINES_A_ROUND))
            written += LINES_A_ROUND
            before = size_of(data, "lines")
            until_size(worker, "lines", before + marks.randrange(1, LINES_A_ROUND * LINE_BYTES))
            worker.kill()
    expected = [f"line {n:010d} {'x' * 24}".encode() for n in range(written)]
    with WorkerProcess(data, source, sink, **worker_keys) as worker:
        worker.url()
        deadline = time.monotonic() + 60
        while (output.read_bytes().count(b"\n") if output.exists() else 0) < written:
            assert time.monotonic() < deadline, worker.log
            time.sleep(0.02)
        assert worker.stop() == 0, worker.log
    found = asyncio.run(committed(data, "lines"))
    assert len(found) == len(expected), f"{len(set(expected) - set(found))} lost, {len(found) - len(set(found))} twice"
    assert found == expected
    # The sink has met aborted transactions, and has none of their records.
    assert output.read_bytes().splitlines() == expected
