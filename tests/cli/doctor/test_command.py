"""`connect doctor`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connect.cli.doctor.command import _summary
from tests.cli.conftest import Cli
from tests.support.forks import ForkedWorker

SINK = {"name": "out", "connector.class": "FileStreamSink", "topics": "t", "file": "out.txt"}
FREE = "listeners=http://127.0.0.1:0\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "worker.properties").write_text(FREE)
    return tmp_path


def put(name: str, content: object) -> str:
    Path(name).write_text(content if isinstance(content, str) else json.dumps(content))
    return name


def examine(cli: Cli, *arguments: str, code: int = 0) -> dict[str, list[dict[str, str]]]:
    done = cli("doctor", "--json", "--config", "worker.properties", *arguments)
    assert done.code == code, done
    found: dict[str, list[dict[str, str]]] = {}
    for one in done.json["findings"]:
        found.setdefault(one["check"], []).append(one)
    return found


def levels(found: dict[str, list[dict[str, str]]], check: str) -> list[str]:
    return [one["level"] for one in found[check]]


def test_a_machine_that_is_well_has_a_line_for_each_check_and_nothing_is_made(cli: Cli, here: Path) -> None:
    before = set(here.rglob("*"))
    found = examine(cli, put("out.json", SINK))
    assert set(found) == {
        "connect",
        "directory",
        "file system",
        "room",
        "speed",
        "clock",
        "handles",
        "memory",
        "port",
        "plugins",
        "worker config",
        "connector out",
    }
    assert levels(found, "connector out") == ["ok"]
    assert set(here.rglob("*")) == {*before, here / "out.json"}


def test_a_worker_that_runs_is_asked_what_it_warns_of(cli: Cli, here: Path) -> None:
    with ForkedWorker(here / "connect-data") as worker:
        url = worker.url()
        found = examine(cli)
        assert f"which answers at {url}" in found["directory"][0]["message"]
        assert levels(found, "worker")[0] == "ok"
        cli("connector", "create", put("bad.json", {**SINK, "name": "bad", "file": "/nowhere/at/all/x"}), "--url", url)
        cli("connector", "status", "bad", "--wait", "--url", url)
        told = [one["message"] for one in examine(cli)["worker"] if one["code"] == "task.failed"]
        assert any(message.startswith("bad-0: ") for message in told), told
        assert worker.stop() == 0


def test_what_is_wrong_with_the_workers_config_and_a_connector_is_told_with_its_fix(cli: Cli) -> None:
    put("worker.properties", FREE + "grop.id=x\n")
    found = examine(cli, put("out.json", {**SINK, "topics": "", "fiel": "x"}), code=1)
    assert "did you mean group.id?" in found["worker config"][0]["message"]
    assert "error" in levels(found, "connector out")
    assert any(one["fix"] for one in found["connector out"])


def test_a_server_that_does_not_answer_is_told_without_the_password(cli: Cli) -> None:
    postgres: dict[str, Any] = {
        "name": "pg",
        "connector.class": "PostgresSink",
        "topics": "t",
        "connection.url": "postgresql://ann@127.0.0.1:1/shop",
        "connection.password": "hunter2hunter2",
    }
    done = cli("doctor", "--config", "worker.properties", put("pg.json", postgres))
    assert done.code == 1, done
    assert "error    connector pg: " in done.out
    assert "hunter2" not in done.out + done.err


def test_references_are_resolved_by_the_workers_own_providers(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    put("worker.properties", FREE + "config.providers=env\nconfig.providers.env.class=EnvVarConfigProvider\n")
    monkeypatch.setenv("OUT_FILE", "out.txt")
    assert levels(examine(cli, put("out.json", {**SINK, "file": "${env:OUT_FILE}"})), "connector out") == ["ok"]
    found = examine(cli, put("out.json", {**SINK, "file": "${env:OUT_FIEL}"}), code=1)
    assert "OUT_FIEL" in found["connector out"][0]["message"]


def test_a_kafka_cluster_that_is_away_is_told(cli: Cli) -> None:
    put("worker.properties", FREE + "bootstrap.servers=127.0.0.1:1\n")
    found = examine(cli, code=1)
    assert levels(found, "kafka") == ["error"]
    assert "127.0.0.1:1" in found["kafka"][0]["message"]


def test_strict_counts_warnings_and_a_plugin_that_cannot_be_loaded_is_an_error(cli: Cli) -> None:
    Path("more").mkdir()
    put("more/broken.py", "import no_such_module\n")
    found = examine(cli, "--plugin-path", "more", code=1)
    assert "no_such_module" in found["plugins"][0]["message"]
    put("worker.properties", FREE + "grop.id=x\n")
    assert examine(cli)
    assert examine(cli, "--strict", code=1)


def test_a_config_that_cannot_be_read_ends_with_2(cli: Cli) -> None:
    cli.refused(2, "config.unreadable", "doctor", put("bad.json", "{"), mentions="bad.json")
    found = examine(cli, put("w.properties", "bootstrap.servers=k:9092\ngroup.id=g\n"), code=1)
    assert "Give a worker's file to --config." in found["connector w"][0]["fix"]


def test_findings_are_summed_up_in_words() -> None:
    assert _summary({"error": 2, "warning": 1, "skipped": 0, "ok": 7}) == "2 errors, 1 warning, 7 ok"
