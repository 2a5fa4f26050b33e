"""The framework's keys of connectors: what is refused, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from connect.api import Config, ConfigError, InvalidConfigError
from connect.runtime.connector_config import SinkConnectorConfig

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
