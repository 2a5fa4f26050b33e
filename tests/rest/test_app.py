from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.worker import RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


async def test_head_and_options_work_on_known_paths(worker: RunningWorker) -> None:
    assert (await worker.client.head("/connectors")).status_code == 200
    assert "POST" in (await worker.client.options("/connectors")).headers["allow"]


@pytest.mark.parametrize("path", ["//connectors", "/connectors//status", "/connectors//x/status"])
async def test_an_empty_path_segment_is_400(worker: RunningWorker, path: str) -> None:
    answer = await worker.client.get(f"http://worker{path}")
    assert (answer.status_code, answer.json()["error_code"]) == (400, 400)


async def test_head_answers_as_get_does_without_the_body(worker: RunningWorker) -> None:
    for path in (
        "/",
        "/health",
        "/connectors?expand=status",
        "/connectors/none",
        "/none",
        "/v1/throughput?window_ms=0",
    ):
        get, head = await worker.client.get(path), await worker.client.head(path)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        assert head.headers.get("content-type") == get.headers.get("content-type"), path
    # A parameter that GET needs is read by HEAD too.
    assert (await worker.client.head("/v1/topics/none/partitions/0/offset?timestamp=0")).status_code == 404
    assert (await worker.client.head("/v1/topics/none/partitions/0/offset")).status_code == 400


async def test_a_known_path_names_its_methods_and_an_unknown_one_is_404(worker: RunningWorker) -> None:
    refused = await worker.client.post("/connectors/x/status")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET,HEAD,OPTIONS")
    assert (await worker.client.head("/connectors/x/pause")).headers["allow"] == "OPTIONS,PUT"
    assert (await worker.client.options("/connectors/x/offsets")).text == "DELETE,GET,HEAD,OPTIONS,PATCH"
    for method in ("GET", "HEAD", "OPTIONS", "POST"):
        assert (await worker.client.request(method, "/nothing/here")).status_code == 404
