"""Commands that change what runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import Cli, config
from tests.support.command import assert_refused, connect
from tests.support.forks import ForkedWorker
from tests.support.worker import STRING


def test_connectors_are_managed_over_rest(tmp_path: Path, data: list[str]) -> None:
    config: dict[str, Any] = {
        "name": "src",
        "connector.class": "FileStreamSource",
        "file": str(tmp_path / "in"),
        "topic": "t",
        "value.converter": STRING,
    }
    path = tmp_path / "src.json"
    path.write_text(json.dumps(config))
    with ForkedWorker(tmp_path / "data") as worker:
        url = ["--url", worker.url()]
        assert connect("connector", "create", path, *url).stdout == "created src\n"
        assert "src" in connect("connector", "list", *url).stdout
        assert json.loads(connect("connector", "status", "src", "--json", *url).stdout)["name"] == "src"
        for command in ("pause", "resume", "restart", "stop"):
            assert connect("connector", command, "src", *url).returncode == 0
        assert_refused(connect("connector", "status", "scr", *url), 1, "connector.not_found", "'src'")
        assert_refused(connect("connector", "create", path, *url), 1, "connector.exists", "already exists")
        assert connect("connector", "delete", "src", *url).returncode == 0


def test_several_connectors_change_their_state_at_once(cli: Cli, worker_url: str, tmp_path: Path, name: str) -> None:
    url, names = ["--url", worker_url], [f"{name}-1", f"{name}-2"]
    (tmp_path / "in.txt").touch()
    paths = [tmp_path / f"{one}.json" for one in names]
    for one, path in zip(names, paths, strict=True):
        path.write_text(json.dumps(config(tmp_path, one)))
    assert cli("connector", "create", *paths, *url).out == "".join(f"created {one}\n" for one in names)
    assert cli("connector", "pause", *names, *url).out == "".join(f"paused {one}\n" for one in names)
    assert cli("connector", "resume", names[0], "--json", *url).json == {"name": names[0], "done": "resumed"}
    assert cli("connector", "restart", *names, "--only-failed", *url).code == 0
    assert cli("connector", "restart", names[0], "--task", "0", *url).out == f"restarting {names[0]}\n"
    assert cli("connector", "restart", *names, "--task", "0", *url).code == 2
    cli.refused(1, "task.not_found", "connector", "restart", names[0], "--task", "9", *url)
    assert len(cli("connector", "stop", *names, "--json", *url).json) == 2


def test_waiting_for_states_follows_a_connector(cli: Cli, worker_url: str, file: Path, name: str) -> None:
    url = ["--url", worker_url]
    assert cli("connector", "create", file, "--wait", *url).code == 0
    assert cli("connector", "status", name, "--wait", "--for", "running", *url).code == 0
    late = cli("connector", "status", name, "--wait", "--for", "PAUSED", "--timeout", "0", *url)
    assert (late.code, late.err.splitlines()[-1]) == (4, "code: timeout")
    for command, state in (("pause", "PAUSED"), ("stop", "STOPPED"), ("resume", "RUNNING")):
        assert cli("connector", command, name, "--wait", *url).code == 0
        assert f": {state}" in cli("connector", "status", name, *url).out
    assert cli("connector", "restart", name, "--only-failed", *url).out == f"nothing has FAILED of {name}\n"


def test_a_stopped_connector_is_not_said_to_restart(cli: Cli, worker_url: str, file: Path, name: str) -> None:
    url = ["--url", worker_url]
    cli("connector", "create", file, *url)
    cli("connector", "stop", name, "--wait", *url)
    told = cli.refused(1, "conflict", "connector", "restart", name, *url, mentions="is STOPPED")
    assert f"connect connector resume {name}" in told


def test_several_names_go_on_after_a_failure_and_are_summed_up(
    cli: Cli, worker_url: str, file: Path, tmp_path: Path, name: str
) -> None:
    url = ["--url", worker_url]
    cli("connector", "create", file, *url)
    done = cli("connector", "pause", "nobody", name, *url)
    assert (done.code, done.out) == (1, f"paused {name}\n")
    assert "there is no connector" in done.err or "nobody" in done.err
    assert done.err.splitlines()[-1] == "1 of 2 were done, 1 was not"
    answers = cli("connector", "resume", "nobody", name, "--json", *url).json
    assert [answer.get("done", answer.get("error", {}).get("code")) for answer in answers] == [
        "connector.not_found",
        "resumed",
    ]
    (tmp_path / "bad.json").write_text(json.dumps({**config(tmp_path, f"{name}-bad"), "batch.size": "x"}))
    (tmp_path / "good.json").write_text(json.dumps(config(tmp_path, f"{name}-good")))
    done = cli("connector", "apply", tmp_path / "bad.json", tmp_path / "good.json", *url)
    assert (done.code, done.out) == (2, f"created {name}-good\n")


def test_what_is_lost_needs_a_yes_where_nobody_can_be_asked(cli: Cli, worker_url: str, file: Path, name: str) -> None:
    url = ["--url", worker_url]
    for command in (["topic", "delete", name], ["group", "delete", name], ["connector", "offsets", "reset", name]):
        assert "--yes" in cli.refused(2, "config.invalid", *command, *url, mentions="no terminal")
    cli("connector", "create", file, *url)
    assert cli("connector", "delete", name, *url).code == 0  # its offsets stay, so nothing is lost
    cli("connector", "create", file, *url)
    assert cli("connector", "delete", name, "--yes", *url).code == 0
