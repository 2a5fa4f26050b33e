"""Configs in every form in which users have them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import ConfigError
from connect.runtime.config_texts.forms import Form, Pasted, of_text

CLASS = {"connector.class": "FileStreamSink"}


def found(text: str | Any) -> list[tuple[str, str, dict[str, str]]]:
    given = text if isinstance(text, str) else json.dumps(text)
    return [(str(one.form), one.name, one.config) for one in of_text("here", "stem", given)]


@pytest.mark.parametrize(
    "text",
    [
        {"name": "c", **CLASS},
        {"name": "c", "config": CLASS},
        {"name": "c", "config": CLASS, "tasks": [], "type": "sink"},
        [{"name": "c", "config": CLASS}],
        {"c": {"info": {"name": "c", "config": CLASS, "tasks": []}, "status": {}}},
        {"c": CLASS},
        "name=c\nconnector.class=FileStreamSink\n",
        {"apiVersion": "v1", "kind": "KafkaConnector", "metadata": {"name": "c"}, "spec": {"class": "FileStreamSink"}},
    ],
)
def test_a_connector_is_known_in_every_form(text: Any) -> None:
    [(form, name, config)] = found(text)
    assert (form, name) == ("connector", "c")
    assert config["connector.class"] == "FileStreamSink"


def test_values_become_text_and_a_connector_without_a_name_is_called_after_its_file() -> None:
    assert found({**CLASS, "tasks.max": 2, "flag": True}) == [
        ("connector", "stem", {**CLASS, "tasks.max": "2", "flag": "true"})
    ]


@pytest.mark.parametrize(
    ("text", "form", "config"),
    [
        ("group.id=g\nbootstrap.servers=k:9092\n", "worker", {"group.id": "g", "bootstrap.servers": "k:9092"}),
        ("CONNECT_GROUP_ID=g\nCONNECT_REST_PORT=99\n", "worker",
         {"group.id": "g", "listeners": "http://127.0.0.1:99"}),
        ("producer.acks=all\n", "worker", {"producer.acks": "all"}),
        ("debezium.sink.type=http\n", "Debezium Server", {"debezium.sink.type": "http"}),
        ("clusters=A,B\nA->B.enabled=true\n", "MirrorMaker 2", {"clusters": "A,B", "A->B.enabled": "true"}),
        ("name=c\ntopics=t\n", "connector", {"name": "c", "topics": "t"}),
    ],
)  # fmt: skip
def test_what_a_file_is_shows_in_its_keys(text: str, form: str, config: dict[str, str]) -> None:
    [(what, _, keys)] = found(text)
    assert (what, keys) == (form, config)


def test_strimzis_resources_and_a_compose_file_are_read_as_json() -> None:
    connect = {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaConnect",
        "metadata": {"name": "my"},
        "spec": {"bootstrapServers": "k:9092", "config": {"group.id": "g", "config.storage.replication.factor": -1}},
    }
    connector = {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaConnector",
        "metadata": {"name": "c"},
        "spec": {"class": "FileStreamSink", "tasksMax": 2, "config": {"topics": "t"}},
    }
    assert found({"apiVersion": "v1", "kind": "List", "items": [connect, connector]}) == [
        ("worker", "my", {"bootstrap.servers": "k:9092", "group.id": "g", "config.storage.replication.factor": "-1"}),
        ("connector", "c", {**CLASS, "tasks.max": "2", "topics": "t"}),
    ]
    services = {
        "broker": {"environment": {"KAFKA_NODE_ID": "1"}},
        "connect": {"environment": {"CONNECT_GROUP_ID": "g", "CONNECT_REST_PORT": 8083, "KAFKA_HEAP_OPTS": "-Xmx1G"}},
        "debezium": {"environment": ["CONFIG_STORAGE_TOPIC=c", "OFFSET_STORAGE_TOPIC=o"]},
        "other": None,
    }
    assert found({"services": services}) == [
        ("worker", "connect", {"KAFKA_HEAP_OPTS": "", "group.id": "g", "listeners": "http://127.0.0.1:8083"}),
        ("worker", "debezium", {"config.storage.topic": "c", "offset.storage.topic": "o"}),
    ]


def test_strimzis_resources_and_compose_files_are_read_as_yaml_too() -> None:
    text = """\
apiVersion: kafka.strimzi.io/v1
kind: KafkaConnector
metadata: {name: my-sink, labels: {strimzi.io/cluster: c}}
spec:
  class: FileStreamSink
  tasksMax: 2
  config: &shared
    topics: orders
    file: /tmp/2024-01-01
---
apiVersion: kafka.strimzi.io/v1
kind: KafkaConnect
metadata: {name: workers}
spec:
  bootstrapServers: k:9092
  config: {group.id: g}
"""
    one, two = of_text("here", "stem", text)
    assert (one.where, one.name, one.config) == (
        "here: document 1",
        "my-sink",
        {"connector.class": "FileStreamSink", "tasks.max": "2", "topics": "orders", "file": "/tmp/2024-01-01"},
    )
    assert (two.form, two.name, two.config) == (
        Form.WORKER,
        "workers",
        {"bootstrap.servers": "k:9092", "group.id": "g"},
    )
    compose = "services:\n  connect:\n    environment:\n      CONNECT_GROUP_ID: g\n      CONNECT_REST_PORT: 8083\n"
    assert [each.config["group.id"] for each in of_text("here", "stem", compose)] == ["g"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{\n  "name": "c",\n  oops\n}', r"^here is not JSON: .*line 3"),
        ('{"name": "c", "config": {"topics": ["t"]}}', r"^here: key 'topics' must be text"),
        ("name=c\ntopic=\\u12\n", r"^here: line 2: a \\uxxxx escape"),
        ("name=a\nconnector.class=X\n\nname=b\n", r"^here: line 4: name is given twice, first in line 1"),
        ("apiVersion: v1\nkind: Pod\n", "^here: a Pod holds no config"),
        ("--- {}\n--- [", "^here is no YAML that can be read: line 2"),
        ("---\n# nothing\n", "^here is empty"),
        ("what\nis\nthis\n", "^here is not JSON, and holds no KEY=VALUE"),
        ("colour=red\n", "^here has no key of a connector"),
        ('["a", "b"]', r"^here\[0\] is a name, without a config"),
        ("[5]", r"^here\[0\]: a JSON object is expected, not int"),
        ('{"a": {"status": {"name": "a"}}}', "^here: a has a status and no config"),
        ('{"apiVersion": "v1", "kind": "Pod"}', "^here: a Pod holds no config"),
        ('{"services": {"db": {"image": "postgres"}}}', "^here: no service has the variables"),
        ("{}", "^here has no key of a connector"),
        ('{"services": {"db": 5}}', "^here: db: a JSON object is expected, not int"),
        (
            '{"apiVersion": "v1", "kind": "KafkaConnect", "spec": "x"}',
            "^here: spec: a JSON object is expected, not str",
        ),
        ("[" * 900 + "]" * 900, "a JSON object is expected, not list"),
        ('connector-a\t{"properties": {}}\nconnector-b\t{\n', "^here: line 2 is not JSON"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        of_text("here", "stem", text)


def test_a_config_topic_is_read_as_a_consumer_prints_it_with_its_keys() -> None:
    lines = [
        'session-key\t{"key": "hunter2"}',
        'connector-a\t{"properties": {"connector.class": "Old"}}',
        'task-a-0\t{"properties": {"task.class": "T"}}',
        'connector-b\t{"properties": {"connector.class": "B"}}',
        'target-state-a\t{"state": "STARTED"}',
        f"connector-a\t{json.dumps({'properties': CLASS})}",
        "connector-b\tnull",
    ]
    assert of_text("here", "stem", "\n".join(lines)) == [Pasted("here: line 6", Form.CONNECTOR, "a", CLASS)]


LEAVES = st.sampled_from([None, 1, -2.5, True, "", "x", "${file:/a:b}", "List", "KafkaConnect", "KafkaConnector"])
NAMES = st.sampled_from(
    ["apiVersion", "kind", "spec", "metadata", "name", "config", "services", "info", "status", "connector.class",
     "items", "environment", "CONNECT_GROUP_ID", "clusters", "debezium.sink.type", "group.id"]
)  # fmt: skip


@given(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4)))
def test_whatever_json_is_pasted_is_read_or_refused(parsed: Any) -> None:
    try:
        found = of_text("here", "stem", json.dumps(parsed))
    except ConfigError as refused:
        assert "here" in refused.message
        return
    assert all(pasted.where.startswith("here") for pasted in found)


@pytest.mark.parametrize(
    ("command", "name", "topics"),
    [
        (
            "curl -X POST http://k:8083/connectors -H 'Content-Type: application/json' -d '"
            + json.dumps({"name": "c", "config": {**CLASS, "topics": "it\\u0027s"}}).replace("\\\\u", "\\u")
            + "'",
            "c",
            "it's",
        ),
        (
            "curl -s -X PUT \\\n  -H 'Content-Type: application/json' \\\n  http://k:8083/connectors/a%20b/config \\\n"
            "  --data-raw '" + json.dumps({**CLASS, "topics": "t"}) + "'",
            "a b",
            "t",
        ),
        ("curl k:8083/connectors/c/config --json='" + json.dumps({**CLASS, "topics": "t"}) + "'", "c", "t"),
    ],
)
def test_a_command_of_curl_is_read_and_not_run(command: str, name: str, topics: str) -> None:
    [one] = of_text("here", "", command)
    assert (one.form, one.name, one.config["topics"]) == (Form.CONNECTOR, name, topics)
    assert one.shape.startswith("a command of curl with ")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("curl k:8083/connectors", "has no config beside it$"),
        ("curl -d", "has no config beside it$"),
        ("curl -d @sink.json k:8083/connectors", r"but a file, sink\.json"),
        ("curl -d '{", "no command that can be read"),
        ("curl -d " + "x" * (1 << 17), "command of more than 65,536 characters"),
    ],
)
def test_a_command_without_a_config_says_so(command: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        of_text("here", "", command)


def test_yaml_with_a_config_below_its_name_is_no_properties() -> None:
    [one] = of_text("here", "stem", "name: c\nconfig:\n  connector.class: FileStreamSink\n  topics: no\n")
    assert (one.name, one.config) == ("c", {**CLASS, "topics": "no"})


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ({"name": "c", **CLASS}, "keys and values"),
        ({"name": "c", "config": CLASS}, "{name, config}"),
        ({"c": {"info": {"name": "c", "config": CLASS}}}, "an answer of GET /connectors?expand=info"),
        ({"c": CLASS}, "connectors by their names"),
        ("name=c\nconnector.class=FileStreamSink\n", "Java properties"),
        ({"apiVersion": "v1", "kind": "KafkaConnector"}, "a KafkaConnector resource of Kubernetes"),
        ('connector-c\t{"properties": {}}', "records of a config topic"),
    ],
)
def test_how_it_was_written_is_told(text: Any, shape: str) -> None:
    given = text if isinstance(text, str) else json.dumps(text)
    assert [one.shape for one in of_text("here", "stem", given)] == [shape]
