"""The command line inside this process, against real workers."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connect.app import run
from tests.support.command import connect
from tests.support.forks import ForkedWorker
from tests.support.worker import STRING


@dataclass(frozen=True, slots=True)
class Done:
    """How one command line ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cli:
    """Runs command lines; the contexts file is one of the test's own."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: str | Path, stdin: str = "") -> Done:
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = run([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return Done(code, captured.out, captured.err)

    def refused(self, exit_code: int, code: str, *arguments: str | Path, mentions: str = "") -> str:
        done = self(*arguments)
        assert (done.code, done.err.splitlines()[-1]) == (exit_code, f"code: {code}"), done
        assert mentions in done.err, done.err
        return done.err


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    monkeypatch.setenv("CONNECT_CONTEXTS_FILE", str(tmp_path / "contexts.json"))
    for name in ("CONNECT_URL", "CONNECT_CONTEXT", "CONNECT_TOKEN", "CONNECT_USERNAME"):
        monkeypatch.delenv(name, raising=False)
    return Cli(capsys, monkeypatch)


@pytest.fixture(scope="session")
def worker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A worker for the tests of connectors: each uses names of its own."""
    with ForkedWorker(tmp_path_factory.mktemp("worker") / "data") as worker:
        yield worker.url()
        assert worker.stop() == 0


@pytest.fixture(scope="session")
def log_worker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A worker for the tests of topics and records, which leave none: it has no connectors."""
    with ForkedWorker(tmp_path_factory.mktemp("log-worker") / "data") as worker:
        yield worker.url()
        assert worker.stop() == 0


@pytest.fixture
def directory(tmp_path: Path) -> list[str]:
    """The options that lead to a new log, which nobody owns."""
    return ["--data-dir", str(tmp_path / "data")]


@pytest.fixture(params=["directory", "worker"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[str]]:
    """The options that lead to an empty log, which a worker owns or nobody."""
    if request.param == "directory":
        yield ["--data-dir", str(tmp_path / "data")]
        return
    data = ["--url", request.getfixturevalue("log_worker_url")]
    yield data
    for group in json.loads(connect("group", "list", "--json", *data).stdout):
        connect("group", "delete", group["group"], "--yes", *data)
    for topic in json.loads(connect("topic", "list", "--json", *data).stdout):
        if not topic["internal"]:
            connect("topic", "delete", topic["name"], "--yes", *data)


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
