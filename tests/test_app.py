"""What wires the parts: the log, the worker, REST and the command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from connect.api import ConfigError, EnvironmentFault
from connect.app import inspect_log, open_cluster, open_worker, repair_log, run, serve
from connect.runtime.worker_config import WorkerConfig
from tests.support.kafka_broker import SharedBroker
from tests.support.plain import NO_TLS
from tests.support.worker import CONNECT


def worker_config(path: Path, **keys: str) -> WorkerConfig:
    return WorkerConfig.parse(
        {"data.dir": str(path), **{name.replace("_", "."): value for name, value in keys.items()}}
    )


async def test_the_log_takes_its_keys_out_of_a_worker_s_and_leaves_the_others(tmp_path: Path) -> None:
    configs = {"log.retention.ms": 5000, "group.id": "connect", "no.such.key": "x"}
    cluster = await open_cluster(tmp_path / "data", configs)
    await cluster.admin.create_topic("orders")
    found = {entry.name: entry for entry in await cluster.admin.topic_configs("orders")}
    await cluster.aclose()
    assert (found["retention.ms"].value, found["retention.ms"].source) == ("5000", "log")


async def test_a_wrong_key_of_the_log_ends_the_opening(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"retention\.ms: 'soon'"):
        await open_cluster(tmp_path / "data", {"log.retention.ms": "soon"})
    await (await open_cluster(tmp_path / "data")).aclose()


async def test_a_directory_has_one_owner_and_any_number_of_those_who_look(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path)
    await cluster.admin.create_topic("orders")
    assert ("orders", 0) in inspect_log(tmp_path).partitions()
    with pytest.raises(EnvironmentFault):
        await open_cluster(tmp_path)
    with pytest.raises(EnvironmentFault), repair_log(tmp_path):
        pass
    await cluster.aclose()
    with repair_log(tmp_path) as repairer:
        assert repairer.examine() == []


async def test_without_the_client_for_kafka_a_cluster_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("confluent_kafka", "connect.kafka."))]:
        if name != "connect.kafka.errors":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(ConfigError) as raised:
        await open_cluster(tmp_path / "data", {"bootstrap.servers": "localhost:1"})
    assert (raised.value.code, raised.value.config_path) == ("config.kafka_extra_missing", "bootstrap.servers")
    assert "pip install 'connect-runtime[kafka]'" in raised.value.hint


@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_a_worker_whose_config_names_brokers_runs_on_them(
    broker: SharedBroker, tmp_path: Path, name: str
) -> None:
    topics = {f"{kind}.storage.topic": f"{name}-{kind}" for kind in ("config", "offset", "status")}
    factors = {f"{kind}.storage.replication.factor": "1" for kind in ("config", "offset", "status")}
    config = WorkerConfig.parse(
        {"data.dir": str(tmp_path / "data"), "bootstrap.servers": broker.bootstrap, **topics, **factors}
    )
    async with open_worker(config) as herder:
        assert herder.cluster.is_internal(f"{name}-config")
        found = await herder.cluster.admin.describe_topics(topics.values())
        assert {info.configs["cleanup.policy"] for info in found.values()} == {"compact"}
        assert len(found) == 3
    assert not (tmp_path / "data" / "connect-topics.json").exists(), "there is no log in its directory"


async def test_a_worker_closes_the_log_that_it_opened(tmp_path: Path) -> None:
    async with open_worker(worker_config(tmp_path)) as herder:
        assert herder.cluster.is_internal("__consumer_offsets")
    await (await open_cluster(tmp_path)).aclose()


async def test_a_worker_leaves_the_log_open_that_it_was_given(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path)
    async with open_worker(worker_config(tmp_path), cluster) as herder:
        assert herder.cluster is cluster
    await cluster.admin.create_topic("orders")
    await cluster.aclose()


async def test_a_converter_that_is_not_there_ends_the_start_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="NoSuchConverter"):
        async with open_worker(worker_config(tmp_path / "data", key_converter="NoSuchConverter")):
            raise AssertionError("it runs")
    assert not (tmp_path / "data").exists()


async def test_a_comma_at_the_end_of_plugin_path_runs_no_module_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stray.py").write_text("raise SystemExit('it ran')\n")
    (tmp_path / "plugins").mkdir()
    config = worker_config(tmp_path / "data", plugin_path=f"{tmp_path / 'plugins'},")
    async with open_worker(config) as herder:
        assert herder.plugins.broken == []


async def test_rest_is_served_on_every_listener_and_its_urls_are_given_in_order(tmp_path: Path) -> None:
    config = worker_config(tmp_path, listeners="http://127.0.0.1:0,http://localhost:0")
    async with open_worker(config) as herder, serve(herder) as urls, httpx.AsyncClient(verify=NO_TLS) as client:
        assert [httpx.URL(url).host for url in urls] == ["127.0.0.1", "localhost"]
        for url in urls:
            answer = await client.get(url)
            assert answer.json()["kafka_cluster_id"] == herder.cluster.cluster_id
    async with httpx.AsyncClient(verify=NO_TLS) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(urls[0])


def test_a_command_line_in_this_process_reaches_the_log_that_it_may_not_import(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["topic", "create", "orders", "--data-dir", str(tmp_path)]) == 0
    assert run(["topic", "create", "orders", "--data-dir", str(tmp_path)]) == 1
    assert "log.topic_exists" in capsys.readouterr().err
    assert ("orders", 0) in inspect_log(tmp_path).partitions()


@pytest.mark.parametrize("command", [[str(CONNECT)], [str(CONNECT.with_name("python")), "-m", "connect"]])
def test_the_command_connect_tells_its_version(command: list[str]) -> None:
    ran = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("connect, version ")


@pytest.mark.slow
def test_the_loop_goes_on_while_rest_is_imported_and_a_worker_that_is_alone_needs_no_client(tmp_path: Path) -> None:
    script = """
import asyncio, sys, threading
from importlib.abc import MetaPathFinder
from connect.app import open_worker, serve
from connect.runtime.worker_config import WorkerConfig

class Threads(MetaPathFinder):
    found = {}
    def find_spec(self, name, path=None, target=None):
        self.found[name] = threading.current_thread() is threading.main_thread()

async def main():
    config = WorkerConfig.parse({"data.dir": sys.argv[1], "listeners": "http://127.0.0.1:0"})
    async with open_worker(config) as herder, serve(herder):
        print(sorted(on_loop for name, on_loop in Threads.found.items() if name in ("fastapi", "connect.rest.app")))
        unneeded = ("httpx", "rich", "pydantic.v1", "connect.runtime.distributed.node")
        print([name for name in unneeded if name in sys.modules])

sys.meta_path.insert(0, Threads())
asyncio.run(main())
"""
    command = [sys.executable, "-c", script, str(tmp_path / "data")]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout == "[False, False]\n[]\n"


async def test_a_worker_serves_a_schema_registry_whose_topic_is_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = worker_config(
        tmp_path, listeners="http://127.0.0.1:0", registry_listeners="http://127.0.0.1:0", registry_storage_topic="s"
    )
    with caplog.at_level("INFO"):
        async with open_worker(config) as host, serve(host) as (url,):
            said = next(line for line in caplog.messages if "the schema registry is ready on" in line)
            async with httpx.AsyncClient(base_url=said.rpartition(" ")[2], verify=NO_TLS) as registry:
                made = await registry.post("/subjects/orders-value/versions", json={"schema": '"int"'})
                assert made.json()["id"] == 1
                assert (await registry.get("/connectors")).status_code == 404
            async with httpx.AsyncClient(base_url=url, verify=NO_TLS) as worker:
                assert (await worker.get("/subjects")).status_code == 404
            assert host.base.cluster.is_internal("s"), "no connector writes to it"
