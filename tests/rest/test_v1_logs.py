from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.support.doors import assert_error
from tests.support.worker import running_worker


async def test_the_lines_of_a_connector_are_told_with_their_traces(tmp_path: Path) -> None:
    config = {"connector.class": "FileStreamSink", "topics": "t", "file": str(tmp_path / "no" / "out.txt")}
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/a%2Fb/config", json=config)
        await worker.until_failed("a/b")
        path = "/v1/connectors/a%2Fb/logs"
        told = (await worker.client.get(path)).json()
        failed = next(line for line in told["lines"] if line["text"].startswith("task failed"))
        assert (failed["level"], failed["task"]) == ("ERROR", 0)
        assert failed["trace"].startswith("Traceback (most recent call last):")
        assert (await worker.client.get(f"{path}?level=FATAL")).json() == {"lines": [], "dropped": 0}
        assert len((await worker.client.get(f"{path}?lines=1&level=error")).json()["lines"]) == 1
        assert (await worker.client.get("/v1/worker/connectors/a%2Fb/logs")).json() == told
        assert_error(await worker.client.get(f"{path}?level=loud"), 400, "logger.unknown_level")
        for wrong in ("0", "1001", "x"):
            assert (await worker.client.get(f"{path}?lines={wrong}")).status_code == 400
        assert (await worker.client.get("/v1/connectors/none/logs")).status_code == 404
        await worker.client.delete("/connectors/a%2Fb")
        await worker.until(lambda: worker.herder.base.lines.of("a/b") == ([], 0))


async def test_the_lines_of_a_plugin_in_a_process_of_its_own_are_there_too(tmp_path: Path) -> None:
    config = {
        "connector.class": "FileStreamSource",
        "plugin.isolation": "process",
        "file": str(tmp_path / "missing.txt"),
        "topic": "t",
    }
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/c/config", json=config)
        await worker.until(lambda: worker.herder.base.lines.of("c")[0], deadline_s=60)
        lines = (await worker.client.get("/v1/connectors/c/logs")).json()["lines"]
        assert any("missing.txt" in line["text"] for line in lines), lines


async def test_an_answer_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from connect.runtime.connector_context import of_connector
    from connect.runtime.live import lines

    monkeypatch.setattr(lines, "LINES_PER_S", 10_000)
    config = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in"), "topic": "t"}
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/c/config", json=config)
        for _ in range(1100):
            logging.getLogger("x").error("y" * 20_000, extra=of_connector("c", 0))
        answer = await worker.client.get("/v1/connectors/c/logs")
        assert len(answer.content) < 6_000_000 and answer.json()["dropped"] >= 100
