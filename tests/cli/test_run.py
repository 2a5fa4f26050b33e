"""`connect run` as a process of its own: it takes signals, and ends the process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.forks import Fork, connect_forked
from tests.support.worker import STRING, until

SLOW = pytest.mark.timeout(120)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.txt").write_text("".join(f"{n}\n" for n in range(1000)))
    write(tmp_path, "source", {"connector.class": "FileStreamSource", "file": "in.txt", "topic": "lines"})
    write(tmp_path, "sink", {"connector.class": "FileStreamSink", "file": "out.txt", "topics": "lines"})
    return tmp_path


def write(folder: Path, name: str, config: dict[str, str]) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"name": name, "value.converter": STRING, **config}))
    return path


def test_a_run_until_drained_moves_all_and_sums_up(folder: Path) -> None:
    done = connect_forked("run", "source.json", "sink.json", "--until", "drained")
    assert done.returncode == 0, done.stderr
    assert (folder / "out.txt").read_text() == (folder / "in.txt").read_text()
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["CONNECTOR", "TYPE", "STATE", "RECORDS", "BYTES", "SKIPPED", "LEFT"]
    assert rows[1][:4] == ["sink", "sink", "done", "1,000"]
    assert rows[2][:4] == ["source", "source", "done", "1,000"]
    assert rows[3][:2] == ["drained", "after"]
    assert done.stderr == ""
    assert sorted(path.name for path in folder.iterdir()) == ["in.txt", "out.txt", "sink.json", "source.json"]


def test_a_run_in_a_folder_goes_on_where_the_last_one_ended(folder: Path) -> None:
    run = ("run", "source.json", "sink.json", "--until", "drained", "--data-dir", "data", "--json")
    first = connect_forked(*run)
    assert first.returncode == 0, first.stderr
    with (folder / "in.txt").open("a") as file:
        file.write("more\n")
    told = json.loads(connect_forked(*run).stdout)
    assert told["outcome"] == "drained"
    assert {row["name"]: row["records"] for row in told["connectors"]} == {"source": 1, "sink": 1}
    assert (folder / "out.txt").read_text() == (folder / "in.txt").read_text()


def test_a_failure_ends_the_run_with_its_cause_first(folder: Path) -> None:
    write(folder, "sink", {"connector.class": "FileStreamSink", "file": "none/out.txt", "topics": "lines"})
    done = connect_forked("run", "source.json", "sink.json", "--until", "drained")
    assert done.returncode == 1
    assert done.stdout.splitlines()[1].split()[:3] == ["sink", "sink", "FAILED"]
    assert done.stderr.splitlines()[0].startswith("error: connector 'sink', task 0 failed: file 'none/out.txt'")
    assert done.stderr.splitlines()[-1] == "code: file.unwritable"
    told = connect_forked("run", "source.json", "sink.json", "--until", "drained", "--json")
    assert json.loads(told.stdout)["outcome"] == "failed"
    assert json.loads(told.stderr)["code"] == "file.unwritable"


def test_nothing_runs_where_a_config_is_wrong(folder: Path) -> None:
    write(folder, "sink", {"connector.class": "FileStreamSink", "file": "out.txt"})
    done = connect_forked("run", folder, "--until", "drained")
    assert done.returncode == 2
    assert "sink" in done.stderr
    assert not (folder / "out.txt").exists()
    assert connect_forked("run", "none.json").returncode == 2


def test_what_is_wrong_with_a_connector_of_a_short_name_is_told_with_it(folder: Path) -> None:
    write(folder, "c", {"connector.class": "FileStreamSink", "file": "out.txt", "topics": "lines", "tasks.max": "x"})
    done = connect_forked("run", "c.json")
    assert (done.returncode, done.stderr.splitlines()[0][:22]) == (2, "error: connector 'c': ")


def test_a_sink_that_has_nothing_to_read_says_where_records_may_be(folder: Path) -> None:
    done = connect_forked("run", "sink.json", "--until", "drained")
    assert done.returncode == 0, done.stderr
    assert "warning: no source runs" in done.stderr and "--data-dir" in done.stderr and "lines" in done.stderr


def test_a_directory_that_is_in_use_is_the_environments_fault(folder: Path) -> None:
    (folder / "data").write_text("no directory")
    done = connect_forked("run", "source.json", "--data-dir", "data")
    assert done.returncode == 3, done.stderr


def test_a_source_without_an_end_is_refused(folder: Path) -> None:
    write(
        folder,
        "source",
        {
            "connector.class": "PostgresCdcSource",
            "database.hostname": "localhost",
            "database.user": "u",
            "database.dbname": "d",
            "topic.prefix": "p",
        },
    )
    done = connect_forked("run", "source.json", "--until", "drained")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "code: run.endless"), done.stderr


def test_what_takes_too_long_is_given_up(folder: Path) -> None:
    (folder / "in.txt").unlink()  # it is waited for
    done = connect_forked("run", folder, "--until", "drained", "--timeout", "1")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "code: run.timeout"), done.stderr
    assert connect_forked("run", folder, "--timeout", "1").returncode == 0


async def _out_is_whole(folder: Path) -> None:
    whole = (folder / "in.txt").read_text()
    await until(lambda: (folder / "out.txt").exists() and (folder / "out.txt").read_text() == whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("until_drained", "code"), [(False, 0), (True, 1)])
async def test_a_signal_ends_it_cleanly(folder: Path, number: int, until_drained: bool, code: int) -> None:
    if until_drained:  # one more, which is not drained
        write(folder, "late", {"connector.class": "FileStreamSource", "file": "none.txt", "topic": "lines"})
    arguments = ["run", str(folder), *(["--until", "drained"] if until_drained else []), "--rest", "http://127.0.0.1:0"]
    fork = Fork(arguments, folder / "log", {})
    try:
        await _out_is_whole(folder)
        fork.send_signal(number)
        assert fork.wait(20) == code
    finally:
        fork.kill()
    log = (folder / "log").read_text()
    assert "REST is ready on http://127.0.0.1:" in log
    assert "stopped after" in log
    assert ("code: run.stopped" in log) is until_drained


_EARLY = """
import os, signal, sys
from connect import app
from connect.cli import settings
taken = settings.worker_config
def signalled(*arguments):
    os.kill(os.getpid(), signal.SIGTERM)
    return taken(*arguments)
settings.worker_config = signalled
sys.exit(app.main())
"""


@pytest.mark.parametrize(("until_drained", "code"), [([], 0), (["--until", "drained"], 1)])
def test_a_signal_before_it_begins_leaves_no_folder_behind(
    folder: Path, tmp_path: Path, until_drained: list[str], code: int
) -> None:
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _EARLY, "run", str(folder), *until_drained],
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "code: run.stopped" in done.stderr) == (code, bool(code)), done.stderr
    assert "Traceback" not in done.stderr
    assert [*(tmp_path / "tmp").iterdir()] == []


def told_by(done: Any) -> Any:
    return json.loads(done.stdout)


def test_made_up_records_end_with_their_iterations(folder: Path) -> None:
    write(
        folder,
        "source",
        {
            "connector.class": "DatagenConnector",
            "quickstart": "users",
            "kafka.topic": "lines",
            "iterations": "50",
            "max.interval": "10",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        },
    )
    write(
        folder,
        "sink",
        {
            "connector.class": "FileStreamSink",
            "file": "out.txt",
            "topics": "lines",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        },
    )
    done = connect_forked("run", folder, "--until", "drained", "--json")
    assert done.returncode == 0, done.stderr
    assert {row["records"] for row in told_by(done)["connectors"]} == {50}
    assert len((folder / "out.txt").read_text().splitlines()) == 50
