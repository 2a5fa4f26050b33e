from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.answers import answering
from tests.support.worker import STRING


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).split("[")[0]


@pytest.fixture
def file(tmp_path: Path, name: str) -> Path:
    (tmp_path / "in.txt").write_text("a\n")
    path = tmp_path / "c.json"
    path.write_text(json.dumps(config(tmp_path, name)))
    return path


def config(tmp_path: Path, name: str, **more: str) -> dict[str, str]:
    return {"name": name, "connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"),
            "topic": name, "value.converter": STRING, **more}  # fmt: skip


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


def test_apply_creates_then_changes_then_leaves(cli: Cli, worker_url: str, tmp_path: Path, file: Path, name: str) -> None:  # fmt: skip
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


def test_edit_sends_what_the_editor_made(cli: Cli, worker_url: str, tmp_path: Path, file: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    url = ["--url", worker_url]
    cli("connector", "create", file, *url)
    edit_with(monkeypatch, tmp_path, f'"topic": "{name}"', '"topic": "edited"')
    assert cli("connector", "edit", name, *url).out == f"changed {name}\n"
    assert cli("connector", "config", name, *url).json["topic"] == "edited"
    assert cli("connector", "edit", name, *url).out == f"unchanged {name}\n"


def test_a_refused_edit_is_kept_in_a_file(cli: Cli, worker_url: str, tmp_path: Path, file: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cli("connector", "create", file, "--url", worker_url)
    edit_with(monkeypatch, tmp_path, '"topic"', '"topics"')
    cli.refused(2, "config.invalid", "connector", "edit", name, "--url", worker_url, mentions="connect-edit-")
    assert '"topics"' in next(tmp_path.glob("connect-edit-*")).read_text()


def test_several_connectors_are_steered_at_once(cli: Cli, worker_url: str, tmp_path: Path, name: str) -> None:
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


def test_validate_says_everything_and_fails_for_problems(cli: Cli, worker_url: str, tmp_path: Path, file: Path, name: str) -> None:  # fmt: skip
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


OFFSETS = {"offsets": [{"partition": {"filename": "/in"}, "offset": {"position": 5}}]}


def test_offsets_are_shown_altered_and_reset(cli: Cli, tmp_path: Path) -> None:
    path = "/connectors/a%20b/offsets"
    altered, reset = {"message": "altered"}, {"message": "reset"}
    (tmp_path / "offsets.json").write_text(json.dumps(OFFSETS))
    with answering({("GET", path): (200, OFFSETS), ("PATCH", path): (200, altered), ("DELETE", path): (200, reset)}) as server:  # fmt: skip
        url = ["--url", server.url]
        assert '{"filename":"/in"}  {"position":5}' in cli("connector", "offsets", "get", "a b", *url).out
        assert cli("connector", "offsets", "get", "a b", "--json", *url).json == OFFSETS
        assert cli("connector", "offsets", "alter", "a b", "-f", tmp_path / "offsets.json", *url).out == "altered\n"
        cli("connector", "offsets", "alter", "a b", "--set", "t:0=42", "--set", "t:1=null", *url)
        assert cli("connector", "offsets", "reset", "a b", "--yes", *url).out == "reset\n"
        assert cli("connector", "offsets", "alter", "a b", "--set", "t=42", *url).code == 2
    t0 = {"partition": {"kafka_topic": "t", "kafka_partition": 0}, "offset": {"kafka_offset": 42}}
    t1 = {"partition": {"kafka_topic": "t", "kafka_partition": 1}, "offset": None}
    patches = [body for method, _, body in server.requests if method == "PATCH"]
    assert patches == [OFFSETS, {"offsets": [t0, t1]}]


def test_levels_of_loggers_are_shown_and_set(cli: Cli) -> None:
    loggers = {"root": {"level": "INFO", "last_modified": None}, "connect.log": {"level": "WARN", "last_modified": 1}}
    one = "/admin/loggers/connect.log"
    with answering({("GET", "/admin/loggers"): (200, loggers), ("GET", one): (200, loggers["connect.log"]),
                    ("PUT", one): (200, ["connect.log"]), ("PUT", one + "?scope=cluster"): (204, None)}) as server:  # fmt: skip
        url = ["--url", server.url]
        assert "connect.log  WARN" in cli("connector", "loggers", "list", *url).out
        assert cli("connector", "loggers", "level", "connect.log", *url).out == "connect.log: WARN\n"
        assert cli("connector", "loggers", "level", "connect.log", "debug", *url).out == "connect.log: DEBUG (1 loggers changed)\n"  # fmt: skip
        assert cli("connector", "loggers", "level", "connect.log", "debug", "--cluster", *url).code == 0
        cli.refused(1, "not_found", "connector", "loggers", "level", "connect.lgo", *url, mentions="'connect.log'")


def test_what_is_no_worker_is_told_so(cli: Cli) -> None:
    with answering({("GET", "/connectors?expand=status"): (200, b"<html>")}) as server:
        cli.refused(3, "environment.unreachable", "connector", "list", "--url", server.url, mentions="not JSON")
    cli.refused(3, "environment.unreachable", "connector", "list", "--url", "http://127.0.0.1:1")
    done = cli("connector", "list", "--url", "http://u:hunter2@127.0.0.1:1")
    assert "hunter2" not in done.err


def test_a_groups_lag_is_that_of_its_sink_before_the_first_commit_too(cli: Cli, worker_url: str, tmp_path: Path, name: str) -> None:  # fmt: skip
    url = ["--url", worker_url]
    cli("topic", "create", name, *url)
    cli("produce", "--topic", name, *url, stdin="not json\n" * 3)
    (tmp_path / "sink.json").write_text(json.dumps({"name": name, "connector.class": "FileStreamSink", "topics": name,
                                                    "file": str(tmp_path / "out.txt")}))  # fmt: skip
    cli("connector", "create", tmp_path / "sink.json", *url)
    rows = {row["group"]: row for row in cli("group", "list", "--json", *url).json}
    assert (rows[f"connect-{name}"]["partitions"], rows[f"connect-{name}"]["lag"]) == (1, 3)
    assert cli("group", "describe", f"connect-{name}", *url).out.splitlines()[2].split()[:5] == [
        name,
        "0",
        "-",
        "3",
        "3",
    ]
