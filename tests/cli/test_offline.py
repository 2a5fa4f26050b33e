"""`connect connector ... --offline` and `connect log repair`: the ways out for a worker that does not start."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from connect.log import LogCluster
from connect.records import Columns
from connect.stores.compacted import CompactedTopic
from connect.stores.configs import ConfigStore, problem_of
from tests.cli.conftest import Cli
from tests.support.forks import ForkedWorker


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A directory in which a worker left three connectors."""
    path = tmp_path / "data"

    async def make() -> None:
        cluster = await LogCluster.open(path)
        topic = CompactedTopic(cluster, "connect-configs", problem=problem_of)
        await topic.open()
        store = ConfigStore(topic, lambda: 42)
        for name in ("orders", "users", "bad one"):
            await store.put_connector(name, {"name": name, "connector.class": "FileStreamSource", "topic": "t"})
            await store.put_tasks(name, [{"t": "0"}])
        await cluster.admin.create_topic("t", configs={"retention.ms": "99"})
        await cluster.producer(client_id="x").append("t", Columns([b"v"], None, 1))
        await cluster.aclose()

    asyncio.run(make())
    return path


def listed(cli: Cli, data_dir: Path) -> dict[str, str]:
    found = cli("connector", "list", "--offline", "--json", "--data-dir", data_dir).json
    return {row["name"]: row["target"] for row in found}


def test_connectors_are_listed_paused_stopped_resumed_and_deleted_without_a_worker(cli: Cli, data_dir: Path) -> None:
    assert listed(cli, data_dir) == {"bad one": "STARTED", "orders": "STARTED", "users": "STARTED"}
    at = ("--offline", "--data-dir", data_dir)
    assert cli("connector", "pause", "orders", *at).out == "paused orders\n"
    assert cli("connector", "stop", "users", "--json", *at).json == {"name": "users", "done": "stopped"}
    assert cli("connector", "delete", "bad one", *at).code == 0
    assert listed(cli, data_dir) == {"orders": "PAUSED", "users": "STOPPED"}
    assert cli("connector", "resume", "orders", "users", *at).out == "resumed orders\nresumed users\n"
    assert cli("connector", "list", *at).out.splitlines()[0].split() == ["NAME", "WANTED", "CLASS"]
    with ForkedWorker(data_dir) as worker:
        worker.url()
        assert [path.name for path in data_dir.iterdir() if path.stat().st_mode & 0o077] == []
        assert set(cli("connector", "list", "--json", "--data-dir", data_dir).json) == {"orders", "users"}
        cli.refused(3, "log.in_use", "connector", "delete", "orders", *at, mentions="Leave --offline out")
        worker.stop()


def test_what_is_not_there_is_said_and_nothing_is_changed(cli: Cli, data_dir: Path, tmp_path: Path) -> None:
    at = ("--offline", "--data-dir", data_dir)
    cli.refused(1, "connector.not_found", "connector", "delete", "users", "order", *at, mentions="'orders'")
    assert "users" in listed(cli, data_dir)
    cli.refused(1, "log.unknown_topic_or_partition", "connector", "list", *at, "--config-topic", "mine")
    cli.refused(3, "environment.data_dir", "connector", "list", "--offline", "--data-dir", tmp_path / "no")
    assert not (tmp_path / "no").exists()
    assert cli("connector", "list", *at, "--url", "http://x").code == 2


def test_a_directory_is_looked_at_mended_where_nothing_is_lost_and_cut_only_when_told(cli: Cli, data_dir: Path) -> None:
    assert cli("log", "repair", "--data-dir", data_dir).out == "all whole: nothing to mend\n"
    (data_dir / "connect-topics.json").write_bytes(b"{")
    [path] = (data_dir / "connect-configs-0").glob("*.log")
    raw = bytearray(path.read_bytes())
    raw[80] ^= 1
    path.write_bytes(raw)
    with ForkedWorker(data_dir) as worker:
        assert worker.process.wait(30) == 3
        assert f"connect log repair --data-dir {data_dir}" in worker.log
    looked = cli("log", "repair", "--data-dir", data_dir)
    assert looked.code == 1
    assert "connect-topics.json: cannot be read" in looked.out
    assert "loses: 1 record(s): offsets 0 to 0" in looked.out or "loses: 2 record(s)" in looked.out, looked.out
    assert looked.out.endswith("0 mended, 2 to mend: --apply does it; what loses something also needs --drop-damaged\n")
    assert (data_dir / "connect-topics.json").read_bytes() == b"{"
    assert cli("log", "repair", "--drop-damaged", "--data-dir", data_dir).code == 2
    applied = cli("log", "repair", "--apply", "--json", "--data-dir", data_dir)
    assert [(row["path"], row["mended"]) for row in applied.json] == [
        ("connect-topics.json", True),
        (f"connect-configs-0/{path.name}", False),
    ]
    with ForkedWorker(data_dir) as worker:
        assert worker.process.wait(30) == 1
        assert "code: log.corrupt_batch" in worker.log
    cli.refused(1, "log.corrupt_batch", "connector", "list", "--offline", "--data-dir", data_dir, mentions="log repair")
    dropped = cli("log", "repair", "--apply", "--drop-damaged", "--data-dir", data_dir)
    assert (dropped.code, "\n  lost: " in dropped.out, dropped.out.splitlines()[-1]) == (0, True, "1 mended")
    assert cli("log", "repair", "--data-dir", data_dir).code == 0
    with ForkedWorker(data_dir) as worker:
        worker.url()
        cli.refused(3, "log.in_use", "log", "repair", "--data-dir", data_dir)
        worker.stop()
    described = json.loads(cli("topic", "describe", "t", "--json", "--data-dir", data_dir).out)
    assert described["configs"] == {"retention.ms": "-1", "retention.bytes": "-1"}
