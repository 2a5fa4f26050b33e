from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, config
from tests.support.answers import answering
from tests.support.worker import STRING


def test_create_list_describe_and_delete(cli: Cli, worker_url: str, file: Path, name: str) -> None:
    url = ["--url", worker_url]
    assert cli("connector", "create", file, *url).out == f"created {name}\n"
    assert name in cli("connector", "list", *url).out
    assert name in cli("connector", "list", "--state", "running", "--type", "source", "--json", *url).json
    assert name not in cli("connector", "list", "--type", "sink", *url).out
    described = cli("connector", "describe", name, *url).out
    assert f"{name} (source)" in described
    assert "value.converter" in described
    assert cli("connector", "describe", name, "--json", *url).json["config"]["topic"] == name
    assert cli("connector", "config", name, *url).json["topic"] == name
    assert cli("connector", "delete", name, *url).out == f"deleted {name}\n"
    cli.refused(1, "connector.not_found", "connector", "describe", name, *url)


def test_apply_creates_then_changes_then_leaves(
    cli: Cli, worker_url: str, tmp_path: Path, file: Path, name: str
) -> None:
    url = ["--url", worker_url]
    assert cli("connector", "apply", "-f", file, *url).out == f"created {name}\n"
    assert cli("connector", "apply", "-f", file, *url).out == f"unchanged {name}\n"
    changed = json.dumps(config(tmp_path, name, **{"batch.size": "7"}))
    done = cli("connector", "apply", "-f", "-", "--json", *url, stdin=changed)
    assert done.json == {"name": name, "done": "changed"}


def test_patch_sets_and_removes_keys(cli: Cli, worker_url: str, tmp_path: Path, file: Path, name: str) -> None:
    url = ["--url", worker_url]
    cli("connector", "create", file, *url)
    assert cli("connector", "patch", name, "--set", "batch.size=7", *url).out == f"changed {name}: batch.size\n"
    more = tmp_path / "patch.json"
    more.write_text('{"tasks.max": "1", "batch.size": null}')
    assert cli("connector", "patch", name, "-f", more, "--json", *url).json["config"].get("batch.size") is None
    cli("connector", "patch", name, "--remove", "tasks.max", *url)
    assert "tasks.max" not in cli("connector", "config", name, *url).json
    cli.refused(2, "config.invalid", "connector", "patch", name, "--set", "batch.size=x", *url, mentions="batch.size")
    assert cli("connector", "patch", name, *url).code == 2


EDITOR = "import pathlib, sys; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text().replace({old!r}, {new!r}))"


def edit_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: str, new: str) -> None:
    script = tmp_path / "editor.py"
    script.write_text(EDITOR.format(old=old, new=new))
    monkeypatch.setenv("VISUAL", f"{sys.executable} {script}")


def test_edit_sends_what_the_editor_made(
    cli: Cli, worker_url: str, tmp_path: Path, file: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = ["--url", worker_url]
    cli("connector", "create", file, *url)
    edit_with(monkeypatch, tmp_path, f'"topic": "{name}"', '"topic": "edited"')
    assert cli("connector", "edit", name, *url).out == f"changed {name}\n"
    assert cli("connector", "config", name, *url).json["topic"] == "edited"
    assert cli("connector", "edit", name, *url).out == f"unchanged {name}\n"


def test_a_refused_edit_is_kept_in_a_file(
    cli: Cli, worker_url: str, tmp_path: Path, file: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cli("connector", "create", file, "--url", worker_url)
    edit_with(monkeypatch, tmp_path, '"topic"', '"topics"')
    cli.refused(2, "config.invalid", "connector", "edit", name, "--url", worker_url, mentions="connect-edit-")
    assert '"topics"' in next(tmp_path.glob("connect-edit-*")).read_text()


def test_tasks_topics_and_plugins_are_shown(cli: Cli, worker_url: str, file: Path, name: str) -> None:
    url = ["--url", worker_url]
    cli("connector", "create", file, *url)
    assert cli("connector", "tasks", name, *url).out.splitlines()[0].split() == ["TASK", "STATE", "WORKER", "CAUSE"]
    assert cli("connector", "tasks", name, "--json", *url).json[0]["id"]["connector"] == name
    while not (topics := cli("connector", "topics", name, *url).out):  # ends with the test's own timeout
        assert cli("connector", "status", name, "--json", *url).json["connector"]["state"] == "RUNNING"
    assert topics == f"{name}\n"
    assert cli("connector", "topics", name, "--reset", *url).out == f"reset {name}\n"
    assert "FileStreamSourceConnector" in cli("connector", "plugins", *url).out
    assert {p["type"] for p in cli("connector", "plugins", "--all", "--json", *url).json} > {"source", "sink"}


def test_the_status_of_several_is_shown_with_one_exit_code_and_a_missing_one_holds_nobody_up(
    cli: Cli, worker_url: str, tmp_path: Path, file: Path, name: str
) -> None:
    url = ["--url", worker_url]
    cli("connector", "create", file, "--wait", *url)
    (tmp_path / "waits.json").write_text(json.dumps(config(tmp_path, f"{name}-2", file=str(tmp_path / "none.txt"))))
    cli("connector", "create", tmp_path / "waits.json", "--wait", *url)
    while "waits: " not in (shown := cli("connector", "status", name, f"{name}-2", *url)).out:
        pass  # ends with the test's own timeout
    assert (shown.code, shown.out.count("RUNNING on ")) == (0, 2)
    assert "none.txt" in shown.out
    found = cli("connector", "status", name, f"{name}-2", "--json", *url).json
    assert [each["name"] for each in found] == [name, f"{name}-2"]
    missing = cli("connector", "status", "nobody", name, *url)
    assert (missing.code, f"{name} (source): RUNNING" in missing.out) == (1, True)
    assert "1 of 2" in missing.err


def test_validate_says_everything_and_fails_for_problems(
    cli: Cli, worker_url: str, tmp_path: Path, file: Path, name: str
) -> None:
    good = cli("connector", "validate", file, "--url", worker_url)
    assert (good.code, good.out) == (0, f"{name}: no problems\n")
    file.write_text(json.dumps(config(tmp_path, name, **{"batch.size": "x", "tasks.max": "0"})))
    bad = cli("connector", "validate", file, "--url", worker_url)
    assert bad.code == 2
    assert "batch.size" in bad.out
    assert "tasks.max" in bad.out
    assert cli("connector", "validate", file, "--json", "--url", worker_url).json["error_count"] >= 2


def test_a_wrong_name_is_answered_with_the_nearest(cli: Cli, worker_url: str, file: Path, name: str) -> None:
    cli("connector", "create", file, "--url", worker_url)
    for command in ("status", "describe", "tasks", "pause", "delete", "restart", "config"):
        wrong = name[:-1]
        cli.refused(1, "connector.not_found", "connector", command, wrong, "--url", worker_url, mentions=f"'{name}'")


def failing(tmp_path: Path, name: str) -> dict[str, str]:
    return {
        "name": name,
        "connector.class": "FileStreamSink",
        "topics": name,
        "file": str(tmp_path / "none" / "x"),
        "value.converter": STRING,
    }


def test_a_failed_task_is_told_with_its_cause_and_exit_code_1(
    cli: Cli, worker_url: str, tmp_path: Path, name: str
) -> None:
    url = ["--url", worker_url]
    (tmp_path / "c.json").write_text(json.dumps(failing(tmp_path, name)))
    done = cli("connector", "create", tmp_path / "c.json", "--wait", *url)
    assert (done.code, done.out) == (1, f"created {name}\n")
    assert f"topic {name} does not exist yet" in done.err  # a warning of its config
    shown = cli("connector", "status", name, *url)
    assert shown.code == 1
    assert "Traceback" not in shown.out
    assert "hint: " in shown.out
    assert "Traceback" in cli("connector", "status", name, "--trace", *url).out
    mistyped = cli("connector", "list", "--state", "faild", *url)
    assert (mistyped.code, "'failed'" in mistyped.err) == (2, True)
    listed = cli("connector", "list", "--state", "failed", *url)
    assert listed.code == 1
    assert [name, "sink", "RUNNING", "1", "FAILED"] in [line.split() for line in listed.out.splitlines()]
    assert cli("connector", "describe", name, *url).code == 0
    resumed = cli("connector", "resume", name, *url)
    assert f"connect connector restart {name}" in resumed.err
    assert cli("connector", "restart", name, "--wait", *url).code == 1
    cli("connector", "delete", name, *url)


def test_warnings_of_a_config_are_shown_where_it_is_given(cli: Cli, worker_url: str, tmp_path: Path, name: str) -> None:
    url, path = ["--url", worker_url], tmp_path / "c.json"
    path.write_text(json.dumps(config(tmp_path, name, **{"batch.sise": "7"})))
    wanted = "warning: nothing reads key batch.sise; did you mean batch.size? [unknown_key]"
    validated = cli("connector", "validate", path, *url)
    assert (validated.code, validated.out.splitlines()) == (0, [f"{name}: no problems, 1 warning", wanted])
    assert wanted in cli("connector", "create", path, *url).err
    assert wanted in cli("connector", "patch", name, "--set", "tasks.max=1", *url).err
    path.write_text(json.dumps(config(tmp_path, name, **{"batch.sise": "8"})))
    assert wanted in cli("connector", "apply", path, *url).err
    assert cli("connector", "apply", path, "--json", *url).err == ""


def test_validate_looks_outside_when_asked(cli: Cli, worker_url: str, tmp_path: Path, name: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(failing(tmp_path, name)))
    told = cli("connector", "validate", path, "--check", "--url", worker_url)
    assert (told.code, "[check]" in told.out) == (0, True)
    assert "[check]" not in cli("connector", "validate", path, "--url", worker_url).out


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"connection.url": "{url}_missing"}, "does not exist"),
        ({"connection.url": "jdbc:postgresql://127.0.0.1:1/db"}, "cannot be reached"),
        ({}, "no problems"),
    ],
)
def test_validate_exits_with_1_where_the_connector_would_not_reach_its_database(
    cli: Cli, worker_url: str, tmp_path: Path, name: str, postgres_server: str, broken: dict[str, str], told: str
) -> None:
    given = {"name": name, "connector.class": "JdbcSinkConnector", "topics": "t", "auto.create": "true"}
    url = broken.get("connection.url", "{url}").replace("{url}", postgres_server)
    path = tmp_path / "c.json"
    path.write_text(json.dumps({**given, "connection.url": url}))
    done = cli("connector", "validate", path, "--check", "--url", worker_url)
    assert told in done.out
    assert done.code == (1 if broken else 0)
    assert cli("connector", "validate", path, "--url", worker_url).code == 0


def test_a_kafka_connect_worker_is_validated_without_warnings(cli: Cli, tmp_path: Path, name: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(config(tmp_path, name)))
    answer = {"name": name, "error_count": 0, "groups": [], "configs": []}
    route = ("PUT", "/connector-plugins/FileStreamSource/config/validate")
    with answering({route: (200, answer), ("POST", "/connectors"): (201, {"name": name})}) as server:
        assert cli("connector", "validate", path, "--url", server.url).out == f"{name}: no problems\n"
        done = cli("connector", "create", path, "--url", server.url)
        assert (done.code, done.err) == (0, "")
