from __future__ import annotations

import logging
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

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


async def test_each_answer_has_the_date_of_its_request_and_an_idle_server_is_not_woken_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = []
    monkeypatch.setattr(uvicorn.Server, "on_tick", lambda *_: ticks.append(time.monotonic()))
    async with (
        serve(answer, config(listeners="http://127.0.0.1:0")) as (url,),
        httpx.AsyncClient(base_url=url, verify=NO_TLS) as client,
    ):
        for now_s in (1_000_000_000, 1_000_000_000.9, 1_000_000_001):
            monkeypatch.setattr(time, "time", lambda now_s=now_s: now_s)
            answered = await client.get("/")
            assert [(n, v) for n, v in answered.headers.multi_items() if n == "date"] == [
                ("date", formatdate(now_s, usegmt=True))
            ]
    assert not ticks


async def test_a_server_that_is_told_to_end_does_so_at_once() -> None:
    patience_s = 10 * slowness()
    async with serve(answer, config(listeners="http://127.0.0.1:0")):
        ending = time.monotonic()
    assert time.monotonic() - ending < patience_s
