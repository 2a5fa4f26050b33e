from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connect.runtime.drain import Drain
from connect.runtime.model import State
from tests.support.worker import STRING, RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path, offset_flush_interval_ms="100") as running:
        yield running


async def create(worker: RunningWorker, tmp_path: Path, *, sink_file: str = "out.txt") -> None:
    common = {"value.converter": STRING}
    await worker.herder.create(
        "source",
        {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "lines", **common},
    )
    await worker.herder.create(
        "sink",
        {"connector.class": "FileStreamSink", "file": str(tmp_path / sink_file), "topics": "lines", **common},
    )


async def test_all_that_sources_have_is_in_the_sinks_when_it_returns(worker: RunningWorker, tmp_path: Path) -> None:
    lines = "".join(f"{n}\n" for n in range(20_000))
    (tmp_path / "in.txt").write_text(lines)
    await create(worker, tmp_path)
    looks = []
    drain = Drain(worker.herder, ["source", "sink"], lambda: looks.append(1))
    async with asyncio.timeout(60):
        assert await drain.until_drained() is None
    assert (tmp_path / "out.txt").read_text() == lines
    assert {name: (tally.records, tally.left) for name, tally in drain.tallies.items()} == {
        "source": (20_000, None),
        "sink": (20_000, 0),
    }
    assert looks
    for name in ("source", "sink"):
        await worker.until_state(name, State.STOPPED, tasks=0)


async def test_a_lag_of_before_the_sources_end_says_nothing_of_the_sinks(worker: RunningWorker, tmp_path: Path) -> None:
    await create(worker, tmp_path)  # its file is not there
    await worker.herder.patch_config("sink", {"rate.limit.records.per.second": "20"})
    await worker.until_state("sink", State.RUNNING, tasks=1)
    assert (await worker.herder.lags())["sink"].lag == 0
    worker.herder._lags._until_s += 600  # as an answer is kept for a while that took a cluster its time
    lines = "".join(f"{n}\n" for n in range(200))
    (tmp_path / "in.txt").write_text(lines)
    async with asyncio.timeout(60):
        assert await Drain(worker.herder, ["source", "sink"]).until_drained() is None
    assert (tmp_path / "out.txt").read_text() == lines


async def test_a_failure_ends_it_with_its_cause(worker: RunningWorker, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\n")
    await create(worker, tmp_path, sink_file="none/out.txt")
    async with asyncio.timeout(60):
        failure = await Drain(worker.herder, ["source", "sink"]).until_drained()
    assert failure is not None
    assert (failure.connector, failure.task) == ("sink", 0)
    assert failure.cause is not None and failure.cause.code == "file.unwritable"


async def test_a_source_that_waits_for_something_is_not_drained(worker: RunningWorker, tmp_path: Path) -> None:
    await create(worker, tmp_path)  # its file is not there
    drain = Drain(worker.herder, ["source", "sink"])
    waiting = asyncio.ensure_future(drain.until_drained())
    await worker.until(lambda: drain.tallies["source"].waiting_for)
    done, _ = await asyncio.wait({waiting}, timeout=2.0)
    assert not done
    (tmp_path / "in.txt").write_text("a\n")
    async with asyncio.timeout(60):
        assert await waiting is None
    assert (tmp_path / "out.txt").read_text() == "a\n"


async def test_files_that_end_are_drained_with_their_last_line(worker: RunningWorker, tmp_path: Path) -> None:
    """It has no end, and is a record once the file has not grown for a while."""
    for number in range(3):
        (tmp_path / f"{number}.log").write_text(f"a{number}\nb{number}")
    await worker.herder.create(
        "source",
        {
            "connector.class": "FileStreamSource",
            "files": str(tmp_path / "*.log"),
            "topic": "lines",
            "on.eof": "delete",
            "on.eof.wait.ms": "1500",
            "value.converter": STRING,
        },
    )
    async with asyncio.timeout(60):
        assert await Drain(worker.herder, ["source"]).until_drained() is None
    assert sorted(await worker.values("lines")) == [b"a0", b"a1", b"a2", b"b0", b"b1", b"b2"]
