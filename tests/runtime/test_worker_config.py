"""The worker's keys: what is refused, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import ConfigError, InvalidConfigError
from connect.runtime.worker_config import WorkerConfig, listener_host


def problems(config: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidConfigError) as raised:
        WorkerConfig.parse(config)
    return {problem.key: problem.message for problem in raised.value.problems}


def test_a_worker_keeps_each_kind_of_state_in_a_topic_of_its_own() -> None:
    found = problems({"config.storage.topic": "a", "status.storage.topic": "a"})
    assert "config.storage.topic names the same topic" in found["status.storage.topic"]


@pytest.mark.parametrize("servers", ["", " ", ","])
def test_brokers_that_are_asked_for_and_not_named_are_no_bundled_log(servers: str) -> None:
    assert "bundled log" in problems({"bootstrap.servers": servers})["bootstrap.servers"]
    assert WorkerConfig.parse({}).bootstrap_servers == []


@pytest.mark.parametrize("key", ["bootstrap.server", "boostrap.servers", "bootstrap_servers", "bootstrap.severs"])
def test_brokers_under_a_misspelt_key_are_no_bundled_log_either(key: str) -> None:
    assert "correct the key" in problems({key: "kafka:9092"})[key]
    there = {key: "kafka:9092", "bootstrap.servers": "kafka:9092"}
    assert WorkerConfig.parse(there).originals == there, "which is a typo like any other"


@pytest.mark.parametrize("key", ["kafka.bootstrap.servers", "admin.bootstrap.servers", "producer.bootstrap.servers"])
def test_a_key_with_a_word_more_is_another_one(key: str) -> None:
    assert WorkerConfig.parse({key: "kafka:9092"}).bootstrap_servers == []


@pytest.mark.parametrize("wrong", ["kafka", "kafka:", ":9092", "kafka:1;other:1", "PLAINTEXT://kafka", "kafka:http"])
def test_brokers_that_are_no_addresses_are_told(wrong: str) -> None:
    found = problems({"bootstrap.servers": f"a:1, {wrong}"})["bootstrap.servers"]
    assert f"Invalid value {wrong} " in found and "HOST:PORT" in found


def test_workers_on_a_cluster_have_a_group() -> None:
    assert "group.id" in problems({"bootstrap.servers": "kafka:9092", "group.id": ""})
    assert WorkerConfig.parse({"group.id": ""}).group_id == "", "the bundled log has one worker"


def test_what_would_open_doors_unseen_is_refused() -> None:
    found = problems({"rest.extension.classes": "org.example.Auth"})
    assert found.keys() == {"rest.extension.classes"}


EXTENSIONS = "io.confluent.connect.security.ConnectSecurityExtension"
MONITORING = "io.confluent.connect.replicator.monitoring.ReplicatorMonitoringExtension"


@pytest.mark.parametrize("key", ["rest.extension.classes", "rest.servlet.initializor.classes"])
def test_what_may_guard_the_api_is_refused_until_users_are_asked_for(key: str) -> None:
    assert "rest.authentication.file" in problems({key: EXTENSIONS})[key]
    assert key in problems({key: f"{MONITORING}, {EXTENSIONS}"})
    assert WorkerConfig.parse({key: MONITORING}).originals[key] == MONITORING
    assert WorkerConfig.parse({key: EXTENSIONS, "rest.authentication.file": "users"}).rest_authentication_file
    for nothing in ("", " ", ","):
        WorkerConfig.parse({key: nothing})


def test_whether_users_are_asked_for_may_be_a_reference() -> None:
    late = {
        "config.providers": "env",
        "rest.authentication.file": "${env:USERS}",
        "rest.extension.classes": EXTENSIONS,
    }
    assert WorkerConfig.read(late).originals == late
    with pytest.raises(InvalidConfigError):  # as it is parsed once there are providers
        WorkerConfig.parse({**late, "rest.authentication.file": ""})


@pytest.mark.parametrize("store", ["config", "offset", "status"])
def test_a_replication_factor_is_a_number_of_brokers_or_left_to_them(store: str) -> None:
    key = f"{store}.storage.replication.factor"
    assert getattr(WorkerConfig.parse({key: "-1"}), key.replace(".", "_")) == -1
    assert getattr(WorkerConfig.parse({}), key.replace(".", "_")) == 3, "Kafka Connect's"
    assert "or -1 to use the broker's default" in problems({key: "0"})[key]


def test_a_worker_has_defaults_for_everything() -> None:
    config = WorkerConfig.parse({"value.converter.schemas.enable": "false"})
    assert config.listeners == ["http://127.0.0.1:8083"]
    assert config.converter_config("value.converter") == {"schemas.enable": "false"}
    assert str(config.data_path) == "connect-data"


@pytest.mark.parametrize(
    ("listener", "host"),
    [
        ("http://127.0.0.1:8083", "127.0.0.1"),
        ("https://[::1]:1", "::1"),
        ("http://:8083", "0.0.0.0"),
        ("http://[", "0.0.0.0"),
    ],
)
def test_a_listener_without_a_host_is_on_all_interfaces(listener: str, host: str) -> None:
    assert listener_host(listener) == host


@pytest.mark.parametrize(
    ("given", "enabled"), [("enabled", True), ("ENABLED", True), ("preparing", False), (None, False)]
)
def test_a_worker_says_whether_sources_write_in_transactions(given: str | None, enabled: bool) -> None:
    raw = {} if given is None else {"exactly.once.source.support": given}
    assert WorkerConfig.parse(raw).exactly_once_sources is enabled


def test_a_worker_refuses_a_word_for_exactly_once_that_is_none() -> None:
    with pytest.raises(InvalidConfigError, match="DISABLED, ENABLED, PREPARING"):
        WorkerConfig.parse({"exactly.once.source.support": "yes"})


def test_a_worker_that_does_not_run_yet_reads_references_as_what_comes_later() -> None:
    texts = {
        "config.providers": "a",
        "offset.flush.interval.ms": "${a:p:k}",
        "group.id": "${b:p:k}",
        "data.dir": "x${a:k}",
    }
    config = WorkerConfig.read(texts)
    assert config.offset_flush_interval_ms == 60_000
    assert config.group_id == "${b:p:k}", "there is no such provider"
    assert config.data_dir == "./connect-data"
    assert config.originals == texts
    with pytest.raises(InvalidConfigError, match=r"offset\.flush\.interval\.ms"):
        WorkerConfig.read({**texts, "config.providers": "b"})


def test_a_provider_is_named_once() -> None:
    assert "config.providers" in problems({"config.providers": "a,a"})


def test_a_comma_at_the_end_of_a_list_names_neither_a_folder_nor_an_address() -> None:
    config = WorkerConfig.parse({"plugin.path": "/opt/a, /opt/b,", "listeners": "http://:8083,"})
    assert config.plugin_folders == ["/opt/a", "/opt/b"]
    assert config.addresses == ["http://:8083"]


def test_the_listener_that_is_advertised_is_one_of_the_listeners() -> None:
    with pytest.raises(ConfigError, match=r"rest\.advertised\.listener: listeners has no https:// address"):
        WorkerConfig.parse({"rest.advertised.listener": "https"})
    assert WorkerConfig.parse({"rest.advertised.listener": "http"}).rest_advertised_listener == "http"
