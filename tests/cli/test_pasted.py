"""Configs in files, on standard input, and of a running worker."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from connect.api import ConfigError
from connect.cli.pasted import of_file, of_worker
from connect.runtime.config_texts.forms import Form, Pasted

CLASS = {"connector.class": "FileStreamSink"}


def test_a_file_and_standard_input_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "my-sink.json"
    path.write_text(json.dumps(CLASS))
    assert of_file(path) == [Pasted(str(path), Form.CONNECTOR, "my-sink", CLASS)]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(CLASS).encode())))
    assert of_file(Path("-")) == [Pasted("standard input", Form.CONNECTOR, "config", CLASS)]
    (tmp_path / "w.yaml").write_text("spec: {}\n")
    with pytest.raises(ConfigError, match=r"w\.yaml has no key of|w\.yaml: key 'spec' must be text"):
        of_file(tmp_path / "w.yaml")
    with pytest.raises(ConfigError, match=r"none\.json cannot be read"):
        of_file(tmp_path / "none.json")


class Answers:
    """Answers as a worker does whose connectors are these; `old` as Kafka Connect before 2.3, which knows no expand."""

    shown_url = "http://old:8083"

    def __init__(self, connectors: dict[str, dict[str, str]], *, old: bool) -> None:
        self._connectors = connectors
        self._old = old

    def call(self, method: str, path: str, *, params: dict[str, str] | None = None) -> Any:
        assert method == "GET"
        if path != "/connectors":
            name = path.removeprefix("/connectors/").replace("%2F", "/")
            return {"name": name, "config": self._connectors[name], "tasks": []}
        if self._old:
            return list(self._connectors)
        assert params == {"expand": "info"}
        return {name: {"info": {"name": name, "config": config}} for name, config in self._connectors.items()}


@pytest.mark.parametrize("old", [False, True])
def test_the_connectors_of_a_running_worker_are_read(old: bool) -> None:
    rest: Any = Answers({"a/b": CLASS, "c": CLASS}, old=old)
    assert [(one.where, one.name, one.config) for one in of_worker(rest)] == [
        ("http://old:8083", "a/b", CLASS),
        ("http://old:8083", "c", CLASS),
    ]
    assert of_worker(Answers({}, old=old)) == []  # type: ignore[arg-type]
