"""Bad records are taken out of a put by themselves: in two puts if the sink names them, in halves if it does not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connect.api import Batch, DataError, FailedRecord, Record, RetriableError, SinkTask
from connect.records import Columns
from tests.support.odd_plugins import Journal, register, sink
from tests.support.worker import STRING, RunningWorker, running_worker, until

ODD = {"connector.class": "test.Odd", "key.converter": STRING, "value.converter": STRING, "topics": "t"}
ODD |= {"errors.restart.policy": "none"}
ALL = {"errors.tolerance": "all"}


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as running:
        yield running


async def fill(worker: RunningWorker, values: Sequence[str], partitions: int = 1) -> None:
    await worker.herder.cluster.admin.create_topic("t", partitions=partitions)
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
