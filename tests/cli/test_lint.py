"""`connect lint`: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

ROOT = Path(__file__).parents[2]
SINK = {"name": "out", "connector.class": "FileStreamSink", "topics": "t", "file": "out.txt"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(name: str, content: object) -> str:
    Path(name).write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
    return name


def found(cli: Cli, *arguments: str, code: int = 1) -> list[dict[str, Any]]:
    done = cli("lint", "--json", *arguments)
    assert done.code == code, done
    findings: list[dict[str, Any]] = done.json["findings"]
    return findings


def test_the_configs_that_come_with_connect_have_nothing_to_mend(cli: Cli) -> None:
    os.chdir(ROOT)  # one of them names a file beside it
    done = cli("lint", "configs", "--strict")
    assert done.code == 0, done
    assert done.out.endswith(" configs: 0 errors, 0 warnings\n")


def test_a_finding_has_its_line_its_code_and_what_to_do(cli: Cli) -> None:
    done = cli("lint", put("out.json", {**SINK, "tasks.max": "two", "fiel": "x"}))
    assert done.code == 1, done
    assert "out.json:6: error: tasks.max: Invalid value two" in done.out
    assert "out.json:7: warning: fiel: nothing reads key fiel; did you mean file?" in done.out
    assert "    Mend the name, or remove the key: nothing reads it.\n" in done.out
    assert done.out.endswith("1 config: 1 error, 1 warning\n")


def test_warnings_fail_only_where_they_are_to(cli: Cli) -> None:
    put("out.json", {**SINK, "fiel": "x"})
    assert cli("lint", "out.json").code == 0
    assert cli("lint", "out.json", "--strict").code == 1


def test_a_secret_in_clear_is_told_without_being_shown(cli: Cli) -> None:
    postgres = {
        "name": "pg",
        "connector.class": "PostgresSink",
        "topics": "t",
        "connection.url": "postgresql://u:opensesame@db/x",
        "connection.password": "hunter2hunter2",
    }
    done = cli("lint", put("pg.json", postgres))
    told = [line for line in done.out.splitlines() if "[lint.secret]" in line]
    assert [line.split(": ")[2] for line in told] == ["connection.url", "connection.password"]
    assert "hunter2" not in done.out
    assert "opensesame" not in done.out
    put("pg.json", {**postgres, "connection.url": "postgresql://db/x", "connection.password": "${env:PG}"})
    assert "lint.secret" not in cli("lint", "pg.json").out


def test_a_mask_copied_from_an_answer_is_an_error(cli: Cli) -> None:
    (one,) = (each for each in found(cli, put("m.json", {**SINK, "token": "[hidden]"})) if each["code"] == "lint.mask")
    assert (one["level"], one["key"], one["line"]) == ("error", "token", 6)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"name": "out",\n"connector.class": "FileStreamSink",\n"topics": "t",\n"file": "a",\n"file": "b"}'),
        ("a.properties", "name=out\nconnector.class=FileStreamSink\ntopics=t\nfile=a\nfile=b\n"),
    ],
)
def test_a_key_that_stands_twice_is_an_error_at_the_second(cli: Cli, name: str, text: str) -> None:
    (one,) = found(cli, put(name, text))
    assert one == {
        "file": name,
        "line": 5,
        "level": "error",
        "key": "file",
        "code": "lint.twice",
        "message": "it stands twice, first in line 4; the last one holds",
        "fix": "Remove one of the two.",
    }


def test_yaml_has_lines_too_and_its_documents_may_have_the_same_keys(cli: Cli) -> None:
    text = """\
apiVersion: kafka.strimzi.io/v1
kind: KafkaConnector
metadata: {name: out}
spec:
  class: FileStreamSink
  config:
    topics: t
    file: x
---
apiVersion: kafka.strimzi.io/v1
kind: KafkaConnector
metadata: {name: other}
spec:
  class: FileStreamSink
  config:
    topics: u
    file: y
    "fiel": z
"""
    done = cli("lint", put("both.yaml", text))
    assert done.code == 0, done
    assert done.out.startswith("both.yaml:18: warning: fiel: nothing reads key fiel")
    assert done.out.endswith("2 configs: 0 errors, 1 warning\n")


def test_a_name_in_two_files_of_a_folder_is_an_error(cli: Cli) -> None:
    Path("all").mkdir()
    put("all/a.json", SINK)
    put("all/b.json", SINK)
    put("all/notes.txt", "no config")
    (one,) = found(cli, "all")
    assert (one["file"], one["message"]) == ("all/b.json", "connector out is in all/a.json, too")


def test_references_are_judged_by_the_workers_config_where_it_is_given(cli: Cli) -> None:
    put("out.json", {**SINK, "file": "${vault:x}"})
    assert cli("lint", "out.json", "--strict").code == 0
    put("worker.properties", "config.providers=env\nconfig.providers.env.class=EnvVarConfigProvider\n")
    (one,) = found(cli, "out.json", "--config", "worker.properties", "--strict")
    assert one["code"] == "lint.reference"
    assert "${vault:x} is taken as it is" in one["message"]


def test_a_workers_config_is_judged_whole(cli: Cli) -> None:
    text = "listeners=foo://\nlog.segment.bytes=-4\ngroup.ids=x\nvalue.converter=Nope\n"
    told = {each["key"]: (each["level"], each["line"]) for each in found(cli, put("worker.properties", text))}
    assert told == {
        "listeners": ("error", 1),
        "log.segment.bytes": ("error", 2),
        "group.ids": ("warning", 3),
        "value.converter": ("error", 4),
    }


def test_what_cannot_be_read_ends_with_2_and_hides_nothing_else(cli: Cli) -> None:
    done = cli("lint", put("bad.json", "{"), put("out.json", {**SINK, "fiel": "x"}), "--json")
    assert done.code == 2, done
    assert [each["source"] for each in done.json["errors"]] == ["bad.json"]
    assert [each["file"] for each in done.json["findings"]] == ["out.json"]
    Path("empty").mkdir()
    assert "has no file that ends in .json, .yaml, .yml, .properties" in cli("lint", "empty").err
    cli.refused(2, "config.invalid", "lint", mentions="no config is given")


def test_a_file_of_another_product_is_sent_to_migrate(cli: Cli) -> None:
    text = (
        "debezium.sink.type=kafka\ndebezium.source.connector.class=io.debezium.connector.postgresql.PostgresConnector\n"
    )
    (one,) = found(cli, put("application.properties", text))
    assert one["message"] == "it is a file of Debezium Server"


def test_a_file_may_name_its_schema(cli: Cli) -> None:
    for one in ({"$schema": "./s.json", **SINK}, {"$schema": "./s.json", "name": "out", "config": SINK}):
        assert found(cli, put("one.json", one), code=0) == []


def test_the_schema_is_printed_for_editors(cli: Cli) -> None:
    done = cli("lint", "--schema")
    assert done.json["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "FileStreamSink" in str(done.json["$defs"]["config"]["properties"]["connector.class"])
    cli.refused(2, "config.invalid", "lint", "--schema", "x.json", mentions="it takes no SOURCE")
