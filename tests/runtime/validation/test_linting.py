from __future__ import annotations

import pytest

from connect.app import log_keys
from connect.runtime.plugins import PluginHost
from connect.runtime.validation.findings import Finding, Level
from connect.runtime.validation.linting import lint_connector, lint_worker
from connect.runtime.worker_config import WorkerConfig

PLUGINS = PluginHost.discover()
SINK = {"connector.class": "FileStreamSink", "topics": "t", "file": "out.txt"}


def lint(config: dict[str, str], worker: dict[str, str] | None = None) -> list[Finding]:
    own = WorkerConfig.parse(worker or {})
    return lint_connector(PLUGINS, own, "out", config, knows_worker=worker is not None)


def codes(findings: list[Finding]) -> list[tuple[str, str, Level]]:
    return [(one.check, one.code, one.level) for one in findings]


def test_a_right_config_has_no_finding() -> None:
    assert lint(SINK) == []


@pytest.mark.parametrize("value", [" out.txt", "out.txt\n", "\tout.txt"])
def test_blanks_around_a_value_are_told(value: str) -> None:
    assert codes(lint({**SINK, "file": value})) == [("file", "lint.blanks", Level.WARNING)]


@pytest.mark.parametrize("wrong", [{"connector.class": "FileStreamSnik"}, {"connector.class": ""}])
def test_what_each_connector_has_is_looked_at_where_its_class_is_not_there(wrong: dict[str, str]) -> None:
    found = lint({**SINK, **wrong, "tasks.max": "many", "errors.tolerance": "some"})
    assert [one.check for one in found] == ["connector.class", "tasks.max", "errors.tolerance"]


def test_a_class_that_is_not_there_has_the_nearest_beside_it() -> None:
    (one,) = lint({**SINK, "connector.class": "FileStreamSnik"})
    assert one.check == "connector.class"
    assert "did you mean FileStreamSink?" in one.message
    (one,) = lint({**SINK, "value.converter": "org.apache.kafka.connect.json.JsonConvertr"})
    assert (one.check, one.level) == ("value.converter", Level.ERROR)
    assert "JsonConverter" in one.message + one.fix


def test_a_secret_in_an_error_of_a_plugin_is_hidden() -> None:
    found = lint(
        {"connector.class": "PostgresSink", "topics": "t", "connection.url": "postgresql://u:hunter2hunter2@[db"}
    )
    assert found
    assert "hunter2" not in "".join(one.message + one.fix for one in found)


def test_a_reference_where_none_can_be_is_an_error_and_to_a_provider_unknown_a_warning() -> None:
    found = codes(lint({**SINK, "topics": "${env:T}", "file": "${vault:f}"}, {}))
    assert ("file", "lint.reference", Level.WARNING) in found
    assert codes(lint({**SINK, "file": "${vault:f}"})) == []


def test_a_workers_keys_are_told_as_its_start_would() -> None:
    found = lint_worker(PLUGINS, {"offset.flush.interval.ms": "x", "grop.id": "a", "heap.opts": "-Xmx1G"}, log_keys())
    assert ("offset.flush.interval.ms", "config.invalid", Level.ERROR) in codes(found)
    assert ("grop.id", "worker.unknown", Level.WARNING) in codes(found)
    assert "heap.opts" not in {one.check for one in found}
