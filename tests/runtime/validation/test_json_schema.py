from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from connect.runtime.plugins import PluginHost
from connect.runtime.validation.json_schema import connector_schema

JAVA = "org.apache.kafka.connect.file.FileStreamSinkConnector"
ROOT = Path(__file__).parents[3]
SCHEMA = connector_schema(PluginHost.discover())
CHECK = jsonschema.Draft202012Validator(SCHEMA)
SINK: dict[str, Any] = {"name": "out", "connector.class": "FileStreamSink", "topics": "t", "file": "out.txt"}


def problems(config: object) -> list[str]:
    return [f"{'.'.join(map(str, each.absolute_path))}: {each.message}" for each in CHECK.iter_errors(config)]


def test_it_is_a_schema_itself() -> None:
    assert jsonschema.Draft202012Validator.check_schema(SCHEMA) is None


def patterns(told: object) -> Iterator[str]:
    """Every regular expression of a schema."""
    if isinstance(told, dict):
        yield from [told["pattern"]] if isinstance(told.get("pattern"), str) else []
        yield from told.get("patternProperties", ())
        told = list(told.values())
    for one in told if isinstance(told, list) else ():
        yield from patterns(one)


def test_its_patterns_are_as_editors_read_them() -> None:
    """ECMA-262 with its flag u, which editors set: what need not be escaped must not be."""
    found = list(patterns(SCHEMA))
    assert len(found) > 100
    assert [one for one in found if re.search(r"\\[^\^$.*+?()\[\]{}|/\\dDsSwWbBtnrfv]", one)] == []


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.json")), ids=lambda path: path.name)
def test_the_configs_that_come_with_connect_are_right(path: Path) -> None:
    assert problems(json.loads(path.read_text())) == []


@pytest.mark.parametrize(
    "config",
    [
        SINK,
        {**SINK, "$schema": "connector.schema.json", "tasks.max": 3, "errors.log.enable": True},
        {**SINK, "tasks.max": "3", "errors.log.enable": "TRUE", "errors.tolerance": "ALL"},
        {
            **SINK,
            "tasks.max": "${env:TASKS}",
            "connector.class": JAVA,
        },
        {**SINK, "transforms": "a", "transforms.a.type": "InsertField", "consumer.override.max.poll.records": 10},
        {"name": "out", "config": {key: value for key, value in SINK.items() if key != "name"}},
        {"name": "out", "config": SINK, "initial_state": "PAUSED"},
        {**SINK, "connector.class": "${env:CLASS}", "anything": "goes"},
    ],
)
def test_what_a_worker_takes_is_right(config: dict[str, Any]) -> None:
    assert problems(config) == []


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({**SINK, "fiel": "x"}, "'fiel' does not match any of the regexes"),
        ({**SINK, "tasks.max": "many"}, "tasks.max: 'many' is not valid"),
        ({**SINK, "errors.log.enable": 1}, "errors.log.enable: 1 is not valid"),
        ({**SINK, "errors.tolerance": "some"}, "errors.tolerance: 'some' is not valid"),
        ({**SINK, "connector.class": "FileStreamSnik"}, "connector.class: 'FileStreamSnik' is not valid"),
        ({"config": SINK, "initial_state": "paused"}, "initial_state: 'paused' is not one of"),
        ({"config": SINK, "nmae": "x"}, "'nmae' was unexpected"),
        ({"connector.class": "FileStreamSink", "topics": "t"}, "'name' is a required property"),
        ({"name": "d", "connector.class": "PostgresSource"}, "is a required property"),
        ({**SINK, "file": ["a"]}, "file: ['a'] is not of type"),
    ],
)
def test_what_is_wrong_is_told_at_its_key(config: dict[str, Any], told: str) -> None:
    assert any(told in problem for problem in problems(config)), problems(config)


def test_each_key_says_what_it_is_for_and_no_default_is_a_secret() -> None:
    keys = SCHEMA["$defs"]["io.confluent.connect.jdbc.JdbcSinkConnector"]["properties"]
    assert "description" in keys["insert.mode"]
    assert keys["insert.mode"]["default"] == "insert"
    assert "default" not in keys["connection.password"]
