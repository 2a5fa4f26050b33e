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


LISTED = "- name: c\n  config:\n    connector.class: FileStreamSink\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (LISTED, "c"),
        ("connectors:\n" + LISTED, "c"),
        ("connectors:\n  c:\n    config:\n      connector.class: FileStreamSink\n", "c"),
        ("name: demo\nconfig: &shared\n  connector.class: FileStreamSink\n", "demo"),
        ('"name": "c", "connector.class": "FileStreamSink",\n', "c"),
        ({"connectorName": "c", "connectorConfiguration": CLASS, "capacity": {}}, "c"),
        (
            {"apiVersion": "platform.confluent.io/v1beta1", "kind": "Connector", "metadata": {"name": "c"},
             "spec": {"class": "FileStreamSink", "configs": {}}},
            "c",
        ),
        (
            {"apiVersion": "v1", "kind": "ConfigMap",
             "data": {"log4j.properties": "x=1", "c.json": json.dumps({"name": "c", "config": CLASS})}},
            "c",
        ),
    ],
)  # fmt: skip
def test_configs_lie_in_lists_in_parts_and_in_resources_of_others(text: Any, name: str) -> None:
    [(form, called, config)] = found(text)
    assert (form, called, config["connector.class"]) == ("connector", name, "FileStreamSink")


def test_confluents_resource_says_its_tasks_otherwise() -> None:
    spec = {"class": "FileStreamSink", "taskMax": 4, "configs": {"topics": "t"}}
    [one] = found({"apiVersion": "platform.confluent.io/v1beta1", "kind": "Connector", "spec": spec})
    assert one[2] == {**CLASS, "tasks.max": "4", "topics": "t"}


def test_debezium_servers_yaml_is_its_properties() -> None:
    text = "debezium:\n  sink:\n    type: http\n  source:\n    database.hostname: h\n    database:\n      port: 5432\n"
    assert found(text) == [
        (
            "Debezium Server",
            "stem",
            {
                "debezium.sink.type": "http",
                "debezium.source.database.hostname": "h",
                "debezium.source.database.port": "5432",
            },
        )
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('resource "kafka-connect_connector" "c" {\n  config = {\n    "connector.class" = "F"\n  }\n}\n', "Terraform"),
        ("CREATE SINK CONNECTOR c WITH (\n 'connector.class'='F');", "ksqlDB"),
        ('$body = @{\n  name = "c"\n}\n', "PowerShell"),
        ("name=c\nconnector.class=F\n}\n", r"line 3: '}' is no key"),
        ([{"id": {"connector": "c", "task": 0}, "config": CLASS}], "the config of a task"),
        ({**CLASS, "topics": ["a"]}, "not a list"),
        ({**CLASS, "topics": None}, "not null"),
        ({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a.conf": "x"}}, "a.conf"),
        ({"apiVersion": "v1", "kind": "ConfigMap"}, "without data"),
    ],
)
def test_what_another_program_reads_is_no_config_with_odd_keys(text: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as raised:
        found(text)
    assert raised.value.message.startswith("here")
