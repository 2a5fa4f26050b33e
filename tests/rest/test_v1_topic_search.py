"""Records of a topic, looked for by key, text, time and offset; bounded, and decoded as chosen."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from connect.records import Columns
from connect.runtime import topic_search
from tests.rest.test_connectors import assert_error
from tests.support.worker import JSON, RunningWorker, running_worker

JSON_BODY = {"value.converter": JSON, "value.converter.schemas.enable": "false"}


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


async def write(
    worker: RunningWorker,
    values: list[bytes | None],
    *,
    keys: list[bytes | None] | None = None,
    partition: int = 0,
    at_ms: int = 1000,
    headers: Any = None,
) -> None:
    cluster = worker.herder.cluster
    if "t" not in await cluster.admin.list_topics():
        await cluster.admin.create_topic("t", partitions=2, configs={"max.message.bytes": str(64 << 20)})
    producer = cluster.producer(client_id="test", configs={"max.request.size": str(64 << 20)})
    await producer.append("t", Columns(values, keys, [at_ms] * len(values), headers), partition=partition)
    await producer.aclose()


async def search(worker: RunningWorker, **asked: Any) -> dict[str, Any]:
    answer = await worker.client.get("/v1/topics/t/search", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def places(found: dict[str, Any]) -> list[str]:
    return [f"{one['partition']}:{one['offset']}" for one in found["records"]]


async def test_records_are_shown_as_their_bytes_look(worker: RunningWorker) -> None:
    values = [b'{"id": 7}', "grün".encode(), b"\xff\x00", None, b"[1", b"a\x00b"]
    headers = [[("h", b"x"), ("n", None)], *[None] * 5]
    await write(worker, values, keys=[b"7", None, None, b"k", None, None], headers=headers)
    found = await search(worker)
    assert [one["value"] for one in found["records"]] == [
        {"id": 7},
        "grün",
        {"base64": "/wA="},
        None,
        "[1",
        {"base64": "YQBi"},
    ]
    first = found["records"][0]
    assert (first["key"], first["timestamp"], first["size_bytes"]) == ("7", 1000, 13)
    assert first["headers"] == [{"name": "h", "value": "x"}, {"name": "n", "value": None}]
    assert (found["scanned"], found["next"], found["end"]) == (6, None, True)


async def test_a_key_a_text_a_partition_an_offset_and_a_time_are_looked_for(worker: RunningWorker) -> None:
    await write(worker, [b"one", b"two", b"three"], keys=[b"a", b"b", b"a"])
    await write(worker, [b"four", b"two again"], partition=1, at_ms=2000, headers=[[("h", b"three")], None])
    assert places(await search(worker, key="a")) == ["0:0", "0:2"]
    assert places(await search(worker, contains="two")) == ["0:1", "1:1"]
    assert places(await search(worker, contains="three")) == ["0:2", "1:0"]
    assert places(await search(worker, partition=1)) == ["1:0", "1:1"]
    assert places(await search(worker, from_offset=1)) == ["0:1", "0:2", "1:1"]
    assert places(await search(worker, from_offset=-1)) == ["0:2", "1:1"]
    assert places(await search(worker, from_timestamp=1500)) == ["1:0", "1:1"]
    assert places(await search(worker, key="a", contains="one")) == ["0:0"]
    assert places(await search(worker, key="nobody")) == []


async def test_a_search_goes_on_where_the_one_before_has_ended(worker: RunningWorker) -> None:
    await write(worker, [b"x%d" % n for n in range(5)])
    await write(worker, [b"y%d" % n for n in range(3)], partition=1)
    found, seen = await search(worker, limit=2), []
    while True:
        seen += places(found)
        if found["end"]:
            break
        found = await search(worker, limit=2, next=found["next"])
    assert seen == ["0:0", "0:1", "0:2", "0:3", "0:4", "1:0", "1:1", "1:2"]


async def test_where_to_go_on_is_of_its_partition_alone(worker: RunningWorker) -> None:
    await write(worker, [b"a", b"b", b"c"])
    await write(worker, [b"d", b"e"], partition=1)
    first = await search(worker, limit=2)
    assert first["next"] == "0:2"
    assert places(await search(worker, partition=1, next="0:2")) == ["1:0", "1:1"]


async def test_records_are_decoded_by_converters_that_are_named_or_a_connectors(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await write(worker, [b'{"id": 7, "name": "gr\\u00fcn"}', b"broken"], headers=[[("h", b"12")], None])
    found = await search(worker, **JSON_BODY)
    assert found["records"][0]["headers"] == [{"name": "h", "value": 12}]
    assert found["records"][0]["value"] == {"id": 7, "name": "grün"}
    assert found["records"][1]["value"] == "broken"
    assert "due to serialization error" in found["records"][1]["error"]
    assert places(await search(worker, contains="grün", **JSON_BODY)) == ["0:0"], "as it is shown, not as it is stored"
    config = {"connector.class": "FileStreamSink", "file": str(tmp_path / "o"), "topics": "t", **JSON_BODY}
    created = await worker.client.put("/connectors/k/config", json=config)
    assert created.status_code == 201, created.text
    assert (await search(worker, connector="k"))["records"][0]["value"] == {"id": 7, "name": "grün"}


async def test_what_was_aborted_or_is_open_can_be_left_out(worker: RunningWorker) -> None:
    await write(worker, [b"1"])
    for number, ending in enumerate(("commit", "abort", "none")):
        producer = worker.herder.cluster.producer(client_id="test", configs={"transactional.id": f"x-{number}"})
        await producer.init_transactions()
        await producer.begin_transaction()
        await producer.append("t", Columns([ending.encode()], None, 1000), partition=0)
        if ending == "commit":
            await producer.commit_transaction()
        elif ending == "abort":
            await producer.abort_transaction()
            await producer.aclose()
    assert [one["value"] for one in (await search(worker))["records"]] == ["1", "commit", "abort", "none"]
    for asked in ({}, {"from_offset": -50}, {"from_offset": 1}):
        found = await search(worker, isolation="read_committed", **asked)
        assert [one["value"] for one in found["records"]][-1:] == ["commit"]
        assert found["end"]
    assert (await search(worker, isolation="read_committed", from_offset=-1))["records"] == []
    await producer.abort_transaction()


async def test_what_is_read_returned_and_waited_for_is_bounded(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(worker, [b"x" * 1000] * 2000)
    found = await search(worker, limit=10**9)
    assert len(found["records"]) == topic_search.LIMIT_MAX
    assert found["next"] == "0:500"
    monkeypatch.setattr(topic_search, "SCANNED_MAX", 100)
    found = await search(worker, contains="nothing")
    assert found["records"] == []
    assert 100 <= found["scanned"] < 2000
    assert not found["end"]
    monkeypatch.undo()
    monkeypatch.setattr(topic_search, "SEARCH_S", 0.0)
    began_s = time.monotonic()
    found = await search(worker, contains="nothing")
    assert (found["scanned"], found["next"]) == (0, "0:0")
    assert time.monotonic() - began_s < 5


async def test_a_record_of_ten_megabytes_is_cut(worker: RunningWorker) -> None:
    await write(worker, [b'{"a": "' + b"x" * (10 << 20) + b'"}'])
    for more in ({}, JSON_BODY):
        answer = await worker.client.get("/v1/topics/t/search", params=more)
        assert len(answer.content) < 1 << 20
        [record] = answer.json()["records"]
        assert record["size_bytes"] == (10 << 20) + 9


async def test_deep_json_and_text_in_the_middle_of_a_character_do_no_harm(worker: RunningWorker) -> None:
    cut = "ü".encode() * topic_search.VALUE_BYTES_MAX
    await write(worker, [b"[" * 900 + b"]" * 900, b"[" * 5000, b"x" + cut])
    found = await search(worker)
    assert len(found["records"]) == 3
    assert found["records"][2]["value"].startswith("xüü")


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ({"partition": 9}, 404, "no partition 9"),
        ({"partition": -1}, 400, "partition"),
        ({"next": "here"}, 400, "'here' is no place to go on"),
        ({"from_offset": 1, "from_timestamp": 2}, 400, "exclude one another"),
        ({"contains": "x" * 1001}, 400, "at most 1000 characters"),
        ({"value.converter": "Nothing"}, 400, "Nothing"),
        ({"connector": "k", "value.converter": JSON}, 400, "exclude one another"),
        ({"connector": "k"}, 404, "k"),
        ({"limit": 0}, 400, "limit"),
    ],
)
async def test_a_wrong_search_is_told(worker: RunningWorker, asked: dict[str, Any], status: int, told: str) -> None:
    await write(worker, [b"x"])
    assert_error(await worker.client.get("/v1/topics/t/search", params=asked), status, told)
    assert_error(await worker.client.get("/v1/topics/none/search"), 404, "none")
