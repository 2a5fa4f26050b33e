from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.support.worker import STRING, RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


def file_source(tmp_path: Path, **config: str) -> dict[str, str]:
    return {
        "connector.class": "FileStreamSource",
        "file": str(tmp_path / "in.txt"),
        "topic": "lines",
        "value.converter": STRING,
        **config,
    }


def assert_error(answer: httpx.Response, status: int, *mentions: str) -> None:
    """The one shape of an error, and what its message says."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error_code", "message"}
    assert body["error_code"] == status
    for mention in mentions:
        assert mention in body["message"], body
    assert answer.headers["x-connect-error-code"]


async def test_other_content_types_are_refused(worker: RunningWorker) -> None:
    assert_error(
        await worker.client.post("/connectors", content=b"{}", headers={"Content-Type": "text/plain"}),
        415,
        "application/json",
    )
    assert_error(await worker.client.get("/connectors", headers={"Accept": "text/csv"}), 406)


@pytest.mark.parametrize("name", ["a b", "a/b", "ünï", "a%b", "a+b", "a?b"])
async def test_names_with_odd_characters_can_be_read_and_deleted(
    worker: RunningWorker, tmp_path: Path, name: str
) -> None:
    from urllib.parse import quote

    made = await worker.client.post("/connectors", json={"name": name, "config": file_source(tmp_path)})
    assert made.status_code == 201
    path = f"/connectors/{quote(name, safe='')}"
    assert (await worker.client.get(path)).json()["name"] == name
    assert (await worker.client.delete(path)).status_code == 204
