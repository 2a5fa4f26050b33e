"""A worker's own topics: closed to everybody else; whatever stands in them, the worker comes up and can be mended."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from connect.log import LogCluster
from connect.records import OffsetAndMetadata, TopicPartition
from connect.runtime.model import State
from tests.stores import test_configs, test_offsets, test_statuses
from tests.stores.conftest import write
from tests.support.worker import STRING, RunningWorker, running_worker

OWN = ["connect-configs", "connect-offsets", "connect-status"]
ALL = [*OWN, "__consumer_offsets", "__transaction_state", "__connect_mine"]


async def pipe(worker: RunningWorker, tmp_path: Path) -> None:
    """Lines through a source and a sink."""
    (tmp_path / "in.txt").write_text("a\nb\nc\n")
    common = {"value.converter": STRING}
    source = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t", **common}
    sink = {"connector.class": "FileStreamSink", "file": str(tmp_path / "out.txt"), "topics": "t", **common}
    assert (await worker.client.put("/connectors/source/config", json=source)).status_code == 201
    assert (await worker.client.put("/connectors/sink/config", json=sink)).status_code == 201
    await worker.until(lambda: worker.records("sink") == 3)


async def transact(cluster: Any) -> None:
    await cluster.admin.create_topic("__connect_mine")
    producer = cluster.producer(client_id="p", configs={"transactional.id": "a"})
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.send_offsets_to_transaction("g", {TopicPartition("t", 0): OffsetAndMetadata(1)})
    await producer.commit_transaction()
    await producer.aclose()


def b64(raw: bytes | None) -> str | None:
    return None if raw is None else b64encode(raw).decode()


async def test_nobody_but_the_worker_writes_into_internal_topics_or_changes_those_it_lives_by(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await pipe(worker, tmp_path)
        await transact(worker.herder.cluster)
        call = worker.client.request
        for topic in ALL:
            body: dict[str, Any] = {"records": [{"key": b64(b"k"), "value": b64(b"v")}]}
            for configs in ({}, {"enable.idempotence": "true"}, {"transactional.id": "x"}):
                answer = await call("POST", f"/v1/topics/{topic}/records", json={**body, "configs": configs})
                assert (answer.status_code, answer.headers["x-connect-error-code"]) == (403, "log.internal_topic"), (
                    topic
                )
        for topic in ALL[:-1]:
            for request in (
                ("DELETE", f"/v1/topics/{topic}", None),
                ("PATCH", f"/v1/topics/{topic}", {"configs": {"cleanup.policy": "delete"}}),
                ("PATCH", f"/v1/topics/{topic}", {"configs": {"max.message.bytes": "10"}}),
                ("PATCH", f"/v1/topics/{topic}", {"partitions": 3}),
                ("DELETE", f"/v1/topics/{topic}/partitions/0/records?before_offset=-1", None),
            ):
                method, path, change = request
                answer = await call(method, path, **({} if change is None else {"json": change}))
                assert (answer.status_code, topic in answer.text) == (409, True), (request, answer.text)
        assert (await call("DELETE", "/v1/topics/__connect_mine")).status_code == 204
        assert (await call("GET", "/v1/topics/connect-offsets/partitions/0/records")).status_code == 200


ROUTES = {
    "transforms": "h,r",
    "transforms.h.type": "org.apache.kafka.connect.transforms.HoistField$Value",
    "transforms.h.field": "f",
    "transforms.r.type": "org.apache.kafka.connect.transforms.RegexRouter",
    "transforms.r.regex": ".*",
}


@pytest.mark.parametrize("topic", ALL)
async def test_a_connector_that_writes_to_an_internal_topic_fails_and_says_so(tmp_path: Path, topic: str) -> None:
    async with running_worker(tmp_path) as worker:
        (tmp_path / "in.txt").write_text("a\n")
        source = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "value.converter": STRING}
        await worker.client.put("/connectors/plain/config", json={**source, "topic": topic})
        assert f"topic '{topic}' is internal" in await worker.until_failed("plain")
        await worker.client.put(
            "/connectors/routed/config", json={**source, "topic": "t", **ROUTES, "transforms.r.replacement": topic}
        )
        assert "[log.internal_topic]" in await worker.until_failed("routed")
        dead = {
            "connector.class": "FileStreamSink",
            "topics": "t",
            "file": str(tmp_path / "out"),
            "errors.tolerance": "all",
        }
        answer = await worker.client.put(
            "/connectors/dead/config", json={**dead, "errors.deadletterqueue.topic.name": topic}
        )
        assert answer.status_code == 400
        assert "is internal" in answer.json()["message"]
        if topic not in OWN:
            assert topic not in await worker.herder.cluster.admin.list_topics()


async def test_the_storage_topics_are_closed_under_whatever_name_and_may_be_read(tmp_path: Path) -> None:
    async with running_worker(
        tmp_path, config_storage_topic="a", offset_storage_topic="b", status_storage_topic="c"
    ) as worker:
        for topic in "abc":
            answer = await worker.client.post(f"/v1/topics/{topic}/records", json={"records": [{"key": b64(b"k")}]})
            assert answer.status_code == 403
        await worker.client.post("/v1/topics", json={"name": "connect-configs"})
        answer = await worker.client.post("/v1/topics/connect-configs/records", json={"records": [{"key": b64(b"k")}]})
        assert answer.status_code == 200, "here it is a topic like any other"
        config = {
            "connector.class": "FileStreamSink",
            "topics": "a",
            "file": str(tmp_path / "out"),
            "value.converter": STRING,
            "key.converter": STRING,
        }
        await worker.client.put("/connectors/reader/config", json=config)
        await worker.until(lambda: worker.records("reader") > 0)


async def test_a_worker_with_rubbish_in_every_internal_topic_comes_up_and_goes_on_where_it_was(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await pipe(worker, tmp_path)
        await transact(worker.herder.cluster)
    cluster = await LogCluster.open(tmp_path / "data")
    rubbish = {
        "connect-configs": [*test_configs.RUBBISH, *[(b"connector-source", bad) for bad in (b"[1]", b"", b"{}")]],
        "connect-offsets": test_offsets.RUBBISH,
        "connect-status": [
            *test_statuses.RUBBISH,
            (b"status-connector-source", b"x"),
            (b"status-task-sink-0", b'{"state":7}'),
        ],
        "__consumer_offsets": [(b"hello", b"\0\0zz"), (None, b"x"), (b"\0\1", None)],
        "__transaction_state": [(b"hello", b"\0\0zz"), (None, b"x"), (b"\0\0\0\1a", b"\0\0")],
    }
    for topic, rows in rubbish.items():
        await write(cluster, topic, *rows)
    await cluster.aclose()
    for start in range(2):
        async with running_worker(tmp_path) as worker:
            assert worker.herder.connectors() == ["sink", "source"]
            await worker.until_state("source", State.RUNNING, tasks=1)
            await worker.until_state("sink", State.RUNNING, tasks=1)
            with (tmp_path / "in.txt").open("a") as file:
                file.write(f"start {start}\n")
            await worker.until(lambda: worker.records("sink") == 1)
    assert (tmp_path / "out.txt").read_text().splitlines() == ["a", "b", "c", "start 0", "start 1"]


@pytest.mark.parametrize(
    ("config", "mentions"),
    [
        ('{"connector.class":"org.example.Gone"}', "org.example.Gone"),
        ("{}", "connector.class"),
        ('{"connector.class":{"a":[1]}}', "connector"),
        ('{"connector.class":"FileStreamSink","topics":"t","tasks.max":"many"}', "tasks.max"),
        ('{"connector.class":"FileStreamSink","topics":"t","tasks.max":[1,2]}', "tasks.max"),
        (
            '{"connector.class":"FileStreamSource","topic":"t","transforms":"x","transforms.x.type":7}',
            "which name matches 7",
        ),
        ('{"connector.class":"FileStreamSource","topic":"t","errors.tolerance":null,"tasks.max":-1}', "tasks.max"),
    ],
)
async def test_a_stored_config_that_says_nothing_sensible_is_shown_failed_and_can_be_mended_or_deleted(
    tmp_path: Path, config: str, mentions: str
) -> None:
    value = f'{{"properties":{config}}}'.replace("{}", '{"x":"y"}').replace('s":{', 's":{"name":"bad",').encode()
    async with running_worker(tmp_path) as worker:
        await pipe(worker, tmp_path)
    cluster = await LogCluster.open(tmp_path / "data")
    await write(cluster, "connect-configs", (b"connector-bad", value), (b"connector-worse", value))
    await cluster.aclose()
    async with running_worker(tmp_path) as worker:
        assert mentions in await worker.until_failed("bad")
        await worker.until_state("source", State.RUNNING, tasks=1)
        call = worker.client.request
        for path in ("", "/status", "/config", "/tasks", "/topics"):
            assert (await call("GET", f"/connectors/bad{path}")).status_code == 200, path
        for path in ("/connectors?expand=status&expand=info", "/v1/lag", "/v1/warnings", "/v1/worker/info"):
            assert (await call("GET", path)).status_code == 200, path
        assert (await call("GET", "/connectors/bad/offsets")).status_code in (200, 404)
        for method, path in (
            ("POST", "/restart?includeTasks=true"),
            ("PUT", "/pause"),
            ("PUT", "/resume"),
            ("PUT", "/stop"),
        ):
            assert (await call(method, f"/connectors/bad{path}")).status_code in (200, 202, 204), path
        await call("PUT", "/connectors/bad/resume")
        good = {
            "connector.class": "FileStreamSink",
            "topics": "t",
            "file": str(tmp_path / "o"),
            "value.converter": STRING,
        }
        assert (await call("PUT", "/connectors/bad/config", json=good)).status_code == 200
        await worker.until_state("bad", State.RUNNING, tasks=1)
        assert (await call("DELETE", "/connectors/worse")).status_code == 204
        assert worker.herder.connectors() == ["bad", "sink", "source"]


_ROWS = st.lists(st.tuples(st.one_of(test_configs._KEYS, st.binary(max_size=9)), test_configs._VALUES), max_size=10)


@settings(
    max_examples=5, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(_ROWS, _ROWS)
async def test_any_records_in_a_workers_topics_let_it_come_up(
    tmp_path_factory: pytest.TempPathFactory, before: Any, after: Any
) -> None:
    folder = tmp_path_factory.mktemp("any")
    cluster = await LogCluster.open(folder / "data")
    mine = b'{"properties":{"name":"mine","connector.class":"FileStreamSink","topics":"t","file":"/dev/null"}}'
    await cluster.admin.create_topic("t")
    await write(cluster, "connect-configs", *before, (b"connector-mine", mine), *after)
    await write(cluster, "connect-offsets", *before, *after)
    await write(cluster, "connect-status", *before, *after)
    await cluster.aclose()
    async with running_worker(folder) as worker:
        await worker.until_state("mine", State.RUNNING, tasks=1)
        answer = await worker.client.get("/connectors?expand=status&expand=info")
        assert answer.status_code == 200
        assert set(worker.herder.connectors()) >= {"mine"}
