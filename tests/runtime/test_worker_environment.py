"""Variables as container images and Kubernetes set them, and what of them a worker reads."""

from __future__ import annotations

import pytest

from connect.runtime.validation.worker_keys import key_notices
from connect.runtime.worker_config import WorkerConfig
from connect.runtime.worker_environment import environment_config, key_of, with_listeners


@pytest.mark.parametrize(
    ("variable", "key"),
    [
        ("CONNECT_OFFSET_FLUSH_INTERVAL_MS", "offset.flush.interval.ms"),
        ("CONNECT_A__B", "a-b"),
        ("CONNECT_CONFIG_PROVIDERS_MY___FILE_CLASS", "config.providers.my_file.class"),
    ],
)
def test_a_variable_is_the_key_in_upper_case(variable: str, key: str) -> None:
    assert key_of(variable) == key
    assert environment_config({variable: "x", "HOME": "/"}) == {key: "x"}


def test_half_of_debeziums_names_are_told_of_and_not_taken_for_nothing() -> None:
    half = {"BOOTSTRAP_SERVERS": "kafka:9092", "GROUP_ID": "1", "OFFSET_STORAGE_TOPIC": "o"}
    config = WorkerConfig.parse(environment_config(half))
    assert not config.bootstrap_servers
    told = [notice for notice in key_notices(config, ()) if notice.act]
    assert {notice.key for notice in told} == half.keys()
    assert "CONFIG_STORAGE_TOPIC" in told[0].message
    prefixed = {"CONNECT_BOOTSTRAP_SERVERS": "kafka:9092"}
    assert environment_config({**half, **prefixed}) == {"bootstrap.servers": "kafka:9092"}
    assert environment_config({"GROUP_ID": "1", "LOG_LEVEL": "x", "REST_PORT": "1"}) == {}, "others have other uses"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CONNECT_SERVICE_HOST", "10.0.0.1"),
        ("CONNECT_PORT", "tcp://10.0.0.1:8083"),
        ("CONNECT_PORT_8083_TCP_ADDR", "10.0.0.1"),
        ("CONNECT_API_SERVICE_PORT_HTTP", "8083"),
        ("CONNECT_API_PORT", "tcp://10.0.0.1:8083"),
        ("CONNECT_URL", "http://localhost:8083"),
        ("CONNECT_REGISTRY_URL", "http://localhost:8081"),
        ("CONNECT_CONTEXTS_FILE", "/tmp/contexts.json"),
        ("CONNECT_CUB_KAFKA_TIMEOUT", "60"),
        ("CONNECT_PIP_INSTALL", "connect-redis"),
    ],
)
def test_what_kubernetes_our_commands_and_images_scripts_read_is_no_key(variable: str, value: str) -> None:
    assert environment_config({variable: value}) == {}


def test_a_variable_that_names_no_key_is_kept_to_be_told_of() -> None:
    assert environment_config({"CONNECT_TYPO_KEY": "x", "CONNECT_REST_PORT": "99"}) == {
        "typo.key": "x",
        "rest.port": "99",
    }


def test_debeziums_variables_have_no_prefix_and_are_read_where_the_two_it_needs_are_there() -> None:
    image = {
        "BOOTSTRAP_SERVERS": "kafka:9092",
        "GROUP_ID": "1",
        "CONFIG_STORAGE_TOPIC": "c",
        "OFFSET_STORAGE_TOPIC": "o",
        "ADVERTISED_HOST_NAME": "connect",
        "SHUTDOWN_TIMEOUT": "10000",
        "CONNECT_GROUP_ID": "of the prefix",
    }
    assert environment_config(image) == {
        "bootstrap.servers": "kafka:9092",
        "group.id": "1",
        "config.storage.topic": "c",
        "offset.storage.topic": "o",
        "rest.advertised.host.name": "connect",
        "task.shutdown.graceful.timeout.ms": "10000",
    }
    del image["OFFSET_STORAGE_TOPIC"]
    of_half = environment_config(image)
    assert of_half.pop("group.id") == "of the prefix"
    assert set(of_half.values()) == {""}, "told of, and not read"


def test_what_debeziums_image_switches_on_is_named_and_told_of_with_what_takes_its_place() -> None:
    image = {
        "CONFIG_STORAGE_TOPIC": "c",
        "OFFSET_STORAGE_TOPIC": "o",
        "LOG_LEVEL": "DEBUG",
        "ENABLE_OTEL": "true",
        "ENABLE_DEBEZIUM_SCRIPTING": "false",
        "SENSITIVE_PROPERTIES": "A,B",
        "HEAP_OPTS": "-Xmx1g",
    }
    found = environment_config(image)
    assert found == {
        "config.storage.topic": "c",
        "offset.storage.topic": "o",
        "log.level": "DEBUG",
        "ENABLE_OTEL": "",
        "SENSITIVE_PROPERTIES": "",
        "HEAP_OPTS": "",
    }
    told = {notice.key: notice for notice in key_notices(WorkerConfig.parse(found), [])}
    assert set(told) == {"ENABLE_OTEL", "SENSITIVE_PROPERTIES", "HEAP_OPTS"}
    assert not any(notice.act for notice in told.values()), "nobody has to do anything"
    assert environment_config({"ENABLE_OTEL": "true", "LOG_LEVEL": "DEBUG"}) == {}, "somebody else's"


def test_what_is_for_a_jvm_is_named_and_its_value_not_kept() -> None:
    assert environment_config({"KAFKA_OPTS": "-Djavax.net.ssl.keyStorePassword=s3cret"}) == {"KAFKA_OPTS": ""}


def test_a_port_and_a_host_are_an_address_on_loopback_unless_it_is_said() -> None:
    assert with_listeners({"rest.port": "99"}) == {"listeners": "http://127.0.0.1:99"}
    assert with_listeners({"rest.host.name": "0.0.0.0", "rest.port": "99"}) == {"listeners": "http://0.0.0.0:99"}
    both = {"rest.port": "99", "listeners": "http://127.0.0.1:1"}
    assert with_listeners(both) == both
    assert with_listeners({"group.id": "g"}) == {"group.id": "g"}
