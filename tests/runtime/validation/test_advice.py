"""Warnings about what Kafka Connect takes without a word. How they are shown is tested with REST."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from connect.runtime.validation.advice import advise, advise_topics, startup_problems

from connect.app import open_cluster
from connect.runtime.config import WorkerConfig
from connect.runtime.factory import connector_desc
from connect.runtime.plugins import PluginHost
from connect.runtime.validation.validator import validate
from tests.support.worker import JSON


@cache
def plugins() -> PluginHost:
    return PluginHost.discover()


def source(**keys: str) -> dict[str, Any]:
    own = {"name": "s", "connector.class": "FileStreamSource", "topic": "t", "file": "/tmp/x"}
    return {**own, **{name.replace("__", "."): value for name, value in keys.items()}}


def warned(config: dict[str, Any]) -> Sequence[tuple[str, str]]:
    worker = WorkerConfig.parse({})
    desc = connector_desc(plugins(), config)
    infos = validate(plugins(), worker, desc.name, config)
    return [(advice.key, advice.code) for advice in advise(plugins(), worker, desc, config, infos)]


def test_nothing_is_said_of_a_config_that_is_right() -> None:
    assert warned(source()) == []


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"topik": "t"}, ("topik", "unknown_key")),
        ({"errors.deadletterqueue.topic.name": "dlq"}, ("errors.deadletterqueue.topic.name", "unknown_key")),
        ({"consumer.override.max.poll.records": "1"}, ("consumer.override.max.poll.records", "no_effect")),
        ({"errors.tolerance": "all"}, ("errors.tolerance", "risky")),
    ],
)
def test_what_a_user_would_want_to_hear_is_told_by_its_key(keys: dict[str, str], told: tuple[str, str]) -> None:
    assert told in warned({**source(), **keys})


def test_what_every_task_makes_first_is_made_once_to_see_whether_it_can_be() -> None:
    config = source(transforms="i", transforms__i__type="org.apache.kafka.connect.transforms.InsertField$Value")
    worker = WorkerConfig.parse({})
    problems = startup_problems(plugins(), worker, connector_desc(plugins(), config), config)
    assert [key for key, _ in problems] == ["transforms.i"] or problems[0][1].startswith("transforms.i: ")
    assert startup_problems(plugins(), worker, connector_desc(plugins(), source()), source(value__converter=JSON)) == []


async def test_topics_that_are_missing_and_tasks_that_have_nothing_to_do_are_told(tmp_path: Path) -> None:
    cluster = await open_cluster(tmp_path / "data")
    try:
        await cluster.admin.create_topic("orders", partitions=2)
        config = {"connector.class": "FileStreamSink", "topics": "orders,oders", "tasks.max": "3"}
        desc = connector_desc(plugins(), config)
        told = {advice.key: advice.message for advice in await advise_topics(cluster.admin, desc, config)}
        assert told["topics"].startswith("topic oders does not exist yet; the sink waits for it")
        assert "orders" in told["topics"]
        assert told["tasks.max"].endswith("the topics have 2 partitions: 1 tasks would have nothing to do")
        nobody = {"connector.class": "FileStreamSink", "topics.regex": "no.*"}
        [advice] = await advise_topics(cluster.admin, desc, nobody)
        assert advice.message == "no topic matches no.* yet; the sink waits for one"
        assert await advise_topics(cluster.admin, connector_desc(plugins(), source()), source()) == []
    finally:
        await cluster.aclose()
