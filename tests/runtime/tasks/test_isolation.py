"""Bad records are taken out of a put by themselves: in two puts if the sink names them, in halves if it does not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connect.api import Batch, DataError, FailedRecord, Record, RetriableError, SinkTask
from connect.records import Columns
from connect.runtime.model import State, TaskId
from connect.runtime.tasks import suspects
from connect.runtime.tasks.dead_letters import DeadLetterQueue
from tests.support.odd_plugins import Journal, register, sink
from tests.support.worker import JSON, STRING, RunningWorker, running_worker, until

ODD = {"connector.class": "test.Odd", "key.converter": STRING, "value.converter": STRING, "topics": "t"}
ODD |= {"errors.restart.policy": "none"}
ALL = {"errors.tolerance": "all"}


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as running:
        yield running


async def fill(worker: RunningWorker, values: Sequence[str], partitions: int = 1) -> None:
    await worker.herder.cluster.admin.create_topic("t", partitions=partitions)
    if not values:
        return
    producer = worker.herder.cluster.producer(client_id="test")
    for partition in range(partitions):
        await producer.append("t", Columns([value.encode() for value in values]), partition=partition)
    await producer.aclose()


async def run(worker: RunningWorker, task: type[SinkTask], **config: str) -> None:
    register(worker.herder, sink(task))
    await worker.herder.create("k", {**ODD, **config})


async def until_done(worker: RunningWorker, records: int) -> None:
    await until(lambda: worker.records("k") == records)


def skipped(worker: RunningWorker) -> int:
    return sum(p.skipped for p in worker.herder.progress())


async def letters(worker: RunningWorker) -> list[bytes | None]:
    return await worker.values("dlq")


class Named(SinkTask):
    """Takes all or nothing of a put, and names every record that begins with 'bad'."""

    journal: Journal

    def put(self, records: list[Record]) -> None:
        self.journal([record.value for record in records])
        failed = [FailedRecord(n, f"{r.value} is bad") for n, r in enumerate(records) if r.value.startswith("bad")]
        if failed:
            raise DataError(f"{len(failed)} records are bad", failed=failed)


def of(base: type[SinkTask], journal: Journal, **members: Any) -> type[SinkTask]:
    return type("Odd", (base,), {"journal": journal, **members})


VALUES = ["a", "bad1", "b", "c", "bad2", "bad3", "d"]


async def test_a_batch_with_bad_records_costs_two_puts_and_keeps_its_order(worker: RunningWorker) -> None:
    journal = Journal()
    await fill(worker, VALUES)
    await run(worker, of(Named, journal), **ALL, **{"errors.deadletterqueue.topic.name": "dlq"})
    await until_done(worker, 7)
    assert list(journal) == [VALUES, ["a", "b", "c", "d"]]
    assert skipped(worker) == 3
    assert await letters(worker) == [b"bad1", b"bad2", b"bad3"]


async def test_a_batch_of_bad_records_alone_costs_one_put(worker: RunningWorker) -> None:
    journal = Journal()
    await fill(worker, ["bad1", "bad2"])
    await run(worker, of(Named, journal), **ALL)
    await until_done(worker, 2)
    assert (list(journal), skipped(worker)) == ([["bad1", "bad2"]], 2)


async def test_it_is_the_same_on_the_loop(worker: RunningWorker) -> None:
    journal = Journal()

    async def put(self: Named, records: list[Record]) -> None:
        Named.put(self, records)

    await fill(worker, VALUES)
    await run(worker, of(Named, journal, put=put), **ALL)
    await until_done(worker, 7)
    assert list(journal) == [VALUES, ["a", "b", "c", "d"]]


async def test_where_batches_are_put_together_the_others_are_put_together_again(worker: RunningWorker) -> None:
    journal = Journal()

    def put_batches(self: Named, batches: Sequence[Batch]) -> None:
        journal([(batch.partition, *batch.values) for batch in batches])
        values = [value for batch in batches for value in batch.values]
        failed = [(n, f"{value} is bad") for n, value in enumerate(values) if value.startswith("bad")]
        if failed:
            raise DataError("bad", failed=failed)

    await fill(worker, ["a", "bad1", "b"], partitions=2)
    await run(
        worker, of(Named, journal, put_batches=put_batches), **ALL, **{"errors.deadletterqueue.topic.name": "dlq"}
    )
    await until_done(worker, 6)
    puts = list(journal)
    assert sum(len(put) for put in puts) == 4  # two batches, each twice; in one fetch or in two
    good = sorted(batch for put in puts for batch in put if "bad1" not in batch)
    assert good == [(0, "a", "b"), (1, "a", "b")]
    assert (skipped(worker), len(await letters(worker))) == (2, 2)


async def test_without_tolerance_the_first_bad_record_is_named_and_those_before_it_are_put(
    worker: RunningWorker,
) -> None:
    journal = Journal()
    await fill(worker, VALUES)
    await run(worker, of(Named, journal))
    trace = await worker.until_failed("k")
    assert trace.startswith("bad1 is bad (put, topic t, partition 0, offset 1) [data.invalid]")
    assert list(journal) == [VALUES, ["a"], VALUES[1:]]
    assert (await worker.herder.offsets("k"))[0][1] == {"kafka_offset": 1}


async def test_a_sink_that_names_none_gets_halves_and_nothing_twice(worker: RunningWorker) -> None:
    journal, kept = Journal(), Journal()

    def put(self: Named, records: list[Record]) -> None:
        journal(len(records))
        if any(record.value == "bad" for record in records):
            raise DataError("somewhere in here")
        for record in records:
            kept(record.value)

    await fill(worker, ["a", "b", "c", "d", "e", "bad", "f", "g"])
    await run(worker, of(Named, journal, put=put), **ALL)
    await until_done(worker, 8)
    assert list(kept) == ["a", "b", "c", "d", "e", "f", "g"]
    assert list(journal) == [8, 4, 2, 1, 1, 2]  # the second four are known to hold it, and not put to learn that


async def test_after_an_outage_the_same_records_come_again_and_then_the_good_ones(worker: RunningWorker) -> None:
    journal = Journal()

    def put(self: Named, records: list[Record]) -> None:
        if not list(journal):
            journal("away")
            raise RetriableError("away", retry_after_ms=1)
        Named.put(self, records)

    await fill(worker, VALUES)
    await run(worker, of(Named, journal, put=put), **ALL)
    await until_done(worker, 7)
    assert list(journal) == ["away", VALUES, ["a", "b", "c", "d"]]


@pytest.mark.parametrize(
    ("failed", "told"),
    [
        ([(9, "x")], "Odd.put raised DataError with failed = int 9; expected each index once, from 0 to 1"),
        ([(0, "x"), (0, "y")], "with failed = int 0; expected each index once, from 0 to 1"),
        ([0], "with failed = a list with int 0 in it; expected pairs of an index and a reason"),
        ([(0, None)], "with failed = a list with tuple in it; expected pairs of an index and a reason"),
    ],
)
async def test_a_sink_that_names_what_it_was_not_given_is_refused_in_words_of_the_contract(
    worker: RunningWorker, failed: list[Any], told: str
) -> None:
    def put(self: Named, records: list[Record]) -> None:
        raise DataError("bad", failed=failed)

    await fill(worker, ["a", "b"])
    await run(worker, of(Named, Journal(), put=put), **ALL)
    trace = await worker.until_failed("k")
    assert told in trace.splitlines()[0]
    assert "[plugin.broken]" in trace.splitlines()[0]


# -- exceptions that say nothing of records ----------------------------------------------------------------------------


class Raw(SinkTask):
    """Takes all or nothing of a put, and raises a plain exception where a value begins with 'bad', or it is broken."""

    journal: Journal
    kept: Journal
    broken: threading.Event

    def put(self, records: list[Record]) -> None:
        self.journal(len(records))
        if self.broken.is_set():
            raise RuntimeError("the table is gone")
        for record in records:
            if record.value.startswith("bad"):
                raise KeyError(record.value)
        for record in records:
            self.kept(record.value)


def raw(**members: Any) -> tuple[type[SinkTask], Journal, threading.Event]:
    kept, broken = Journal(), threading.Event()
    return of(Raw, Journal(), kept=kept, broken=broken, **members), kept, broken


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspects, "WAIT_MAX_MS", 1)


async def test_a_plain_exception_of_one_record_is_its_own_wherever_it_is(
    worker: RunningWorker, short_waits: None
) -> None:
    values = ["bad0", "a", "b", "bad1", "bad2", "c", "d", "bad3"]
    task, kept, _ = raw()
    await fill(worker, values)
    await run(worker, task, **ALL, **{"errors.deadletterqueue.topic.name": "dlq"})
    await until_done(worker, 8)
    assert list(kept) == ["a", "b", "c", "d"]
    assert skipped(worker) == 4
    assert await letters(worker) == [b"bad0", b"bad1", b"bad2", b"bad3"]


async def test_a_sink_that_takes_nothing_is_broken_and_costs_no_record(
    worker: RunningWorker, short_waits: None
) -> None:
    task, kept, broken = raw()
    broken.set()
    values = [str(n) for n in range(300)]
    await fill(worker, values)
    await run(worker, task, **ALL, **{"errors.deadletterqueue.topic.name": "dlq"})
    trace = await worker.until_failed("k")
    first_line = trace.splitlines()[0]
    assert first_line.startswith("RuntimeError: the table is gone")
    assert "topic t, partition 0, offset 0; it fails alone, as does each of 100 records in a row" in first_line
    assert first_line.endswith("[plugin.failed]")
    assert (skipped(worker), await letters(worker)) == (0, [])
    broken.clear()
    await worker.herder.restart("k", include_tasks=True, only_failed=False)
    await until_done(worker, 300)
    assert list(kept) == values


async def test_so_is_one_that_takes_none_of_a_few(worker: RunningWorker, short_waits: None) -> None:
    task, kept, broken = raw()
    broken.set()
    await fill(worker, ["a", "b"])
    await run(worker, task, **ALL)
    assert "it seems to be broken, so nothing is skipped" in await worker.until_failed("k")
    broken.clear()
    await worker.herder.restart("k", include_tasks=True, only_failed=False)
    await until_done(worker, 2)
    assert (list(kept), skipped(worker)) == (["a", "b"], 0)


async def test_the_only_record_there_is_is_put_again_and_then_skipped_if_the_sink_has_taken_any(
    worker: RunningWorker, short_waits: None
) -> None:
    task, kept, _ = raw()
    await fill(worker, ["a"])
    await run(worker, task, **ALL, **{"errors.deadletterqueue.topic.name": "dlq"})
    await until_done(worker, 1)
    producer = worker.herder.cluster.producer(client_id="test")
    await producer.append("t", Columns([b"bad"]))
    await until_done(worker, 2)
    await producer.append("t", Columns([b"b"]))
    await until_done(worker, 3)
    await producer.aclose()
    assert (list(kept), await letters(worker)) == (["a", "b"], [b"bad"])


async def test_without_tolerance_a_plain_exception_ends_the_task_at_its_record_behind_those_that_are_put(
    worker: RunningWorker,
) -> None:
    task, kept, _ = raw()
    await fill(worker, ["a", "b", "c", "bad", "d"])
    await run(worker, task)
    trace = await worker.until_failed("k")
    assert trace.startswith("KeyError: 'bad' (put of task k-0, test.Odd) (put, topic t, partition 0, offset 3)")
    assert list(kept) == ["a", "b", "c"]
    assert (await worker.herder.offsets("k"))[0][1] == {"kafka_offset": 3}


async def test_an_outage_that_a_sink_tells_by_a_plain_exception_is_taken_apart_for_nothing(
    worker: RunningWorker,
) -> None:
    journal = Journal()

    def put(self: Raw, records: list[Record]) -> None:
        journal(len(records))
        raise ConnectionResetError("the server is away")

    await fill(worker, ["a", "b", "c", "d"])
    await run(worker, raw(put=put)[0], **ALL)
    trace = await worker.until_failed("k")
    assert trace.startswith("ConnectionResetError: the server is away")
    assert (list(journal), skipped(worker)) == ([4], 0)


# -- what it costs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [DataError("somewhere in here"), KeyError("x")])
async def test_one_bad_record_in_a_hundred_costs_a_tenth_of_a_put_for_each_and_no_order(
    worker: RunningWorker, error: Exception
) -> None:
    journal, kept = Journal(), Journal()

    def put(self: Named, records: list[Record]) -> None:
        journal(len(records))
        if any(record.value.startswith("bad") for record in records):
            raise error
        for record in records:
            kept(record.value)

    values = [f"bad{n}" if n % 100 == 37 else str(n) for n in range(3000)]
    await fill(worker, values)
    await run(worker, of(Named, journal, put=put), **ALL)
    await until_done(worker, 3000)
    assert list(kept) == [value for value in values if not value.startswith("bad")]
    assert skipped(worker) == 30
    assert len(list(journal)) < 400


async def test_a_sink_that_fails_often_keeps_small_pieces_and_grows_back(worker: RunningWorker) -> None:
    journal = Journal()

    def put(self: Named, records: list[Record]) -> None:
        journal(len(records))
        if any(record.value == "bad" for record in records):
            raise DataError("somewhere in here")

    await fill(worker, ["bad" if n % 10 == 5 else "good" for n in range(200)])
    await run(worker, of(Named, journal, put=put), **ALL)
    await until_done(worker, 200)
    producer = worker.herder.cluster.producer(client_id="test")
    await producer.append("t", Columns([b"good"] * 500))
    await until_done(worker, 700)
    await producer.append("t", Columns([b"good"] * 500))
    await until_done(worker, 1200)
    await producer.aclose()
    assert list(journal)[-1] == 500


# -- good ones are not held back ---------------------------------------------------------------------------------------


async def test_without_tolerance_the_records_before_one_that_cannot_be_converted_are_put_and_committed(
    worker: RunningWorker,
) -> None:
    journal = Journal()
    await fill(worker, [])
    producer = worker.herder.cluster.producer(client_id="test")
    await producer.append("t", Columns([b'"a"', b'"b"', b"{no json", b'"c"']))
    await producer.aclose()
    keys = {"value.converter": JSON, "value.converter.schemas.enable": "false"}
    await run(worker, of(Named, journal), **keys, **{"errors.deadletterqueue.topic.name": "dlq"})
    trace = await worker.until_failed("k")
    assert "(converter, topic t, partition 0, offset 2) [data.invalid]" in trace.splitlines()[0]
    assert list(journal) == [["a", "b"]]
    assert (await worker.herder.offsets("k"))[0][1] == {"kafka_offset": 2}
    assert await letters(worker) == [b"{no json"]


async def test_without_tolerance_what_is_put_together_is_put_up_to_the_first_bad_record(worker: RunningWorker) -> None:
    kept = Journal()

    def put_batches(self: Named, batches: Sequence[Batch]) -> None:
        values = [value for batch in batches for value in batch.values]
        failed = [(n, f"{value} is bad") for n, value in enumerate(values) if value.startswith("bad")]
        if failed:
            raise DataError("bad", failed=failed)
        for value in values:
            kept(value)

    await fill(worker, VALUES)
    await run(worker, of(Named, Journal(), put_batches=put_batches))
    trace = await worker.until_failed("k")
    assert trace.startswith("bad1 is bad (put, topic t, partition 0, offset 1)")
    assert list(kept) == ["a"]
    assert (await worker.herder.offsets("k"))[0][1] == {"kafka_offset": 1}


# -- letters first -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("is_named", "keeps_offsets"), [(True, True), (False, True), (True, False)])
async def test_only_a_sink_that_keeps_its_offsets_waits_until_the_letter_of_a_bad_record_is_on_disk(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch, is_named: bool, keeps_offsets: bool
) -> None:
    order = Journal()
    keep, flush = DeadLetterQueue.keep, DeadLetterQueue.flush

    async def keeps(self: DeadLetterQueue, failures: Any, *args: Any, **more: Any) -> None:
        failures = list(failures)
        order([failure.batch.values[failure.index] for failure in failures])
        await keep(self, failures, *args, **more)

    async def flushes(self: DeadLetterQueue) -> None:
        await flush(self)
        order("on disk")

    monkeypatch.setattr(DeadLetterQueue, "keep", keeps)
    monkeypatch.setattr(DeadLetterQueue, "flush", flushes)

    def put(self: Named, records: list[Record]) -> None:
        values = [record.value for record in records]
        failed = [(n, "bad") for n, value in enumerate(values) if value.startswith("bad")]
        if failed:
            raise DataError("bad", failed=failed if is_named else [])
        order(tuple(values))

    def resume_offsets(self: Named, partitions: Any) -> dict[Any, int] | None:
        return {} if keeps_offsets else None

    await fill(worker, ["a", "bad", "b"])
    task = of(Named, Journal(), put=put, resume_offsets=resume_offsets)
    await run(worker, task, **ALL, **{"errors.deadletterqueue.topic.name": "dlq"})
    await until_done(worker, 3)
    entries = list(order)
    behind = next(n for n, entry in enumerate(entries) if isinstance(entry, tuple) and "b" in entry)
    assert (entries[:behind][-2:] == [["bad"], "on disk"]) is keeps_offsets
    assert await letters(worker) == [b"bad"]


# -- retries that never succeed ----------------------------------------------------------------------------------------


async def test_a_put_that_never_succeeds_gives_up_on_time_with_the_whole_story_and_is_an_outage(
    worker: RunningWorker,
) -> None:
    journal = Journal()

    def put(self: Named, records: list[Record]) -> None:
        journal(len(records))
        raise RetriableError("the server is away", retry_after_ms=40)

    await fill(worker, ["a", "b"])
    keys = {"errors.retry.timeout": "300", "errors.restart.policy": "outages", "errors.restart.delay.ms": "300000"}
    await run(worker, of(Named, journal, put=put), **ALL, **keys)
    trace = await worker.until_failed("k")
    first_line = trace.splitlines()[0]
    assert first_line.startswith("the server is away (given up after ")
    assert "errors.retry.timeout=300) (put, topic t, partition 0, offset 0 to 1) [retriable]" in first_line
    assert 3 <= len(list(journal)) <= 12
    assert skipped(worker) == 0
    restart = worker.herder.status("k").tasks[0].restart
    assert restart is not None
    assert (restart.cause, restart.attempts) == ("outage", 1)


# -- none counts twice -------------------------------------------------------------------------------------------------


async def test_a_bad_record_that_comes_again_since_a_pause_ended_a_wait_counts_once(worker: RunningWorker) -> None:
    journal, is_back = Journal(), threading.Event()

    def put(self: Named, records: list[Record]) -> None:
        if not is_back.is_set():
            journal("away")
            raise RetriableError("the server is away", retry_after_ms=60_000)
        journal([record.value for record in records])

    await fill(worker, [])
    producer = worker.herder.cluster.producer(client_id="test")
    await producer.append("t", Columns([b"{no json", b'"a"', b'"b"']))
    await producer.append("t", Columns([b"{nor this", b'"c"']))
    await producer.aclose()
    keys = {"value.converter": JSON, "value.converter.schemas.enable": "false"}
    await run(worker, of(Named, journal, put=put), **ALL, **keys)
    await until(lambda: "away" in journal)
    assert skipped(worker) == 0  # it is not known yet whether they come again
    await worker.herder.pause("k")
    await worker.until_state("k", State.PAUSED)
    is_back.set()
    await worker.herder.resume("k")
    await until_done(worker, 5)
    assert (skipped(worker), list(journal)[-1]) == (2, ["a", "b", "c"])


async def test_a_stop_ends_the_search_between_two_pieces_and_what_was_put_does_not_come_again(
    worker: RunningWorker,
) -> None:
    kept, reached, may_go_on = Journal(), threading.Event(), threading.Event()

    def put(self: Named, records: list[Record]) -> None:
        values = [record.value for record in records]
        if "bad" in values:
            raise DataError("somewhere in here")
        for value in values:
            kept(value)
        reached.set()
        may_go_on.wait(30)

    values = [str(n) for n in range(16)]
    values[13] = "bad"
    await fill(worker, values)
    await run(worker, of(Named, Journal(), put=put), **ALL)
    await until(reached.is_set)
    stopping = asyncio.create_task(worker.herder.stop("k"))
    await until(lambda: worker.herder._worker.runner(TaskId("k", 0)) is None or runner_of(worker).stopping)
    may_go_on.set()
    await stopping
    await worker.until_state("k", State.STOPPED, tasks=0)
    assert list(kept) == values[:8]
    assert (await worker.herder.offsets("k"))[0][1] == {"kafka_offset": 8}
    await worker.herder.resume("k")
    await until_done(worker, 8)
    assert list(kept) == [value for value in values if value != "bad"]


def runner_of(worker: RunningWorker) -> Any:
    return worker.herder._worker.runner(TaskId("k", 0))
