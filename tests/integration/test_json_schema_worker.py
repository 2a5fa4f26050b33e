"""JSON with a schema registry through a real worker: a source, a topic, a sink, and records that do not meet it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.schema_registry import MemoryRegistry, memory_registry
from tests.support.worker import STRING, RunningWorker, running_worker

COUNT = 50
#: What a record of the first schema of a registry begins with.
HEAD = "\0\0\0\0\1"


@pytest.fixture
def registry() -> Iterator[MemoryRegistry]:
    with memory_registry() as running:
        yield running


def converting(registry: MemoryRegistry, **keys: str) -> dict[str, str]:
    """Return the keys of a connector whose values are JSON with a schema."""
    own = {"schema.registry.url": registry.url, "max.retries": "0", **keys}
    return {
        "value.converter": "io.confluent.connect.json.JsonSchemaConverter",
        **{f"value.converter.{name}": value for name, value in own.items()},
    }


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


async def _fill(worker: RunningWorker, registry: MemoryRegistry) -> None:
    source = {
        "connector.class": "DatagenConnector",
        "kafka.topic": "users",
        "quickstart": "users",
        "iterations": str(COUNT),
        "max.interval": "1",
        "key.converter": STRING,
        **converting(registry),
    }
    await worker.herder.put_config("in", source)
    await worker.until(lambda: worker.records("in") == COUNT)


def sink(registry: MemoryRegistry, out: Path, **keys: str) -> dict[str, str]:
    return {
        "connector.class": "FileStreamSink",
        "topics": "users",
        "file": str(out),
        "key.converter": STRING,
        "consumer.override.auto.offset.reset": "earliest",
        **converting(registry, **{"json.fail.invalid.schema": "true"}),
        **{name.replace("_", "."): value for name, value in keys.items()},
    }


async def test_records_go_through_a_topic_and_those_that_are_none_of_their_schema_to_the_dead_letters(
    tmp_path: Path, registry: MemoryRegistry
) -> None:
    out, texts = tmp_path / "out.txt", tmp_path / "texts.txt"
    bad = ["text", f"{HEAD}{{", f'{HEAD}{{"userid":5}}', HEAD + "[" * 5000]
    texts.write_text("".join(f"{line}\n" for line in bad))
    foreign = {
        "connector.class": "FileStreamSource",
        "file": str(texts),
        "topic": "users",
        "value.converter": STRING,
    }
    async with running_worker(tmp_path) as worker:
        await worker.herder.put_config("foreign", foreign)
        await worker.until(lambda: worker.records("foreign") == len(bad))
        await _fill(worker, registry)
        values = await worker.values("users")
        assert all(value and value.startswith(HEAD.encode() + b'{"') for value in values[len(bad) :])
        keys = {"errors_tolerance": "all", "errors_deadletterqueue_topic_name": "dead"}
        await worker.herder.put_config("out", sink(registry, out, **keys))
        await worker.until(lambda: worker.records("out") == COUNT + len(bad))
        assert await worker.values("dead") == [line.encode() for line in bad]
    assert {"userid", "regionid", "gender", "registertime"} <= set(rows(out)[0])
    schema = json.loads(registry.subjects["users-value"][0].body["schema"])
    assert (schema["type"], schema["title"]) == ("object", "ksql.users")
