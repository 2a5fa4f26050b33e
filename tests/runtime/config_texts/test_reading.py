"""What a pasted text is taken for."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api import ConfigError
from connect.runtime.config_texts.reading import CHARS_MAX, CONNECTORS_MAX, YAML_CHARS_MAX, Reading, read

CLASS = {"connector.class": "FileStreamSink"}
SERVER = """\
debezium.sink.type=kinesis
debezium.source.connector.class=io.debezium.connector.postgresql.PostgresConnector
debezium.source.database.hostname=db
debezium.source.offset.storage.file.filename=data/offsets.dat
debezium.transforms=unwrap
debezium.format.value=json
quarkus.log.level=INFO
"""


def test_a_connector_comes_with_its_name_beside_its_config() -> None:
    assert read("name=c\nconnector.class=FileStreamSink\n") == Reading("Java properties", (("c", CLASS),), ())
    assert read(json.dumps({"name": "c", "config": CLASS})) == Reading("{name, config}", (("c", CLASS),), ())


def test_debezium_servers_file_becomes_its_source_and_what_is_left_out_is_told() -> None:
    found = read(SERVER)
    assert found.took_it_for == "Java properties: Debezium Server's application.properties"
    [(name, config)] = found.connectors
    assert name == ""
    assert config == {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": "db",
        "transforms": "unwrap",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    }
    for told in ("debezium.sink.type was left out", "debezium.source.offset.storage.file.filename", "quarkus.log.level",
                 "it has no name"):  # fmt: skip
        assert any(told in note for note in found.notes), (told, found.notes)


def test_a_block_of_markdown_is_read_and_variables_that_nobody_put_in_are_told() -> None:
    config = '{"name": "${NAME}", "connector.class": "FileStreamSink", "topics": "t", "file": "${file:/a:b}"}'
    found = read(f"To make it, don't run:\n\n```json\n{config}\n```\n")
    assert found.connectors[0][1]["topics"] == "t"
    assert found.notes == ("${NAME} in its name is a variable: put its value in",)


def test_several_connectors_are_counted_and_a_worker_makes_none() -> None:
    two = read(json.dumps({"a": CLASS, "b": CLASS}))
    assert two.took_it_for == "connectors by their names: 2 connectors"
    assert [name for name, _ in two.connectors] == ["a", "b"]
    worker = read("group.id=g\nbootstrap.servers=k:9092\n")
    assert worker.took_it_for == "Java properties: a worker's config"
    assert worker.connectors == ()
    assert "makes no connector" in worker.notes[0]


def test_what_is_missing_or_contradicts_itself_is_noted() -> None:
    found = read(json.dumps({"name": "outer", "config": {"name": "inner", "topics": "t"}}))
    assert [name for name, _ in found.connectors] == ["outer"]
    assert found.notes == (
        "connector.class is missing",
        "the config's own name, 'inner', is not 'outer', and was left out",
    )


def test_very_many_connectors_are_cut_and_that_is_told() -> None:
    found = read(json.dumps({f"c{number}": CLASS for number in range(CONNECTORS_MAX + 1)}))
    assert len(found.connectors) == CONNECTORS_MAX
    assert "1,001 connectors; the first 1,000" in found.notes[0]


BOMB = "---\na: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (" \n", "the text is empty"),
        ("x" * (CHARS_MAX + 1), "has 1,048,577 characters; at most 1,048,576"),
        ("---\n" + "a: b\n" * YAML_CHARS_MAX, "characters of YAML; at most 65,536"),
        (BOMB, "more than 100,000 values, with its aliases written out"),
        ("[" * 100_000, "is not JSON"),
        ("--- " + "[" * 60_000, "is no YAML that can be read"),
        ("--- " + "{a: " * 16_000, "is no YAML that can be read"),
        ('{"a":' * 2_000 + "1" + "}" * 2_000, "is not JSON"),
        ("---\nconfig: !!python/object/apply:os.system ['true']\n", "is no YAML that can be read"),
        ("---\n? &a {*a : b}\n", "is no YAML that can be read"),
        ("a=" + "\\u00" * 10, "u"),
    ],
)
def test_hostile_texts_are_refused_and_soon(text: str, told: str) -> None:
    began_s = time.monotonic()
    with pytest.raises(ConfigError) as refused:
        read(text)
    assert told in refused.value.message
    assert len(refused.value.message) < 1000
    assert time.monotonic() - began_s < 5


@given(st.text(max_size=200) | st.sampled_from(["---\n", "curl ", "{", "name="]).flatmap(
    lambda begin: st.text(max_size=100).map(lambda rest: begin + rest)))  # fmt: skip
def test_whatever_is_pasted_is_read_or_refused(text: str) -> None:
    try:
        found = read(text)
    except ConfigError as refused:
        assert "the text" in refused.message
        return
    assert found.took_it_for
