from __future__ import annotations

import json
from pathlib import Path

import pytest

from connect.api import ConfigError
from connect.cli.settings import ConnectorFile, connector_file, worker_config
from connect.runtime.worker_config import WorkerConfig


def test_flags_go_before_variables_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "w.properties"
    path.write_text("data.dir=file\ngroup.id=file\nlog.level=WARN\n")
    config = worker_config(path, {"data.dir": "flag"}, {"CONNECT_GROUP_ID": "variable", "CONNECT_DATA_DIR": "variable"})
    assert (config.data_dir, config.group_id, config.log_level) == ("flag", "variable", "WARN")


def test_every_problem_of_a_worker_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_text('{"offset.flush.interval.ms": "soon", "log.level": "LOUD"}')
    with pytest.raises(ConfigError, match=r"(?s)offset.flush.interval.ms.*log.level"):
        worker_config(path, {}, {})


def test_numbers_and_truth_in_json_become_text(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('{"name": "c", "tasks.max": 2, "flag": true}')
    assert connector_file(path).config == {"name": "c", "tasks.max": "2", "flag": "true"}


def test_two_kinds_of_state_in_one_topic_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"offset\.storage\.topic: config\.storage\.topic names the same topic"):
        WorkerConfig.parse({"config.storage.topic": "a", "offset.storage.topic": "a"})
    with pytest.raises(ConfigError, match=r"status\.storage\.topic: config\.storage\.topic names the same topic"):
        WorkerConfig.parse({"status.storage.topic": "connect-configs"})


CONNECTOR = "name=c\nconnector.class=FileStreamSource\n"


@pytest.mark.parametrize("name", ["w.props", "connector", "c.conf", "c.properties"])
def test_properties_are_known_by_what_is_in_them(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(CONNECTOR)
    assert connector_file(path).config == {"name": "c", "connector.class": "FileStreamSource"}
    path.write_text("group.id=mine\n")
    assert worker_config(path, {}, {}).group_id == "mine"


@pytest.mark.parametrize("name", ["c.json", "c.txt", "c.properties"])
def test_json_is_known_by_what_is_in_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(' {"name": "c", "config": {"topic": "t"}}')
    assert (connector_file(path).name, connector_file(path).config) == ("c", {"topic": "t"})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["c.properties", "c.json", "c"])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / name
    path.write_text('{"name": "c", "topic": "ü"}' if name == "c.json" else "name=c\ntopic=ü\n", encoding=encoding)
    assert connector_file(path).config == {"name": "c", "topic": "ü"}


def test_properties_that_are_no_utf_8_are_latin_1_as_in_java(tmp_path: Path) -> None:
    path = tmp_path / "c.props"
    path.write_bytes("name=c\ntopic=ü\n".encode("latin-1"))
    assert connector_file(path).config["topic"] == "ü"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("c.properties", "name=c\nfile=\\u12", r"c\.properties: line 2: a"),
        ("c.json", "name=c", "is not JSON"),
        ("c.txt", "{", "is not JSON"),
        ("c.yaml", "name: c\n---\nname: d\n", "has 2 documents; one is expected"),
        ("c.yaml", "name: [c", "is no YAML that can be read: line 1"),
        ("notes", "what\nis\nthis", "holds no KEY=VALUE"),
        ("empty", "", "holds no KEY=VALUE"),
    ],
)
def test_what_is_neither_is_told(tmp_path: Path, name: str, text: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError, match=told):
        connector_file(path)


def test_a_port_alone_is_an_address_unless_the_listeners_are_given(tmp_path: Path) -> None:
    path = tmp_path / "w.properties"
    path.write_text("rest.port=8084\nrest.host.name=10.0.0.5\n")
    assert worker_config(path, {}, {}).listeners == ["http://10.0.0.5:8084"]
    assert worker_config(path, {"listeners": "http://127.0.0.1:0"}, {}).listeners == ["http://127.0.0.1:0"]


def test_keys_that_nothing_reads_are_kept_to_be_told_of(tmp_path: Path) -> None:
    path = tmp_path / "w.properties"
    path.write_text("rest.authentification.file=users\n")
    config = worker_config(path, {}, {"CONNECT_GRUOP_ID": "g"})
    assert config.rest_authentication_file == ""
    assert dict(config.originals) == {"rest.authentification.file": "users", "gruop.id": "g"}


@pytest.mark.parametrize(
    "text", ["name: c\ntasks.max: 2\ntopics: no\n", "name: c\nconfig: {tasks.max: 2, topics: no}\n"]
)
def test_yaml_is_read_and_its_words_are_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    found = connector_file(path)
    assert (found.name, found.config["tasks.max"], found.config["topics"]) == ("c", "2", "no")


@pytest.mark.parametrize("beside", [{"connector.class": "C"}, {"config": {"connector.class": "C"}}])
def test_what_names_a_file_s_schema_for_an_editor_is_no_key(tmp_path: Path, beside: dict[str, object]) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"$schema": "./connector.schema.json", "name": "c", **beside}))
    keys = {"connector.class": "C"} if "config" in beside else {"name": "c", "connector.class": "C"}
    assert connector_file(path) == ConnectorFile("c", keys)


def test_a_worker_s_config_in_the_place_of_a_connector_s_is_known(tmp_path: Path) -> None:
    """As connect-standalone takes it."""
    path = tmp_path / "connect-standalone.properties"
    path.write_text("bootstrap.servers=localhost:9092\noffset.flush.interval.ms=1000\n")
    with pytest.raises(ConfigError, match="is a worker's config") as refused:
        connector_file(path)
    assert refused.value.hint == f"A worker takes it with --config {path}."


def test_a_level_is_taken_in_any_case(tmp_path: Path) -> None:
    assert worker_config(None, {}, {"CONNECT_LOG_LEVEL": "debug"}).log_level == "debug"
