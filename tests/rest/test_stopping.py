from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.doors import assert_error
from tests.support.worker import running_worker


@pytest.mark.parametrize(("grace_ms", "retry_after"), [(5000, "5"), (1, "1"), (1500, "2")])
async def test_a_worker_that_stops_is_alive_and_not_ready_and_takes_no_changes_but_tells(
    tmp_path: Path, grace_ms: int, retry_after: str
) -> None:
    async with running_worker(tmp_path, task_shutdown_graceful_timeout_ms=str(grace_ms)) as worker:
        config = {"connector.class": "FileStreamSink", "topics": "t", "file": str(tmp_path / "a.txt")}
        await worker.herder.create("a", config)
        worker.herder.stop_soon()
        for path in ("/health/live", "/health", "/connectors", "/connectors/a/status", "/v1/worker"):
            assert (await worker.client.get(path)).status_code == 200, path
        ready = await worker.client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "stopping")
        for method, path in (
            ("PUT", "/connectors/a/config"),
            ("POST", "/connectors"),
            ("PATCH", "/connectors/a/config"),
            ("DELETE", "/connectors/a"),
        ):
            refused = await worker.client.request(method, path, json={})
            assert_error(refused, 503, "worker.stopping")
            assert refused.headers["retry-after"] == retry_after
        assert (await worker.client.options("/connectors")).status_code == 200
        await worker.herder.drain()
        assert worker.herder.connectors() == ["a"]
