"""Protobuf through a real worker: a source, a topic, a sink, and records that are none of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.schema_registry import MemoryRegistry, memory_registry
from tests.support.worker import STRING, running_worker

PROTOBUF = "io.confluent.connect.protobuf.ProtobufConverter"
COUNT = 50


@pytest.fixture
def registry() -> Iterator[MemoryRegistry]:
    with memory_registry() as running:
        yield running


def protobuf(registry: MemoryRegistry) -> dict[str, str]:
    own = {"schema.registry.url": registry.url, "max.retries": "0", "optional.for.nullables": "true"}
    return {"value.converter": PROTOBUF, **{f"value.converter.{name}": value for name, value in own.items()}}


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


async def test_records_go_through_a_topic_of_protobuf_and_those_that_are_none_to_the_dead_letters(
    tmp_path: Path, registry: MemoryRegistry
) -> None:
    out = tmp_path / "out.txt"
    (tmp_path / "text.txt").write_text("one\ntwo\n")
    text = {
        "connector.class": "FileStreamSource", "file": str(tmp_path / "text.txt"), "topic": "users",
        "value.converter": STRING,
    }  # fmt: skip
    source = {
        "connector.class": "DatagenConnector", "kafka.topic": "users", "quickstart": "users", "max.interval": "1",
        "iterations": str(COUNT), "key.converter": STRING, **protobuf(registry),
    }  # fmt: skip
    sink = {
        "connector.class": "FileStreamSink", "topics": "users", "file": str(out), "key.converter": STRING,
        "consumer.override.auto.offset.reset": "earliest", "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dead", **protobuf(registry),
    }  # fmt: skip
    async with running_worker(tmp_path) as worker:
        await worker.herder.put_config("text", text)
        await worker.until(lambda: worker.records("text") == 2)
        await worker.herder.put_config("in", source)
        await worker.until(lambda: worker.records("in") == COUNT)
        await worker.herder.put_config("out", sink)
        await worker.until(lambda: worker.records("out") == COUNT + 2)
        assert await worker.values("dead") == [b"one", b"two"]
        written = [value for value in await worker.values("users") if value not in (b"one", b"two")]
        assert all(value and value[:6] == b"\0\0\0\0\1\0" for value in written)
    assert {"userid", "regionid", "gender", "registertime"} <= set(rows(out)[0])
    assert "message users {" in registry.subjects["users-value"][0].body["schema"]
    asked = [one.partition("?")[0] for one in registry.asked]
    assert sorted(asked) == ["GET /schemas/ids/1", "POST /subjects/users-value", "POST /subjects/users-value/versions"]
