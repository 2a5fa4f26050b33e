from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.answers import answering
from tests.support.worker import CONNECT, STRING


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
    return {
        "name": name,
        "connector.class": "FileStreamSource",
        "file": str(tmp_path / "in.txt"),
        "topic": name,
        "value.converter": STRING,
        **more,
    }


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


OFFSETS = {"offsets": [{"partition": {"filename": "/in"}, "offset": {"position": 5}}]}


def test_offsets_are_shown_altered_and_reset(cli: Cli, tmp_path: Path) -> None:
    path = "/connectors/a%20b/offsets"
    altered, reset = {"message": "altered"}, {"message": "reset"}
    (tmp_path / "offsets.json").write_text(json.dumps(OFFSETS))
    with answering(
        {("GET", path): (200, OFFSETS), ("PATCH", path): (200, altered), ("DELETE", path): (200, reset)}
    ) as server:
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
    with answering(
        {
            ("GET", "/admin/loggers"): (200, loggers),
            ("GET", one): (200, loggers["connect.log"]),
            ("PUT", one): (200, ["connect.log"]),
            ("PUT", one + "?scope=cluster"): (204, None),
        }
    ) as server:
        url = ["--url", server.url]
        assert "connect.log  WARN" in cli("connector", "loggers", "list", *url).out
        assert cli("connector", "loggers", "level", "connect.log", *url).out == "connect.log: WARN\n"
        assert (
            cli("connector", "loggers", "level", "connect.log", "debug", *url).out
            == "connect.log: DEBUG (1 loggers changed)\n"
        )
        assert cli("connector", "loggers", "level", "connect.log", "debug", "--cluster", *url).code == 0
        cli.refused(1, "not_found", "connector", "loggers", "level", "connect.lgo", *url, mentions="'connect.log'")


def test_what_is_no_worker_is_told_so(cli: Cli) -> None:
    with answering({("GET", "/connectors?expand=status"): (200, b"<html>")}) as server:
        cli.refused(3, "environment.unreachable", "connector", "list", "--url", server.url, mentions="not JSON")
    cli.refused(3, "environment.unreachable", "connector", "list", "--url", "http://127.0.0.1:1")
    done = cli("connector", "list", "--url", "http://u:hunter2@127.0.0.1:1")
    assert "hunter2" not in done.err


def test_a_groups_lag_is_that_of_its_sink_before_the_first_commit_too(
    cli: Cli, worker_url: str, tmp_path: Path, name: str
) -> None:
    url = ["--url", worker_url]
    cli("topic", "create", name, *url)
    cli("produce", "--topic", name, *url, stdin="not json\n" * 3)
    (tmp_path / "sink.json").write_text(
        json.dumps(
            {"name": name, "connector.class": "FileStreamSink", "topics": name, "file": str(tmp_path / "out.txt")}
        )
    )
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
    assert f"  lag: 3 of group connect-{name}" in cli("connector", "describe", name, *url).out.splitlines()
    assert cli("connector", "describe", name, "--json", *url).json["lag"]["lag"] == 3


# -- codes and hints -----------------------------------------------------------------------------------------------


def test_the_code_of_the_answer_is_printed_with_its_hint_once(cli: Cli, worker_url: str, file: Path, name: str) -> None:
    url = ["--url", worker_url]
    cli("connector", "create", file, *url)
    told = cli.refused(2, "connector.not_stopped", "connector", "offsets", "reset", name, "--yes", *url)
    assert told.count("hint:") == 1
    assert "connect connector stop" in told
    told = cli.refused(1, "connector.exists", "connector", "create", file, *url)
    assert told.count("Choose another name") == 1
    told = cli.refused(1, "connector.not_found", "connector", "status", "something-else", *url)
    assert told.count("connect connector list") == 1
    assert told.count("hint:") == 1


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (400, "from.tomorrow", 2),
        (404, "thing.not_found", 1),
        (409, "connector.busy", 1),
        (500, "plugin.failed", 1),
        (503, "log.disk", 3),
        (413, "request.too_large", 1),
    ],
)
def test_a_code_that_is_new_to_the_command_is_printed_as_it_came(
    cli: Cli, status: int, code: str, exit_code: int
) -> None:
    headers = {"X-Connect-Error-Code": code, "X-Connect-Error-Hint": "Bitte%20%C3%BCben."}
    body = {"error_code": status, "message": "it (broke) (Bitte üben.)"}
    with answering({("GET", "/connectors?expand=status"): (status, body)}, headers) as server:
        told = cli.refused(exit_code, code, "connector", "list", "--url", server.url)
    assert told.splitlines() == ["error: it (broke)", "hint: Bitte üben.", f"code: {code}"]


def test_a_kafka_connect_worker_s_errors_have_a_code_by_their_status(cli: Cli) -> None:
    body = {"error_code": 409, "message": "rebalancing"}
    with answering({("GET", "/connectors?expand=status"): (409, body)}) as server:
        assert cli.refused(1, "conflict", "connector", "list", "--url", server.url).startswith("error: rebalancing\n")


@pytest.mark.parametrize(("arguments", "hint"), [
    (["group", "reset", "connect-nobody", "--to-earliest"], "hint: Name the topics to set offsets for with --topic."),
    (["group", "reset", "g"], "hint: See 'connect group reset --help'."),
    (["topic", "alter", "t"], "hint: See 'connect topic alter --help'."),
    (["connector", "restart", "a", "b", "--task", "1"], "hint: See 'connect connector restart --help'."),
    (["topic", "list", "--no-such"], "hint: See 'connect topic list --help'."),
])  # fmt: skip
def test_a_mistake_of_the_command_line_has_a_hint_of_its_own(
    cli: Cli, tmp_path: Path, arguments: list[str], hint: str
) -> None:
    where = [] if arguments[0] == "connector" else ["--data-dir", tmp_path / "data"]
    assert hint in cli.refused(2, "config.invalid", *arguments, *where).splitlines()
    told = json.loads(cli(*arguments, "--json", *where).err)
    assert (told["code"], told["hint"]) == ("config.invalid", hint.removeprefix("hint: "))


# -- states --------------------------------------------------------------------------------------------------------


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
    assert done.err.splitlines()[-1] == "1 of 2 were done, 1 were not"
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


# -- warnings ------------------------------------------------------------------------------------------------------


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


def test_a_kafka_connect_worker_is_validated_without_warnings(cli: Cli, tmp_path: Path, name: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(config(tmp_path, name)))
    answer = {"name": name, "error_count": 0, "groups": [], "configs": []}
    route = ("PUT", "/connector-plugins/FileStreamSource/config/validate")
    with answering({route: (200, answer), ("POST", "/connectors"): (201, {"name": name})}) as server:
        assert cli("connector", "validate", path, "--url", server.url).out == f"{name}: no problems\n"
        done = cli("connector", "create", path, "--url", server.url)
        assert (done.code, done.err) == (0, "")


def test_partitions_cannot_be_taken_away_and_the_hint_says_what_can_be(cli: Cli, tmp_path: Path) -> None:
    where = ["--data-dir", tmp_path / "data"]
    cli("topic", "create", "t", "--partitions", "3", *where)
    told = cli.refused(2, "log.invalid_partitions", "topic", "alter", "t", "--partitions", "2", *where)
    assert "hint: Give a whole number of more than 3." in told.splitlines()


def test_a_worker_that_is_not_there_is_told_once_for_all_names(cli: Cli) -> None:
    told = cli.refused(3, "environment.unreachable", "connector", "pause", "a", "b", "c", "--url", "http://127.0.0.1:1")
    assert told.count("error:") == 1


@pytest.mark.parametrize(("answer", "exit_code", "told"), [(b"n\n", 1, b"nothing was done"), (b"y\n", 0, b"deleted t")])
def test_a_terminal_is_asked_before_something_is_deleted(
    cli: Cli, tmp_path: Path, answer: bytes, exit_code: int, told: bytes
) -> None:
    where = ["--data-dir", str(tmp_path / "data")]
    cli("topic", "create", "t", *where)
    leader, follower = pty.openpty()
    try:
        command = [str(CONNECT), "topic", "delete", "t", *where]
        process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower)
        os.close(follower)
        os.write(leader, answer)
        assert process.wait(30) == exit_code
        assert told in os.read(leader, 4096)
    finally:
        os.close(leader)
