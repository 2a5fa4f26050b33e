"""`connector.client.config.override.policy` on both engines: in each way that a config comes in, and at a start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connect.runtime.model import State
from tests.support.worker import STRING, running_worker

ENGINES = ["log", pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.timeout(300)])]
REFUSED = "The 'None' policy does not allow 'linger.ms' to be overridden in the connector configuration."
OVERRIDE = {"producer.override.linger.ms": "5"}


def worker_config(engine: str, request: pytest.FixtureRequest, name: str, **more: str) -> dict[str, str]:
    """Return the config of a worker on an engine; the same name has the same state."""
    if engine == "log":
        return more
    kinds = ("config", "offset", "status")
    return {
        "bootstrap.servers": request.getfixturevalue("broker").bootstrap,
        "group.id": name,
        **{f"{kind}.storage.topic": f"{name}-{kind}" for kind in kinds},
        **{f"{kind}.storage.replication.factor": "1" for kind in kinds},
        **more,
    }


def source(folder: Path, name: str, **more: str) -> dict[str, str]:
    (folder / "in.txt").write_text("line\n")
    factor = {"topic.creation.default.replication.factor": "1", "topic.creation.default.partitions": "1"}
    own = {"connector.class": "FileStreamSource", "file": str(folder / "in.txt"), "topic": name}
    return {**own, **factor, "value.converter": STRING, **more}


def errors_of(infos: dict[str, Any], key: str) -> list[str]:
    [found] = [info["value"]["errors"] for info in infos["configs"] if info["value"]["name"] == key]
    return list(found)


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_refused_override_comes_in_by_no_way_and_what_is_stored_already_does_not_run(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    good, bad = source(tmp_path, name), source(tmp_path, name, **OVERRIDE)
    async with running_worker(tmp_path, **worker_config(engine, request, name)) as worker:
        created = await worker.client.post("/connectors", json={"name": "stored", "config": bad})
        assert created.status_code == 201, "the policy is All where nothing is said"
        await worker.until_state("stored", State.RUNNING, tasks=1)

    policy = {"connector.client.config.override.policy": "None"}
    async with running_worker(tmp_path, **worker_config(engine, request, name, **policy)) as worker:
        trace = await worker.until_failed("stored")
        assert f"Client Config Overrides not allowed: {REFUSED}" in trace
        status = (await worker.client.get("/connectors/stored/status")).json()
        assert (status["connector"]["state"], status["tasks"][0]["state"]) == ("RUNNING", "FAILED"), "as in Kafka"

        validated = await worker.client.put("/connector-plugins/FileStreamSource/config/validate", json=bad)
        assert errors_of(validated.json(), "producer.override.linger.ms") == [REFUSED]
        for answer in (
            await worker.client.post("/connectors", json={"name": "new", "config": bad}),
            await worker.client.put("/connectors/new/config", json=bad),
            await worker.client.put("/connectors/stored/config", json={**bad, "tasks.max": "1"}),
            await worker.client.patch("/connectors/stored/config", json={"topic": "other"}),
        ):
            assert answer.status_code == 400
            assert REFUSED in answer.json()["message"]
        assert (await worker.client.get("/connectors")).json() == ["stored"]

        mended = await worker.client.put("/connectors/stored/config", json=good)
        assert mended.status_code == 200
        await worker.until_state("stored", State.RUNNING, tasks=1)
