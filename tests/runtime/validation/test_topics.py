"""Topics that a config names for offsets and for dead letters are refused where they hold something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import ConfigError
from connect.records import Columns
from connect.runtime.plugins import PluginHost
from connect.runtime.validation.validator import validate
from connect.runtime.worker_config import WorkerConfig
from tests.support.worker import JSON, STRING, RunningWorker, running_worker

PLUGINS = PluginHost.discover(tells=False)
OFFSETS, DEAD = "offsets.storage.topic", "errors.deadletterqueue.topic.name"


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as running:
        yield running


def source(tmp_path: Path, **keys: str) -> dict[str, str]:
    (tmp_path / "in.txt").write_text("a\n")
    config = {"name": "s", "connector.class": "FileStreamSource", "topic": "out", "file": str(tmp_path / "in.txt")}
    return {**config, "key.converter": STRING, "value.converter": STRING, **keys}


def sink(tmp_path: Path, **keys: str) -> dict[str, str]:
    config = {"name": "k", "connector.class": "FileStreamSink", "topics": "out", "file": str(tmp_path / "out.txt")}
    return {**config, "key.converter": STRING, "value.converter": JSON, **keys}


async def errors(worker: RunningWorker, config: dict[str, str], key: str) -> list[str]:
    """Return what is told of a key, where nothing else is wrong."""
    infos = await worker.herder.validate(config["connector.class"], config)
    wrong = {info.value.name: list(info.value.errors) for info in infos.configs if info.value.errors}
    assert wrong.keys() <= {key}
    return wrong.get(key, [])


@pytest.mark.parametrize("key", [OFFSETS, DEAD])
@pytest.mark.parametrize("name", ["with space", "a/b", ".", "x" * 250])
def test_a_name_that_no_topic_can_have_is_refused_without_a_log(tmp_path: Path, key: str, name: str) -> None:
    infos = validate(PLUGINS, WorkerConfig.parse({}), "FileStreamSource", source(tmp_path, **{key: name}))
    [error] = [error for info in infos.configs for error in info.value.errors]
    assert error.startswith(f"Invalid value {name} for configuration {key}: ")


@pytest.mark.parametrize(
    ("topic", "why"),
    [
        ("connect-configs", "config.storage.topic of the worker names the same topic"),
        ("connect-status", "status.storage.topic of the worker names the same topic"),
        ("__consumer_offsets", "the log's own"),
    ],
)
def test_offsets_are_kept_in_no_topic_of_another_kind(tmp_path: Path, topic: str, why: str) -> None:
    infos = validate(PLUGINS, WorkerConfig.parse({}), "FileStreamSource", source(tmp_path, **{OFFSETS: topic}))
    [error] = [error for info in infos.configs for error in info.value.errors]
    assert why in error


async def test_a_topic_of_another_kind_is_refused_as_the_topic_of_offsets(
    worker: RunningWorker, tmp_path: Path
) -> None:
    admin = worker.herder.cluster.admin
    await worker.herder.create("s", source(tmp_path))
    await worker.herder.create("k", sink(tmp_path, **{DEAD: "dead", "errors.tolerance": "all"}))
    await worker.until(lambda: worker.records("s") == 1)
    await admin.create_topic("plain")
    await admin.create_topic("facts", configs={"cleanup.policy": "compact"})
    producer = worker.herder.cluster.producer(client_id="test")
    await producer.append("facts", Columns([b"1", b"2"], [b"a", b"b"]))
    await producer.aclose()
    found = {
        topic: await errors(worker, source(tmp_path, name="new", **{OFFSETS: topic}), OFFSETS)
        for topic in ("out", "dead", "plain", "facts", "fresh", "connect-offsets")
    }
    assert {topic: len(told) for topic, told in found.items()} == {
        "out": 1, "dead": 1, "plain": 1, "facts": 1, "fresh": 0, "connect-offsets": 0
    }  # fmt: skip
    assert "connector s writes its records to it" in found["out"][0]
    assert "it is the dead letter queue of connector k" in found["dead"][0]
    assert "it has cleanup.policy=delete, and offsets need compact" in found["plain"][0]
    assert "it holds other records than source offsets: at facts-0, offset 0, it is not JSON" in found["facts"][0]
    assert "fresh" not in await admin.list_topics()


async def test_a_topic_of_offsets_may_be_shared_and_named_again_and_takes_no_dead_letters(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await worker.herder.create("s", source(tmp_path, **{OFFSETS: "own"}))
    await worker.until(lambda: worker.records("s") == 1)
    assert await errors(worker, source(tmp_path, **{OFFSETS: "own"}), OFFSETS) == []
    assert await errors(worker, source(tmp_path, name="t", **{OFFSETS: "own"}), OFFSETS) == []
    for topic in ("own", "connect-configs", "__consumer_offsets"):
        [error] = await errors(worker, sink(tmp_path, **{DEAD: topic}), DEAD)
        assert (
            error == f"Invalid value {topic} for configuration {DEAD}: the topic is internal: it takes no dead letters"
        )
    [error] = await errors(worker, source(tmp_path, name="u", **{OFFSETS: "mine", DEAD: "mine"}), DEAD)
    assert "the connector keeps its offsets in it" in error


async def test_a_config_with_such_a_topic_makes_no_connector(worker: RunningWorker, tmp_path: Path) -> None:
    await worker.herder.cluster.admin.create_topic("plain")
    with pytest.raises(ConfigError, match=r"cleanup\.policy=delete"):
        await worker.herder.create("s", source(tmp_path, **{OFFSETS: "plain"}))
    with pytest.raises(ConfigError, match="internal"):
        await worker.herder.create("k", sink(tmp_path, **{DEAD: "connect-status"}))
    assert worker.herder.connectors() == []


@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
async def test_a_topic_that_keeps_one_record_of_each_key_is_refused_as_a_dead_letter_queue(
    worker: RunningWorker, tmp_path: Path, policy: str
) -> None:
    await worker.herder.cluster.admin.create_topic("latest", configs={"cleanup.policy": policy})
    for config in (sink(tmp_path, **{DEAD: "latest"}), source(tmp_path, **{DEAD: "latest"})):
        [error] = await errors(worker, config, DEAD)
        assert f"it has cleanup.policy={policy}, which keeps one letter of each key alone" in error
    assert await errors(worker, sink(tmp_path, **{DEAD: "new"}), DEAD) == []
