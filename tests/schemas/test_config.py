"""The keys of all formats."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect_schemas.config import SchemaConverterConfig

URL = {"schema.registry.url": "http://127.0.0.1:8081"}


def test_confluents_defaults_are_the_defaults() -> None:
    config = SchemaConverterConfig.parse(URL)
    assert config.auto_register_schemas
    assert config.latest_compatibility_strict
    assert not config.use_latest_version
    assert not config.normalize_schemas
    assert config.use_schema_id == -1
    assert config.schemas_cache_config == 1000


def test_the_cache_has_two_names() -> None:
    assert SchemaConverterConfig.parse({**URL, "schemas.cache.size": "5"}).schemas_cache_config == 5


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"value\.subject.name.strategy"):
        SchemaConverterConfig.parse({**URL, "value.subject.name.strategy": "com.example.Mine"})


def test_metadata_is_pairs() -> None:
    config = SchemaConverterConfig.parse({**URL, "use.latest.with.metadata": "a=1, b = x=y"})
    assert config.latest_metadata() == {"a": "1", "b": "x=y"}
    assert SchemaConverterConfig.parse(URL).latest_metadata() == {}
    for wrong in ("a", "a=1,,b=2", "=1"):
        with pytest.raises(ConfigError, match=r"use\.latest\.with\.metadata.*NAME=VALUE is expected"):
            SchemaConverterConfig.parse({**URL, "use.latest.with.metadata": wrong})
