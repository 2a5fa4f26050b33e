from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.worker import RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


def assert_error(answer: httpx.Response, status: int, *mentions: str) -> None:
    """The one shape of an error, and what its message says."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error_code", "message"}
    assert body["error_code"] == status
    for mention in mentions:
        assert mention in body["message"], body
    assert answer.headers["x-connect-error-code"]


async def test_a_topic_is_made_written_read_and_deleted(worker: RunningWorker) -> None:
    assert (await worker.client.post("/v1/topics", json={"name": "t", "partitions": 2})).status_code == 201
    record = {"key": "aw==", "value": "dg==", "partition": 1, "headers": [["h", "eA=="]]}
    assert (await worker.client.post("/v1/topics/t/records", json={"records": [record]})).json() == {"appended": 1}
    found = (await worker.client.get("/v1/topics/t/partitions/1/records?offset=0")).json()
    assert (found["records"][0]["value"], found["records"][0]["headers"], found["next_offset"]) == (
        "dg==",
        [["h", "eA=="]],
        1,
    )
    assert_error(await worker.client.get("/v1/topics/t/partitions/1/records?offset=9"), 404, "9")
    assert_error(await worker.client.post("/v1/topics", json={"name": "no/topic"}), 400, "no/topic")
    assert (await worker.client.delete("/v1/topics/t")).status_code == 204


async def test_a_topic_that_is_deleted_while_all_are_listed_is_left_out(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = worker.herder.cluster.admin
    await admin.create_topic("stays")
    names = await admin.list_topics()

    async def listed() -> list[str]:
        return [*names, "was-deleted"]

    monkeypatch.setattr(type(admin), "list_topics", lambda self: listed())
    answer = await worker.client.get("/v1/topics")
    assert answer.status_code == 200, answer.text
    assert sorted(topic["name"] for topic in answer.json()["topics"]) == sorted(names)


@pytest.mark.parametrize(
    ("body", "mentions"),
    [
        ({}, "member 'name' is missing"),
        ({"name": 1}, "member 'name' is int; text is expected"),
        ({"name": "t", "partitions": "two"}, "member 'partitions' is str; a whole number is expected"),
        ({"name": "t", "partitions": True}, "member 'partitions' is bool"),
        ({"name": "t", "configs": {"retention.ms": {}}}, "the value of 'retention.ms' is dict"),
        ({"name": "t", "configs": {"retention.ms": "soon"}}, "retention.ms"),
    ],
)
async def test_a_wrong_topic_is_refused_and_not_made(worker: RunningWorker, body: Any, mentions: str) -> None:
    assert_error(await worker.client.post("/v1/topics", json=body), 400, mentions)
    assert "t" not in await worker.herder.cluster.admin.list_topics()


async def test_a_topic_is_altered_and_null_brings_a_default_back(worker: RunningWorker) -> None:
    await worker.client.post("/v1/topics", json={"name": "t", "configs": {"retention.ms": 5000}})
    path = "/v1/topics/t"
    changed = await worker.client.patch(path, json={"partitions": 3, "configs": {"segment.bytes": "1048576"}})
    assert len(changed.json()["partitions"]) == 3
    assert changed.json()["configs"] == {"retention.ms": "5000", "segment.bytes": "1048576"}
    assert (await worker.client.patch(path, json={"configs": {"retention.ms": None}})).json()["configs"] == {
        "segment.bytes": "1048576"
    }
    entries = {entry["name"]: entry for entry in (await worker.client.get(path + "/configs")).json()["configs"]}
    assert (entries["segment.bytes"]["value"], entries["segment.bytes"]["source"]) == ("1048576", "topic")
    assert entries["retention.ms"]["source"] != "topic"
    assert_error(await worker.client.patch(path, json={"config": {}}), 400, "unknown member 'config'")
    assert_error(await worker.client.patch(path, json={"partitions": "4"}), 400, "member 'partitions' is str")


async def test_a_topic_that_the_worker_lives_by_is_neither_altered_nor_deleted(worker: RunningWorker) -> None:
    topic = worker.herder.worker_config.config_storage_topic
    for method, body in (("PATCH", {"partitions": 5}), ("DELETE", None)):
        refused = await worker.client.request(method, f"/v1/topics/{topic}", json=body)
        assert_error(refused, 409, "state")
