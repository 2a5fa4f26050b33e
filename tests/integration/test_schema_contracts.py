"""Schema contracts of real connectors on a real log: what goes on, what is left out, and what is known afterwards."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connect.api import (
    INT32,
    OPTIONAL_STRING,
    STRING,
    Batch,
    Record,
    Schema,
    SinkTask,
    SourceTask,
)
from connect.ports import Cluster
from connect.records import Columns, TopicPartition
from connect.runtime.model import State
from tests.support.dead_letters import PREFIX, produce
from tests.support.kafka_broker import SharedBroker
from tests.support.kafka_crews import Crew
from tests.support.odd_plugins import register, sink, source
from tests.support.worker import JSON, RunningWorker, running_worker, until
from tests.support.worker import STRING as STRINGS

ORDER = Schema.struct({"id": INT32, "note": OPTIONAL_STRING})
MORE = Schema.struct({"id": INT32, "note": OPTIONAL_STRING, "colour": STRING})
PLAIN = {"value.converter": JSON, "value.converter.schemas.enable": "false", "key.converter": STRINGS}
QUEUE = {
    "errors.deadletterqueue.topic.name": "dead",
    "errors.deadletterqueue.context.headers.enable": "true",
    "errors.deadletterqueue.topic.replication.factor": "1",
}
ODD = {"connector.class": "test.Odd", "errors.restart.policy": "none", **PLAIN}

Made = tuple[Schema | None, dict[str, Any] | None]


def source_of(*records: Made) -> type[SourceTask]:
    """A source of these records of topic orders, each in a poll of its own, that goes on where it was."""

    class Given(SourceTask):
        def start(self) -> None:
            self.next = int((self.context.offset({"p": 0}) or {"n": 0})["n"])

        def poll(self) -> list[Record] | None:
            if self.next >= len(records):
                return None
            schema, value = records[self.next]
            self.next += 1
            offset = {"n": self.next}
            return [Record("orders", value, value_schema=schema, source_partition={"p": 0}, source_offset=offset)]

    return Given


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as running:
        yield running


async def run(worker: RunningWorker, task: type[SourceTask], **config: str) -> None:
    register(worker.herder, source(task))
    await worker.herder.create("s", {**ODD, **{k.replace("_", "."): v for k, v in config.items()}})


async def committed(worker: RunningWorker, count: int) -> None:
    """Wait until the source's offset is that of so many records."""
    await worker.until(lambda: worker.herder.base.offsets.shared.get("s", {"p": 0}) == {"n": count})


async def values(worker: RunningWorker, topic: str = "orders") -> list[Any]:
    return [None if value is None else json.loads(value) for value in await worker.values(topic)]


async def letters(worker: RunningWorker) -> list[tuple[Any, dict[str, str]]]:
    """The values of the dead letter queue, with what their headers tell."""
    found = []
    for batch in await worker.herder.cluster.admin.fetch(TopicPartition("dead", 0), 0):
        for value, headers in zip(batch.columns.values, batch.columns.headers or (), strict=True):
            told = {name.removeprefix(PREFIX): (text or b"").decode() for name, text in headers or ()}
            found.append((json.loads(value or b"null"), told))
    return found


GOOD, BAD = {"id": 1, "note": "a"}, {"id": 2, "note": "b", "colour": "red"}


async def test_frozen_the_task_ends_and_says_what_does_not_fit(worker: RunningWorker) -> None:
    await run(worker, source_of((ORDER, GOOD), (MORE, BAD)), schema_contract="freeze")
    trace = await worker.until_failed("s")
    assert trace.startswith("a record of topic orders does not fit version 1 of what is known of it: colour: a new")
    assert "[contract.violated]" in trace
    await committed(worker, 1)
    assert await values(worker) == [GOOD]


async def test_frozen_and_tolerated_the_record_is_in_the_queue(worker: RunningWorker) -> None:
    task = source_of((ORDER, GOOD), (MORE, BAD), (ORDER, GOOD))
    await run(worker, task, schema_contract="freeze", errors_tolerance="all", **QUEUE)
    await committed(worker, 3)
    assert await values(worker) == [GOOD, GOOD]
    (found,) = await letters(worker)
    assert found[0] == BAD
    assert "colour: a new field" in found[1]["exception.message"]
    assert found[1]["stage"] == "TRANSFORMATION"


@pytest.mark.parametrize("guarantee", ["at-least-once", "at-most-once"])
async def test_records_are_discarded_and_offsets_move_on_though_nothing_is_tolerated(
    worker: RunningWorker, guarantee: str
) -> None:
    task = source_of((ORDER, GOOD), (MORE, BAD), (MORE, BAD))
    await run(worker, task, schema_contract="discard.record", delivery_guarantee=guarantee, **QUEUE)
    await committed(worker, 3)
    # At most once the offset is there first.
    await worker.until(lambda: sum(runner.meter.skipped for runner in worker.herder.base.worker.runners()) == 2)
    assert await values(worker) == [GOOD]
    assert [value for value, _ in await letters(worker)] == [BAD, BAD]
    await worker.until_state("s", State.RUNNING)


async def test_without_a_queue_what_is_discarded_is_counted(worker: RunningWorker) -> None:
    await run(worker, source_of((ORDER, GOOD), (MORE, BAD)), schema_contract="discard.record")
    await committed(worker, 2)
    assert [progress.skipped for progress in worker.herder.progress()] == [1]


async def test_a_field_is_discarded_and_its_whole_record_is_in_the_queue(worker: RunningWorker) -> None:
    await run(worker, source_of((ORDER, GOOD), (MORE, BAD)), schema_contract="discard.value", **QUEUE)
    await committed(worker, 2)
    assert await values(worker) == [GOOD, {"id": 2, "note": "b"}]
    (found,) = await letters(worker)
    assert found[0] == BAD
    assert [progress.skipped for progress in worker.herder.progress()] == [0]
    assert [runner.meter.shortened for runner in worker.herder.base.worker.runners()] == [1]


async def test_exactly_once_a_transaction_has_what_fits_and_the_offset_of_what_does_not(tmp_path: Path) -> None:
    async with running_worker(tmp_path, exactly_once_source_support="enabled") as worker:
        task = source_of((ORDER, GOOD), (MORE, BAD), (MORE, BAD))
        await run(worker, task, schema_contract="discard.record", **QUEUE)
        await committed(worker, 3)
        assert await values(worker) == [GOOD]
        assert [value for value, _ in await letters(worker)] == [BAD, BAD]


async def test_what_is_known_survives_the_worker(tmp_path: Path) -> None:
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as worker:
        await run(worker, source_of((ORDER, GOOD)), schema_contract="freeze")
        await committed(worker, 1)
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as worker:
        register(worker.herder, source(source_of((ORDER, GOOD), (MORE, BAD))))
        await worker.herder.restart("s", include_tasks=True)
        assert "colour: a new field" in await worker.until_failed("s")


async def test_two_tasks_agree_on_the_first_schema(worker: RunningWorker) -> None:
    """Each has seen a schema of its own when nothing was known: one of them is the first, for both."""
    both = threading.Barrier(2)

    class Either(SourceTask):
        def start(self) -> None:
            self.is_done = False

        def poll(self) -> list[Record] | None:
            if self.is_done:
                return None
            self.is_done = True
            both.wait(10)
            number = self.context.task
            fields = {"id": INT32, f"of_{number}": STRING}
            value = {"id": number, f"of_{number}": "x"}
            where = {"source_partition": {"p": number}, "source_offset": {"n": 1}}
            return [Record("orders", value, value_schema=Schema.struct(fields), **where)]

    class Two(source(Either)):  # type: ignore[misc]
        def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
            return [{}, {}]

    register(worker.herder, Two)
    config = {**ODD, "connector.class": Two.plugin_name(), "tasks.max": "2", "schema.contract": "discard.record"}
    await worker.herder.create("s", {**config, **QUEUE})
    get = worker.herder.base.offsets.shared.get
    await worker.until(lambda: all(get("s", {"p": n}) == {"n": 1} for n in (0, 1)))
    (written,), (found,) = await values(worker), await letters(worker)
    assert sorted([written["id"], found[0]["id"]]) == [0, 1]


async def test_columns_of_structs_stay_columns_where_they_fit(worker: RunningWorker) -> None:
    from connect.api import StructColumn

    looked: list[str] = []

    class Looked(StructColumn):
        def __iter__(self) -> Iterator[dict[str, Any]]:
            looked.append("a look")
            return super().__iter__()

    class InColumns(SourceTask):
        is_done = False

        def poll_batch(self) -> list[Batch]:
            if self.is_done:
                return []
            self.is_done = True
            column = Looked({"id": [1, 2], "note": ["a", "b"]}, 2)
            where = {"source_partition": {"p": 0}, "source_offset": {"n": 2}}
            return [Batch("orders", column.for_batch(), value_schema=ORDER, **where)]

    config = {"schema_contract": "freeze", "value.converter.schemas.enable": "true"}
    await run(worker, InColumns, **config)
    await committed(worker, 2)
    assert [found["payload"]["id"] for found in await values(worker)] == [1, 2]
    assert looked == []


# -- sinks -----------------------------------------------------------------------------------------------------------


class Keeps(SinkTask):
    """Keeps what it is given."""

    given: ClassVar[list[Any]] = []

    def put_batch(self, batch: Batch) -> None:
        self.given.extend((value, batch.value_schema) for value in batch.values)


@pytest.fixture
def kept() -> list[Any]:
    Keeps.given = []
    return Keeps.given


async def run_sink(worker: RunningWorker, **config: str) -> None:
    register(worker.herder, sink(Keeps))
    keys = {"topics": "orders", **{k.replace("_", "."): v for k, v in config.items()}}
    await worker.herder.create("s", {**ODD, **keys})


def text(value: Any) -> bytes:
    return json.dumps(value).encode()


async def test_a_sink_is_given_what_fits_and_the_rest_is_in_the_queue(worker: RunningWorker, kept: list[Any]) -> None:
    await produce(worker, text(GOOD), text(BAD), None, text({"id": "x", "note": "c"}), text({"id": 4}))
    known = {"type": "struct", "fields": [{"type": "int64", "field": "id"}, {"type": "string", "field": "note"}]}
    known["fields"] = [{**field, "optional": field["field"] == "note"} for field in known["fields"]]  # type: ignore[index]
    modes = {"schema_contract_fields": "discard.value", "schema_contract_types": "discard.record"}
    await run_sink(worker, schema_contract_topics="freeze", **modes, **QUEUE)
    assert "nothing is known of topic orders" in await worker.until_failed("s")
    answer = await worker.client.put("/v1/connectors/s/contract/orders", json={"schema": known})
    assert answer.status_code == 200, answer.text
    await worker.herder.restart("s", include_tasks=True)
    await until(lambda: len(kept) == 4)
    assert [value for value, _ in kept] == [GOOD, {"id": 2, "note": "b"}, None, {"id": 4}]
    await worker.until(lambda: worker.records("s") == 5)
    # The one that ended the task before it was known what a record looks like is there, too.
    assert [value for value, _ in await letters(worker)][-2:] == [BAD, {"id": "x", "note": "c"}]


async def test_a_sink_projects_older_records_onto_the_newest_schema(worker: RunningWorker, kept: list[Any]) -> None:
    def envelope(version: int, **value: Any) -> bytes:
        fields = [{"field": name, "type": "string", "optional": True} for name in ("a", "b", "c")[:version]]
        schema = {"type": "struct", "fields": fields, "optional": False, "version": version}
        return text({"schema": schema, "payload": value})

    await produce(worker, envelope(1, a="1"), envelope(2, a="2", b="x"), envelope(1, a="3"), None)
    await run_sink(worker, schema_compatibility="BACKWARD", **{"value.converter.schemas.enable": "true"})
    await until(lambda: len(kept) == 4)
    assert [None if value is None else value["a"] for value, _ in kept] == ["1", "2", "3", None]
    assert [schema.version for _, schema in kept[:3]] == [1, 2, 2]


# -- looked at and changed -------------------------------------------------------------------------------------------


async def test_it_is_shown_given_and_forgotten_over_rest(worker: RunningWorker) -> None:
    await run(worker, source_of((ORDER, GOOD), (MORE, BAD)), schema_contract="freeze")
    await worker.until_failed("s")
    shown = (await worker.client.get("/v1/connectors/s/contract")).json()
    assert shown["settings"]["schema.contract.fields"] == "freeze"
    assert [(one["topic"], one["version"], one["by"]) for one in shown["topics"]] == [("orders", 1, "task 0")]
    assert [field["field"] for field in shown["topics"][0]["schema"]["fields"]] == ["id", "note"]

    grown = shown["topics"][0]["schema"]
    grown["fields"].append({"type": "string", "optional": True, "field": "colour"})
    answer = await worker.client.put("/v1/connectors/s/contract/orders", json={"schema": grown})
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    await worker.client.post("/connectors/s/restart?includeTasks=true")
    await committed(worker, 2)
    assert await values(worker) == [GOOD, BAD]

    assert (await worker.client.delete("/v1/connectors/s/contract")).json() == {"forgotten": ["orders"]}
    assert (await worker.client.get("/v1/connectors/s/contract")).json()["topics"] == []


async def test_a_change_over_rest_counts_for_tasks_that_run(worker: RunningWorker) -> None:
    records: list[Made] = [(ORDER, GOOD)]

    class Growing(source_of()):  # type: ignore[misc]
        def poll(self) -> list[Record] | None:
            if self.next >= len(records):
                return None
            schema, value = records[self.next]
            self.next += 1
            where = {"source_partition": {"p": 0}, "source_offset": {"n": self.next}}
            return [Record("orders", value, value_schema=schema, **where)]

    await run(worker, Growing, schema_contract="discard.record", schema_contract_topics="evolve")
    await committed(worker, 1)
    await worker.client.delete("/v1/connectors/s/contract/orders")
    records.append((MORE, BAD))
    await committed(worker, 2)
    assert await values(worker) == [GOOD, BAD]


async def test_a_worker_without_contracts_has_no_topic_of_them(worker: RunningWorker) -> None:
    await run(worker, source_of((ORDER, GOOD)))
    await committed(worker, 1)
    assert (await worker.client.get("/v1/connectors/s/contract")).json()["topics"] == []
    assert await worker.herder.cluster.admin.partitions("connect-configs-contracts") is None


# -- checked ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"schema.contract": "frozen"}, "schema.contract"),
        ({"schema.contract.fields": "discard_value"}, "schema.contract.fields"),
        ({"schema.contract.topics": "discard.value"}, "schema.contract.topics"),
        ({"schema.compatibility": "BACKWARD_TRANSITIVE"}, "schema.compatibility"),
        ({"schema.compatibility": "FULL", "schema.contract": "freeze"}, "schema.compatibility"),
    ],
)
async def test_a_value_that_is_none_is_refused(worker: RunningWorker, config: dict[str, str], key: str) -> None:
    register(worker.herder, source(source_of()))
    answer = await worker.client.post("/connectors", json={"name": "s", "config": {**ODD, **config}})
    assert answer.status_code == 400
    assert key in answer.json()["message"]


# -- several workers ---------------------------------------------------------------------------------------------------


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_tasks_on_two_workers_hold_records_against_the_same(
    tmp_path: Path, broker: SharedBroker, name: str, kafka_cluster: Cluster
) -> None:
    await kafka_cluster.admin.create_topic(name, partitions=2)
    producer = kafka_cluster.producer(client_id="test")
    queue = {**QUEUE, "errors.deadletterqueue.topic.name": f"{name}-dead"}
    sink_of = {"connector.class": "FileStreamSink", "file": str(tmp_path / "out.txt"), "topics": name, "tasks.max": "2"}
    crew = Crew(tmp_path, broker.bootstrap, name)

    def lines() -> list[Any]:
        path = tmp_path / "out.txt"
        return sorted(json.loads(line)["id"] for line in path.read_text().splitlines()) if path.exists() else []

    async def send(partition: int, value: Any) -> None:
        await producer.append(name, Columns([text(value)], timestamps=1_700_000_000_000), partition=partition)

    def shown(at: str) -> Any:
        return crew.call("GET", f"/v1/connectors/{name}/contract", at=at)["topics"]

    async def until_not_on_loop(is_so: Callable[[], Any]) -> None:
        await asyncio.to_thread(crew.until, is_so)

    try:
        for which in ("one", "two"):
            await asyncio.to_thread(crew.start, which)
        config = {**sink_of, **PLAIN, **queue, "schema.contract": "discard.record"}
        await asyncio.to_thread(crew.call, "PUT", f"/connectors/{name}/config", config)
        holders = [await asyncio.to_thread(crew.holder, f"{name}-{task}") for task in (0, 1)]
        assert sorted(holders) == ["one", "two"]
        await send(0, {"id": 1})
        await until_not_on_loop(lambda: lines() == [1])
        await send(1, {"id": 2, "new": "x"})
        await send(1, {"id": 3})
        await until_not_on_loop(lambda: lines() == [1, 3])
        before = {which: await asyncio.to_thread(shown, which) for which in ("one", "two")}
        assert before["one"] == before["two"]
        (known,) = before["one"]
        known["schema"]["fields"].append({"type": "string", "optional": True, "field": "new"})
        give = f"/v1/connectors/{name}/contract/{name}"
        await asyncio.to_thread(crew.call, "PUT", give, {"schema": known["schema"]}, at="two")
        # Each worker heeds it as soon as it has read it; what came before is in the queue.
        for number in range(10, 1000, 10):
            for partition in (0, 1):
                await send(partition, {"id": number + partition, "new": "y"})
            if {one % 10 for one in lines() if one >= 10} == {0, 1}:
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError(f"a worker does not heed what is known by now: {lines()}\n{crew.logs()}")
        assert 2 not in lines()
    finally:
        await producer.aclose()
        await asyncio.to_thread(crew.close)
