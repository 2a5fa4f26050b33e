"""ValidateJsonSchema: records that do not meet a JSON Schema are errors."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from connect.api import INT32, STRING, ConfigError, DataError, Record
from tests.support.transforms import make_transform, transformed

SCHEMA = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "mail": {"format": "email"},
        "to": {"properties": {"zip": {"maxLength": 5}}},
    },
}


def test_a_record_that_meets_its_schema_passes_as_it_is() -> None:
    value = {"id": 1, "mail": "none"}
    assert transformed("ValidateJsonSchema$Value", value, schema=json.dumps(SCHEMA)) is value
    assert transformed("ValidateJsonSchema$Value", None, schema=json.dumps(SCHEMA)) is None


def test_a_record_that_does_not_is_an_error_that_says_where(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(SCHEMA))
    with pytest.raises(DataError, match=r"\$\.id: 'x' is not of type 'integer'; \$\.to\.zip: '690012' is too long"):
        transformed(
            "ValidateJsonSchema$Value", {"id": "x", "to": {"zip": "690012"}}, schema_file=str(tmp_path / "s.json")
        )
    with pytest.raises(DataError, match="'none' is not a 'email'"):
        transformed(
            "ValidateJsonSchema$Value", {"id": 1, "mail": "none"}, schema=json.dumps(SCHEMA), check_formats="true"
        )
    with pytest.raises(DataError, match="None is not of type 'object'"):
        transformed("ValidateJsonSchema$Value", None, schema=json.dumps(SCHEMA), validate_null="true")


def test_a_json_schema_file_that_is_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="not a regular file"):
        transformed("ValidateJsonSchema$Value", {}, schema_file=str(tmp_path / "pipe"))


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({}, "neither is"),
        ({"schema": "{}", "schema_file": "x"}, "both are"),
        ({"schema": "{"}, "configuration schema:"),
        ({"schema": "5"}, "is an object"),
        ({"schema": '{"type": "strin"}'}, r"the schema is none, at \$\.type"),
        ({"schema_file": "/no/such"}, "No such file"),
    ],
)
def test_a_schema_that_is_none_is_refused(config: dict[str, str], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        make_transform("ValidateJsonSchema$Value", **config)


def test_a_reference_to_another_document_is_never_fetched() -> None:
    with pytest.raises(DataError, match=r"refers to http://127\.0\.0\.1:9/x\.json, which is no part of it"):
        transformed("ValidateJsonSchema$Value", {}, schema='{"$ref": "http://127.0.0.1:9/x.json"}')


def test_the_key_can_be_checked() -> None:
    check = make_transform("ValidateJsonSchema$Key", schema='{"type": "string"}')
    assert check.apply(Record("t", 1, key="k", key_schema=STRING, value_schema=INT32)) is not None
    with pytest.raises(DataError):
        check.apply(Record("t", 1, key=5))
