"""Clients that others wrote for Kafka Connect drive a real worker, each through the whole of what it can."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.clients import Client, ClientUnavailable, installed
from tests.support.forks import ForkedWorker
from tests.support.plain import NO_TLS
from tests.support.worker import STRING

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def client(requirement: str) -> Client:
    try:
        return installed(requirement)
    except ClientUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedWorker]:
    with ForkedWorker(tmp_path_factory.mktemp("worker") / "data") as running:
        yield running
        assert running.stop() == 0


@pytest.fixture
def url(worker: ForkedWorker) -> Iterator[str]:
    """The worker that the clients have in common; each leaves it without connectors."""
    yield worker.url()
    left = httpx.get(f"{worker.url()}/connectors", timeout=30, verify=NO_TLS).json()
    for name in left:
        httpx.delete(f"{worker.url()}/connectors/{name}", timeout=30, verify=NO_TLS).raise_for_status()
    assert (left, "Traceback" in worker.log) == ([], False)


@pytest.fixture
def config(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "in.txt").write_text("a\nb\n")
    return {
        "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
        "tasks.max": "1",
        "file": str(tmp_path / "in.txt"),
        "topic": "lines",
        "value.converter": STRING,
    }


def script(found: Client, text: str, *arguments: Any) -> Any:
    """Run a few lines with a client's library; `args` are the arguments, `answer` is what is returned."""
    wait = """
        def until(condition):
            deadline = time.monotonic() + 20
            while not condition():
                assert time.monotonic() < deadline, "not within 20 s"
                time.sleep(0.05)
    """
    lines = [
        "import json, sys, time",
        textwrap.dedent(wait),
        "args = json.loads(sys.argv[1])",
        textwrap.dedent(text),
        "print(json.dumps(answer))",
    ]
    return json.loads(found.run("-c", "\n".join(lines), json.dumps(arguments)).splitlines()[-1])


def test_kafka_connect_py_drives_a_full_cycle(url: str, config: dict[str, str]) -> None:
    answer = script(
        client("kafka-connect-py==1.0.0"),
        """
        from kafka_connect import KafkaConnect
        url, config = args
        connect, answer = KafkaConnect(url), {}
        answer["cluster"] = connect.get_cluster_info()
        answer["plugins"] = [p["class"] for p in connect.list_connector_plugins()]
        validated = connect.validate_connector_config("FileStreamSourceConnector", {"name": "s", **config})
        answer["errors"] = validated["error_count"]
        answer["made"] = connect.create_connector({"name": "s", "config": config})
        state = lambda: connect.get_connector_status("s")["connector"]["state"]
        until(lambda: state() == "RUNNING")
        answer["list"] = connect.list_connectors(expand="status", pattern="s", state="RUNNING")
        connect.pause_connector("s")
        until(lambda: state() == "PAUSED")
        connect.resume_connector("s")
        until(lambda: state() == "RUNNING")
        answer["restarted"] = connect.restart_connector("s", include_tasks=True)
        connect.restart_connector("s")
        until(lambda: connect.get_connector_task_status("s", 0)["state"] == "RUNNING")
        connect.restart_connector_task("s", 0)
        answer["updated"] = connect.update_connector("s", {**config, "batch.size": "7"})
        answer["tasks"] = connect.list_connector_tasks("s")
        until(lambda: connect.list_connector_topics("s")["s"]["topics"] == ["lines"])
        connect.reset_connector_topics("s")
        answer["config"] = connect.get_connector_config("s")
        connect.delete_connector("s")
        answer["left"] = connect.list_connectors()
    """,
        url,
        config,
    )
    assert set(answer["cluster"]) == {"version", "commit", "kafka_cluster_id"}
    assert config["connector.class"] in answer["plugins"]
    assert (answer["errors"], answer["made"]["name"], list(answer["list"])) == (0, "s", ["s"])
    assert answer["restarted"]["connector"]["state"] == "RESTARTING"
    assert (answer["updated"]["config"]["batch.size"], answer["config"]["batch.size"]) == ("7", "7")
    assert (answer["tasks"][0]["id"], answer["left"]) == ({"connector": "s", "task": 0}, [])


def test_the_command_of_kafka_connect_py_drives_a_full_cycle(url: str, config: dict[str, str]) -> None:
    with client("kafka-connect-py==1.0.0").command("from kafka_connect.cli import cli as main") as command:

        def kc(*arguments: str) -> Any:
            out = command("--url", url, *arguments)
            return json.loads(out) if out.strip() else None

        assert kc("create", "--config-data", json.dumps({"name": "s", "config": config}))["name"] == "s"
        assert kc("list") == ["s"]
        assert kc("status", "s")["name"] == "s"
        kc("pause", "s")
        kc("resume", "--all")
        assert kc("restart", "s", "--include-tasks")["name"] == "s"
        assert kc("list-tasks", "s")[0]["config"]["task.class"]
        kc("delete", "s")
        assert kc("list") == []


def test_kafka_connect_cli_drives_a_full_cycle(url: str, config: dict[str, str]) -> None:
    with client("kafka-connect-cli==0.2.5").command("from kafka_connect.__main__ import main") as command:

        def run(*arguments: str) -> Any:
            out = command(*arguments, "--url", url)
            return json.loads(out) if out.strip() else None

        made = run("connector", "create", "--name", "s", "--configuration", json.dumps(config), "--if-not-exists")
        assert made["name"] == "s"
        assert "s" in json.dumps(run("connector", "list"))
        assert run("connector", "get", "--name", "s")["connector"] == "s"
        assert run("connector", "configuration", "--name", "s")["topic"] == "lines"
        more = json.dumps({**config, "batch.size": "7"})
        assert run("connector", "update", "--name", "s", "--configuration", more)["config"]["batch.size"] == "7"
        run("connector", "pause", "--name", "s")
        run("connector", "resume", "--name", "s")
        run("connector", "restart", "--name", "s")
        assert run("task", "list", "--connector", "s")
        run("task", "restart", "--connector", "s", "--task", "0")
        run("connector", "pause-all")
        run("connector", "resume-all")
        command("health-check", "--url", url)
        run("connector", "delete", "--name", "s")
        assert run("connector", "list") == []


def test_kafka_connect_api_drives_a_full_cycle(url: str, config: dict[str, str]) -> None:
    answer = script(
        client("kafka-connect-api==0.5.10"),
        """
        from kafka_connect_api.kafka_connect_api import Api, Cluster, Connector
        from kafka_connect_api.errors import GenericNotFound
        url, config = args
        cluster, answer = Cluster(Api(url=url)), {}
        answer["version"] = cluster.version
        connector = Connector(cluster, "s")
        try:
            connector.exists()
        except GenericNotFound:
            answer["missing"] = True
        connector.config = config
        until(lambda: connector.state == "RUNNING" and len(connector.tasks) == 1)
        answer["list"] = list(cluster.connectors)
        connector.pause()
        until(lambda: connector.state == "PAUSED")
        connector.resume()
        connector.restart()
        until(lambda: connector.tasks[0].is_running())
        connector.cycle_connector()
        until(lambda: connector.tasks[0].is_running())
        api = cluster.api
        validated = api.put("/connector-plugins/FileStreamSource/config/validate", json={"name": "s", **config})
        answer["checked"] = validated["error_count"]
        connector.config = {**connector.config, "batch.size": "7"}
        answer["config"] = connector.config
        connector.delete()
        answer["left"] = list(cluster.connectors)
    """,
        url,
        config,
    )
    assert answer["missing"] is True
    assert (answer["list"], answer["checked"], answer["config"]["batch.size"], answer["left"]) == (["s"], 0, "7", [])


def test_connectorctl_drives_a_full_cycle(url: str, config: dict[str, str], tmp_path: Path) -> None:
    # It reads a .env file in its folder, and keeps its contexts in the home folder.
    found = client("connectorctl==0.1.0")
    with found.command("from connectorctl.cli import main", HOME=str(tmp_path)) as run:
        port = url.rpartition(":")[2]
        run("set-env", "test", "--server", "127.0.0.1", "--port", port, "--user", "u", "--password", "p")
        assert "lines" in run("create", json.dumps({"name": "s", "config": config}))
        assert " s " in run("list")
        assert "RUNNING" in run("status", "s")
        run("pause", "s")
        assert "PAUSED" in run("status")
        run("resume", "s")
        run("restart", "s")
        changed = json.dumps({**config, "batch.size": "7"})
        assert '"batch.size": "7"' in run("update", "s", changed)
        run("delete", "s")
        assert " s " not in run("list")
