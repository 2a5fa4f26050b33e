from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connect.api import SourceTask
from connect.rest.server import serve
from connect.runtime.border import watchdog
from connect.runtime.model import State
from tests.support.declared import checked_app
from tests.support.doors import PASSWORD, assert_error, make_users, served_worker
from tests.support.groups import Group, generated, group
from tests.support.odd_plugins import register, source
from tests.support.plain import NO_TLS
from tests.support.worker import RunningWorker, running_worker, until

BAD = "bad-0"


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path) as running:
        yield running


def failing(tmp_path: Path) -> dict[str, str]:
    return {"connector.class": "FileStreamSink", "topics": "t", "file": str(tmp_path / "none" / "out.txt")}


async def with_failures(worker: RunningWorker, tmp_path: Path, *, good: int = 0) -> RunningWorker:
    """Let the task of one connector fail, beside others that run."""
    for number in range(good):
        await worker.herder.create(f"good-{number}", {**failing(tmp_path), "file": str(tmp_path / f"{number}.txt")})
        await worker.until_state(f"good-{number}", State.RUNNING, tasks=1)
    await worker.herder.create("bad", failing(tmp_path))
    await worker.until_failed("bad")
    return worker


async def asked(worker: RunningWorker, query: str) -> tuple[int, Any]:
    answer = await worker.client.get(f"/health?{query}")
    return answer.status_code, answer.json()


async def test_health_is_kafkas_two_members_and_stays_200_while_tasks_fail(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await with_failures(worker, tmp_path)
    answer = await worker.client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "healthy",
        "message": "Worker has completed startup and is ready to handle requests.",
    }
    for probe in ("live", "ready"):
        assert (await worker.client.get(f"/health/{probe}")).status_code == 200


async def test_a_worker_that_cannot_write_its_topics_is_unhealthy_and_not_ready_and_alive(
    worker: RunningWorker,
) -> None:
    assert (await worker.client.get("/health")).status_code == 200
    worker.herder._statuses.trouble = "disk full"
    answer = await worker.client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (500, "unhealthy")
    assert "disk full" in answer.json()["message"]
    assert (await worker.client.get("/health/ready")).status_code == 503
    assert (await worker.client.get("/health/live")).status_code == 200, "a new process would find the same disk"


@pytest.mark.parametrize(
    ("threshold", "status"),
    [("1", 500), ("2", 200), ("25%", 500), ("25.5%", 200), ("100%", 200), ("000001%", 500)],
)
async def test_a_threshold_counts_failed_tasks_and_connectors_from_its_number_on(
    worker: RunningWorker, tmp_path: Path, threshold: str, status: int
) -> None:
    await with_failures(worker, tmp_path, good=3)
    found, told = await asked(worker, f"failed={threshold}")
    assert found == status
    assert [(one["connector"], one["task"]) for one in told["failed"]] == [("bad", 0)]
    assert "file.unwritable" in told["failed"][0]["cause"]
    if status == 500:
        threshold = threshold.lstrip("0")
        reached = f"0 of 4 connectors and 1 of 4 tasks are FAILED, which reaches failed={threshold}"
        assert (told["status"], told["message"]) == ("unhealthy", reached)


async def test_a_threshold_takes_its_percent_sign_as_it_is_and_encoded(worker: RunningWorker, tmp_path: Path) -> None:
    await with_failures(worker, tmp_path)
    async with serve(worker.client._transport.app, worker.herder.worker_config, ["http://127.0.0.1:0"]) as urls:  # type: ignore[attr-defined]
        port = int(urls[0].rpartition(":")[2])
        for written in (b"50%", b"50%25"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"GET /health?failed=" + written + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            assert (await asyncio.wait_for(reader.read(), 20)).startswith(b"HTTP/1.1 500 "), written
            writer.close()


@pytest.mark.parametrize("text", ["0", "0%", "101%", "1.5", "x", "-1", "%", "", "1e3", "٣"])
async def test_a_threshold_that_is_none_is_refused_and_not_passed_over(worker: RunningWorker, text: str) -> None:
    answer = await worker.client.get("/health", params={"failed": text})
    assert_error(answer, 400, "request.invalid")
    assert "failed" in answer.json()["message"]


class Broken(source(SourceTask, "Broken")):  # type: ignore[misc]
    def start(self) -> None:
        raise RuntimeError("out of order")


async def test_a_connector_that_failed_itself_counts_among_connectors(worker: RunningWorker, tmp_path: Path) -> None:
    register(worker.herder, Broken)
    await worker.herder.create("broken", {"connector.class": "test.Broken"})
    await worker.until_failed("broken")
    status, told = await asked(worker, "failed=100%")
    assert (status, told["failed"][0]["connector"], told["failed"][0]["task"]) == (500, "broken", None)
    assert "out of order" in told["failed"][0]["cause"]


async def test_each_connector_is_told_of_where_that_is_asked_for(worker: RunningWorker, tmp_path: Path) -> None:
    await with_failures(worker, tmp_path, good=1)
    await worker.herder.pause("good-0")
    await worker.until_state("good-0", State.PAUSED, tasks=1)
    status, told = await asked(worker, "connectors=true")
    assert (status, told["status"]) == (200, "healthy")
    assert told["connectors"] == [
        {"connector": "bad", "state": "RUNNING", "tasks": [{"task": 0, "state": "FAILED"}]},
        {"connector": "good-0", "state": "PAUSED", "tasks": [{"task": 0, "state": "PAUSED"}]},
    ]
    assert [one["connector"] for one in told["failed"]] == ["bad"]


async def test_probes_need_no_user_and_names_need_one(tmp_path: Path) -> None:
    users, _ = make_users(tmp_path)
    async with served_worker(tmp_path, **{"rest.authentication.file": str(users)}) as worker:
        for path in ("/health", "/health/live", "/health/ready", "/health/ready/", "/health?failed=50%&scope=cluster"):
            answer = await worker.get(path)
            assert (answer.status_code, set(answer.json())) == (200, {"status", "message"}), path
        for query in (
            "connectors=true",
            "connectors=false",
            "failed=1&connectors=1",
            "%63onnectors=true",
            "connectors",
        ):
            assert_error(await worker.get(f"/health?{query}"), 401, "auth.required")
            assert (await worker.get(f"/health?{query}", auth=("bob", PASSWORD))).status_code == 200
        assert (await worker.get("/health/live/x")).status_code == 401
        assert (await worker.request("POST", "/health/live")).status_code == 401


async def test_a_worker_whose_loop_stands_most_of_the_time_hangs(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "TICK_S", 0.02)
    monkeypatch.setattr(watchdog, "HELD_S", 0.05)
    monkeypatch.setattr(watchdog, "HUNG_WINDOW_S", 1.0)
    watch = watchdog.Watchdog()
    watch.start()
    monkeypatch.setattr(worker.herder.base, "watchdog", watch)
    try:
        assert watch.hung() is None
        time.sleep(0.9)  # noqa: ASYNC251 - what a plugin must not do
        hung = await worker.client.get("/health/live")
        assert (hung.status_code, hung.json()["status"]) == (503, "hung")
        assert "stood for 1 of the last 1 s" in hung.json()["message"]
        await until(lambda: watch.hung() is None)
        assert (await worker.client.get("/health/live")).status_code == 200
    finally:
        watch.close()


async def test_a_worker_that_writes_no_statuses_any_more_is_to_be_started_anew(worker: RunningWorker) -> None:
    writer = worker.herder.base._writer
    assert writer is not None
    writer.cancel()
    await asyncio.wait([writer], timeout=5)
    hung = await worker.client.get("/health/live")
    assert (hung.status_code, hung.json()["status"]) == (503, "hung")


async def test_each_worker_of_a_group_counts_its_own_tasks_and_all_of_them_where_it_is_asked(tmp_path: Path) -> None:
    async with group(tmp_path) as workers:
        await with_a_failure_on_one(workers, tmp_path)
        found = {}
        for name, node in workers.nodes.items():
            with checked_app(node) as app:
                transport = httpx.ASGITransport(app)
                async with httpx.AsyncClient(transport=transport, base_url="http://worker", verify=NO_TLS) as client:
                    found[name] = (await client.get("/health?failed=1")).status_code
                    assert (await client.get("/health?failed=1&scope=cluster")).status_code == 500
                    [told] = (await client.get("/health?connectors=true&scope=CLUSTER")).json()["failed"]
                    assert told["connector"] == "bad"
        assert sorted(found.values()) == [200, 500]


async def with_a_failure_on_one(group: Group, tmp_path: Path) -> None:
    await group.start("a")
    await group.start("b")
    herder = await group.leader()
    await herder.create("good", generated("good", 1))
    await herder.create("bad", failing(tmp_path))
    nodes = list(group.nodes.values())

    def is_known() -> bool:
        return all(
            [status.state for status in node.base.statuses.tasks("bad").values()] == ["FAILED"] for node in nodes
        )

    await until(is_known)
