"""Words for what is not here: each says something that holds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from connect.runtime.model import PluginKind
from connect.runtime.plugins import CONNECTOR_KINDS, PluginHost
from connect.runtime.validation import elsewhere
from connect.runtime.validation.elsewhere import (
    departures,
    instead_in_server,
    instead_of,
    instead_of_connector,
    instead_of_key,
)

PLUGINS = PluginHost.discover()
SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
S3 = "io.confluent.connect.s3.S3SinkConnector"
SPOOL = "com.github.jcustenborder.kafka.connect.spooldir.SpoolDirCsvSourceConnector"


def test_for_well_known_classes_that_nobody_has_here_it_is_said_what_to_do() -> None:
    assert "JsonConverter" in (instead_of("com.blueapron.connect.protobuf.ProtobufConverter") or "")
    assert "JsonSchemaConverter" in (instead_of("io.apicurio.registry.utils.converter.ExtJsonConverter") or "")
    assert "FilterByPath$Value" in (instead_of("io.debezium.transforms.Filter") or "")
    assert instead_of("org.apache.kafka.connect.transforms.Filter") is None
    assert "Python" in (instead_of("io.debezium.transforms.ContentBasedRouter") or "")
    assert instead_of("org.example.Nope") is None
    assert "JdbcSourceConnector" in (instead_of_connector("io.debezium.connector.mysql.MySqlConnector") or "")
    assert "object stores" in (instead_of_connector("io.confluent.connect.s3.S3SinkConnector") or "")
    assert instead_of_connector("org.example.NopeConnector") is None


def test_what_is_advised_in_place_of_another_class_is_installed() -> None:
    words = " ".join((*elsewhere._CLASSES.values(), *elsewhere._CONNECTORS.values()))
    named = re.findall(r"\b[A-Z][a-z]+[A-Z]\w+(?:\$\w+)?", words.replace("PostgreSQL", ""))
    assert {"JsonConverter", "RegexRouter", "JdbcSourceConnector"} <= set(named)
    assert [name for name in named if not PLUGINS.find(name, *PluginKind)] == []


@pytest.mark.parametrize("name", [*elsewhere._CLASSES, *elsewhere._CONNECTORS])
def test_no_words_are_kept_for_what_is_installed(name: str) -> None:
    names = [each for desc in PLUGINS.list() for each in (desc.name, *desc.cls.aliases)]
    assert [each for each in names if each.endswith(name) or each.startswith(name)] == []


def test_the_keys_that_are_advised_are_declared() -> None:
    declared = {"errors.tolerance"}
    for name in ("FileStreamSource", "FolderSink"):
        declared |= set(PLUGINS.resolve(name, *CONNECTOR_KINDS).cls.config_class.keys())
    for keys in elsewhere._OF_CLASSES.values():
        for told in keys.values():
            advised = re.findall(r"\b[a-z]+(?:\.[a-z]+)+\b", told)
            assert [key for key in advised if key not in declared] == [], told


@pytest.mark.parametrize(
    ("connector", "key", "told"),
    [
        (S3, "topics.dir", "instead: folder"),
        (SPOOL, "finished.path", "instead: on.eof.folder, with on.eof=move"),
        (S3, "schema.compatibility", None),  # every sink has it here
        (S3, "no.such.key", None),
        ("org.example.Nope", "database.user", None),
    ],
)
def test_a_key_of_a_class_that_is_not_here_may_have_another_in_its_place(
    connector: str, key: str, told: str | None
) -> None:
    assert instead_of_key(connector, key) == told


def test_keys_of_debezium_server_are_answered_and_others_are_not_taken_for_them() -> None:
    assert "sink connector" in (instead_in_server("debezium.sink.type") or "")
    assert "log.level" in (instead_in_server("quarkus.log.level") or "")
    assert instead_in_server("debezium.no.such.key") == "not needed: it is a key of Debezium Server"
    assert instead_in_server("group.id") is None


@pytest.mark.parametrize(
    ("connector", "config", "keys"),
    [
        (SINK, {"connector.class": SINK, "value.converter": "x.JsonConverter"}, ["connector.class"]),
        (SINK, {"connector.class": SINK, "value.converter": "x.StringConverter"}, []),
        ("x.DatagenConnector", {"iterations": "10"}, ["iterations"]),
        ("x.DatagenConnector", {"iterations": "-1"}, []),
        ("x.Any", {"errors.tolerance": "all"}, ["errors.tolerance"]),
        ("x.Any", {"errors.tolerance": "none", "iterations": "10"}, []),
        ("x.Any", {"topic.creation.default.replication.factor": "3"}, ["topic.creation.default.replication.factor"]),
    ],
)
def test_what_a_key_does_otherwise_is_told_where_it_does_so(
    connector: str, config: dict[str, str], keys: list[str]
) -> None:
    assert [key for key, _ in departures(connector, config, bundled=True)] == keys


def test_a_copy_of_a_topic_is_a_matter_of_the_bundled_log_alone() -> None:
    config = {"topic.creation.default.replication.factor": "3", "errors.tolerance": "all"}
    assert [key for key, _ in departures("x.Any", config, bundled=False)] == ["errors.tolerance"]


def test_a_departure_that_is_told_of_is_one_of_the_documented() -> None:
    listed = json.loads((Path(__file__).parents[2] / "conformance" / "departures.json").read_text())
    assert set(elsewhere.pages()) <= {one["name"] for one in listed}
    assert elsewhere.pages()
