"""Brokers that go away, stand still and are cut off under connectors: nothing is lost, and it says what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connect.api import EnvironmentFault
from connect.kafka import cluster as cluster_module
from connect.runtime.model import State
from tests.support.kafka import KafkaUnavailable, find_kafka
from tests.support.kafka_frail import FrailBroker
from tests.support.kafka_targets import committed
from tests.support.kafka_workers import (
    Lines,
    create,
    file_sink,
    file_source,
    files,
    kafka_worker,
    lines_of,
    until,
    write,
)
from tests.support.lengths import IS_LONG
from tests.support.worker import RunningWorker, WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

SOON_S = 120


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


@pytest.mark.night
async def test_a_broker_that_stands_still_is_waited_for_and_warned_of(
    frail: FrailBroker, tmp_path: Path, name: str
) -> None:
    async with flowing(tmp_path, name, frail.bootstrap) as worker:
        with frail.frozen():
            await worker.until(lambda: waits(worker)["source"], deadline_s=SOON_S)
            warnings = (await worker.client.get("/v1/warnings")).json()["warnings"]
            (warning,) = [each for each in warnings if each["subject"] == "source-0"]
            assert warning["code"] == "task.waiting"
            assert f"append to topic '{name}': the Kafka cluster has not acknowledged" in warning["message"]
            await asyncio.sleep(1)
            assert waits(worker)["source"], "also while the next try is under way"
            await worker.until(lambda: waits(worker)["sink"], deadline_s=SOON_S)
            assert "group 'connect-sink'" in str(waits(worker)["sink"])
        await more(worker, tmp_path)
        await worker.until(lambda: not any(waits(worker).values()), deadline_s=SOON_S)


@pytest.mark.night
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


async def test_what_was_not_delivered_in_its_time_fails_the_task_which_starts_again_by_itself(
    frail: FrailBroker, tmp_path: Path, name: str
) -> None:
    write(tmp_path, "a")
    limits = {"producer.override.delivery.timeout.ms": "2500", "producer.override.request.timeout.ms": "2000"}
    async with kafka_worker(tmp_path, name, frail.bootstrap) as worker:
        config = file_source(tmp_path, name, **limits, **{"errors.restart.delay.ms": "200"})
        await create(worker, source=config, sink=file_sink(tmp_path, name))
        await worker.until(lambda: lines_of(tmp_path / "out.txt") == ["a"], deadline_s=SOON_S)
        with frail.frozen():
            write(tmp_path, "b")
            told = await worker.until_failed("source")
            assert f"append to topic '{name}'" in told
            warnings = (await worker.client.get("/v1/warnings")).json()["warnings"]
            (failed,) = [each for each in warnings if each["code"] == "task.failed"]
            assert "an outage; restart" in failed["message"]
        await worker.until(lambda: "b" in lines_of(tmp_path / "out.txt"), deadline_s=SOON_S)
        await worker.until_state("source", State.RUNNING, tasks=1)


async def test_a_broker_that_stands_still_ends_the_start_of_a_worker_which_names_it(
    frail: FrailBroker, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "OPEN_S", 2.0)
    with frail.frozen(), pytest.raises(EnvironmentFault, match=frail.bootstrap) as raised:
        async with kafka_worker(tmp_path, name, frail.bootstrap):
            pass
    assert (raised.value.code, raised.value.exit_code) == ("environment.unreachable", 3)


@pytest.mark.skipif(not IS_LONG, reason="its group may wait 5 min for who was its member before the broker's restart")
def test_a_worker_whose_broker_was_away_for_longer_than_its_session_goes_on_when_it_is_back(
    frail: FrailBroker, tmp_path: Path, name: str
) -> None:
    arguments = files(tmp_path, name, frail, **{"session.timeout.ms": "6000", "exactly.once.source.support": "enabled"})
    out = tmp_path / "out.txt"
    write(tmp_path, "a")
    with WorkerProcess(tmp_path / "data", *arguments) as worker:
        until(lambda: lines_of(out) == ["a"], worker)
        frail.kill()
        try:
            write(tmp_path, "b")
            until(lambda: "is no member of group" in worker.log, worker)
        finally:
            frail.__enter__()
        until(lambda: "b" in lines_of(out), worker)
        assert worker.stop() == 0, worker.log
    assert [line.encode() for line in ("a", "b")] == committed(frail.bootstrap, name)
