"""Offsets as users see and set them: a source's by its own word, a sink's as those of its group."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connect.api import ConfigError, PluginError, SinkConnector, SinkTask, SourceConnector, SourceTask
from connect.runtime.border.calls import PluginTimeoutError
from connect.runtime.offsets import Offsets, sink_group
from connect.runtime.worker_config import WorkerConfig
from tests.support.odd_plugins import register
from tests.support.worker import RunningWorker, running_worker


class Asked(SourceConnector):
    class_name = "test.Asked"
    task_class = SourceTask
    gate = threading.Event()
    closed = 0

    def alter_offsets(self, offsets: Sequence[Any]) -> Any:
        what = self.config.originals.get("what")
        if what == "refuse":
            raise ConfigError("no such file")
        if what == "exit":
            raise SystemExit(3)
        if what == "nothing":
            return None
        if what == "hang":
            self.gate.wait(30)
        return True

    def close(self) -> None:
        type(self).closed += 1


class Plain(SinkConnector):
    class_name = "test.Plain"
    task_class = SinkTask


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path) as running:
        register(running.herder, Asked, Plain)
        Asked.gate.clear()
        Asked.closed = 0
        yield running
        Asked.gate.set()


def offsets(worker: RunningWorker, *, timeout_s: float = 10.0) -> Offsets:
    herder = worker.herder
    return Offsets(herder.cluster, herder.plugins, herder.worker_config, herder._offsets, timeout_s=timeout_s)


SOURCE = {"connector.class": "test.Asked"}
SINK = {"connector.class": "test.Plain"}
ENTRY: Any = ({"f": "x"}, {"n": 1})
AT = {"kafka_topic": "t", "kafka_partition": 0}


def test_a_sink_reads_for_a_group_of_its_name_unless_a_config_names_another() -> None:
    worker = WorkerConfig.parse({})
    assert sink_group(worker, "orders", {}) == "connect-orders"
    assert sink_group(WorkerConfig.parse({"consumer.group.id": "all"}), "orders", {}) == "all"
    assert sink_group(worker, "orders", {"consumer.override.group.id": "mine"}) == "mine"


async def test_a_source_s_offsets_are_stored_once_it_has_looked_at_them(worker: RunningWorker) -> None:
    assert await offsets(worker).alter("s", SOURCE, [ENTRY]) is True
    assert await offsets(worker).read("s", SOURCE) == [ENTRY]
    assert await offsets(worker).reset("s", SOURCE) is True
    assert await offsets(worker).read("s", SOURCE) == []
    assert Asked.closed == 2


async def test_looking_at_offsets_in_a_topic_of_its_own_does_not_make_it(worker: RunningWorker) -> None:
    own = {**SOURCE, "offsets.storage.topic": "own"}
    await worker.herder._offsets.shared.put("s", [ENTRY])
    assert await offsets(worker).read("s", own) == [ENTRY]
    assert "own" not in await worker.herder.cluster.admin.list_topics()
    other: Any = ({"f": "x"}, {"n": 2})
    await offsets(worker).alter("s", own, [other])
    assert await offsets(worker).read("s", own) == [other]


@pytest.mark.parametrize(
    ("what", "error", "told"),
    [
        ("refuse", ConfigError, "connector 's': no such file"),
        ("exit", PluginError, "connector 's' failed to check the offsets: SystemExit: 3"),
        ("nothing", PluginError, "Asked.alter_offsets returned None; expected True, or False"),
    ],
)
async def test_nothing_is_changed_where_it_refuses_or_breaks_the_contract(
    worker: RunningWorker, what: str, error: type[Exception], told: str
) -> None:
    with pytest.raises(error) as raised:
        await offsets(worker).alter("s", {**SOURCE, "what": what}, [ENTRY])
    assert told in str(getattr(raised.value, "message", ""))
    assert await offsets(worker).read("s", SOURCE) == []
    assert Asked.closed == 1


async def test_nothing_is_changed_where_it_hangs_and_the_request_ends_in_time(worker: RunningWorker) -> None:
    with pytest.raises(PluginTimeoutError, match=r"did not check the offsets within 0\.1 s; nothing was changed"):
        await offsets(worker, timeout_s=0.1).alter("s", {**SOURCE, "what": "hang"}, [ENTRY])
    Asked.gate.set()
    assert await offsets(worker).read("s", SOURCE) == []


async def test_a_sink_s_offsets_are_its_groups_and_numbers_may_be_text(worker: RunningWorker) -> None:
    await worker.herder.cluster.admin.create_topic("t", partitions=2)
    entries: Any = [({**AT, "kafka_partition": "1"}, {"kafka_offset": "7"}), (AT, {"kafka_offset": 3})]
    assert await offsets(worker).alter("k", SINK, entries) is False  # the base has not looked at them
    assert await offsets(worker).read("k", SINK) == [
        ({"kafka_partition": 0, "kafka_topic": "t"}, {"kafka_offset": 3}),
        ({"kafka_partition": 1, "kafka_topic": "t"}, {"kafka_offset": 7}),
    ]
    await offsets(worker).alter("k", SINK, [(AT, None)])
    assert [partition["kafka_partition"] for partition, _ in await offsets(worker).read("k", SINK)] == [1]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (({}, {"kafka_offset": 1}), "The partition for a sink connector offset cannot be null or missing"),
        (({"kafka_topic": "t"}, {"kafka_offset": 1}), "must contain the keys 'kafka_topic' and 'kafka_partition'"),
        ((AT, {"offset": 1}), "should either be null or contain the key 'kafka_offset'"),
        ((AT, {"kafka_offset": "many"}), "Offset values for sink connectors need to be integers"),
        ((AT, {"kafka_offset": "1_000"}), "Offset values for sink connectors need to be integers"),
        ((AT, {"kafka_offset": -1}), "Kafka offset -1 in the provided offsets is out of range"),
        (({**AT, "kafka_partition": 2}, {"kafka_offset": 1}), "the topic has partitions 0 to 1"),
        (({**AT, "kafka_topic": "none"}, {"kafka_offset": 1}), "no such topic"),
    ],
)
async def test_what_is_no_offset_of_a_sink_is_refused_in_kafkas_words(
    worker: RunningWorker, entry: Any, told: str
) -> None:
    await worker.herder.cluster.admin.create_topic("t", partitions=2)
    with pytest.raises(ConfigError) as raised:
        await offsets(worker).alter("k", SINK, [entry])
    assert told in raised.value.message
    assert raised.value.code == "offsets.invalid"
