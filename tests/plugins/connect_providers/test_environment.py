"""`EnvVarConfigProvider`: variables by name, those that the operator lets be read."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect_providers import EnvVarConfigProvider


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    monkeypatch.setenv("OTHER", "x")


def provider(**config: str) -> EnvVarConfigProvider:
    made = EnvVarConfigProvider()
    made.configure(made.config_class.parse({key.replace("_", "."): value for key, value in config.items()}))
    return made


def test_a_variable_is_a_value() -> None:
    assert provider().get("", ["DB_PASSWORD", "NO_SUCH"]).values == {"DB_PASSWORD": "hunter2"}
    assert provider().get("").values["OTHER"] == "x"


def test_what_the_pattern_does_not_match_whole_is_not_there() -> None:
    assert provider(allowlist_pattern="DB_.*").get("").values == {"DB_PASSWORD": "hunter2"}
    assert provider(allowlist_pattern="DB_").get("").values == {}


def test_a_path_is_refused() -> None:
    with pytest.raises(ConfigError, match="path '/etc' is given; variables have none"):
        provider().get("/etc", ["OTHER"])


def test_a_pattern_that_is_none_is_refused_with_its_key() -> None:
    with pytest.raises(ConfigError, match=r"allowlist\.pattern"):
        provider(allowlist_pattern="(")
