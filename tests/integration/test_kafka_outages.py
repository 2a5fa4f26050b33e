"""Brokers that go away, stand still and are cut off under connectors: nothing is lost, and it says what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connect.runtime.model import State
from tests.support.kafka import KafkaUnavailable, find_kafka
from tests.support.kafka_frail import FrailBroker
from tests.support.kafka_workers import Lines, create, file_sink, file_source, kafka_worker, lines_of
from tests.support.worker import RunningWorker

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

SOON_S = 60


@pytest.fixture(scope="module")
def frail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrailBroker]:
    """A broker of this module alone."""
    try:
        find_kafka()
    except KafkaUnavailable as error:
        pytest.skip(f"no Kafka here: {error}")
    with FrailBroker(tmp_path_factory.mktemp("frail")) as running:
        yield running


@asynccontextmanager
async def flowing(
    tmp_path: Path, name: str, bootstrap: str, **config: str
) -> AsyncIterator[tuple[RunningWorker, Lines]]:
    """A worker with a file's lines on their way into a topic and out of it; behind the block all have arrived."""
    lines = Lines(tmp_path / "in.txt", at_once=5)
    async with kafka_worker(tmp_path, name, bootstrap, **config) as worker:
        await create(worker, source=file_source(tmp_path, name), sink=file_sink(tmp_path, name))
        await more(worker, tmp_path)
        yield worker
        written = lines.end()
        await worker.until(lambda: written <= set(lines_of(tmp_path / "out.txt")), deadline_s=SOON_S)
        assert set(lines_of(tmp_path / "out.txt")) == written
        await worker.until_state("source", State.RUNNING, tasks=1)
        await worker.until_state("sink", State.RUNNING, tasks=1)


async def more(worker: RunningWorker, folder: Path) -> None:
    """Wait until more lines arrive."""
    enough = len(lines_of(folder / "out.txt")) + 100
    await worker.until(lambda: len(lines_of(folder / "out.txt")) > enough, deadline_s=SOON_S)


def waits(worker: RunningWorker) -> dict[str, str | None]:
    """What tasks wait for, by their connectors, as REST tells it."""
    return {progress.id.connector: progress.waiting_for for progress in worker.herder.progress()}


@pytest.mark.parametrize(("support", "cleanly"), [("disabled", True), ("enabled", False)])
async def test_a_broker_that_starts_again_is_waited_for(
    frail: FrailBroker, tmp_path: Path, name: str, support: str, cleanly: bool
) -> None:
    """At least once through a clean stop, in transactions through a crash."""
    async with flowing(tmp_path, name, frail.bootstrap, **{"exactly.once.source.support": support}) as worker:
        await frail.end(cleanly=cleanly)
        await frail.begin()
        await more(worker, tmp_path)


async def test_a_broker_that_stands_still_is_waited_for_and_warned_of(
    frail: FrailBroker, tmp_path: Path, name: str
) -> None:
    async with flowing(tmp_path, name, frail.bootstrap) as worker:
        with frail.frozen():
            await worker.until(lambda: waits(worker)["source"], deadline_s=SOON_S)
            (warning,) = (await worker.client.get("/v1/warnings")).json()["warnings"]
            assert (warning["code"], warning["subject"]) == ("task.waiting", "source-0")
            assert f"append to topic '{name}': the Kafka cluster has not acknowledged" in warning["message"]
            await asyncio.sleep(1)
            assert waits(worker)["source"], "also while the next try is under way"
        await more(worker, tmp_path)
        assert not waits(worker)["source"]


async def test_connections_that_break_are_made_again(frail: FrailBroker, tmp_path: Path, name: str) -> None:
    async with flowing(tmp_path, name, frail.proxied) as worker:
        assert frail.proxy is not None
        assert frail.proxy.connections
        for _ in range(5):
            frail.proxy.cut()
            await more(worker, tmp_path)
        for size in (10, 1000, 50_000):
            frail.proxy.cut_after(size)
            await more(worker, tmp_path)
        frail.proxy.delay_s = 0.3
        await more(worker, tmp_path)
        frail.proxy.refuses = True
        frail.proxy.cut()
        await asyncio.sleep(1)  # for as long as that lasts, nobody is let in
        frail.proxy.refuses, frail.proxy.delay_s = False, 0.0
        await more(worker, tmp_path)
