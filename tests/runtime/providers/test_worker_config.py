"""References in a worker's own config; a whole worker that starts from some is in tests/integration."""

from __future__ import annotations

import pytest

from connect.api import ConfigError
from connect.runtime import secrets
from connect.runtime.plugins import PluginHost
from connect.runtime.providers.worker_config import resolved_worker_config
from connect.runtime.worker_config import WorkerConfig

ENV = {"config.providers": "env", "config.providers.env.class": "EnvVarConfigProvider"}


@pytest.fixture(scope="module")
def plugins() -> PluginHost:
    return PluginHost.discover()


async def test_a_config_without_references_is_the_same_one(plugins: PluginHost) -> None:
    config = WorkerConfig.parse({**ENV, "data.dir": "${other:x}"})
    assert await resolved_worker_config(plugins, config) is config


async def test_values_are_parsed_and_those_of_plugins_are_secrets(
    plugins: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_GROUP", "group-of-mine")
    monkeypatch.setenv("A_PASSWORD", "password-of-mine")
    texts = {**ENV, "group.id": "${env:A_GROUP}", "ssl.keystore.password": "${env:A_PASSWORD}"}
    config = await resolved_worker_config(plugins, WorkerConfig.read(texts))
    assert config.group_id == "group-of-mine"
    assert config.originals["ssl.keystore.password"] == "password-of-mine"
    assert secrets.redact("group-of-mine, password-of-mine") == "group-of-mine, [hidden]"


async def test_what_a_value_holds_is_not_resolved_again(plugins: PluginHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_GROUP", "${env:HOME}")
    config = await resolved_worker_config(plugins, WorkerConfig.read({**ENV, "group.id": "${env:A_GROUP}"}))
    assert config.group_id == "${env:HOME}"


async def test_a_value_of_the_wrong_type_is_named_by_its_key_and_not_quoted(
    plugins: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_NUMBER", "hunter2-no-number")
    config = WorkerConfig.read({**ENV, "offset.flush.interval.ms": "${env:A_NUMBER}"})
    with pytest.raises(ConfigError, match=r"offset\.flush\.interval\.ms") as caught:
        await resolved_worker_config(plugins, config)
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("key", ["plugin.path", "plugin.import.timeout.ms", "config.providers.env.param.x"])
async def test_what_is_needed_to_find_providers_cannot_be_a_reference(plugins: PluginHost, key: str) -> None:
    with pytest.raises(ConfigError, match="it is needed before there are config providers") as caught:
        await resolved_worker_config(plugins, WorkerConfig.read({**ENV, key: "${env:HOME}"}))
    assert caught.value.config_path == key
