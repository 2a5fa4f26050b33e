"""Where letters go, as configs and headers say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connect.api import ConfigError, UnknownTopicOrPartitionError
from connect.runtime.dead_letters.letters import Cause, Letter
from connect.runtime.dead_letters.targets import Target, Targets, check_topic
from connect.runtime.tasks.replays import Place, replay_topic
from tests.support.dead_letters import file_sink
from tests.support.worker import RunningWorker, running_worker


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        yield running


def letter(**more: Any) -> Letter:
    return Letter("dead", 0, 1, 0, b"k", b"v", [], Cause(), **more)


def targets(worker: RunningWorker, configs: dict[str, dict[str, str]], to: str | None = None) -> Targets:
    herder = worker.herder
    names = list(configs)
    return Targets(herder.cluster, herder.plugins, herder.worker_config, names, configs.get, lambda _: False, to=to)


async def test_a_sinks_letter_goes_to_its_connector_and_a_sources_to_its_topic(
    worker: RunningWorker, tmp_path: Path
) -> None:
    found = targets(worker, {"s": file_sink(tmp_path)})
    own = letter(connector="s", topic="orders", original_partition=0, original_offset=4)
    assert found.of(own) == Target(replay_topic("s"), "s", Place("orders", 0, 4))
    assert found.of(letter()) == Target(replay_topic("s"), "s", Place("orders", None, None))
    assert found.of(letter(topic="t", source_offset="{}")) == Target("t")
    assert found.of(letter(topic="t", value_form="json")) == Target("t", converts=True)


async def test_what_has_no_target_is_told_why(worker: RunningWorker, tmp_path: Path) -> None:
    sink = file_sink(tmp_path)
    found = targets(
        worker,
        {
            "s": sink,
            "two": {**sink, "topics": "a,b"},
            "src": {"connector.class": "FileStreamSource"},
            "lost": {"connector.class": "gone.Class"},
        },
    )
    for one, mentions in [
        (letter(), "several connectors name this queue (s, two); give --to TOPIC"),
        (letter(connector="gone"), "there is no connector 'gone'"),
        (letter(connector="lost"), "there is no connector 'lost'"),
        (letter(connector="src"), "is no sink"),
        (letter(connector="two"), "reads several"),
        (letter(source_offset="{}"), "which topic it was meant for"),
        (letter(source_offset="{}", topic="__consumer_offsets"), "is internal"),
    ]:
        told = found.of(one)
        assert isinstance(told, str) and mentions in told, told
    assert "no connector names this topic as its dead letter queue; give --to TOPIC" in str(
        targets(worker, {}).of(letter())
    )
    named = targets(worker, {}, to="x")
    assert named.of(letter()) == Target("x")
    assert "goes to its own topic alone" in str(named.of(letter(value_form="json")))


async def test_letters_go_to_topics_that_are_there_and_not_internal(worker: RunningWorker) -> None:
    with pytest.raises(UnknownTopicOrPartitionError):
        await check_topic(worker.herder.cluster, "none", queue="dead")
    with pytest.raises(ConfigError, match="is internal"):
        await check_topic(worker.herder.cluster, "connect-configs", queue="dead")
    with pytest.raises(ConfigError, match="is the queue itself"):
        await check_topic(worker.herder.cluster, "dead", queue="dead")
