"""What goes wrong is told with the field, what was found and what was expected; config errors come all at once."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import ConfigError, ConnectError
from connect.runtime.connector_config import SourceConnectorConfig
from connect.runtime.factory import make_stages
from tests.support.transforms import PLUGINS, transformed

V2 = {"field_syntax_version": "V2"}


@pytest.mark.parametrize(
    ("name", "value", "config", "message"),
    [
        (
            "Cast$Value",
            {"a": "x"},
            {"spec": "a:int32"},
            "Value (x) was out of range for requested data type (field 'a')",
        ),
        (
            "Cast$Value",
            {"n": {"a": "x"}},
            {"spec": "n.a:int32", **V2},
            "Value (x) was out of range for requested data type (field 'n.a')",
        ),
        ("MaskField$Value", {"a": b""}, {"fields": "a"}, "Cannot mask value of type: class [B (field 'a')"),
        (
            "TimestampConverter$Value",
            {"a": "x"},
            {"field": "a", "target_type": "unix", "format": "yyyy"},
            "Could not parse timestamp: value (x) does not match pattern (yyyy) (field 'a')",
        ),
        (
            "TimestampConverter$Value",
            {"a": "x"},
            {"field": "a", "target_type": "unix"},
            "Could not parse timestamp: value (x) needs the key 'format', and it is not set (field 'a')",
        ),
        (
            "TimestampConverter$Value",
            {"a": 10**18},
            {"field": "a", "target_type": "Timestamp"},
            "Invalid Timestamp: 1000000000000000000 ms since the epoch lies outside the years 1 to 9999 (field 'a')",
        ),
        (
            "ValueToKey",
            "text",
            {"fields": "a"},
            (
                "Only Map objects supported in absence of schema for [copying fields from value to key], found: "
                "java.lang.String"
            ),
        ),
    ],
    ids=lambda part: part if isinstance(part, str) and "$" in part else "",
)
def test_a_value_that_cannot_be_taken_is_named(name: str, value: Any, config: dict[str, str], message: str) -> None:
    with pytest.raises(ConnectError) as caught:
        transformed(name, value, **config)
    assert caught.value.message == message


def test_every_mistake_in_a_config_is_told_at_once_with_its_key() -> None:
    config = {
        "name": "n", "connector.class": "FileStreamSource", "transforms": "t",
        "transforms.t.type": "org.apache.kafka.connect.transforms.TimestampConverter$Value",
        "transforms.t.target.type": "string", "transforms.t.field": "`a", "transforms.t.field.syntax.version": "V2",
    }  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        make_stages(PLUGINS, SourceConnectorConfig.parse(config))
    assert [problem.key for problem in caught.value.problems] == ["transforms.t.field", "transforms.t.format"]  # type: ignore[attr-defined]
    assert "Incomplete backtick pair" in str(caught.value)
    assert "transforms.t: TimestampConverter requires format option" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        (
            "Cast$Value",
            {"spec": "a:nosuch"},
            (
                "Invalid value a:nosuch for configuration spec: Invalid type found in casting spec: nosuch; "
                "expected one of [INT8, INT16"
            ),
        ),
        ("Cast$Value", {"spec": "a:int8,string"}, "may only specify a single cast"),
        ("HeaderFrom$Value", {"fields": "a,b", "headers": "x", "operation": "move"}, "same number of elements"),
        ("InsertField$Value", {}, "No field insertion configured"),
        ("InsertField$Value", {"static_field": "a"}, "No value specified for static field: a"),
        ("SetSchemaMetadata$Value", {}, "Neither schema name nor version configured"),
        (
            "TimestampRouter",
            {"timestamp_format": "nope"},
            "Invalid value nope for configuration timestamp.format: Illegal pattern character 'n'",
        ),
        (
            "TimestampConverter$Value",
            {"target_type": "unix", "format": "yyyy'"},
            "requires a SimpleDateFormat-compatible pattern for string timestamps: yyyy'",
        ),
    ],
    ids=lambda part: part if isinstance(part, str) and "$" in part else "",
)
def test_a_config_that_makes_no_sense_is_refused(name: str, config: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        transformed(name, {}, **config)
    assert message in caught.value.message
