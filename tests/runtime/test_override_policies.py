"""Which overrides each policy allows, and which clients they are for."""

from __future__ import annotations

import pytest

from connect.api import ConfigError, InvalidConfigError
from connect.runtime.model import PluginKind
from connect.runtime.override_policies import clients_of, policy_of
from connect.runtime.worker_config import WorkerConfig

SOURCE, SINK = PluginKind.SOURCE, PluginKind.SINK
PACKAGE = "org.apache.kafka.connect.connector.policy"
SUFFIX = "ConnectorClientConfigOverridePolicy"
LOGIN = ("sasl.jaas.config", "sasl.mechanism", "security.protocol")


def test_the_clients_that_work_for_a_connector_follow_from_what_it_does() -> None:
    assert clients_of(SOURCE, {}) == ["producer"]
    assert clients_of(SOURCE, {"topic.creation.default.partitions": "1"}) == ["producer", "admin"]
    assert clients_of(SINK, {}) == ["consumer"]
    assert clients_of(SINK, {"errors.deadletterqueue.topic.name": " "}) == ["consumer"]
    assert clients_of(SINK, {"errors.deadletterqueue.topic.name": "dlq"}) == ["producer", "consumer", "admin"]


@pytest.mark.parametrize("name", ["All", "Allowlist", "None", "Principal"])
def test_a_policy_is_known_by_its_short_name_and_by_that_of_its_class(name: str) -> None:
    for given in (name, f"{name}{SUFFIX}", f"{PACKAGE}.{name}{SUFFIX}"):
        config = WorkerConfig.parse({"connector.client.config.override.policy": given})
        assert config.override_policy.name == name


def test_without_a_policy_everything_is_allowed_as_in_kafka() -> None:
    assert WorkerConfig.parse({}).override_policy.refusal("bootstrap.servers") is None


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("All", (*LOGIN, "bootstrap.servers", "no.such.config"), ()),
        ("Allowlist", ("linger.ms", "acks"), (*LOGIN, "batch.size", "linger", "")),
        ("None", (), (*LOGIN, "linger.ms")),
        ("Principal", LOGIN, ("linger.ms", "ssl.keystore.key", "sasl.login.class", "bootstrap.servers")),
    ],
)
def test_each_policy_allows_what_kafkas_does(name: str, allowed: tuple[str, ...], refused: tuple[str, ...]) -> None:
    policy = policy_of(name, ["linger.ms", "acks"])
    assert [policy.refusal(config) for config in allowed] == [None] * len(allowed)
    for config in refused:
        expected = f"The '{name}' policy does not allow '{config}' to be overridden in the connector configuration."
        assert policy.refusal(config) == expected


def test_what_is_stored_and_not_allowed_any_more_does_not_start_and_its_values_are_not_told() -> None:
    config = {"producer.override.sasl.jaas.config": "s3cret", "consumer.override.acks": "1", "file": "x"}
    with pytest.raises(ConfigError) as raised:
        policy_of("None", []).check(SOURCE, config)
    error = raised.value
    assert error.message == (
        "Client Config Overrides not allowed: "
        "The 'None' policy does not allow 'sasl.jaas.config' to be overridden in the connector configuration."
    )
    assert error.config_path == "producer.override.sasl.jaas.config"
    assert "producer.override.sasl.jaas.config" in error.hint
    assert "s3cret" not in error.message + error.hint


@pytest.mark.parametrize("given", ["none", "org.example.MyPolicy", "", f"{PACKAGE}.Some{SUFFIX}"])
def test_a_value_that_names_no_policy_is_refused(given: str) -> None:
    with pytest.raises(InvalidConfigError) as raised:
        WorkerConfig.parse({"connector.client.config.override.policy": given})
    [problem] = raised.value.problems
    assert problem.key == "connector.client.config.override.policy"
    assert "one of All, Allowlist, None, Principal is expected" in problem.message


def test_a_name_that_the_allowlist_has_twice_is_refused_as_in_kafka() -> None:
    with pytest.raises(InvalidConfigError) as raised:
        WorkerConfig.parse({"connector.client.config.override.allowlist": "acks,linger.ms,acks"})
    assert [problem.message for problem in raised.value.problems] == [
        "Configuration 'connector.client.config.override.allowlist' values must not be duplicated."
    ]
