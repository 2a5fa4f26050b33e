"""Patterns of users that take for ever: the connector that has one fails, and nothing else notices."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from connect.runtime.model import State
from tests.support.worker import STRING, RunningWorker, running_worker, until

SLOW = "(a|aa)+[bc]"
TOPIC = "a" * 60


def sink(tmp_path: Path, **keys: str) -> dict[str, str]:
    return {
        "connector.class": "FileStreamSink",
        "file": str(tmp_path / "out"),
        "value.converter": STRING,
        **keys,
    }


async def answers_soon(worker: RunningWorker) -> None:
    async def asked_s() -> float:
        began = time.monotonic()
        assert (await worker.client.get("/connectors")).status_code == 200
        return time.monotonic() - began

    # The best of some: a machine that does much else is late, too, but not each time.
    assert min([await asked_s() for _ in range(3)]) < 0.5


@pytest.mark.slow
async def test_a_sink_whose_pattern_takes_for_ever_fails_alone_also_after_a_restart(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await worker.herder.cluster.admin.create_topic(TOPIC)
        await worker.client.put("/connectors/slow/config", json=sink(tmp_path, **{"topics.regex": SLOW}))
        trace = await worker.until_failed("slow")
        assert f"topics.regex: pattern '{SLOW}' takes longer than" in trace
        await answers_soon(worker)
    async with running_worker(tmp_path) as worker:
        await answers_soon(worker)
        await worker.until_failed("slow")
        await worker.client.put("/connectors/good/config", json=sink(tmp_path, topics="other"))
        await worker.until_state("good", State.RUNNING, tasks=1)
        assert (await worker.client.delete("/connectors/slow")).status_code == 204


@pytest.mark.slow
@pytest.mark.parametrize("tolerance", ["none", "all"])
async def test_a_transform_whose_pattern_takes_for_ever_is_an_error_of_the_record(
    tmp_path: Path, tolerance: str
) -> None:
    (tmp_path / "in").write_text("one\ntwo\n")
    config = {
        "connector.class": "FileStreamSource",
        "file": str(tmp_path / "in"),
        "topic": TOPIC,
        "value.converter": STRING,
        "errors.tolerance": tolerance,
        "transforms": "r",
        "transforms.r.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.r.regex": SLOW,
        "transforms.r.replacement": "b",
    }
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/s/config", json=config)
        if tolerance == "none":
            assert f"pattern '{SLOW}' takes longer than" in await worker.until_failed("s")
        else:
            await until(lambda: any(p.skipped for p in worker.herder.progress()))
            await worker.until_state("s", State.RUNNING)
        await answers_soon(worker)


async def test_a_group_of_topics_to_make_whose_pattern_takes_for_ever_fails_the_source(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("one\n")
    config = {
        "connector.class": "FileStreamSource",
        "file": str(tmp_path / "in"),
        "topic": TOPIC,
        "value.converter": STRING,
        "topic.creation.groups": "g",
        "topic.creation.g.include": SLOW,
        "topic.creation.default.partitions": "1",
        "topic.creation.default.replication.factor": "1",
    }
    async with running_worker(tmp_path) as worker:
        await worker.client.put("/connectors/s/config", json=config)
        assert f"topic.creation.g.include: pattern '{SLOW}' takes longer than" in await worker.until_failed("s")
        await answers_soon(worker)


async def test_a_warning_tells_of_a_pattern_that_takes_for_ever(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        await worker.herder.cluster.admin.create_topic(TOPIC)
        config = {"name": "slow", **sink(tmp_path, **{"topics.regex": SLOW})}
        answer = await worker.client.put("/v1/connector-plugins/FileStreamSink/config/validate", json=config)
        assert answer.status_code == 200, answer.text
        assert f"pattern '{SLOW}' takes longer than" in answer.text
