"""Topics that are deleted, made again, grown and cut off under connectors."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.records import TopicPartition
from connect.runtime.model import State
from tests.support.engines import columns
from tests.support.kafka_broker import SharedBroker
from tests.support.kafka_workers import create, file_sink, file_source, kafka_worker, lines_of, write
from tests.support.worker import RunningWorker

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(180)]

SOON_S = 60


async def arrive(worker: RunningWorker, folder: Path, *lines: str) -> None:
    await worker.until(lambda: set(lines) <= set(lines_of(folder / "out.txt")), deadline_s=SOON_S)


async def append(worker: RunningWorker, topic: str, partition: int, *values: bytes) -> None:
    producer = worker.herder.cluster.producer(client_id="test")
    await producer.append(topic, columns(*values), partition=partition)
    await producer.aclose()


@pytest.mark.parametrize("partitions", [1, 3])
async def test_a_topic_that_is_deleted_and_made_again_goes_on_with_other_partitions(
    broker: SharedBroker, tmp_path: Path, name: str, partitions: int
) -> None:
    """Both ends: what the source appends comes into the new topic, and the sink reads that from its beginning."""
    before = 4 - partitions
    async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
        admin = worker.herder.cluster.admin
        await admin.create_topic(name, partitions=before)
        await create(worker, source=file_source(tmp_path, name), sink=file_sink(tmp_path, name))
        write(tmp_path, "a", "b")
        await arrive(worker, tmp_path, "a", "b")
        await admin.delete_topic(name)
        await admin.create_topic(name, partitions=partitions)
        for partition in range(partitions):
            await append(worker, name, partition, b"p%d" % partition)
        write(tmp_path, "c")
        await arrive(worker, tmp_path, "c", *[f"p{partition}" for partition in range(partitions)])
        status = (await worker.client.get("/connectors?expand=status")).json()
        assert {each["status"]["tasks"][0]["state"] for each in status.values()} == {"RUNNING"}


async def test_a_topic_that_is_deleted_under_a_source_is_made_again(
    broker: SharedBroker, tmp_path: Path, name: str
) -> None:
    async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
        admin = worker.herder.cluster.admin
        await create(worker, source=file_source(tmp_path, name, **{"topic.creation.default.partitions": "2"}))
        write(tmp_path, "a")
        await worker.until(lambda: worker.records("source") == 1)
        await admin.delete_topic(name)
        write(tmp_path, "b")
        await worker.until(lambda: worker.records("source") == 2, deadline_s=SOON_S)
        assert await admin.partitions(name) == 2
        assert [value for number in range(2) for value in await worker.values(name, number)] == [b"b"]


async def test_partitions_that_are_added_are_read_and_written(broker: SharedBroker, tmp_path: Path, name: str) -> None:
    async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
        admin = worker.herder.cluster.admin
        await create(worker, source=file_source(tmp_path, name), sink=file_sink(tmp_path, name))
        write(tmp_path, "a")
        await arrive(worker, tmp_path, "a")
        await admin.add_partitions(name, 5)
        await append(worker, name, 4, b"new")
        await arrive(worker, tmp_path, "new")
        for number in range(4):  # each is more than a partition has its fill of
            lines = [f"{number}-{line}" + "x" * 5000 for line in range(5)]
            write(tmp_path, *lines)
            await arrive(worker, tmp_path, *lines)
        assert len([number for number in range(5) if await worker.values(name, number)]) > 2


@pytest.mark.parametrize("reset", ["earliest", "latest", "none"])
async def test_records_that_were_deleted_in_front_of_a_sink(
    broker: SharedBroker, tmp_path: Path, name: str, reset: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The sink is stopped meanwhile, and what it would read next is gone."""
    sink = file_sink(tmp_path, name, **{"consumer.override.auto.offset.reset": reset})
    async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
        admin, put = worker.herder.cluster.admin, worker.client.put
        await admin.create_topic(name)
        await append(worker, name, 0, b"a")
        await create(worker, sink=file_sink(tmp_path, name))
        await arrive(worker, tmp_path, "a")
        assert (await put("/connectors/sink/stop")).is_success
        await worker.until(lambda: worker.herder.status("sink").connector.state is State.STOPPED)
        assert (await put("/connectors/sink/config", json=sink)).is_success
        await append(worker, name, 0, b"b", b"c", b"d")
        await admin.delete_records(TopicPartition(name, 0), before_offset=3)
        assert (await put("/connectors/sink/resume")).is_success
        if reset == "none":
            told = await worker.until_failed("sink")
            assert f"offset 1 is outside {name}-0, which has 3 to 4, and auto.offset.reset is none" in told
            return
        await worker.until(lambda: f"auto.offset.reset={reset} says, it goes on at offset" in caplog.text)
        await append(worker, name, 0, b"e")
        await arrive(worker, tmp_path, "e")
        assert lines_of(tmp_path / "out.txt") == (["a", "d", "e"] if reset == "earliest" else ["a", "e"])
