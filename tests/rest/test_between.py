from __future__ import annotations

import httpx

from connect.app import serve_between
from connect.rest.between import JOINING
from connect.runtime.worker_config import WorkerConfig
from tests.support.doors import assert_error
from tests.support.kafka_broker import free_ports
from tests.support.plain import NO_TLS


async def test_who_asks_the_group_is_told_to_ask_again_and_who_looks_at_the_worker_that_it_starts() -> None:
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    elsewhere = WorkerConfig.parse({"listeners": "http://127.0.0.1:0"})
    async with serve_between(elsewhere, [url]), httpx.AsyncClient(base_url=url, verify=NO_TLS) as client:
        health = await client.get("/health")
        assert (health.status_code, health.json()) == (503, {"status": "starting", "message": JOINING})
        for method, path in [("GET", "/"), ("GET", "/connectors"), ("PUT", "/connectors/a/config"), ("POST", "/%2e")]:
            answer = await client.request(method, path)
            assert_error(answer, 409, "worker.rebalancing")
            assert JOINING in answer.json()["message"]
