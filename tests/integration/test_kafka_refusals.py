"""What a cluster refuses: the task that asked for it says what, of which topic, and what the limit is."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from connect.api import ConnectError
from connect.app import open_cluster
from connect.runtime.model import State
from tests.support.engines import columns
from tests.support.kafka import run_java
from tests.support.kafka_broker import SharedBroker
from tests.support.kafka_workers import create, file_sink, file_source, kafka_worker, lines_of, write
from tests.support.worker import RunningWorker

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(180)]

SMALL, LARGE = "small", "x" * 3000
SOON_S = 45


async def failure(worker: RunningWorker, name: str) -> str:
    """Wait until a task has failed; return the first line of its trace, as REST shows it."""
    await worker.until_failed(name)
    (task,) = (await worker.client.get(f"/connectors/{name}/status")).json()["tasks"]
    assert task["state"] == "FAILED"
    return str(task["trace"].splitlines()[0])


LIMITS: dict[str, tuple[dict[str, str], str]] = {
    "the topic's": ({"topic.creation.default.max.message.bytes": "1000"}, "max.message.bytes of topic '{}' is 1000"),
    "the client's": ({"producer.override.max.request.size": "2000"}, "max.request.size"),
}


@pytest.mark.parametrize("whose", list(LIMITS))
async def test_a_record_that_is_too_large_fails_its_task_which_names_topic_size_and_limit(
    broker: SharedBroker, tmp_path: Path, name: str, whose: str
) -> None:
    config, expected = LIMITS[whose]
    write(tmp_path, SMALL, LARGE, SMALL)
    async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
        await create(worker, source=file_source(tmp_path, name, **config))
        told = await failure(worker, "source")
        assert expected.format(name) in told
        assert name in told
        assert re.search(r"takes 30\d\d bytes", told)
        assert await worker.values(name) == [b"small"], "what lies before it is there"


@pytest.mark.parametrize("whose", list(LIMITS))
async def test_a_record_that_is_too_large_becomes_a_dead_letter_where_errors_are_tolerated(
    broker: SharedBroker, tmp_path: Path, name: str, whose: str
) -> None:
    config, _ = LIMITS[whose]
    letters = f"{name}-letters"
    config = {
        **config,
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": letters,
        "errors.deadletterqueue.topic.replication.factor": "1",
    }
    write(tmp_path, SMALL, LARGE, SMALL)
    async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
        await create(worker, source=file_source(tmp_path, name, **config))
        await worker.until(lambda: worker.records("source") == 2, deadline_s=SOON_S)
        assert await worker.values(name) == [b"small", b"small"]
        assert await worker.values(letters) == [LARGE.encode()]
        (warning,) = (await worker.client.get("/v1/warnings")).json()["warnings"]
        assert warning["code"] == "records.skipped"


async def test_a_name_that_no_topic_may_have_fails_the_task(broker: SharedBroker, tmp_path: Path, name: str) -> None:
    write(tmp_path, SMALL)
    router = {
        "transforms": "r",
        "transforms.r.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.r.regex": "(.*)",
        "transforms.r.replacement": "$1 of today",
    }
    async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
        await create(worker, source=file_source(tmp_path, name, **router))
        assert f"{name} of today" in await failure(worker, "source")


async def test_a_topic_that_nobody_is_to_make_fails_the_task(broker: SharedBroker, tmp_path: Path, name: str) -> None:
    write(tmp_path, SMALL)
    async with kafka_worker(tmp_path, name, broker.bootstrap, **{"topic.creation.enable": "false"}) as worker:
        config = {k: v for k, v in file_source(tmp_path, name).items() if not k.startswith("topic.creation")}
        await create(worker, source=config)
        told = await failure(worker, "source")
        assert name in told
        assert "topic.creation.enable" in told


async def test_more_replicas_than_brokers_fail_the_task_which_names_both(
    broker: SharedBroker, tmp_path: Path, name: str
) -> None:
    write(tmp_path, SMALL)
    async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
        await create(worker, source=file_source(tmp_path, name, **{"topic.creation.default.replication.factor": "3"}))
        told = await failure(worker, "source")
        assert name in told
        assert "replication factor of 3" in told
        assert "only 1 broker" in told


async def test_topics_of_the_workers_state_that_are_not_compacted_end_its_start(
    broker: SharedBroker, tmp_path: Path, name: str
) -> None:
    cluster = await open_cluster(tmp_path / "elsewhere", {"bootstrap.servers": broker.bootstrap})
    for kind in ("config", "offset", "status"):
        await cluster.admin.create_topic(f"{name}-{kind}", configs={"cleanup.policy": "compact"})
    for kind in ("config", "offset", "status"):
        await cluster.admin.alter_topic(f"{name}-{kind}", {"cleanup.policy": "delete"})
        with pytest.raises(ConnectError) as raised:
            async with kafka_worker(tmp_path, name, broker.bootstrap):
                pass
        assert f"{name}-{kind}" in raised.value.message
        assert "cleanup.policy" in raised.value.message
        await cluster.admin.alter_topic(f"{name}-{kind}", {"cleanup.policy": "compact"})
    await cluster.aclose()


async def test_too_many_replicas_of_the_workers_state_are_named(
    broker: SharedBroker, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ConnectError, match=rf"{name}-config'.* replication factor of 3 .* only 1 broker"):
        async with kafka_worker(tmp_path, name, broker.bootstrap, **{"config.storage.replication.factor": "3"}):
            pass


async def test_a_topic_of_a_sink_that_is_missing_is_read_once_it_is_there(
    broker: SharedBroker, tmp_path: Path, name: str
) -> None:
    async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
        await create(worker, sink=file_sink(tmp_path, name))
        await worker.until_state("sink", State.RUNNING, tasks=1)
        await worker.herder.cluster.admin.create_topic(name)
        producer = worker.herder.cluster.producer(client_id="test")
        await producer.append(name, columns(b"v"))
        await producer.aclose()
        await worker.until(lambda: lines_of(tmp_path / "out.txt") == ["v"], deadline_s=SOON_S)


@pytest.mark.night
async def test_a_quota_makes_a_source_slow_and_nothing_else(broker: SharedBroker, tmp_path: Path, name: str) -> None:
    client = f"connector-producer-{name}-0"
    quota = ["--entity-type", "clients", "--entity-name", client, "--alter", "--add-config", "producer_byte_rate=10000"]
    run_java("kafka.admin.ConfigCommand", "--bootstrap-server", broker.bootstrap, *quota)
    lines = [f"{number:03d}" + "x" * 1000 for number in range(160)]  # brokers reckon over ten seconds
    async with kafka_worker(tmp_path, name, broker.bootstrap) as worker:
        await create(worker, **{name: file_source(tmp_path, name)})
        began = time.monotonic()
        for start in range(0, 160, 10):
            write(tmp_path, *lines[start : start + 10])
            await worker.until(lambda start=start: worker.records(name) == start + 10, deadline_s=SOON_S)
        assert time.monotonic() - began > 1, "the quota was heeded"
        await worker.until_state(name, State.RUNNING, tasks=1)
        assert await worker.values(name) == [line.encode() for line in lines]
