from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connect.api import DataError, EnvironmentFault, Record, SinkTask
from connect.app import registry_beside
from connect.records import Columns
from connect.rest.registry.app import bare_app
from tests.support.doors import served_worker
from tests.support.odd_plugins import register, sink
from tests.support.registries import opened
from tests.support.worker import STRING, RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path, offset_flush_interval_ms="100") as running:
        yield running


async def test_a_failed_task_is_a_warning(worker: RunningWorker, tmp_path: Path) -> None:
    config = {"connector.class": "FileStreamSink", "topics": "t", "file": str(tmp_path / "none" / "out.txt")}
    await worker.client.put("/connectors/bad/config", json=config)
    await worker.until_failed("bad")
    found = (await worker.client.get("/v1/warnings")).json()["warnings"]
    assert [(w["code"], w["subject"]) for w in found] == [("task.failed", "bad-0")]
    assert found[0]["message"].startswith("file.unwritable: ")  # the code first
    assert "out.txt" in found[0]["message"]


class Failing(SinkTask):
    def put(self, records: list[Record]) -> None:
        kinds = {"away": EnvironmentFault("the server is away"), "bad": DataError("it is null")}
        raise kinds[records[0].value]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("away", r"environment.fault: .* \(an outage; restart 1 by itself at 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00\)"),
        ("bad", r"data.invalid: .* \(a bad record; it is not restarted by itself\)"),
    ],
)
async def test_an_outage_is_told_from_a_bad_record_with_what_will_be_done(
    worker: RunningWorker, value: str, told: str
) -> None:
    register(worker.herder, sink(Failing))
    await worker.herder.cluster.admin.create_topic("t")
    producer = worker.herder.cluster.producer(client_id="test")
    await producer.append("t", Columns([value.encode()]))
    await producer.aclose()
    config = {"connector.class": "test.Odd", "topics": "t", "value.converter": STRING, "key.converter": STRING}
    await worker.herder.create("k", {**config, "errors.restart.delay.ms": "200000"})
    await worker.until_failed("k")
    [warning] = (await worker.client.get("/v1/warnings")).json()["warnings"]
    assert re.fullmatch(told, warning["message"])


async def waiting(worker: RunningWorker) -> list[tuple[str, str]]:
    found = (await worker.client.get("/v1/warnings")).json()["warnings"]
    return [(w["subject"], w["message"]) for w in found if w["code"] == "task.waiting"]


async def test_a_source_that_waits_for_its_file_is_a_warning_until_it_is_there(
    worker: RunningWorker, tmp_path: Path
) -> None:
    path = tmp_path / "later.txt"
    config = {"connector.class": "FileStreamSource", "file": str(path), "topic": "t", "value.converter": STRING}
    await worker.client.put("/connectors/src/config", json=config)
    await worker.until(lambda: any(p.waiting_for for p in worker.herder.progress()))
    assert await waiting(worker) == [("src-0", f"waits: file {str(path)!r} is not there")]
    path.write_text("a\n")
    await worker.until(lambda: worker.records("src") == 1)
    assert await waiting(worker) == []


AWAY = """
from connect.api import RetriableError, SinkConnector, SinkTask, hookimpl

class AwayTask(SinkTask):
    def start(self):
        raise RetriableError("the server at away:1 does not answer", retry_after_ms=60000)

class AwaySink(SinkConnector):
    task_class = AwayTask

@hookimpl
def connect_connectors():
    return [AwaySink]
"""


async def test_a_task_that_waits_for_a_server_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "away.py").write_text(AWAY)
    async with running_worker(tmp_path, plugin_path=str(tmp_path / "plugins")) as worker:
        await worker.client.put("/connectors/k/config", json={"connector.class": "AwaySink", "topics": "t"})
        await worker.until(lambda: any(p.waiting_for for p in worker.herder.progress()))
        assert await waiting(worker) == [("k-0", "waits: the server at away:1 does not answer")]


UNDIVIDED = """
from connect.api import SourceConnector, SourceTask, hookimpl

class Task(SourceTask):
    def poll(self):
        return None

class UndividedSource(SourceConnector):
    task_class = Task

    def start(self):
        self.context.waiting_for = "the server at away:1 does not answer"

    def task_configs(self, max_tasks):
        return []

@hookimpl
def connect_connectors():
    return [UndividedSource]
"""


async def test_a_connector_that_waits_before_it_has_tasks_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "undivided.py").write_text(UNDIVIDED)
    async with running_worker(tmp_path, plugin_path=str(tmp_path / "plugins")) as worker:
        await worker.client.put("/connectors/u/config", json={"connector.class": "UndividedSource"})
        await worker.until(lambda: bool(worker.herder.waiting()))
        found = (await worker.client.get("/v1/warnings")).json()["warnings"]
        told = {"code": "connector.waiting", "subject": "u", "message": "waits: the server at away:1 does not answer"}
        assert found == [told]
        await worker.client.put("/connectors/u/pause")
        await worker.until(lambda: not worker.herder.waiting())


async def test_a_comma_at_the_end_of_the_listeners_takes_no_answer_away(tmp_path: Path) -> None:
    async with running_worker(tmp_path, listeners="http://127.0.0.1:8083,") as worker:
        assert (await worker.client.get("/v1/warnings")).json() == {"warnings": []}


async def test_a_typo_in_the_worker_s_config_is_a_warning_and_what_is_replaced_is_none(tmp_path: Path) -> None:
    async with running_worker(tmp_path, plugin_discovery="service_load", ofset_flush_interval_ms="1") as worker:
        [found] = (await worker.client.get("/v1/warnings")).json()["warnings"]
    assert (found["code"], found["subject"]) == ("worker.key", "ofset.flush.interval.ms")
    assert "did you mean offset.flush.interval.ms?" in found["message"]


async def test_a_registry_that_others_reach_and_records_it_cannot_read_are_warnings(tmp_path: Path) -> None:
    address = "http://0.0.0.0:0"
    async with served_worker(tmp_path, **{"registry.listeners": address}) as worker:
        producer = worker.herder.cluster.producer(client_id="test", internal=True)
        await worker.herder.cluster.admin.create_topic("_schemas", configs={"cleanup.policy": "compact"})
        await producer.append("_schemas", Columns([b"{"], keys=[b"no key of a registry"]))
        await producer.aclose()
        async with registry_beside(worker.herder, worker.app):
            found = {one["code"]: one for one in (await worker.get("/v1/warnings")).json()["warnings"]}
    assert set(found) == {"listener.open", "registry.unreadable"}
    assert found["listener.open"]["subject"] == address
    assert found["listener.open"]["message"].startswith("the schema registry listens on http://0.0.0.0, which other")
    assert "do not count: 1;" in found["registry.unreadable"]["message"]


async def test_a_topic_of_the_registry_that_is_none_any_more_is_a_warning(worker: RunningWorker) -> None:
    # As on a Kafka cluster, where others may change it: the bundled log lets nobody while a worker has a registry.
    async with opened(worker.herder.cluster) as registry:
        worker.client._transport.app.state.registry = bare_app(registry, cluster_id="c")  # type: ignore[attr-defined]
        await worker.herder.cluster.admin.add_partitions("_schemas", 2)
        [found] = (await worker.client.get("/v1/warnings")).json()["warnings"]
    assert (found["code"], found["subject"]) == ("registry.topic", "_schemas")
    assert "has 2 partitions" in found["message"]
