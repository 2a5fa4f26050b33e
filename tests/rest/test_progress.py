from __future__ import annotations

import logging
from pathlib import Path

import httpx
import pytest

from connect.rest import progress
from tests.support.groups import generated, group
from tests.support.logs import logged
from tests.support.plain import NO_TLS
from tests.support.worker import until


async def test_a_worker_that_does_not_tell_is_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "_TOLD_WITHIN_S", 0.2)
    async with group(tmp_path) as workers:
        node = await workers.start("a", served=True)
        herder = await workers.leader()
        await workers.start("b")  # its URL leads nowhere
        await herder.create("c", generated("c", 2))
        await until(lambda: len(workers.load()) == 2)
        async with httpx.AsyncClient(base_url=node.base.url, trust_env=False, timeout=30, verify=NO_TLS) as client:
            moved = (await client.get("/v1/throughput?window_ms=1")).json()
        assert len(moved["tasks"]) == 1
        assert all("the tasks of worker http://b:8083 are left out" in line for line in logged(caplog, logging.WARNING))
