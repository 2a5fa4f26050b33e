"""A connector's contract over REST: shown, given, forgotten; and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.worker import STRING, RunningWorker, running_worker

PATH = "/v1/connectors/s/contract"
TEXT = {"type": "string", "optional": False}


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as running:
        yield running


async def lines(worker: RunningWorker, tmp_path: Path, **config: str) -> None:
    """Run a source whose records are lines of topic t."""
    (tmp_path / "in.txt").write_text("a\nb\n")
    keys = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t"}
    answer = await worker.client.put("/connectors/s/config", json={**keys, "value.converter": STRING, **config})
    assert answer.status_code == 201, answer.text
    await worker.until(lambda: worker.records("s") == 2)


async def test_it_is_shown_given_and_forgotten(worker: RunningWorker, tmp_path: Path) -> None:
    await lines(worker, tmp_path, **{"schema.contract": "freeze"})
    shown = (await worker.client.get(PATH)).json()
    assert shown["settings"] == {
        "schema.contract.fields": "freeze",
        "schema.contract.types": "freeze",
        "schema.contract.widening": "evolve",
        "schema.contract.topics": "evolve",
        "schema.compatibility": "NONE",
    }
    (known,) = shown["topics"]
    assert (known["topic"], known["version"], known["by"], known["schema"]) == ("t", 1, "task 0", TEXT)

    given = await worker.client.put(f"{PATH}/t", json={"schema": {"type": "int32"}})
    assert (given.status_code, given.json()["version"], given.json()["schema"]["type"]) == (200, 2, "int32")
    refused = await worker.client.put(f"{PATH}/a%20b", json={"schema": TEXT})
    assert (refused.status_code, refused.headers["X-Connect-Error-Code"]) == (400, "log.invalid_topic")
    await worker.client.put(f"{PATH}/a%2Eb", json={"schema": TEXT})
    assert (await worker.client.delete(f"{PATH}/a%2Eb")).json() == {"forgotten": ["a.b"]}
    assert (await worker.client.delete(PATH)).json() == {"forgotten": ["t"]}
    assert (await worker.client.get(PATH)).json()["topics"] == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "schema"),
        ({"schema": []}, "member 'schema' is list"),
        ({"schema": {"type": "strukt"}}, "'schema': the schema: 'type' is one of"),
        ({"schema": {"type": "struct", "fields": [{"type": "int32"}]}}, "its name in 'field'"),
        ({"schema": TEXT, "more": 1}, "more"),
    ],
)
async def test_a_schema_that_is_none_is_refused(worker: RunningWorker, tmp_path: Path, body: Any, says: str) -> None:
    await lines(worker, tmp_path)
    answer = await worker.client.put(f"{PATH}/t", json=body)
    assert answer.status_code == 400
    assert says in answer.json()["message"]
    assert (await worker.client.get(PATH)).json()["topics"] == []


async def test_a_connector_that_is_not_there_has_none(worker: RunningWorker) -> None:
    for method, path, body in (("GET", PATH, None), ("DELETE", PATH, None), ("PUT", f"{PATH}/t", {"schema": TEXT})):
        assert (await worker.client.request(method, path, json=body)).status_code == 404
