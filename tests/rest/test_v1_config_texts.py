"""Texts that hold configs, over REST."""

from __future__ import annotations

from pathlib import Path

from tests.rest.test_connectors import assert_error
from tests.support.worker import running_worker


async def test_a_pasted_text_becomes_connectors_and_nothing_is_made(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        text = "name=c\nconnector.class=FileStreamSink\nconnection.password=hunter2\n"
        answer = await worker.client.post("/v1/configs/parse", json={"text": text})
        assert answer.status_code == 200, answer.text
        assert answer.json() == {
            "took_it_for": "Java properties",
            "connectors": [
                {"name": "c", "config": {"connector.class": "FileStreamSink", "connection.password": "hunter2"}}
            ],
            "notes": [],
        }
        assert (await worker.client.get("/connectors")).json() == []


async def test_what_cannot_be_read_is_a_clear_error(tmp_path: Path) -> None:
    async with running_worker(tmp_path, **{"rest.request.max.bytes": str(16 << 20)}) as worker:
        post = worker.client.post
        refused = await post("/v1/configs/parse", json={"text": "{oops"})
        assert_error(refused, 400, "the text is not JSON")
        assert refused.headers["x-connect-error-code"] == "config.unreadable"
        assert_error(await post("/v1/configs/parse", json={"text": "x" * (10 << 20)}), 400, "at most 1,048,576")
        assert_error(await post("/v1/configs/parse", json={"txt": ""}), 400, "unknown member 'txt'")
