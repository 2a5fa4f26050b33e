from __future__ import annotations

import asyncio
import logging
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from connect.rest import server
from connect.rest.server import exposure, listener_problems, parse_listener, serve
from connect.runtime.worker_config import WorkerConfig
from tests.support.busy import slowness
from tests.support.doors import served_worker
from tests.support.plain import NO_TLS

FILE = "rest.authentication.file"


def config(**keys: str) -> WorkerConfig:
    return WorkerConfig.parse({name.replace("_", "."): value for name, value in keys.items()})


def test_loopback_is_the_default() -> None:
    assert config().listeners == ["http://127.0.0.1:8083"]


@pytest.mark.parametrize(
    ("listener", "address", "keys", "mentions"),
    [
        ("http://localhost:1", "127.0.0.1", {}, None),
        ("http://[::1]:1", "::1", {}, None),
        ("http://0.0.0.0:1", "0.0.0.0", {}, "no password"),
        ("http://0.0.0.0:1", "0.0.0.0", {"rest_authentication_file": "f"}, "readable"),
        ("https://0.0.0.0:1", "0.0.0.0", {"rest_authentication_file": "f"}, None),
        ("https://0.0.0.0:1", "0.0.0.0", {}, "no password"),
    ],
)
def test_a_listener_that_others_reach_is_warned_about(
    listener: str, address: str, keys: dict[str, str], mentions: str | None
) -> None:
    keys["ssl_keystore_location"] = "x"
    found = exposure(parse_listener(listener), address, config(**keys))
    assert (found is None) if mentions is None else (found is not None and mentions in found)


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"listeners": "http://:1,https://:2", "ssl.keystore.location": "/none.pem"}, []),
        ({"listeners": "http://:1", "ssl.keystore.type": "JKS"}, []),
        ({"listeners": "SASL://x,http://:1"}, ["listeners"]),
        (
            {"listeners": "https://:1", "ssl.keystore.location": "x", "listeners.https.ssl.keystore.type": "JKS"},
            ["listeners.https.ssl.keystore.type"],
        ),
        ({"listeners": "https://:1", "ssl.keystore.location": "x", "ssl.keystore.type": "JKS"}, ["ssl.keystore.type"]),
        ({"listeners": "https://:1"}, ["ssl.keystore.location"]),
    ],
)
def test_what_would_keep_listeners_from_being_made_is_told_at_its_key(keys: dict[str, str], found: list[str]) -> None:
    assert [key for key, _ in listener_problems(WorkerConfig.parse(keys))] == found


async def test_the_warning_is_logged_and_listed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with served_worker(tmp_path, "http://0.0.0.0:0") as worker:
            url = f"http://127.0.0.1:{worker.address[1]}/v1/warnings"
            async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:
                listed: list[dict[str, Any]] = (await client.get(url)).json()["warnings"]
    assert "asks for no password" in caplog.text
    assert [warning["code"] for warning in listed] == ["listener.open"]


async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def test_the_date_of_answers_is_renewed_and_nothing_else_wakes_an_idle_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = []
    tick = uvicorn.Server.on_tick

    async def counted(self: uvicorn.Server, counter: int) -> bool:
        ticks.append(time.monotonic())
        return await tick(self, counter)

    monkeypatch.setattr(uvicorn.Server, "on_tick", counted)
    monkeypatch.setattr(server, "DATE_S", 0.4)
    async with (
        serve(answer, config(listeners="http://127.0.0.1:0")) as (url,),
        httpx.AsyncClient(base_url=url, verify=NO_TLS) as client,
    ):
        before = (await client.get("/")).headers["date"]
        for _ in range(400):
            if (await client.get("/")).headers["date"] != before:
                break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("the date is not renewed")
        assert all(later - earlier >= 0.39 for earlier, later in pairwise(ticks))


async def test_a_server_that_is_told_to_end_does_not_wait_for_the_next_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "DATE_S", 60)
    patience_s = 10 * slowness()
    async with serve(answer, config(listeners="http://127.0.0.1:0")):
        ending = time.monotonic()
    assert time.monotonic() - ending < patience_s
