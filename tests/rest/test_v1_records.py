from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from connect.records import Columns
from connect.rest import v1_records
from connect.rest.models.records import RECORDS_MAX
from tests.support.worker import RunningWorker, running_worker


async def write(worker: RunningWorker, values: list[bytes], **configs: str) -> None:
    cluster = worker.herder.cluster
    if "t" not in await cluster.admin.list_topics():
        await cluster.admin.create_topic("t", partitions=1, configs={"max.message.bytes": str(64 << 20)})
    producer = cluster.producer(client_id="test", configs={"max.request.size": str(64 << 20), **configs})
    await producer.append("t", Columns(values, None, [0] * len(values), None), partition=0)
    await producer.aclose()


async def read(worker: RunningWorker, **asked: Any) -> dict[str, Any]:
    answer = await worker.client.get("/v1/topics/t/partitions/0/records", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def size_bytes(found: dict[str, Any]) -> int:
    return sum(len(b64decode(row["value"])) for row in found["records"])


@pytest.mark.slow
async def test_a_read_is_bounded_whatever_it_asks_for(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        for _ in range(12):
            await write(worker, [b"x" * 1000] * 1000)
        found = await read(worker, max_bytes=10**12, max_records=10**12)
        assert size_bytes(found) <= v1_records.READ_BYTES_MAX
        assert len(found["records"]) > 4000
        assert found["next_offset"] == found["records"][-1]["offset"] + 1
        rest, offset = [], 0
        while (found := await read(worker, offset=offset, max_bytes=10**12))["records"]:
            rest += [row["offset"] for row in found["records"]]
            offset = found["next_offset"]
        assert rest == list(range(12_000))


async def test_many_small_records_are_bounded_by_their_count(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await write(worker, [b""] * 25_000)
        found = await read(worker)
        assert (len(found["records"]), found["next_offset"]) == (10_000, 10_000)
        found = await read(worker, offset=10_000, max_records=3)
        assert [row["offset"] for row in found["records"]] == [10_000, 10_001, 10_002]


async def test_what_is_small_as_it_is_stored_is_bounded_by_what_it_unpacks_to(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await write(worker, [b"\0" * 100_000] * 100, **{"compression.type": "zstd"})
        found = await read(worker, max_bytes=1_000_000)
        assert [row["offset"] for row in found["records"]] == list(range(10))


async def test_a_record_larger_than_the_bound_is_read_all_the_same(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await write(worker, [b"x" * (5 << 20), b"y"])
        found = await read(worker, max_bytes=1)
        assert (len(found["records"]), found["next_offset"]) == (1, 1)


@pytest.mark.parametrize("asked", [{"max_bytes": 0}, {"max_bytes": -1}, {"max_records": 0}])
async def test_a_bound_of_nothing_is_refused(tmp_path: Path, asked: dict[str, int]) -> None:
    async with running_worker(tmp_path) as worker:
        await write(worker, [b"x"])
        assert (await worker.client.get("/v1/topics/t/partitions/0/records", params=asked)).status_code == 400


async def test_too_many_records_at_once_are_refused(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await write(worker, [b"x"])
        refused = await worker.client.post("/v1/topics/t/records", json={"records": [{}] * (RECORDS_MAX + 1)})
        assert refused.status_code == 400
        assert refused.json()["message"].startswith("member 'records' has 100001 items; at most 100000 are taken")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "member 'records' is missing: an array of records is expected"),
        ({"records": {}}, "member 'records' is dict; an array of records is expected"),
        ({"records": [[]]}, "records[0] is list; an object is expected"),
        ({"records": [{}, {"partition": "a"}]}, "'partition' of records[1] is str; a whole number is expected"),
        ({"records": [], "acks": "all"}, "member 'acks' is 'all'; none, written or durable is expected"),
        ({"records": [], "configs": {"linger.ms": []}}, "the value of 'linger.ms' is list; text, a number"),
        ({"records": [{"value": "no base64!"}]}, "a record cannot be read: "),
        ({"records": [{"headers": [["h"]]}]}, "records[0].headers[0][1] is missing: text in base64 is expected"),
        ({"records": [{"headers": [[None, "eA=="]]}]}, "records[0].headers[0][0] is null; text is expected"),
        ({"records": [{"headers": "h"}]}, "'headers' of records[0] is str; an array of [name, value] is expected"),
    ],
)
async def test_a_wrong_record_is_refused_and_nothing_is_appended(tmp_path: Path, body: Any, message: str) -> None:
    async with running_worker(tmp_path) as worker:
        await write(worker, [b"x"])
        refused = await worker.client.post("/v1/topics/t/records", json=body)
        assert refused.status_code == 400, refused.text
        assert refused.json()["message"].startswith(message)
        assert len((await read(worker))["records"]) == 1


async def test_records_with_all_they_can_have_come_back_as_they_were_sent(tmp_path: Path) -> None:
    record = {"key": "aw==", "value": None, "timestamp": 5, "partition": 0, "headers": [["h", "eA=="], ["n", None]]}
    async with running_worker(tmp_path) as worker:
        await worker.herder.cluster.admin.create_topic("t", partitions=1)
        answer = await worker.client.post("/v1/topics/t/records", json={"records": [record], "acks": "durable"})
        assert answer.json() == {"appended": 1}
        (found,) = (await read(worker))["records"]
        assert {**found, "partition": 0} == {**record, "offset": 0}


async def test_a_client_cannot_shut_a_source_task_out_by_its_transactional_id(tmp_path: Path) -> None:
    async with running_worker(tmp_path, exactly_once_source_support="enabled") as worker:
        await worker.herder.cluster.admin.create_topic("t")
        config = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t"}
        await worker.client.put("/connectors/s/config", json=config)
        body: dict[str, Any] = {"records": [{"value": "dg=="}], "configs": {"transactional.id": "connect-cluster-s-0"}}
        answer = await worker.client.post("/v1/topics/t/records", json=body)
        assert answer.status_code == 403
        assert "is that of task s-0" in answer.text
        body["configs"] = {"transactional.id": "connect-cluster-t-0"}
        assert (await worker.client.post("/v1/topics/t/records", json=body)).status_code == 200
