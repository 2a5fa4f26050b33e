from __future__ import annotations

import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.support.command import assert_refused, connect
from tests.support.forks import Fork
from tests.support.kafka_broker import SharedBroker
from tests.support.plain import NO_TLS


def started(log: Path, *arguments: str) -> tuple[Fork, str]:
    """Start a server, and return it with its URL once it is ready."""
    fork = Fork(["registry", "--listeners", "http://127.0.0.1:0", *arguments], log, {})
    deadline = time.monotonic() + 60
    while "is ready on " not in (text := log.read_text() if log.exists() else ""):
        assert time.monotonic() < deadline and fork.poll() is None, text
        time.sleep(0.01)
    return fork, text.partition("is ready on ")[2].partition(",")[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_registry_serves_until_a_signal_and_keeps_what_it_has(tmp_path: Path, number: int) -> None:
    fork, url = started(tmp_path / "log", "--data-dir", str(tmp_path / "data"))
    try:
        made = httpx.post(f"{url}/subjects/s/versions", json={"schema": '"int"'}, verify=NO_TLS)
        assert made.json()["id"] == 1
        assert_refused(connect("topic", "list", "--data-dir", tmp_path / "data"), 3, "log.in_use")
        fork.send_signal(number)
        assert fork.wait() == 0
        fork, url = started(tmp_path / "log2", "--data-dir", str(tmp_path / "data"))
        assert httpx.get(f"{url}/schemas/ids/1", verify=NO_TLS).json()["schema"] == '"int"'
    finally:
        fork.kill()


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_several_registries_on_a_kafka_cluster_are_one(tmp_path: Path, broker: SharedBroker, name: str) -> None:
    config = tmp_path / "registry.properties"
    config.write_text(
        f"registry.storage.topic={name}\nregistry.storage.replication.factor=1\ndata.dir={tmp_path}/data\n"
    )
    forks = []
    try:
        for number in range(2):
            options = ("--bootstrap", broker.bootstrap, "--config", str(config))
            forks.append(started(tmp_path / f"log{number}", *options))
        urls = [url for _, url in forks]
        for number in range(4):
            body = {"schema": f'{{"type":"fixed","name":"F{number}","size":1}}'}
            made = httpx.post(f"{urls[number % 2]}/subjects/s{number}/versions", json=body, timeout=60, verify=NO_TLS)
            assert made.json()["id"] == number + 1
        forks[0][0].kill()
        body = {"schema": '"int"'}
        made = httpx.post(f"{urls[1]}/subjects/later/versions", json=body, timeout=60, verify=NO_TLS)
        assert made.json()["id"] == 5
        found = httpx.get(f"{urls[1]}/schemas", verify=NO_TLS).json()
        assert sorted(one["id"] for one in found) == [1, 2, 3, 4, 5]
    finally:
        for fork, _ in forks:
            fork.kill()


def test_what_cannot_be_listened_on_is_told(tmp_path: Path) -> None:
    data = ("--data-dir", tmp_path)
    assert_refused(connect("registry", *data, "--listeners", "ftp://x"), 2, "config.invalid", "registry.listeners")
    assert_refused(connect("registry", *data, "--bootstrap", "nowhere"), 2, "config.invalid", "bootstrap.servers")
