from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from connect.rest.server import exposure, listener_problems, parse_listener
from connect.runtime.worker_config import WorkerConfig
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
