"""The keys of workers and connectors: what is refused, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import Config, ConfigError, InvalidConfigError
from connect.runtime.config import (
    SinkConnectorConfig,
    SourceConnectorConfig,
    WorkerConfig,
    listener_host,
    strip_prefix,
)

SINK = {"name": "k", "connector.class": "K"}
SOURCE = {"name": "s", "connector.class": "S"}


def problems(cls: type[Config], config: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidConfigError) as raised:
        cls.parse(config)
    return {problem.key: problem.message for problem in raised.value.problems}


def test_a_sink_reads_topics_or_a_pattern_and_not_both() -> None:
    assert problems(SinkConnectorConfig, SINK)["topics"] == "Must configure one of topics or topics.regex"
    both = problems(SinkConnectorConfig, {**SINK, "topics": "t", "topics.regex": "t.*"})
    assert "mutually exclusive" in both["topics"]
    assert both.keys() == {"topics", "topics.regex"}


def test_a_sink_cannot_read_its_own_dead_letters() -> None:
    dead = {"errors.deadletterqueue.topic.name": "dead"}
    listed = problems(SinkConnectorConfig, {**SINK, **dead, "topics": "t, dead"})
    assert listed["topics"].startswith("The DLQ topic 'dead' may not be included in the list of topics")
    assert "topics.regex" in problems(SinkConnectorConfig, {**SINK, **dead, "topics.regex": "d.*"})
    assert SinkConnectorConfig.parse({**SINK, **dead, "topics": "t"}).topics == ["t"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", " "),
        ("name", "a\x01"),
        ("transforms", "a,a"),
        ("transforms", "a,,b"),
        ("tasks.max", "0"),
        ("topics", "t,t"),
    ],
)
def test_a_value_that_makes_no_sense_is_told_by_its_key(key: str, value: str) -> None:
    with pytest.raises(ConfigError) as raised:
        SinkConnectorConfig.parse({**SINK, "topics": "t", key: value})
    assert key in raised.value.message or raised.value.config_path == key


def test_a_source_is_not_promised_what_this_version_does_not_do() -> None:
    found = problems(
        SourceConnectorConfig, {**SOURCE, "exactly.once.support": "required", "offsets.storage.topic": "o"}
    )
    assert "this version delivers at least once" in found["exactly.once.support"]
    assert "leave the key out" in found["offsets.storage.topic"]


def test_a_worker_keeps_each_kind_of_state_in_a_topic_of_its_own() -> None:
    found = problems(WorkerConfig, {"config.storage.topic": "a", "status.storage.topic": "a"})
    assert "config.storage.topic names the same topic" in found["status.storage.topic"]


def test_what_would_open_doors_unseen_is_refused() -> None:
    found = problems(WorkerConfig, {"rest.extension.classes": "org.example.Auth", "bootstrap.servers": "kafka:9092"})
    assert found.keys() == {"rest.extension.classes", "bootstrap.servers"}


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


def test_a_prefix_is_taken_off_the_keys_that_have_it() -> None:
    assert strip_prefix({"a.b": 1, "a.": 2, "ab": 3}, "a.") == {"b": 1, "": 2}
