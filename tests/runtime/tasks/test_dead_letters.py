from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connect.api import DataError, FailedRecord, Record, SinkTask, SourceTask
from connect.records import Columns, FetchedBatch, TopicPartition
from connect.runtime.model import State
from connect.runtime.tasks.dead_letters import DeadLetterQueue
from tests.support.odd_plugins import disk_refuses, register
from tests.support.odd_plugins import sink as odd_sink
from tests.support.odd_plugins import source as odd_source
from tests.support.worker import JSON, STRING, RunningWorker, running_worker

BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as running:
        yield running


def sink(tmp_path: Path, **config: str) -> dict[str, str]:
    return {
        "connector.class": "FileStreamSink",
        "file": str(tmp_path / "out.txt"),
        "topics": "orders",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.context.headers.enable": "true",
        "key.converter": STRING,
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        **config,
    }


async def produce(worker: RunningWorker, *values: bytes | None, key: bytes | None = b"k", **more: Any) -> None:
    admin = worker.herder.cluster.admin
    if await admin.partitions("orders") is None:
        await admin.create_topic("orders")
    producer = worker.herder.cluster.producer(client_id="test")
    columns = Columns(list(values), keys=[key] * len(values), timestamps=1_700_000_000_000, **more)
    await producer.append("orders", columns)
    await producer.aclose()


async def dead(worker: RunningWorker, topic: str = "dead") -> list[FetchedBatch]:
    return await worker.herder.cluster.admin.fetch(TopicPartition(topic, 0), 0)


async def started(worker: RunningWorker, config: dict[str, str], *, records: int) -> None:
    await worker.client.put("/connectors/s/config", json=config)
    await worker.until(lambda: worker.records("s") == records)


async def test_a_record_that_cannot_be_converted_is_kept_as_it_was_with_what_happened(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await produce(worker, b"[1]", b"{not json", b"[2]", headers=[None, [("trace", b"7")], None])
    await started(worker, sink(tmp_path), records=3)
    [batch] = await dead(worker)
    assert (batch.columns.keys, batch.columns.values) == ([b"k"], [b"{not json"])
    assert batch.columns.timestamps in (1_700_000_000_000, [1_700_000_000_000])
    assert batch.columns.headers is not None
    headers = batch.columns.headers[0] or []
    told = {name.removeprefix("__connect.errors."): value for name, value in headers}
    assert headers[0] == ("trace", b"7")
    assert told.pop("exception.message")
    assert b"Traceback" in (told.pop("exception.stacktrace") or b"")
    assert int(told.pop("timestamp") or b"") > 1_700_000_000_000
    assert told == {
        "trace": b"7",
        "topic": b"orders",
        "partition": b"0",
        "offset": b"1",
        "connector.name": b"s",
        "task.id": b"0",
        "stage": b"VALUE_CONVERTER",
        "class.name": JSON.encode(),
        "exception.class.name": b"org.apache.kafka.connect.errors.DataException",
        "cause.code": b"data.invalid",
        "attempts": b"0",
    }


async def test_what_happened_shows_no_secret_and_may_be_any_text(worker: RunningWorker, tmp_path: Path) -> None:
    class Refusing(SinkTask):
        def put(self, records: Any) -> None:
            raise DataError("the server says \udcff: token=hunter2222 of db-pass-4711 is not right")

    register(worker.herder, odd_sink(Refusing))
    await produce(worker, b"1")
    await started(worker, sink(tmp_path, **{"connector.class": "test.Odd", "db.password": "db-pass-4711"}), records=1)
    [batch] = await dead(worker)
    assert batch.columns.headers is not None
    told = dict(batch.columns.headers[0] or [])
    assert (
        told["__connect.errors.exception.message"]
        == b"the server says \\udcff: token=[hidden] of [hidden] is not right"
    )
    assert b"is not right" in (told["__connect.errors.exception.stacktrace"] or b"")
    assert not any(b"hunter2222" in (text or b"") or b"4711" in (text or b"") for text in told.values())


async def test_what_the_sink_knows_of_the_cause_is_told_by_name(worker: RunningWorker, tmp_path: Path) -> None:
    class Constrained(SinkTask):
        def put(self, records: Any) -> None:
            bad = [FailedRecord(n, "null", {"column": "b"}) for n, r in enumerate(records) if r.value == 2]
            if bad:
                raise DataError("it is null", failed=bad, details={"sqlstate": "23502", "column": "a"})

    register(worker.herder, odd_sink(Constrained))
    await produce(worker, b"1", b"2", b"3", headers=[None, [("__connect.replay.count", b"2")], None])
    await started(worker, sink(tmp_path, **{"connector.class": "test.Odd"}), records=3)
    [batch] = await dead(worker)
    assert batch.columns.headers is not None
    told = dict(batch.columns.headers[0] or [])
    assert {name: told[f"__connect.errors.{name}"] for name in ("cause.sqlstate", "cause.column", "attempts")} == {
        "cause.sqlstate": b"23502",
        "cause.column": b"b",
        "attempts": b"2",
    }


async def test_without_context_the_headers_are_the_records_own(worker: RunningWorker, tmp_path: Path) -> None:
    await produce(worker, b"{not json")
    await started(worker, sink(tmp_path, **{"errors.deadletterqueue.context.headers.enable": "false"}), records=1)
    [batch] = await dead(worker)
    assert batch.columns.headers is None or not any(batch.columns.headers)


async def test_a_transform_that_fails_sends_the_original_bytes(worker: RunningWorker, tmp_path: Path) -> None:
    await produce(worker, b'{"a": "1"}', b'{"a": "x"}', b'{"a": "3"}')
    cast = {
        "transforms": "c",
        "transforms.c.type": "org.apache.kafka.connect.transforms.Cast$Value",
        "transforms.c.spec": "a:int32",
    }
    await started(worker, sink(tmp_path, **cast), records=3)
    [batch] = await dead(worker)
    assert batch.columns.values == [b'{"a": "x"}']
    assert batch.columns.headers is not None
    assert ("__connect.errors.stage", b"TRANSFORMATION") in (batch.columns.headers[0] or [])
    assert ("__connect.errors.stage.alias", b"c") in (batch.columns.headers[0] or [])
    assert ("__connect.errors.class.name", cast["transforms.c.type"].encode()) in (batch.columns.headers[0] or [])


async def test_many_bad_records_keep_their_order_and_none_is_missing(worker: RunningWorker, tmp_path: Path) -> None:
    values = [b"{%d" % n if n % 3 == 0 else b"%d" % n for n in range(3000)]
    await produce(worker, *values)
    await started(worker, sink(tmp_path), records=3000)
    kept = await worker.values("dead")
    assert kept == [value for value in values if value.startswith(b"{")]
    assert len((tmp_path / "out.txt").read_text().splitlines()) == 2000


async def test_the_record_that_ends_a_task_is_kept_too(worker: RunningWorker, tmp_path: Path) -> None:
    await produce(worker, b"1", b"{not json")
    await worker.client.put("/connectors/s/config", json=sink(tmp_path, **{"errors.tolerance": "none"}))
    await worker.until_failed("s")
    assert await worker.values("dead") == [b"{not json"]


async def test_what_was_kept_is_not_kept_again_after_a_restart(worker: RunningWorker, tmp_path: Path) -> None:
    await produce(worker, b"{not json")
    await started(worker, sink(tmp_path), records=1)
    await worker.client.put("/connectors/s/stop")
    await worker.until_state("s", State.STOPPED, tasks=0)
    await worker.client.put("/connectors/s/resume")
    await worker.until_state("s", State.RUNNING, tasks=1)
    await produce(worker, b"{nor this")
    await worker.until(lambda: worker.records("s") == 1)
    assert await worker.values("dead") == [b"{not json", b"{nor this"]


@pytest.mark.parametrize("keys", [{"topics": "orders,dead"}, {"topics": "", "topics.regex": "d.*|orders"}])
async def test_a_sink_may_not_read_its_own_dead_letters(
    worker: RunningWorker, tmp_path: Path, keys: dict[str, str]
) -> None:
    config = {name: value for name, value in sink(tmp_path, **keys).items() if value}
    answer = await worker.client.put("/connectors/s/config", json=config)
    assert answer.status_code == 400
    assert "The DLQ topic 'dead' may not be" in answer.json()["message"]


async def test_tasks_that_start_together_make_one_queue(worker: RunningWorker, tmp_path: Path) -> None:
    await worker.herder.cluster.admin.create_topic("orders", partitions=4)
    await worker.client.put("/connectors/s/config", json=sink(tmp_path, **{"tasks.max": "4"}))
    await worker.until_state("s", State.RUNNING, tasks=4)
    producer = worker.herder.cluster.producer(client_id="test")
    for partition in range(4):
        await producer.append("orders", Columns([b"{%d" % partition]), partition=partition)
    await producer.aclose()
    await worker.until(lambda: worker.records("s") == 4)
    kept = list(itertools.chain(*[batch.columns.values for batch in await dead(worker)]))
    assert sorted(filter(None, kept)) == [b"{0", b"{1", b"{2", b"{3"]


# -- a queue that does not take a letter -------------------------------------------------------------------------------


class Loud(SinkTask):
    """Refuses what is 'bad' with more words than a letter has room for."""

    def put(self, records: Any) -> None:
        for record in records:
            if record.value == "bad":
                raise DataError("x" * 3000 + " is what happened")


TEXT = {"connector.class": "test.Odd", "value.converter": STRING, "errors.restart.policy": "none"}


async def test_a_letter_that_is_too_large_for_its_topic_loses_its_trace_first_and_then_all_context(
    worker: RunningWorker, tmp_path: Path
) -> None:
    register(worker.herder, odd_sink(Loud))
    admin = worker.herder.cluster.admin
    await admin.create_topic("dead", configs={"max.message.bytes": "5000"})
    await produce(worker, b"a", b"bad", b"b")
    await started(worker, sink(tmp_path, **TEXT), records=3)
    [batch] = await dead(worker)
    assert batch.columns.headers is not None
    told = dict(batch.columns.headers[0] or [])
    assert (told["__connect.errors.exception.message"] or b"").endswith(b" is what happened")
    trace = told["__connect.errors.exception.stacktrace"] or b""
    assert trace.startswith(b"[cut, since the letter was too large")
    assert len(trace) < 3000
    await admin.alter_topic("dead", {"max.message.bytes": "500"})
    await produce(worker, b"bad", headers=[[("own", b"1")]])
    await worker.until(lambda: worker.records("s") == 4)
    bare = (await dead(worker))[-1]
    assert bare.columns.headers == [[("own", b"1")]]
    assert await worker.values("dead") == [b"bad", b"bad"]


async def test_where_the_record_alone_is_too_large_for_the_queue_the_task_fails_and_nothing_is_skipped(
    worker: RunningWorker, tmp_path: Path
) -> None:
    await worker.herder.cluster.admin.create_topic("dead", configs={"max.message.bytes": "200"})
    await produce(worker, b"[1]", b"{" + b"x" * 500)
    await worker.client.put("/connectors/s/config", json=sink(tmp_path, **{"errors.restart.policy": "none"}))
    trace = await worker.until_failed("s")
    assert trace.startswith(
        "the dead letter of topic orders, partition 0, offset 1 cannot be written to topic 'dead', so nothing is "
        "skipped: a record with key"
    )
    assert "max.message.bytes of topic 'dead' is 200 [dead_letter.unwritable]" in trace.splitlines()[0]
    assert sum(p.skipped for p in worker.herder.progress()) == 0
    assert await worker.herder.offsets("s") in (
        [],
        [({"kafka_topic": "orders", "kafka_partition": 0}, {"kafka_offset": 0})],
    )
    await worker.herder.cluster.admin.alter_topic("dead", {"max.message.bytes": "100000"})
    await worker.client.post("/connectors/s/restart?includeTasks=true")
    await worker.until(lambda: worker.records("s") == 2)
    assert await worker.values("dead") == [b"{" + b"x" * 500]


async def test_a_queue_that_does_not_allow_the_record_fails_the_task(worker: RunningWorker, tmp_path: Path) -> None:
    answer = await worker.client.put("/connectors/s/config", json=sink(tmp_path, **{"errors.restart.policy": "none"}))
    assert answer.status_code == 201
    await worker.until(lambda: worker.herder.status("s").tasks[0].state is State.RUNNING)
    await worker.herder.cluster.admin.alter_topic("dead", {"cleanup.policy": "compact"})
    await produce(worker, b"{not json", key=None)
    trace = await worker.until_failed("s")
    assert "cannot be written to topic 'dead', so nothing is skipped" in trace.splitlines()[0]
    assert "a record without a key cannot be appended" in trace.splitlines()[0]
    assert sum(p.skipped for p in worker.herder.progress()) == 0


# -- sources -----------------------------------------------------------------------------------------------------------


class Numbers(SourceTask):
    """Gives values once, each with an offset."""

    values: ClassVar[list[Any]] = []

    def poll(self) -> list[Record] | None:
        done = self.context.offset({"p": 0})
        start = done["n"] if done else 0
        given, self.given = getattr(self, "given", False), True
        if given:
            return None
        return [
            Record(
                "out",
                value,
                key="k",
                source_partition={"p": 0},
                source_offset={"n": n + 1},
                timestamp=1_700_000_000_000,
            )
            for n, value in enumerate(self.values)
            if n >= start
        ]


def source_config(**keys: str) -> dict[str, str]:
    return {
        "connector.class": "test.Odd",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.context.headers.enable": "true",
        "errors.restart.policy": "none",
        "key.converter": STRING,
        "value.converter": STRING,
        **keys,
    }


async def letter_of(worker: RunningWorker) -> tuple[bytes | None, dict[str, bytes | None]]:
    [batch] = await dead(worker)
    assert batch.columns.headers is not None
    told = {name.removeprefix("__connect.errors."): value for name, value in batch.columns.headers[0] or []}
    return batch.columns.values[0], told


def stored(worker: RunningWorker) -> Any:
    return {tuple(p.items()): o for p, o in worker.herder._worker._offsets.shared.all("s")}


async def test_a_sources_record_that_a_transform_cannot_take_is_kept_as_json(worker: RunningWorker) -> None:
    register(worker.herder, odd_source(type("Task", (Numbers,), {"values": [{"a": "1"}, {"a": "x"}, {"a": "3"}]})))
    cast = {
        "transforms": "c",
        "transforms.c.type": "org.apache.kafka.connect.transforms.Cast$Value",
        "transforms.c.spec": "a:int32",
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
    }
    await worker.client.put("/connectors/s/config", json=source_config(**cast))
    await worker.until(lambda: worker.records("s") == 2)
    assert await worker.values("out") == [b'{"a":1}', b'{"a":3}']
    assert sum(p.skipped for p in worker.herder.progress()) == 1
    value, told = await letter_of(worker)
    assert value == b'{"a":"x"}'
    assert told["stage"] == b"TRANSFORMATION"
    assert (told["stage.alias"], told["value.form"]) == (b"c", b"json")
    assert (told["source.partition"], told["source.offset"]) == (b'{"p":0}', b'{"n":2}')
    assert (told["topic"], told["connector.name"], "offset" in told) == (b"out", b"s", False)


async def test_one_that_is_too_large_for_its_topic_is_kept_as_the_bytes_it_was(worker: RunningWorker) -> None:
    await worker.herder.cluster.admin.create_topic("out", configs={"max.message.bytes": "300"})
    register(worker.herder, odd_source(type("Task", (Numbers,), {"values": ["a", "x" * 1000, "b"]})))
    await worker.client.put("/connectors/s/config", json=source_config())
    await worker.until(lambda: worker.records("s") == 2)
    assert await worker.values("out") == [b"a", b"b"]
    await worker.until(lambda: sum(p.skipped for p in worker.herder.progress()) == 1)
    value, told = await letter_of(worker)
    assert value == b"x" * 1000
    assert (told["stage"], told["value.form"], told["cause.code"]) == (
        b"KAFKA_PRODUCE",
        b"bytes",
        b"log.record_too_large",
    )


async def test_no_offset_of_a_source_is_stored_before_the_letters_that_it_covers_are_on_disk(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_flush = asyncio.Event()
    flush = DeadLetterQueue.flush

    async def held(self: DeadLetterQueue) -> None:
        await may_flush.wait()
        await flush(self)

    monkeypatch.setattr(DeadLetterQueue, "flush", held)
    register(worker.herder, odd_source(type("Task", (Numbers,), {"values": ["a", 5, "b"]})))
    await worker.client.put("/connectors/s/config", json=source_config(**{"value.converter": BYTES}))
    await worker.until(lambda: sum(p.skipped for p in worker.herder.progress()) == 3)
    await asyncio.sleep(0.2)  # commits are due every 50 ms
    assert stored(worker) == {}
    may_flush.set()
    await worker.until(lambda: stored(worker) == {(("p", 0),): {"n": 3}})


async def test_without_tolerance_a_sources_good_records_come_first_and_the_bad_one_is_kept_once(
    worker: RunningWorker,
) -> None:
    task = type("Task", (Numbers,), {"values": [b"a", b"b", 5, b"c"]})
    register(worker.herder, odd_source(task))
    await worker.client.put(
        "/connectors/s/config", json=source_config(**{"errors.tolerance": "none", "value.converter": BYTES})
    )
    trace = await worker.until_failed("s")
    assert "(converter, topic out, source partition {'p': 0}, source offset {'n': 3})" in trace.splitlines()[0]
    assert await worker.values("out") == [b"a", b"b"]
    assert stored(worker) == {(("p", 0),): {"n": 2}}
    value, told = await letter_of(worker)
    assert (value, told["source.offset"]) == (b"5", b'{"n":3}')
    task.values = [b"a", b"b", b"mended", b"c"]  # type: ignore[attr-defined]
    await worker.client.post("/connectors/s/restart?includeTasks=true")
    await worker.until(lambda: stored(worker) == {(("p", 0),): {"n": 4}})
    assert await worker.values("out") == [b"a", b"b", b"mended", b"c"]


async def test_where_a_sources_letter_cannot_be_written_its_offset_is_not_stored(worker: RunningWorker) -> None:
    await worker.herder.cluster.admin.create_topic("dead", configs={"max.message.bytes": "100"})
    register(worker.herder, odd_source(type("Task", (Numbers,), {"values": [b"a", 5, {"b": "x" * 500}]})))
    await worker.client.put("/connectors/s/config", json=source_config(**{"value.converter": BYTES}))
    trace = await worker.until_failed("s")
    assert "so nothing is skipped" in trace.splitlines()[0]
    assert "[dead_letter.unwritable]" in trace.splitlines()[0]
    assert stored(worker) == {}


async def test_a_source_that_writes_in_transactions_keeps_its_bad_records_too(tmp_path: Path) -> None:
    keys = {"exactly_once_source_support": "enabled", "offset_flush_interval_ms": "50"}
    async with running_worker(tmp_path, **keys) as worker:
        await worker.herder.cluster.admin.create_topic("out", configs={"max.message.bytes": "300"})
        task = type("Task", (Numbers,), {"values": [b"a", 5, b"x" * 1000, b"b"]})
        register(worker.herder, odd_source(task))
        await worker.client.put("/connectors/s/config", json=source_config(**{"value.converter": BYTES}))
        await worker.until(lambda: stored(worker) == {(("p", 0),): {"n": 4}})
        assert await worker.values("out") == [b"a", b"b"]
        assert await worker.values("dead") == [b"5", b"x" * 1000]
        assert sum(p.skipped for p in worker.herder.progress()) == 2


async def test_without_tolerance_a_source_that_writes_in_transactions_leaves_nothing_of_the_poll(
    tmp_path: Path,
) -> None:
    async with running_worker(tmp_path, exactly_once_source_support="enabled") as worker:
        register(worker.herder, odd_source(type("Task", (Numbers,), {"values": [b"a", 5, b"b"]})))
        config = source_config(**{"value.converter": BYTES, "errors.tolerance": "none"})
        await worker.client.put("/connectors/s/config", json=config)
        trace = await worker.until_failed("s")
        assert "(converter, topic out, source partition {'p': 0}, source offset {'n': 2})" in trace.splitlines()[0]
        assert await worker.values("dead") == [b"5"]
        assert stored(worker) == {}


async def test_a_stop_while_a_sources_letter_waits_for_the_disk_loses_neither_the_letter_nor_the_records(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(worker.herder, odd_source(type("Task", (Numbers,), {"values": [b"a", 5, b"b"]})))
    with disk_refuses(monkeypatch, lambda path: "/dead-0/" in path) as refused:
        await worker.client.put("/connectors/s/config", json=source_config(**{"value.converter": BYTES}))
        await worker.until(lambda: refused)
        await worker.client.put("/connectors/s/stop")
        await worker.until_state("s", State.STOPPED, tasks=0)
        assert stored(worker) == {}
    await worker.client.put("/connectors/s/resume")
    await worker.until(lambda: stored(worker) == {(("p", 0),): {"n": 3}})
    assert await worker.values("dead") == [b"5"]
    assert await worker.values("out") == [b"a", b"b"]


async def test_where_an_append_waits_the_letters_in_front_of_it_are_there_and_their_offset_is_stored(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(worker.herder, odd_source(type("Task", (Numbers,), {"values": [5, b"a"]})))
    with disk_refuses(monkeypatch, lambda path: "/out-0/" in path) as refused:
        await worker.client.put("/connectors/s/config", json=source_config(**{"value.converter": BYTES}))
        await worker.until(lambda: refused)
        await worker.client.put("/connectors/s/stop")
        await worker.until_state("s", State.STOPPED, tasks=0)
        assert stored(worker) in ({}, {(("p", 0),): {"n": 1}})
        assert await worker.values("dead") == [b"5"]
