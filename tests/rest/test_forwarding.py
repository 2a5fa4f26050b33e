from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connect import credentials
from connect.credentials import Entry, Role
from connect.rest import forwarding
from tests.support.doors import assert_error
from tests.support.groups import Group, call, generated, group
from tests.support.plain import NO_TLS
from tests.support.worker import until


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Group, httpx.AsyncClient, httpx.AsyncClient]]:
    """A group of two with REST, a client of the leader's, and one of the other's."""
    async with group(tmp_path) as workers:
        clients = []
        for name in ("a", "b"):
            node = await workers.start(name, served=True)
            clients.append(
                httpx.AsyncClient(base_url=f"http://{node.base.worker_id}", trust_env=False, timeout=30, verify=NO_TLS)
            )
            await workers.leader()
        await until(lambda: workers.nodes["b"].leader_url is not None)
        yield workers, clients[0], clients[1]
        for client in clients:
            await client.aclose()


Pair = tuple[Group, httpx.AsyncClient, httpx.AsyncClient]


async def test_any_worker_answers_for_all_with_the_leaders_answer(pair: Pair) -> None:
    workers, leader, other = pair
    name = "odd / name%"
    answer = await other.post("/connectors", json={"name": name, "config": generated(name, 2, **{"kafka.topic": "t"})})
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{other.base_url}/connectors/odd%20%2F%20name%25"
    assert len(answer.headers.get_list("date")) == 1
    await until(lambda: sum(workers.load().values()) == 2)
    path = answer.headers["location"].removeprefix(str(other.base_url))
    here, there = await other.get(path + "/status"), await leader.get(path + "/status")
    assert here.json() == there.json() and here.status_code == 200
    assert {task["worker_id"] for task in here.json()["tasks"]} == {
        node.base.worker_id for node in workers.nodes.values()
    }
    assert (await other.get("/connectors?expand=status&expand=info")).json().keys() == {name}
    assert (await other.head(path)).status_code == 200
    assert (await other.delete(path)).status_code == 204
    assert (await other.get("/connectors")).json() == []


async def test_errors_come_through_as_the_leader_has_them(pair: Pair) -> None:
    _, leader, other = pair
    for method, path, body in (
        ("GET", "/connectors/none", None),
        ("POST", "/connectors", {"name": "x", "config": {}}),
        ("PUT", "/connector-plugins/None/config/validate", {}),
        ("GET", "/nowhere", None),
    ):
        here, there = await other.request(method, path, json=body), await leader.request(method, path, json=body)
        assert (here.status_code, here.json()) == (there.status_code, there.json()) and here.status_code >= 400
        assert here.headers["x-connect-error-code"] == there.headers["x-connect-error-code"]


async def test_what_a_worker_tells_of_itself_it_tells_itself(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, other = pair

    def forbidden(*_: object) -> None:
        raise AssertionError("it was handed on")

    monkeypatch.setattr(forwarding.Forwarding, "_forward", forbidden)
    for path in ("/", "/health", "/health/", "/admin/loggers", "/admin/loggers/root", "/openapi.json", "/v1/registry"):
        assert (await other.get(path)).status_code == 200, path
    assert_error(await other.get("/v1/registry/subjects"), 404, "registry.absent")  # the leader may have one


async def test_while_nobody_leads_and_where_the_leader_is_gone_it_is_409_and_not_for_ever(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    workers, _, other = pair
    table = workers.nodes["b"]._table
    assert table.leader is not None
    known = table.workers[table.leader]
    table.workers[table.leader] = type(known)("http://127.0.0.1:9", known.version)
    refused = await other.get("/connectors")
    assert_error(refused, 409, "worker.rebalancing")
    told = refused.json()["message"]
    assert "http://127.0.0.1:9" in told and "rest.advertised.host.name" in told
    assert_error(await other.get("/connectors"), 409, "worker.rebalancing")
    assert caplog.text.count("http://127.0.0.1:9") == 1, "who asks again does not fill the log"
    table.workers[table.leader] = type(known)("http://no.such.host.invalid:8083", known.version)
    refused = await other.get("/connectors")
    assert_error(refused, 409, "worker.rebalancing")
    told = refused.json()["message"]
    assert "http://no.such.host.invalid:8083" in told and "rest.advertised.host.name" in told
    table.workers.pop(table.leader)
    assert_error(await other.get("/connectors"), 409, "worker.rebalancing")
    table.workers[table.leader] = known
    await workers.stop("a")
    assert (await call(other, "GET", "/connectors")).json() == []


async def test_a_leader_that_stands_still_is_not_waited_for_once_another_one_leads(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "_LOOK_S", 0.05)
    workers, _, other = pair
    table = workers.nodes["b"]._table
    assert table.leader is not None
    held, asked = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        asked.set()
        await held.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port, known = server.sockets[0].getsockname()[1], table.workers[table.leader]
    table.workers[table.leader] = type(known)(f"http://127.0.0.1:{port}", known.version)
    asking = asyncio.create_task(other.get("/connectors"))
    await asyncio.wait_for(asked.wait(), 20)
    assert not asking.done()
    table.workers[table.leader] = known
    assert_error(await asking, 409, "worker.rebalancing")
    held.set()
    server.close()
    await server.wait_closed()


async def test_a_request_is_handed_on_once(pair: Pair) -> None:
    _, _, other = pair
    refused = await other.get("/connectors", headers={"X-Connect-Forwarded": "somebody"})
    assert_error(refused, 409, "worker.rebalancing")


async def test_users_are_asked_for_by_the_worker_that_is_asked_and_by_the_leader(tmp_path: Path) -> None:
    file = tmp_path / "users"
    credentials.write(file, {"ann": Entry("ann", Role.READ, credentials.hash_password("correct horse battery"))})
    async with group(tmp_path, **{"rest.authentication.file": str(file)}) as workers:
        for name in ("a", "b"):
            node = await workers.start(name, served=True)
            await workers.leader()
        await until(lambda: node.leader_url is not None)
        async with httpx.AsyncClient(
            base_url=f"http://{node.base.worker_id}", trust_env=False, timeout=30, verify=NO_TLS
        ) as client:
            assert (await client.get("/connectors")).status_code == 401
            ann = ("ann", "correct horse battery")
            assert (await client.get("/connectors", auth=ann)).json() == []
            assert (await client.delete("/connectors/x", auth=ann)).status_code == 403


async def test_the_workers_of_a_group_and_the_tasks_of_each_are_told_by_any_of_them(pair: Pair) -> None:
    workers, leader, other = pair
    assert (await other.put("/connectors/c/config", json=generated("c", 4))).status_code == 201
    await until(lambda: sum(workers.load().values()) == 4)
    for client in (leader, other):
        told = (await client.get("/v1/workers")).json()
        assert told["group"] == "connect-cluster"
        assert {worker["url"]: (worker["leads"], len(worker["tasks"])) for worker in told["workers"]} == {
            str(leader.base_url): (True, 2),
            str(other.base_url): (False, 2),
        }
        own = (await client.get("/v1/worker")).json()
        assert f"http://{own['worker_id']}" == str(client.base_url) and len(own["tasks"]) == 2
        moved = (await client.get("/v1/throughput?window_ms=1")).json()
        assert [task["task"] for task in moved["tasks"]] == [0, 1, 2, 3], "those of both workers"
        assert (await client.get("/v1/worker/info")).json()["tasks"] == {"RUNNING": 4}


async def test_each_worker_of_a_group_looks_for_plugins_of_its_own(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    workers, leader, other = pair
    looked: list[str] = []
    for node in workers.nodes.values():
        own, at = node.base.plugin_refresh.refresh, f"http://{node.base.worker_id}"

        async def refresh(own: Any = own, at: str = at) -> Any:
            looked.append(at)
            return await own()

        monkeypatch.setattr(node.base.plugin_refresh, "refresh", refresh)
    for client in (other, leader):
        assert (await client.post("/v1/plugins/refresh")).status_code == 200
    assert looked == [str(other.base_url), str(leader.base_url)]
