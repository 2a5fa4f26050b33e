"""Source tasks in transactions: records and offsets together or not at all, whoever ends it and however."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from connect.api import Batch, Record, SourceTask, Transform
from connect.api.errors import ProducerFencedError, TransactionStateError
from connect.codec.header import iterate_batches
from connect.log.storage.files import Disk
from connect.records import Columns, TopicPartition
from connect.runtime.model import State, TaskId
from connect.runtime.tasks import transaction
from connect.runtime.tasks.exactly_once import ExactlyOnceSourceTaskRunner
from connect.stores.offsets import OffsetStore
from tests.support.logs import logged
from tests.support.odd_plugins import Journal, disk_refuses, register, source
from tests.support.worker import DEADLINE_S, STRING, RunningWorker, running_worker, until

ODD = {
    "connector.class": "test.Odd",
    "key.converter": STRING,
    "value.converter": STRING,
    "errors.restart.policy": "none",
}
ID = "connect-cluster-s-0"


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with enabled_worker(tmp_path) as running:
        yield running


def enabled_worker(tmp_path: Path, **config: str) -> Any:
    return running_worker(tmp_path, exactly_once_source_support="enabled", offset_flush_interval_ms="50", **config)


@pytest.fixture
def journal() -> Iterator[Journal]:
    made = Journal()
    yield made
    made.open_all()


async def run(worker: RunningWorker, task: type[SourceTask], **config: str) -> None:
    def defines(self: Any) -> bool:
        return True

    connector = type("Odd", (source(task),), {"can_define_transaction_boundaries": defines, "class_name": "test.Odd"})
    register(worker.herder, connector)
    await worker.herder.create("s", {**ODD, **{key.replace("_", "."): value for key, value in config.items()}})


def record(number: int, *, topic: str = "t", value: str | None = None, partition: int = 0) -> Record:
    return Record(topic, value or f"v{number}", source_partition={"p": partition}, source_offset={"n": number})


def made(*polls: list[Record]) -> type[SourceTask]:
    """A task whose first polls bring these records, from the committed offset on; later ones bring nothing."""

    class Made(SourceTask):
        def start(self) -> None:
            done = (self.context.offset({"p": 0}) or {"n": -1})["n"]
            self.polls = iter([[r for r in poll if (r.source_offset or {})["n"] > done] for poll in polls])

        def poll(self) -> list[Record]:
            return next(self.polls, [])

    return Made


async def committed(worker: RunningWorker, topic: str = "t") -> list[str]:
    """What a reader of committed records sees."""
    admin, at, offset = worker.herder.cluster.admin, TopicPartition(topic, 0), 0
    values: list[str] = []
    if await admin.partitions(topic) is None:
        return values
    while batches := await admin.fetch(at, offset, isolation="read_committed"):
        values += [(value or b"").decode() for batch in batches for value in batch.columns.values]
        offset = batches[-1].next_offset
    return values


async def until_committed(worker: RunningWorker, *values: str, topic: str = "t") -> None:
    deadline = time.monotonic() + DEADLINE_S
    while (found := await committed(worker, topic)) != list(values):
        assert time.monotonic() < deadline, f"expected {values}, found {found}: {worker.herder.status('s')}"
        await asyncio.sleep(0.005)


async def until_offset(worker: RunningWorker, offset: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while (found := await offset_of(worker)) != offset:
        assert time.monotonic() < deadline, f"expected {offset}, found {found}: {worker.herder.status('s')}"
        await asyncio.sleep(0.005)


async def offset_of(worker: RunningWorker, partition: int = 0) -> int | None:
    found = {p["p"]: (o or {})["n"] for p, o in await worker.herder.offsets("s")}
    return found.get(partition)


async def end_of(worker: RunningWorker, topic: str) -> int:
    return (await worker.herder.cluster.admin.describe_topic(topic)).partitions[0].log_end_offset


async def stopped(worker: RunningWorker) -> None:
    await worker.herder.stop("s")
    await worker.until_state("s", State.STOPPED, tasks=0)


# -- poll --------------------------------------------------------------------------------------------------------------


async def test_a_polls_records_and_its_offset_are_in_one_transaction(worker: RunningWorker) -> None:
    await run(worker, made([record(0), record(1)]))
    await until_committed(worker, "v0", "v1")
    assert await offset_of(worker) == 1
    for topic in ("t", "connect-offsets"):
        raw = await worker.herder.cluster.admin.fetch_raw(TopicPartition(topic, 0), 0)
        kinds = [(header.is_transactional, header.is_control) for header in iterate_batches(raw.data)]
        assert kinds == [(True, False), (True, True)], topic
    assert isinstance(worker.herder._worker.runner(TaskId("s", 0)), ExactlyOnceSourceTaskRunner)


async def test_polls_that_bring_nothing_write_nothing(worker: RunningWorker) -> None:
    await run(worker, made([record(0)]))
    await until_committed(worker, "v0")
    # A reader sees the commit before all of its record keeping is done.
    entry = worker.herder.cluster._transactions._entries[ID]  # type: ignore[attr-defined]
    await until(lambda: entry.record.status.name == "COMPLETE_COMMIT" and not entry.lock.locked())
    polls = itertools.count()

    class Idle(SourceTask):
        def poll(self) -> None:
            next(polls)
            self.context.wakeup()

    register(worker.herder, source(Idle, "Idle"))
    await worker.herder.create("idle", {**ODD, "connector.class": "test.Idle"})
    await until(lambda: next(polls) > 20)
    before = await end_of(worker, "__transaction_state")  # it has taken its id
    await until(lambda: next(polls) > 60)
    assert await end_of(worker, "__transaction_state") == before


async def test_where_every_record_is_dropped_the_offset_is_committed_alone(worker: RunningWorker) -> None:
    class DropAll(Transform):
        class_name = "test.DropAll"

        def apply(self, record: Record) -> None:
            return None

    register(worker.herder, DropAll)
    await run(worker, made([record(0), record(1)]), transforms="d", **{"transforms.d.type": "test.DropAll"})
    await until_offset(worker, 1)
    assert await committed(worker) == []


async def test_a_record_that_the_topic_refuses_is_skipped_and_the_others_are_committed(worker: RunningWorker) -> None:
    await worker.herder.cluster.admin.create_topic("t", configs={"max.message.bytes": "1000"})
    polls = [record(0), record(1, value="x" * 2000), record(2)]
    await run(worker, made(polls), errors_tolerance="all")
    await until_committed(worker, "v0", "v2")
    assert await offset_of(worker) == 2


async def test_a_poll_that_fails_half_way_leaves_nothing_and_comes_again_whole(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worker.herder.cluster.admin.create_topic("u")
    override = {"producer.override.delivery.timeout.ms": "0"}
    with disk_refuses(monkeypatch, lambda path: "/u-0/" in path):
        await run(worker, made([record(0), record(1, topic="u")]), **override)
        assert "No space left" in await worker.until_failed("s")
    assert (await committed(worker), await offset_of(worker)) == ([], None)
    await worker.herder.restart_task("s", 0)
    await until_committed(worker, "v0")
    await until_committed(worker, "v1", topic="u")
    assert await offset_of(worker) == 1


async def test_good_polls_that_share_a_transaction_with_one_that_fails_are_committed(
    worker: RunningWorker, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_file = Disk.sync_file

    def held(self: Disk, path: Path) -> None:
        if "/t-0/" in str(path):
            journal("commit")
            journal.wait("disk")
        sync_file(self, path)

    monkeypatch.setattr(Disk, "sync_file", held)
    given = [[record(0)], [record(1)], [record(2)], [record(3), record(4, topic="no such name!")]]

    class Noted(made(*given)):  # type: ignore[misc]
        def poll(self) -> list[Record]:
            found: list[Record] = super().poll()
            journal("poll" if found else "none")
            return found

    await run(worker, Noted)
    await until(lambda: "commit" in journal and "none" in journal)
    journal.open_all()
    assert "no such name!" in await worker.until_failed("s")
    await until_committed(worker, "v0", "v1", "v2")
    assert await offset_of(worker) == 2


async def test_a_connector_cannot_write_to_the_topic_that_its_offsets_are_in(worker: RunningWorker) -> None:
    await run(worker, made([record(0, topic="connect-offsets")]))
    assert "is internal" in await worker.until_failed("s")


async def test_what_is_committed_is_told_and_counted_and_nothing_before(
    worker: RunningWorker, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_file = Disk.sync_file

    def held(self: Disk, path: Path) -> None:
        if "/t-0/" in str(path):
            journal("commit begins")
            journal.wait("disk")
        sync_file(self, path)

    class Told(made([record(0), record(1)])):  # type: ignore[misc]
        def commit_records(self, records: Any) -> None:
            journal(("records", [(r.source_offset["n"], r.metadata.offset) for r in records]))

        def commit(self, offsets: Any) -> None:
            journal(("offsets", [offset["n"] for _, offset in offsets]))

    monkeypatch.setattr(Disk, "sync_file", held)
    await run(worker, Told)
    await until(lambda: "commit begins" in journal)
    assert (list(journal), worker.records("s")) == (["commit begins"], 0)
    journal.open_all()
    await until(lambda: ("offsets", [1]) in journal)
    assert [entry for entry in journal if entry != "commit begins"] == [
        ("records", [(0, 0), (1, 1)]),
        ("offsets", [1]),
    ]
    assert worker.records("s") == 2


# -- interval ----------------------------------------------------------------------------------------------------------


async def test_an_interval_is_committed_when_it_is_over_though_no_poll_comes(worker: RunningWorker) -> None:
    polls = [record(0)], [record(1)], [record(2)]
    await run(worker, made(*polls), transaction_boundary="interval", transaction_boundary_interval_ms="300")
    await until_committed(worker, "v0", "v1", "v2")
    raw = await worker.herder.cluster.admin.fetch_raw(TopicPartition("t", 0), 0)
    assert [header.is_control for header in iterate_batches(raw.data)] == [False, False, False, True]
    assert await offset_of(worker) == 2


class Drips(SourceTask):
    """Brings `count` records, one a poll, a poll each `every_s`; then nothing."""

    count, every_s = 0, 0.0
    number = 0

    def poll(self) -> list[Record]:
        self.context.stopping.wait(self.every_s)
        if self.number == self.count:
            return []
        self.number += 1
        return [record(self.number)]


async def test_a_transaction_lasts_for_its_interval_also_where_offsets_are_flushed_more_often(
    worker: RunningWorker,
) -> None:
    boundary = {"transaction_boundary": "interval", "transaction_boundary_interval_ms": "60000"}
    await run(worker, type("Odd", (Drips,), {"count": 10, "every_s": 0.03}), **boundary)  # the flush: each 50 ms
    await worker.until(lambda: worker.herder.active_topics("s") == ["t"])
    deadline = time.monotonic() + DEADLINE_S
    while await end_of(worker, "t") < 10:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
    assert await committed(worker) == []
    await stopped(worker)
    assert await committed(worker) == [f"v{n}" for n in range(1, 11)]


async def test_the_last_record_of_many_intervals_is_committed_in_its_time_however_seldom_offsets_are_flushed(
    tmp_path: Path,
) -> None:
    boundary = {"transaction_boundary": "interval", "transaction_boundary_interval_ms": "20"}
    async with running_worker(
        tmp_path, exactly_once_source_support="enabled", offset_flush_interval_ms="60000"
    ) as worker:
        await run(worker, type("Odd", (Drips,), {"count": 100, "every_s": 0.002}), **boundary)
        await until_committed(worker, *(f"v{n}" for n in range(1, 101)))


@pytest.mark.parametrize("asked", ["stop", "pause"])
async def test_an_interval_under_way_is_committed_on_a_stop_and_on_a_pause(worker: RunningWorker, asked: str) -> None:
    await run(worker, made([record(0)]), transaction_boundary="interval", transaction_boundary_interval_ms="60000")
    await worker.until(lambda: worker.herder.active_topics("s") == ["t"])
    assert await committed(worker) == []
    await getattr(worker.herder, asked)("s")
    await until_committed(worker, "v0")
    assert await offset_of(worker) == 0


async def test_whole_polls_of_an_interval_are_committed_where_a_later_poll_fails(worker: RunningWorker) -> None:
    class Fails(made([record(0)], [record(1)])):  # type: ignore[misc]
        def poll(self) -> list[Record]:
            found: list[Record] = super().poll()
            if not found:
                raise ValueError("no more")
            return found

    await run(worker, Fails, transaction_boundary="interval", transaction_boundary_interval_ms="60000")
    assert "no more" in await worker.until_failed("s")
    await until_committed(worker, "v0", "v1")
    assert await offset_of(worker) == 1


async def test_a_timeout_that_is_over_before_the_interval_is_refused(worker: RunningWorker) -> None:
    await run(
        worker,
        made([record(0)]),
        transaction_boundary="interval",
        transaction_boundary_interval_ms="5000",
        **{"producer.override.transaction.timeout.ms": "4000"},
    )
    trace = await worker.until_failed("s")
    assert "transaction.timeout.ms=4000" in trace
    assert "transaction.boundary.interval.ms=5000" in trace


# -- connector ---------------------------------------------------------------------------------------------------------

CONNECTOR = {"transaction.boundary": "connector"}


async def test_a_connector_commits_and_aborts_behind_records_of_its_poll(worker: RunningWorker) -> None:
    class Ends(SourceTask):
        def start(self) -> None:
            self.is_done = self.context.offset({"p": 0}) is not None

        def poll(self) -> list[Record]:
            if self.is_done:
                return []
            self.is_done = True
            records = [record(n) for n in range(6)]
            assert self.context.transaction is not None
            self.context.transaction.commit_transaction(records[1])
            self.context.transaction.abort_transaction(records[3])
            self.context.transaction.commit_transaction()
            return records

    await run(worker, Ends, **CONNECTOR)
    await until_committed(worker, "v0", "v1", "v4", "v5")
    assert await offset_of(worker) == 5


async def test_a_pause_within_a_connectors_transaction_is_warned_of_and_one_that_outlives_it_loses_nothing(
    worker: RunningWorker, caplog: pytest.LogCaptureFixture
) -> None:
    class Waits(SourceTask):
        is_second = False

        def start(self) -> None:
            self.next = (self.context.offset({"p": 0}) or {"n": -1})["n"] + 1

        def poll(self) -> list[Record]:
            found = [record(n) for n in range(self.next, 2)]
            self.next = 2
            if not found and not Waits.is_second:
                return []
            assert self.context.transaction is not None
            if Waits.is_second:
                self.context.transaction.commit_transaction()
            return found

    await run(worker, Waits, **CONNECTOR, **{"producer.override.transaction.timeout.ms": "300"})
    await worker.until(lambda: worker.herder.active_topics("s") == ["t"])
    await worker.herder.pause("s")
    await worker.until_state("s", State.PAUSED)
    (warned,) = [told for told in caplog.messages if "is paused within a transaction" in told]
    assert "transaction.timeout.ms=300" in warned
    admin = worker.herder.cluster.admin
    deadline = asyncio.get_running_loop().time() + 30
    while any(info.is_open for info in await admin.list_transactions()):
        assert asyncio.get_running_loop().time() < deadline, "it was not aborted"
        await asyncio.sleep(0.01)
    Waits.is_second = True
    await worker.herder.resume("s")
    assert "its records come again" in await worker.until_failed("s")
    await worker.herder.restart("s", include_tasks=True, only_failed=False)
    await until_committed(worker, "v0", "v1")


async def test_what_a_connector_aborts_counts_as_read_and_is_told_without_a_place(
    worker: RunningWorker, journal: Journal
) -> None:
    class Aborts(made([record(0)], [record(1)])):  # type: ignore[misc]
        def poll(self) -> list[Record]:
            found: list[Record] = super().poll()
            if found:
                assert self.context.transaction is not None
                self.context.transaction.abort_transaction()
            return found

        def commit_records(self, records: Any) -> None:
            for told in records:
                journal((told.source_offset["n"], told.metadata))

    await run(worker, Aborts, **CONNECTOR)
    await until(lambda: list(journal) == [(0, None), (1, None)])
    assert (await committed(worker), await offset_of(worker)) == ([], 1)


async def test_a_transaction_goes_on_over_polls_and_may_be_ended_by_one_that_brings_nothing(
    worker: RunningWorker, journal: Journal
) -> None:
    class Late(made([record(0)], [record(1)])):  # type: ignore[misc]
        def poll(self) -> list[Record]:
            found: list[Record] = super().poll()
            if not found and journal.gate("end").is_set():
                assert self.context.transaction is not None
                self.context.transaction.commit_transaction()
            journal("poll")
            return found

    await run(worker, Late, **CONNECTOR)
    await until(lambda: journal.count("poll") > 3)
    assert (await committed(worker), await offset_of(worker)) == ([], None)
    journal.gate("end").set()
    await until_committed(worker, "v0", "v1")
    assert await offset_of(worker) == 1


async def test_what_a_connector_has_not_ended_by_its_stop_is_aborted_and_comes_again(
    worker: RunningWorker, journal: Journal
) -> None:
    class Open(made([record(0)])):  # type: ignore[misc]
        def poll(self) -> list[Record]:
            found: list[Record] = super().poll()
            if found and journal.gate("end").is_set():
                assert self.context.transaction is not None
                self.context.transaction.commit_transaction()
            return found

    await run(worker, Open, **CONNECTOR)
    await worker.until(lambda: worker.herder.active_topics("s") == ["t"])
    await stopped(worker)
    assert (await committed(worker), await offset_of(worker)) == ([], None)
    journal.gate("end").set()
    await worker.herder.resume("s")
    await until_committed(worker, "v0")


async def test_batches_are_ended_as_a_whole(worker: RunningWorker) -> None:
    class Batches(SourceTask):
        number = 0

        def poll_batch(self) -> Batch | None:
            self.number += 1
            if self.number > 3:
                return None
            assert self.context.transaction is not None
            if self.number == 2:
                self.context.transaction.commit_transaction()
            return Batch("t", [f"v{self.number}"], source_partition={"p": 0}, source_offset={"n": self.number})

    await run(worker, Batches, **CONNECTOR)
    await until_committed(worker, "v1", "v2")
    assert await offset_of(worker) == 2


async def test_an_end_behind_a_record_that_was_not_returned_fails_the_task(worker: RunningWorker) -> None:
    class Wrong(SourceTask):
        def poll(self) -> list[Record]:
            assert self.context.transaction is not None
            self.context.transaction.commit_transaction(record(9))
            return [record(0)]

    await run(worker, Wrong, **CONNECTOR)
    trace = await worker.until_failed("s")
    assert "plugin.broken" in trace
    assert "the very records behind which it asked" in trace
    assert await committed(worker) == []


async def test_a_commit_and_an_abort_of_one_transaction_fail_the_task_and_deliver_nothing(
    worker: RunningWorker,
) -> None:
    class Both(SourceTask):
        def poll(self) -> list[Record]:
            assert self.context.transaction is not None
            self.context.transaction.abort_transaction()
            self.context.transaction.commit_transaction()
            return [record(0)]

    await run(worker, Both, **CONNECTOR)
    assert "both to commit and to abort" in await worker.until_failed("s")
    assert (await committed(worker), await offset_of(worker)) == ([], None)


async def test_a_transaction_that_takes_too_long_fails_the_task_and_its_records_come_again(
    worker: RunningWorker, journal: Journal
) -> None:
    class Slow(made([record(0)], [record(1)])):  # type: ignore[misc]
        def poll(self) -> list[Record]:
            found: list[Record] = super().poll()
            if found and found[0].source_offset == {"n": 1}:
                journal.wait("second")
            return found

    await run(worker, Slow, **CONNECTOR, **{"producer.override.transaction.timeout.ms": "1"})
    transactions = worker.herder.cluster._transactions  # type: ignore[attr-defined]
    deadline = time.monotonic() + DEADLINE_S
    while not (ID in transactions._entries and transactions._entries[ID].is_timed_out):
        assert time.monotonic() < deadline
        await transactions.abort_timed_out()
        await asyncio.sleep(0.005)
    journal.open_all()
    trace = await worker.until_failed("s")
    assert "task s-0 cannot commit, and its records come again" in trace
    assert "transaction.timeout.ms" in trace
    assert await committed(worker) == []


@pytest.mark.parametrize("boundary", ["poll", "interval"])
async def test_only_a_connector_that_ends_transactions_is_given_a_context_for_it(
    worker: RunningWorker, journal: Journal, boundary: str
) -> None:
    class Looks(SourceTask):
        def poll(self) -> None:
            journal(self.context.transaction)

    await run(worker, Looks, transaction_boundary=boundary)
    await until(lambda: list(journal))
    assert set(journal) == {None}


# -- one writer --------------------------------------------------------------------------------------------------------


async def test_a_start_shuts_out_a_writer_that_was_left_behind(worker: RunningWorker) -> None:
    cluster = worker.herder.cluster
    await cluster.admin.create_topic("t")
    zombie = cluster.producer(client_id="z", configs={"transactional.id": ID}, internal=True)
    await zombie.init_transactions()
    await zombie.begin_transaction()
    await zombie.append("t", Columns([b"zombie"]))
    await run(worker, made([record(0)]))
    await until_committed(worker, "v0")
    with pytest.raises(ProducerFencedError):
        await zombie.append("t", Columns([b"more"]))
    with pytest.raises(ProducerFencedError):
        await zombie.commit_transaction()
    assert await committed(worker) == ["v0"]


async def test_a_task_that_is_shut_out_fails_with_the_cause_and_writes_nothing_more(
    worker: RunningWorker, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    class Waits(made([record(0)], [record(1)])):  # type: ignore[misc]
        def poll(self) -> list[Record]:
            found: list[Record] = super().poll()
            if found and found[0].source_offset == {"n": 1}:
                journal.wait("second")
            return found

    await run(worker, Waits)
    await until_committed(worker, "v0")
    thief = worker.herder.cluster.producer(client_id="thief", configs={"transactional.id": ID})
    await thief.init_transactions()
    journal.open_all()
    trace = await worker.until_failed("s")
    assert "task s-0 is shut out, so that no two write for it: another producer has taken" in trace
    assert "group.id of its own" in trace and "Traceback" in trace
    (told,) = [line for line in logged(caplog) if "task failed: task s-0 is shut out" in line]
    assert "group.id of its own" in told and "Traceback" not in told, "a freeze is enough for that"
    assert (await committed(worker), await offset_of(worker)) == (["v0"], 0)
    await worker.herder.restart_task("s", 0)
    await until_committed(worker, "v0", "v1")


async def test_a_task_that_is_shut_out_fails_at_once_however_long_the_next_poll_may_wait(
    worker: RunningWorker, journal: Journal
) -> None:
    class Waits(made([record(0)], [record(1)])):  # type: ignore[misc]
        def poll(self) -> list[Record]:
            self.context.poll_wait_s = 60.0
            found: list[Record] = super().poll()
            if found and found[0].source_offset == {"n": 1}:
                journal.wait("second")
            return found

    await run(worker, Waits)
    await until_committed(worker, "v0")
    thief = worker.herder.cluster.producer(client_id="thief", configs={"transactional.id": ID})
    await thief.init_transactions()
    journal.open_all()
    assert "task s-0 is shut out" in await worker.until_failed("s")


async def test_the_producer_of_a_task_that_ended_begins_nothing(worker: RunningWorker) -> None:
    await run(worker, made([record(0)]))
    await until_committed(worker, "v0")
    runner = worker.herder._worker.runner(TaskId("s", 0))
    await stopped(worker)
    producer = runner._producer  # type: ignore[union-attr]
    assert producer is not None
    with pytest.raises(TransactionStateError, match="closed"):
        await producer.begin_transaction()


async def test_a_task_that_was_left_behind_and_comes_back_late_writes_nothing(tmp_path: Path, journal: Journal) -> None:
    instances = itertools.count()

    class Stuck(SourceTask):
        def start(self) -> None:
            self.instance = next(instances)
            self.next = (self.context.offset({"p": 0}) or {"n": -1})["n"] + 1

        async def poll_batch(self) -> list[Batch]:
            if self.instance == 0 and self.next == 1:
                journal("stuck")
                while not journal.gate("late").is_set():
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.sleep(0.01)
                journal("back")
            number, self.next = self.next, self.next + 1
            return Batch.group([record(number)]) if number < 2 else []

    async with enabled_worker(tmp_path, task_shutdown_graceful_timeout_ms="100") as worker:
        await run(worker, Stuck)
        await until(lambda: "stuck" in journal)
        await worker.herder.restart_task("s", 0)
        await until_committed(worker, "v0", "v1")
        journal.open_all()
        await until(lambda: "back" in journal)
        await worker.herder.stop("s")
        await worker.until_state("s", State.STOPPED, tasks=0)
        assert await committed(worker) == ["v0", "v1"]
        assert await offset_of(worker) == 1


async def test_keys_that_would_break_it_are_not_heeded(worker: RunningWorker, caplog: pytest.LogCaptureFixture) -> None:
    overrides = {"producer.override.transactional.id": "mine", "producer.override.enable.idempotence": "false"}
    await run(worker, made([record(0)]), **overrides)
    await until_committed(worker, "v0")
    assert [info.transactional_id for info in await worker.herder.cluster.admin.list_transactions()] == [ID]
    assert "transactional.id=mine of task s-0 is not heeded" in caplog.text


async def test_letters_are_written_whatever_transactional_id_a_config_names(worker: RunningWorker) -> None:
    await worker.herder.cluster.admin.create_topic("t", configs={"max.message.bytes": "1000"})
    keys = {
        "producer.override.transactional.id": "mine",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dead",
    }
    await run(worker, made([record(0), record(1, value="x" * 2000), record(2)]), **keys)
    await until_committed(worker, "v0", "v2")
    assert [len(value or b"") for value in await worker.values("dead")] == [2000]


async def test_a_commit_whose_answer_was_lost_is_found_out_by_the_next_start(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = type(worker.herder.cluster._transactions)._finish  # type: ignore[attr-defined]

    async def finished_and_lost(self: Any, entry: Any) -> None:
        await decided(self, entry)
        if entry.transactional_id == ID and entry.record.status.name == "COMPLETE_COMMIT":
            monkeypatch.undo()
            raise TransactionStateError("the answer was lost")

    monkeypatch.setattr(type(worker.herder.cluster._transactions), "_finish", finished_and_lost)  # type: ignore[attr-defined]
    await run(worker, made([record(0)], [record(1)]))
    assert "the answer was lost" in await worker.until_failed("s")
    await worker.herder.restart_task("s", 0)
    await until_committed(worker, "v0", "v1")
    assert await offset_of(worker) == 1


async def test_an_id_that_was_long_unused_is_taken_once_more(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "RENEWED_AFTER_S", -1.0)
    await run(worker, made([record(0)], [record(1)]))
    await until_committed(worker, "v0", "v1")
    assert worker.herder.cluster._transactions._entries[ID].record.epoch > 1  # type: ignore[attr-defined]


async def test_a_worker_that_starts_again_repeats_nothing(tmp_path: Path) -> None:
    polls = [[record(n)] for n in range(5)]
    for count in (2, 5):
        async with enabled_worker(tmp_path) as worker:
            if count == 2:
                await run(worker, made(*polls[:2]))
            else:
                register(worker.herder, source(made(*polls)))
                await worker.herder.restart("s", include_tasks=True)
            await until_committed(worker, *(f"v{n}" for n in range(count)))


# -- where offsets are -------------------------------------------------------------------------------------------------


async def test_a_topic_of_its_own_is_made_compacted_and_its_offsets_are_shown_altered_and_reset(
    worker: RunningWorker,
) -> None:
    await run(worker, made([record(0)]), offsets_storage_topic="own")
    await until_committed(worker, "v0")
    config = {entry.name: entry.value for entry in await worker.herder.cluster.admin.topic_configs("own")}
    assert config["cleanup.policy"] == "compact"
    assert worker.herder.cluster.is_internal("own")
    await stopped(worker)
    answer = await worker.client.get("/connectors/s/offsets")
    assert answer.json() == {"offsets": [{"partition": {"p": 0}, "offset": {"n": 0}}]}
    changed = {"offsets": [{"partition": {"p": 0}, "offset": {"n": 7}}]}
    assert (await worker.client.patch("/connectors/s/offsets", json=changed)).status_code == 200
    assert await offset_of(worker) == 7
    assert (await worker.client.delete("/connectors/s/offsets")).status_code == 200
    assert await offset_of(worker) is None
    assert worker.herder._offsets.shared.all("s") == []
    await worker.herder.delete("s")
    assert not worker.herder.cluster.is_internal("own")


async def test_the_offsets_that_are_shown_are_those_of_the_topic_that_counts(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def copies_nothing(*_: Any) -> None:
        """As where the process ends, or the disk refuses, between the commit and the copy."""

    monkeypatch.setattr(OffsetStore, "copy", copies_nothing)
    await run(worker, made([record(0)]), offsets_storage_topic=" own ")
    await until_committed(worker, "v0")
    await stopped(worker)
    assert await offset_of(worker) == 0


async def test_a_copy_that_is_missing_in_the_workers_topic_is_made_at_the_next_start(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def copies_nothing(*_: Any) -> None:
        """As where the process ends between the commit and the copy."""

    with monkeypatch.context() as patch:
        patch.setattr(OffsetStore, "copy", copies_nothing)
        await run(worker, made([record(0)]), offsets_storage_topic="own")
        await until_committed(worker, "v0")
        await stopped(worker)
    assert worker.herder._offsets.shared.all("s") == []
    await worker.herder.resume("s")
    await worker.until_state("s", State.RUNNING, tasks=1)
    assert worker.herder._offsets.shared.all("s") == [({"p": 0}, {"n": 0})]


async def test_a_connector_goes_on_from_the_workers_topic_and_back_to_it(worker: RunningWorker) -> None:
    there = [record(0)]

    class Grows(SourceTask):
        def start(self) -> None:
            self.next = (self.context.offset({"p": 0}) or {"n": -1})["n"] + 1

        def poll(self) -> list[Record]:
            found, self.next = there[self.next :], len(there)
            return found

    await run(worker, Grows)
    await until_committed(worker, "v0")
    there.append(record(1))
    await worker.herder.put_config("s", {**ODD, "offsets.storage.topic": "own"})
    await until_committed(worker, "v0", "v1")
    there.append(record(2))
    await worker.herder.put_config("s", ODD)
    await until_committed(worker, "v0", "v1", "v2")


async def test_offsets_altered_after_a_task_was_left_behind_are_not_changed_back(worker: RunningWorker) -> None:
    await run(worker, made([record(0)]))
    await until_committed(worker, "v0")
    await stopped(worker)
    zombie = worker.herder.cluster.producer(client_id="z", configs={"transactional.id": ID}, internal=True)
    await zombie.init_transactions()
    await zombie.begin_transaction()
    await zombie.append("connect-offsets", Columns([b'{"n":0}'], [b'["s",{"p":0}]'], 1))
    await worker.herder.alter_offsets("s", [({"p": 0}, {"n": 5})])
    with pytest.raises(ProducerFencedError):
        await zombie.commit_transaction()
    assert await offset_of(worker) == 5


async def test_a_worker_that_is_not_asked_to_writes_without_transactions(tmp_path: Path) -> None:
    async with running_worker(tmp_path, exactly_once_source_support="preparing") as worker:
        await run(worker, made([record(0)]), offsets_storage_topic="own")
        await until_committed(worker, "v0")
        await stopped(worker)
        assert await worker.herder.cluster.admin.list_transactions() == []
        assert await offset_of(worker) == 0
        assert await end_of(worker, "own") == 1
        assert worker.herder._offsets.shared.all("s") == [({"p": 0}, {"n": 0})]


async def test_as_many_tasks_are_shut_out_as_any_worker_before_has_started_and_the_next_one_is_told(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    fenced: list[set[str]] = []
    admin = worker.herder.cluster.admin
    fence = admin.fence_producers

    async def noted(transactional_ids: Any) -> None:
        fenced.append(set(transactional_ids))
        await fence(transactional_ids)

    monkeypatch.setattr(admin, "fence_producers", noted)
    await worker.herder._configs.put_fenced_tasks("s", 3)  # as Kafka Connect stores it
    await run(worker, made([record(0)]))
    await worker.until_state("s", State.RUNNING, tasks=1)
    assert fenced[0] >= {"connect-cluster-s-0", "connect-cluster-s-1", "connect-cluster-s-2"}
    assert worker.herder._configs.fenced_tasks("s") == 1
