"""The keys of JsonSchemaConverter."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect_schemas.json_schema.config import JsonSchemaConverterConfig
from connect_schemas.json_schema.options import Options


def parsed(**config: str) -> JsonSchemaConverterConfig:
    return JsonSchemaConverterConfig.parse(
        {"schema.registry.url": "http://r:1", **{name.replace("_", "."): value for name, value in config.items()}}
    )


def test_where_nothing_is_said_it_is_confluents() -> None:
    assert parsed().options() == Options()
    assert not parsed().json_fail_invalid_schema


def test_each_key_switches_what_it_names() -> None:
    assert parsed(decimal_format="numeric").options().numeric_decimals
    assert not parsed(object_additional_properties="false").options().additional_properties
    assert parsed(use_optional_for_nonrequired="true").options().optional_for_nonrequired
    assert parsed(generalized_sum_type_support="true").options().generalized
    assert not parsed(flatten_singleton_unions="false").options().flatten
    assert not parsed(ignore_default_for_nullables="true").options().nulls_to_defaults
    assert not parsed(replace_null_with_default="false").options().nulls_to_defaults


def test_keys_that_say_nothing_here_are_taken() -> None:
    assert parsed(json_fail_unknown_properties="false", json_write_dates_iso8601="true").options() == Options()


def test_a_dialect_that_there_is_not_is_refused() -> None:
    config = {"schema.registry.url": "http://r:1", "json.schema.spec.version": "draft_5"}
    with pytest.raises(ConfigError, match="draft_2020_12"):
        JsonSchemaConverterConfig.parse(config)
    config["json.schema.spec.version"] = "DRAFT_2019_09"
    assert JsonSchemaConverterConfig.parse(config).json_schema_spec_version.lower() == "draft_2019_09"
