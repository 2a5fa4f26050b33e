from __future__ import annotations

from dataclasses import fields

from connect.ports import TopicConfigEntry
from connect.rest.models.topics import AlterTopic, CreateTopic, TopicConfig
from tests.support.recorded import members


def test_a_topic_has_one_partition_where_nothing_is_said() -> None:
    made = CreateTopic.model_validate({"name": "t", "configs": {"retention.ms": 5}})
    assert (made.partitions, made.configs) == (1, {"retention.ms": "5"})


def test_null_is_kept_in_a_change() -> None:
    assert AlterTopic.model_validate({"configs": {"a": None, "b": 1}}).configs == {"a": None, "b": "1"}


def test_a_config_is_told_as_the_log_tells_it() -> None:
    assert members(TopicConfig) == [one.name for one in fields(TopicConfigEntry)]
