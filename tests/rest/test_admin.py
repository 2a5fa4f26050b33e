from __future__ import annotations

import logging
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.support.worker import STRING, RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


async def test_loggers_are_listed_read_and_set(worker: RunningWorker) -> None:
    name = f"test.{uuid.uuid4().hex}"
    assert "root" in (await worker.client.get("/admin/loggers")).json()
    assert (await worker.client.get(f"/admin/loggers/{name}")).status_code == 404
    set_ = await worker.client.put(f"/admin/loggers/{name}", json={"level": "debug"})
    assert (set_.status_code, set_.json()) == (200, [name])
    assert logging.getLogger(name).level == logging.DEBUG
    shown = (await worker.client.get(f"/admin/loggers/{name}")).json()
    assert (shown["level"], type(shown["last_modified"])) == ("DEBUG", int)


@pytest.mark.parametrize(("scope", "status"), [("worker", 200), ("galaxy", 200), ("cluster", 204), ("CLUSTER", 204)])
async def test_a_clusters_levels_are_answered_without_names(worker: RunningWorker, scope: str, status: int) -> None:
    path = f"/admin/loggers/test.{uuid.uuid4().hex}?scope={scope}"
    assert (await worker.client.put(path, json={"level": "WARN"})).status_code == status


@pytest.mark.parametrize(
    ("body", "status"), [({"level": "LOUD"}, 404), ({}, 400), ({"level": None}, 400), ({"level": 3}, 400)]
)
async def test_levels_that_do_not_exist_are_refused(worker: RunningWorker, body: Any, status: int) -> None:
    answer = await worker.client.put("/admin/loggers/test.refused", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, status)


@pytest.mark.parametrize(
    ("config", "get", "reset"),
    [
        ({"topic_tracking_enable": "false"}, 403, 403),
        ({"topic_tracking_allow_reset": "false"}, 200, 403),
        ({}, 200, 202),
    ],
)
async def test_topic_tracking_can_be_switched_off(tmp_path: Path, config: dict[str, str], get: int, reset: int) -> None:
    async with running_worker(tmp_path, **config) as worker:
        assert (await worker.client.get("/connectors/any/topics")).status_code == get
        assert (await worker.client.put("/connectors/any/topics/reset")).status_code == reset


async def test_a_topic_comes_back_after_a_reset_with_its_next_record(worker: RunningWorker, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\n")
    config = {
        "connector.class": "FileStreamSource",
        "file": str(tmp_path / "in.txt"),
        "topic": "t",
        "value.converter": STRING,
    }
    await worker.client.put("/connectors/s/config", json=config)
    await worker.until(lambda: worker.herder.active_topics("s") == ["t"])
    await worker.client.put("/connectors/s/topics/reset")
    assert (await worker.client.get("/connectors/s/topics")).json() == {"s": {"topics": []}}
    with (tmp_path / "in.txt").open("a") as file:
        file.write("b\n")
    await worker.until(lambda: worker.herder.active_topics("s") == ["t"])
