from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.worker import RunningWorker, running_worker

OFFSETS = "/v1/groups/mine/offsets"


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path) as running:
        await running.herder.cluster.admin.create_topic("t", partitions=2)
        yield running


async def committed(worker: RunningWorker) -> list[tuple[int, int]]:
    rows = (await worker.client.get(OFFSETS)).json()["offsets"]
    return [(row["partition"], row["offset"]) for row in rows]


async def test_a_groups_offsets_are_set_shown_and_forgotten(worker: RunningWorker) -> None:
    rows = [
        {"topic": "t", "partition": 0, "offset": 0, "metadata": "m"},
        {"topic": "t", "partition": "1", "offset": "0"},
    ]
    assert (await worker.client.put(OFFSETS, json={"offsets": rows})).status_code == 204
    assert (await worker.client.get("/v1/groups")).json() == {"groups": ["mine"]}
    found = (await worker.client.get("/v1/groups/mine")).json()
    assert [(row["partition"], row["metadata"], row["log_end_offset"]) for row in found["offsets"]] == [
        (0, "m", 0),
        (1, "", 0),
    ]
    assert (await worker.client.request("DELETE", OFFSETS, json={"partitions": [["t", 1]]})).status_code == 204
    assert await committed(worker) == [(0, 0)]
    assert (await worker.client.delete(OFFSETS)).status_code == 204
    assert await committed(worker) == []


@pytest.mark.parametrize(
    ("body", "mentions"),
    [
        ({}, "member 'offsets' is missing: an array of {topic, partition, offset} is expected"),
        ({"offsets": [{"topic": "t", "partition": 0}]}, "'offset' of offsets[0] is missing"),
        ({"offsets": [{"topic": "t", "partition": 0, "offset": -1}]}, "'offset' of offsets[0] is -1"),
        ({"offsets": [{"topic": "t", "partition": 1 << 31, "offset": 0}]}, "'partition' of offsets[0] is 2147483648"),
        ({"offsets": [{"topic": ["t"], "partition": 0, "offset": 0}]}, "'topic' of offsets[0] is list"),
        ({"offsets": {"t": 0}}, "member 'offsets' is dict"),
    ],
)
async def test_wrong_offsets_are_refused_and_none_is_set(worker: RunningWorker, body: Any, mentions: str) -> None:
    refused = await worker.client.put(OFFSETS, json=body)
    assert (refused.status_code, mentions in refused.json()["message"]) == (400, True), refused.text
    assert (await worker.client.get("/v1/groups")).json() == {"groups": []}


@pytest.mark.parametrize("body", [{}, {"partitions": None}, {"partitions": ["t"]}, {"partitions": [["t", "x"]]}])
async def test_wrong_partitions_are_refused_and_none_is_forgotten(worker: RunningWorker, body: Any) -> None:
    await worker.client.put(OFFSETS, json={"offsets": [{"topic": "t", "partition": 0, "offset": 0}]})
    refused = await worker.client.request("DELETE", OFFSETS, json=body)
    assert (refused.status_code, "[topic, partition]" in refused.json()["message"]) == (400, True), refused.text
    assert await committed(worker) == [(0, 0)]
