from __future__ import annotations

from pathlib import Path

import httpx

from tests.support.groups import generated, group
from tests.support.plain import NO_TLS
from tests.support.worker import STRING, running_worker, until


async def test_a_connectors_last_hour_is_told(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\n" * 100)
    common = {"key.converter": STRING, "value.converter": STRING}
    config = {"connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "t", **common}
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/a%2Fb/config", json=config)
        await worker.until(lambda: worker.records("a/b") == 100)
        assert (await worker.client.get("/v1/connectors/a%2Fb/series")).json()["records_per_second"] == []
        await worker.herder.base.recorder.record()
        told = (await worker.client.get("/v1/connectors/a%2Fb/series")).json()
        assert told["records_per_second"][0] > 0 and told["batch_ms"][0] > 0
        assert (told["step_ms"], told["lag"], told["errors"]) == (10_000, [None], [0.0])
        assert (await worker.client.get("/v1/worker/connectors/a%2Fb/series")).json() == told
        later = told["from"] + told["step_ms"]
        assert (await worker.client.get(f"/v1/connectors/a%2Fb/series?since_ms={later}")).json()["lag"] == []
        assert (await worker.client.get("/v1/connectors/none/series")).status_code == 404
        for wrong in ("-1", "x", str(1 << 53)):
            assert (await worker.client.get(f"/v1/connectors/a%2Fb/series?since_ms={wrong}")).status_code == 400


async def test_a_group_tells_of_what_all_of_its_workers_moved(tmp_path: Path) -> None:
    async with group(tmp_path) as workers:
        nodes = [await workers.start(name, served=True) for name in ("a", "b")]
        herder = await workers.leader()
        await herder.create("c", {**generated("c", 2), "max.interval": "1"})
        await until(lambda: sum(workers.load().values()) == 2)
        await until(lambda: all(progress.records for node in nodes for progress in node.base.progress()))
        for node in nodes:
            await node.base.recorder.record()
        own, told = [], []
        for node in nodes:
            async with httpx.AsyncClient(base_url=node.base.url, trust_env=False, timeout=30, verify=NO_TLS) as client:
                own += (await client.get("/v1/worker/connectors/c/series")).json()["records_per_second"]
                told.append((await client.get("/v1/connectors/c/series")).json()["records_per_second"])
        assert len(own) == 2, "each has its task"
        assert told[0] == told[1] and max(rate or 0 for rate in told[0]) >= max(own) > 0
