"""Avro through a real worker: a source, a topic, a sink, and a registry that comes and goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connect.runtime.model import State
from tests.support.schema_registry import MemoryRegistry, memory_registry
from tests.support.worker import STRING, RunningWorker, running_worker

AVRO = "io.confluent.connect.avro.AvroConverter"
COUNT = 50


@pytest.fixture
def registry() -> Iterator[MemoryRegistry]:
    with memory_registry() as running:
        yield running


def avro(registry: MemoryRegistry, **keys: str) -> dict[str, str]:
    """Return the keys of a connector whose values are Avro."""
    own = {"schema.registry.url": registry.url, "max.retries": "0", **keys}
    return {"value.converter": AVRO, **{f"value.converter.{name}": value for name, value in own.items()}}


def source(registry: MemoryRegistry) -> dict[str, str]:
    return {
        "connector.class": "DatagenConnector",
        "kafka.topic": "users",
        "quickstart": "users",
        "iterations": str(COUNT),
        "max.interval": "1",
        "key.converter": STRING,
        **avro(registry),
    }


def sink(registry: MemoryRegistry, out: Path, **keys: str) -> dict[str, str]:
    more = {name.replace("_", "."): value for name, value in keys.items()}
    return {
        "connector.class": "FileStreamSink",
        "topics": "users",
        "file": str(out),
        "key.converter": STRING,
        "consumer.override.auto.offset.reset": "earliest",
        **avro(registry),
        **more,
    }


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


async def _fill(worker: RunningWorker, registry: MemoryRegistry) -> None:
    await worker.herder.put_config("in", source(registry))
    await worker.until(lambda: worker.records("in") == COUNT)


async def test_records_go_through_a_topic_of_avro_and_their_schema_is_asked_for_once(
    tmp_path: Path, registry: MemoryRegistry
) -> None:
    out = tmp_path / "out.txt"
    async with running_worker(tmp_path) as worker:
        await _fill(worker, registry)
        await worker.herder.put_config("out", sink(registry, out))
        await worker.until(lambda: len(rows(out)) == COUNT)
        assert all(value and value[:5] == b"\0\0\0\0\1" for value in await worker.values("users"))
    assert {"userid", "regionid", "gender", "registertime"} <= set(rows(out)[0])
    schema = json.loads(registry.subjects["users-value"][0].body["schema"])
    assert (schema["type"], schema["name"]) == ("record", "users")
    asked = [one.partition("?")[0] for one in registry.asked]
    assert sorted(asked) == ["GET /schemas/ids/1", "POST /subjects/users-value", "POST /subjects/users-value/versions"]


async def test_records_that_are_no_avro_go_to_the_dead_letters_and_the_others_through(
    tmp_path: Path, registry: MemoryRegistry
) -> None:
    out = tmp_path / "out.txt"
    (tmp_path / "text.txt").write_text("one\ntwo\n")
    text = {
        "connector.class": "FileStreamSource",
        "file": str(tmp_path / "text.txt"),
        "topic": "users",
        "value.converter": STRING,
    }
    async with running_worker(tmp_path) as worker:
        await worker.herder.put_config("text", text)
        await worker.until(lambda: worker.records("text") == 2)
        await _fill(worker, registry)
        keys = {"errors_tolerance": "all", "errors_deadletterqueue_topic_name": "dead"}
        await worker.herder.put_config("out", sink(registry, out, **keys))
        await worker.until(lambda: worker.records("out") == COUNT + 2)
        assert await worker.values("dead") == [b"one", b"two"]


async def test_a_registry_that_is_away_skips_nothing_and_the_task_goes_on_behind_it(
    tmp_path: Path, registry: MemoryRegistry
) -> None:
    out = tmp_path / "out.txt"
    async with running_worker(tmp_path) as worker:
        await _fill(worker, registry)
        registry.answers += [(503, {"error_code": 50003, "message": "no leader"}, {})] * 2
        keys = {"errors_tolerance": "all", "errors_restart_policy": "none", "value_converter_max_retries": "1"}
        retries = {"value_converter_retries_wait_ms": "1", "value_converter_url_randomize": "true"}
        await worker.herder.put_config("out", sink(registry, out, **keys, **retries))
        trace = await worker.until_failed("out")
        assert "no schema registry answers" in trace
        assert "503 no leader" in trace
        assert not rows(out)
        assert not registry.answers
        await worker.herder.restart("out", include_tasks=True, only_failed=True)
        await worker.until(lambda: len(rows(out)) == COUNT)


async def test_a_task_that_waits_for_the_registry_stops_at_once_and_fails_nothing(
    tmp_path: Path, registry: MemoryRegistry
) -> None:
    out = tmp_path / "out.txt"
    async with running_worker(tmp_path) as worker:
        await _fill(worker, registry)
        registry.held.clear()
        await worker.herder.put_config("out", sink(registry, out, value_converter_url_randomize="true"))
        await worker.until_state("out", State.RUNNING, tasks=1)
        await worker.herder.pause("out")
        await worker.until_state("out", State.PAUSED, tasks=1)
        registry.held.set()
        await worker.herder.resume("out")
        await worker.until(lambda: len(rows(out)) == COUNT)
