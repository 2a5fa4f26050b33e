from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Cli
from tests.support.forks import ForkedWorker


def test_the_history_of_a_connector_is_a_table_also_once_it_is_deleted(
    cli: Cli, worker_url: str, file: Path, name: str
) -> None:
    url = ["--url", worker_url]
    cli("connector", "create", file, *url)
    cli("connector", "patch", name, "--set", "batch.size=7", "--set", "my.password=hunter2-hunter2", *url)
    cli("connector", "pause", name, *url)
    cli("connector", "delete", name, "--yes", *url)
    done = cli("connector", "history", name, *url)
    rows = [line.split() for line in done.out.splitlines()]
    assert rows[0] == ["VERSION", "WHEN", "WHAT", "USER", "FROM", "STATE", "KEYS"]
    assert [(row[0], row[2], row[3], row[4], row[5]) for row in rows[1:]] == [
        ("1", "created", "anonymous", "127.0.0.1", "RUNNING"),
        ("2", "changed", "anonymous", "127.0.0.1", "RUNNING"),
        ("3", "paused", "anonymous", "127.0.0.1", "PAUSED"),
        ("4", "deleted", "anonymous", "127.0.0.1", "-"),
    ]
    assert rows[2][6:] == ["batch.size,", "my.password"]
    listed = next(line for line in cli("connector", "history", *url).out.splitlines() if line.startswith(name))
    assert listed.split()[1] == "4"
    told = cli("connector", "history", name, "--json", *url)
    assert len(told.json["versions"]) == 4
    assert "hunter2" not in told.out + done.out
    assert cli("connector", "history", "--json", *url).json["connectors"]
    cli.refused(1, "connector.not_found", "connector", "history", f"{name}x", *url)


def test_a_diff_is_key_by_key(cli: Cli, worker_url: str, file: Path, name: str) -> None:
    url = ["--url", worker_url]
    cli("connector", "create", file, *url)
    cli.refused(1, "history.not_found", "connector", "diff", name, *url)
    cli("connector", "patch", name, "--set", "batch.size=7", *url)
    cli("connector", "patch", name, "--set", "batch.size=8", "--set", "tasks.max=1", *url)
    cli("connector", "stop", name, *url)
    assert cli("connector", "diff", name, *url).out.splitlines() == [
        f"{name}: version 3 -> 4",
        "  state: RUNNING -> STOPPED",
    ]
    assert cli("connector", "diff", name, "2", *url).out.splitlines() == [
        f"{name}: version 2 -> 4",
        "  ~ batch.size: 7 -> 8",
        "  + tasks.max = 1",
        "  state: RUNNING -> STOPPED",
    ]
    assert cli("connector", "diff", name, "2", "2", *url).out.splitlines()[1:] == ["  nothing differs"]
    assert cli("connector", "diff", name, "3", "1", "--json", *url).json["to"] == 1
    cli.refused(1, "history.not_found", "connector", "diff", name, "9", *url)


def test_a_rollback_restores_the_config_and_what_ran(cli: Cli, worker_url: str, file: Path, name: str) -> None:
    url = ["--url", worker_url]
    cli("connector", "create", file, "--wait", *url)
    cli("connector", "patch", name, "--set", "batch.size=7", *url)
    cli("connector", "stop", name, *url)
    done = cli("connector", "rollback", name, "1", "--wait", *url)
    assert (done.code, done.out) == (0, f"rolled back {name} to version 1: RUNNING\n"), done
    assert "  - batch.size = 7" in done.err
    assert "batch.size" not in cli("connector", "config", name, *url).json
    assert cli("connector", "status", name, "--json", *url).json["connector"]["state"] == "RUNNING"
    cli("connector", "delete", name, "--yes", *url)
    cli.refused(2, "history.deleted", "connector", "rollback", name, "5", *url)
    cli.refused(1, "history.not_found", "connector", "rollback", name, "9", *url)
    assert cli("connector", "rollback", name, "3", "--yes", "--json", *url).json["config"]["batch.size"] == "7"
    assert cli("connector", "status", name, "--json", *url).json["connector"]["state"] == "STOPPED"
    versions = cli("connector", "history", name, "--json", *url).json["versions"]
    assert [(one["what"], one["of"]) for one in versions[3:]] == [
        ("rolled back", 1),
        ("deleted", None),
        ("rolled back", 3),
    ]


def test_files_and_commands_without_a_worker_stand_in_the_history_too(
    cli: Cli, tmp_path: Path, file: Path, name: str
) -> None:
    data = tmp_path / "data"
    with ForkedWorker(data, file) as worker:
        url = worker.url()
        while name not in cli("connector", "list", "--json", "--url", url).json:  # ends with the test's own timeout
            assert worker.process.poll() is None, worker.log
        assert worker.stop() == 0
    assert cli("connector", "stop", name, "--offline", "--data-dir", data).code == 0
    assert cli("connector", "delete", name, "--offline", "--data-dir", data).code == 0
    with ForkedWorker(data) as worker:
        versions = cli("connector", "history", name, "--json", "--url", worker.url()).json["versions"]
        assert worker.stop() == 0
    assert [(one["what"], one["user"]) for one in versions] == [
        ("created", "file"),
        ("stopped", "offline"),
        ("deleted", "offline"),
    ]
