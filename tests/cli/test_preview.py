"""`connect preview`: what it prints, how it ends, and by which way it gets there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connect.cli.preview import _exit_code, lines_of
from tests.cli.conftest import Cli
from tests.support.command import running

HOIST = {
    "transforms": "h",
    "transforms.h.type": "org.apache.kafka.connect.transforms.HoistField$Value",
    "transforms.h.field": "line",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
}


def put(path: Path, **config: str) -> Path:
    path.write_text(json.dumps(config))
    return path


def source(tmp_path: Path, **keys: str) -> Path:
    (tmp_path / "in.txt").write_text("one\ntwo\n\x1b[31mred\n")
    own = {"name": "s", "connector.class": "FileStreamSource", "topic": "t", "file": str(tmp_path / "in.txt")}
    return put(tmp_path / "s.json", **own, **HOIST, **keys)


def test_a_source_is_shown_without_a_worker(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("preview", source(tmp_path), "--records", "1")
    assert done.code == 0, done
    assert done.out.splitlines()[:8] == [
        "record 1: t",
        "  source",
        '    value: "one"',
        "  transform h (HoistField$Value)",
        '    ~ value: "one" -> {"line": "one"}',
        '    ~ value_schema: "string" -> "struct {line: string}"',
        "  converters (JsonConverter)",
        '    value: "{\\"line\\":\\"one\\"}"',
    ]
    assert not (tmp_path / "connect-data").exists()


def test_what_steers_a_terminal_is_an_escape(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("preview", source(tmp_path))
    assert "\x1b" not in done.out
    assert "[31mred" in done.out


def test_a_wrong_config_is_2_and_names_the_key(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("preview", source(tmp_path, **{"tasks.max": "two"}))
    assert done.code == 2, done
    assert "error: tasks.max: Invalid value two" in done.out


def test_a_sink_without_a_log_is_told_where_records_are(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = put(tmp_path / "k.json", name="k", topics="t", file="out.txt", **{"connector.class": "FileStreamSink"})
    done = cli("preview", file)
    assert done.code == 1, done
    assert "preview.no_log" in done.out
    assert "--data-dir" in done.out


def test_a_sinks_records_are_read_from_a_log_that_no_worker_has(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    assert cli("topic", "create", "t", "--data-dir", data).code == 0
    assert cli("produce", "--topic", "t", "--data-dir", data, stdin="one\ntwo\n").code == 0
    before = (
        cli("topic", "describe", "t", "--data-dir", data, "--json").json,
        cli("topic", "list", "--data-dir", data).out,
    )
    string = {"value.converter": "org.apache.kafka.connect.storage.StringConverter"}
    file = put(
        tmp_path / "k.json", name="k", topics="t", file="out.txt", **{"connector.class": "FileStreamSink", **string}
    )
    done = cli("preview", file, "--data-dir", data, "--json")
    assert done.code == 0, done
    assert [item["text"] for item in done.json["target"]["items"]] == ["one", "two"]
    after = (
        cli("topic", "describe", "t", "--data-dir", data, "--json").json,
        cli("topic", "list", "--data-dir", data).out,
    )
    assert after == before
    assert not (tmp_path / "out.txt").exists()


def test_a_worker_is_asked_where_one_is_named(cli: Cli, worker_url: str, tmp_path: Path) -> None:
    done = cli("preview", source(tmp_path), "--rest", worker_url, "--json", "--records", "2")
    assert done.code == 0, done
    assert (done.json["type"], len(done.json["walks"]), done.json["ended_by"]) == ("source", 2, "records")


def test_the_worker_that_owns_the_directory_is_asked(cli: Cli, tmp_path: Path) -> None:
    string = {"value.converter": "org.apache.kafka.connect.storage.StringConverter"}
    file = put(
        tmp_path / "k.json", name="k", topics="t", file="out.txt", **{"connector.class": "FileStreamSink", **string}
    )
    with running(tmp_path / "data"):
        assert cli("topic", "create", "t", "--data-dir", tmp_path / "data").code == 0
        assert cli("produce", "--topic", "t", "--data-dir", tmp_path / "data", stdin="one\n").code == 0
        done = cli("preview", file, "--data-dir", tmp_path / "data", "--json")
        assert done.code == 0, done
        assert [item["text"] for item in done.json["target"]["items"]] == ["one"]
        assert cli("connector", "list", "--data-dir", tmp_path / "data", "--json").json == {}


def answer(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    walk = {"index": 0, "topic": "t", "partition": 1, "offset": 7, "steps": list(steps)}
    own = {"type": "sink", "class": "C", "walks": [walk], "target": None, "problems": [], "error": None}
    return {**own, "ended_by": "end", "took_ms": 3, **more}


def step(**more: Any) -> dict[str, Any]:
    own = {"stage": "transform", "alias": "a", "plugin": "x.Y", "predicate": None, "applied": None, "records": []}
    return {**own, "changed": [], "dropped": False, "error": None, **more}


def test_a_failure_a_drop_and_a_condition_are_told_in_their_step() -> None:
    error = {"code": "data.invalid", "message": "bad\x07", "hint": "Mend it.", "exception": "DataError"}
    told = list(lines_of(answer(step(applied=False, predicate="x.IsIt"), step(dropped=True), step(error=error))))
    assert [line.replace("\x1b[31m", "").replace("\x1b[0m", "") for line in told[1:]] == [
        "  transform a (Y): not applied, as IsIt says",
        "  transform a (Y): dropped",
        "  transform a (Y)",
        "    error: bad\\x07 [data.invalid]",
        "    hint: Mend it.",
        "1 record in 3 ms",
    ]


def test_what_would_be_written_is_told_with_its_records() -> None:
    item = {"text": "INSERT", "parameters": [[1, "a"]], "records": [0], "error": None}
    told = list(lines_of(answer(target={"kind": "statements", "items": [item], "note": "no triggers"})))
    assert told[2:5] == ["  INSERT [record 1]", '    [1, "a"]', "note: no triggers"]


def test_a_preview_that_ended_early_is_1() -> None:
    assert [_exit_code(answer(ended_by=by)) for by in ("records", "end", "size", "time")] == [0, 0, 0, 1]
