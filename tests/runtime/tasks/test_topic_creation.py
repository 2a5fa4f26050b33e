from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import ConfigError
from connect.runtime.tasks.topic_creation import topic_groups
from tests.support.worker import STRING, running_worker

KEYS = {
    "topic.creation.default.partitions": "3", "topic.creation.default.replication.factor": "-1",
    "topic.creation.hot.include": "hot-.*, very", "topic.creation.hot.exclude": "hot-not.*",
    "topic.creation.hot.cleanup.policy": "compact",
    "topic.creation.one.include": ".*-one", "topic.creation.one.partitions": "1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("topic", "partitions", "configs"),
    [
        ("hot-a", 3, {"cleanup.policy": "compact"}),
        ("very", 3, {"cleanup.policy": "compact"}),
        ("hot-not-a", 3, {}),
        ("a-one", 1, {}),
        ("hot-one", 3, {"cleanup.policy": "compact"}),
        ("hot-not-one", 1, {}),
        ("other", 3, {}),
    ],
)
def test_the_first_group_that_takes_a_topic_says_how_it_is_made(
    topic: str, partitions: int, configs: dict[str, str]
) -> None:
    found = next(group for group in topic_groups(KEYS, ["hot", "one"]) if group.takes(topic))
    assert (found.partitions, found.configs) == (partitions, configs)


@pytest.mark.parametrize(("topic", "factor"), [("hot-a", 2), ("a-one", None), ("other", 3)])
def test_a_group_says_on_how_many_brokers_its_topics_are(topic: str, factor: int | None) -> None:
    keys = {"topic.creation.default.replication.factor": "3", "topic.creation.hot.replication.factor": "2"}
    groups = topic_groups(KEYS | keys | {"topic.creation.one.replication.factor": "-1"}, ["hot", "one"])
    assert next(group for group in groups if group.takes(topic)).replication_factor == factor
    assert {group.replication_factor for group in topic_groups(KEYS, ["hot", "one"])} == {None}, "the cluster's default"


@pytest.mark.parametrize("default", [None, "-1", " -1 "])
def test_partitions_that_are_left_to_the_cluster_are_its_default(default: str | None) -> None:
    keys = {} if default is None else {"topic.creation.default.partitions": default}
    groups = topic_groups(keys | {"topic.creation.one.partitions": "1"}, ["hot", "one"])
    assert [group.partitions for group in groups] == [None, 1, None]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("default.partitions", "0"),
        ("hot.replication.factor", "0"),
        ("default.replication.factor", "all"),
        ("hot.partitions", "many"),
        ("hot.include", "("),
        ("hot.exclude", "*"),
    ],
)
def test_a_wrong_value_is_told_with_its_key(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"for configuration topic\.creation\.{key}: "):
        topic_groups({f"topic.creation.{key}": value}, ["hot"])


async def test_a_source_makes_its_topic_as_the_group_says(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\n")
    config = {
        "connector.class": "FileStreamSource",
        "file": str(tmp_path / "in.txt"),
        "topic": "hot-lines",
        "value.converter": STRING,
        "topic.creation.groups": "hot",
        "topic.creation.hot.include": "hot-.*",
        "topic.creation.hot.partitions": "2",
        "topic.creation.hot.retention.ms": "5000",
    }
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/s/config", json=config)
        await worker.until(lambda: worker.records("s") == 1)
        info = await worker.herder.cluster.admin.describe_topic("hot-lines")
        assert (len(info.partitions), info.configs["retention.ms"]) == (2, "5000")
