from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.worker import RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


async def test_plugins_their_keys_and_validation(worker: RunningWorker) -> None:
    listed = (await worker.client.get("/connector-plugins")).json()
    assert {p["type"] for p in listed} == {"source", "sink"}
    everything = (await worker.client.get("/connector-plugins?connectorsOnly=false")).json()
    assert {p["type"] for p in everything} >= {"transformation", "predicate", "converter", "header_converter"}
    keys = [key["name"] for key in (await worker.client.get("/connector-plugins/FileStreamSource/config")).json()]
    assert keys[:3] == ["file", "topic", "batch.size"]
    checked = await worker.client.put(
        "/connector-plugins/FileStreamSource/config/validate",
        json={"connector.class": "FileStreamSource", "name": "s", "tasks.max": "x", "batch.size": "y"},
    )
    errors = {c["value"]["name"]: len(c["value"]["errors"]) for c in checked.json()["configs"] if c["value"]["errors"]}
    assert (checked.status_code, errors) == (200, {"tasks.max": 2, "batch.size": 1, "topic": 1})


URL = "jdbc:postgresql://127.0.0.1:1/db?user=u1&password=pw-2&sslpassword=pw-3"

WITH_SECRETS = {
    "connector.class": "JdbcSinkConnector",
    "topics": "t",
    "connection.user": "u1",
    "connection.password": "pw-1",
    "connection.url": URL,
}


async def test_validation_fills_in_what_is_known_and_names_what_is_not(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/a/config", json=WITH_SECRETS)
        shown = (await worker.client.get("/connectors/a/config")).json()
        for prefix in ("", "/v1"):
            path = f"{prefix}/connector-plugins/JdbcSinkConnector/config/validate"
            known = (await worker.client.put(path, json=shown)).json()
            assert known["error_count"] == 0
            assert "pw-" not in str(known)
            unknown = (await worker.client.put(path, json={**shown, "name": "b"})).json()
            wrong = [info["value"]["name"] for info in unknown["configs"] if info["value"]["errors"]]
            assert sorted(wrong) == ["connection.password", "connection.url"]


async def test_a_plugins_keys_are_those_of_the_installed_version(worker: RunningWorker) -> None:
    path = "/connector-plugins/FileStreamSource/config"
    for version in ("latest", "0.1.0"):
        assert (await worker.client.get(f"{path}?version={version}")).status_code == 200
    answer = await worker.client.get(f"{path}?version=9")
    assert (answer.status_code, "0.1.0" in answer.json()["message"]) == (400, True)
