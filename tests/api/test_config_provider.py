from __future__ import annotations

import dataclasses
from collections.abc import Collection

import pytest

from connect.api import Config, ConfigData, ConfigError, ConfigProvider, config_key


class HeldConfig(Config):
    user: str = config_key("Who it is.")


class Held(ConfigProvider[HeldConfig]):
    def get(self, path: str, keys: Collection[str] | None = None) -> ConfigData:
        held = {"path": path, "user": self.config.user}
        return ConfigData({key: held[key] for key in held if keys is None or key in keys}, ttl_ms=5)


def test_a_provider_has_its_config_and_gives_all_values_or_those_that_are_asked_for() -> None:
    provider = Held()
    provider.configure(provider.config_class.parse({"user": "u"}))
    assert provider.get("p") == ConfigData({"path": "p", "user": "u"}, 5)
    assert provider.get("p", {"user", "none"}).values == {"user": "u"}


def test_a_provider_without_a_key_that_it_needs_is_not_configured() -> None:
    with pytest.raises(ConfigError, match="user"):
        Held.config_class.parse({})


def test_values_hold_until_a_restart_unless_it_is_said_and_do_not_change() -> None:
    found = ConfigData({"k": "v"})
    assert found.ttl_ms is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.ttl_ms = 1  # type: ignore[misc]


def test_a_provider_without_get_says_what_it_must_have() -> None:
    class Empty(ConfigProvider):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty must define get"):
        Empty().get("p")
