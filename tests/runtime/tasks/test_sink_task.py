"""A sink task's life: what is put, committed and handed over, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from connect.api import Batch, DataError, EnvironmentFault, Record, RetriableError, SinkTask, Transform
from connect.ports import Consumer, Subscription
from connect.records import Columns, FetchedBatch, TopicPartition
from connect.runtime.clock import now_ms
from connect.runtime.model import State, TaskId
from tests.support.odd_plugins import Journal, disk_refuses, register, sink, syncs_fail
from tests.support.worker import DEADLINE_S, JSON, STRING, RunningWorker, running_worker, until, worker_on_a_broken_disk

ODD = {
    "connector.class": "test.Odd",
    "key.converter": STRING,
    "value.converter": STRING,
    "errors.restart.policy": "none",
}
T0, T1 = TopicPartition("t", 0), TopicPartition("t", 1)


@pytest.fixture
async def worker(tmp_path: Path):
    keys = {"offset_flush_interval_ms": "50", "connector_client_config_override_policy": "All"}
    async with running_worker(tmp_path, **keys) as running:
        yield running


@pytest.fixture
def journal():
    made = Journal()
    yield made
    made.open_all()


async def topic(
    worker: RunningWorker, *values: Any, name: str = "t", partitions: int = 1, partition: int = 0, each: bool = False
) -> None:
    """Append values, each as a batch of its own where asked; make the topic first if need be."""
    admin = worker.herder.cluster.admin
    if await admin.partitions(name) is None:
        await admin.create_topic(name, partitions=partitions)
    producer = worker.herder.cluster.producer(client_id="test")
    encoded = [str(value).encode() for value in values]
    for group in [[value] for value in encoded] if each else [encoded]:
        await producer.append(name, Columns(group), partition=partition)
    await producer.aclose()


async def run(worker: RunningWorker, task: type[SinkTask], **config: str) -> None:
    register(worker.herder, sink(task))
    await worker.herder.create("k", {**ODD, "topics": "t", **config})


async def committed(worker: RunningWorker, at: TopicPartition = T0, connector: str = "k") -> int | None:
    found = (await worker.herder.cluster.groups.offsets(f"connect-{connector}")).get(at)
    return found.offset if found is not None else None


def runner(worker: RunningWorker) -> Any:
    """The runner of the sink's one task."""
    return worker.herder._worker.runner(TaskId("k", 0))


async def until_committed(worker: RunningWorker, offset: int) -> None:
    for _ in range(3000):
        if await committed(worker) == offset:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"offset {offset} was not committed within 30 s")


@asynccontextmanager
async def another_member(worker: RunningWorker) -> AsyncIterator[tuple[Consumer, list[FetchedBatch]]]:
    """A consumer of the sink's group that reads the same topics, once it has its share; and what it read by then."""
    consumer = await worker.herder.cluster.consumer(
        Subscription(("t",), member=1), group="connect-k", client_id="other", configs={"auto.offset.reset": "earliest"}
    )
    try:
        fetched: list[FetchedBatch] = []
        async with asyncio.timeout(30):
            while not consumer.assignment:
                fetched += await consumer.poll(timeout_ms=20)
        yield consumer, fetched
    finally:
        await consumer.aclose()


async def stop(worker: RunningWorker) -> None:
    await worker.herder.stop("k")
    await worker.until_state("k", State.STOPPED, tasks=0)


def keeper(journal: Journal) -> type[SinkTask]:
    class Keeps(SinkTask):
        def put(self, records: list[Record]) -> None:
            for record in records:
                journal(record.value)

    return Keeps


class Diary(SinkTask):
    """Takes down every call; subclasses do odd things."""

    journal: Journal

    def start(self) -> None:
        self.journal("start")

    def open(self, partitions: Sequence[tuple[str, int]]) -> None:
        self.journal(("open", *partitions))

    def put(self, records: list[Record]) -> None:
        self.journal(("put", *(r.value for r in records)))

    def flush(self) -> None:
        self.journal("flush")

    def close_partitions(self, partitions: Sequence[tuple[str, int]]) -> None:
        self.journal(("close", *partitions))

    def stop(self) -> None:
        self.journal("stop")

    def close(self) -> None:
        self.journal("end")


def diary(journal: Journal, **methods: Any) -> type[Diary]:
    return type("Odd", (Diary,), {"journal": journal, **methods})


def without_repeated_flushes(journal: Journal) -> list[Any]:
    entries = list(journal)
    return [entry for n, entry in enumerate(entries) if entry != "flush" or n == 0 or entries[n - 1] != "flush"]


# -- order of calls ------------------------------------------------------------------------------------------------


async def test_the_calls_come_in_the_order_of_the_contract(worker: RunningWorker, journal: Journal) -> None:
    await topic(worker, 1, 2)
    await run(worker, diary(journal))
    await worker.until(lambda: worker.records("k") == 2)
    await stop(worker)
    expected = ["start", ("open", ("t", 0)), ("put", "1", "2"), "flush", ("close", ("t", 0)), "stop", "end"]
    assert without_repeated_flushes(journal) == expected


async def test_a_start_that_fails_is_followed_by_stop_alone(worker: RunningWorker, journal: Journal) -> None:
    await topic(worker, 1)

    def start(self: Diary) -> None:
        raise ValueError("no")

    await run(worker, diary(journal, start=start))
    await worker.until_failed("k")
    await until(lambda: "end" in journal)
    assert list(journal) == ["stop", "end"]


async def test_a_task_that_failed_commits_what_was_put_before_and_closes_its_partitions(
    worker: RunningWorker, journal: Journal
) -> None:
    await topic(worker, *range(5), each=True)

    def put(self: Diary, records: list[Record]) -> None:
        if any(r.value == "3" for r in records):
            raise ValueError("three")
        Diary.put(self, records)

    await run(worker, diary(journal, put=put))
    trace = await worker.until_failed("k")
    assert trace.startswith("ValueError: three (put of task k-0, test.Odd) (put, topic t, partition 0, offset")
    assert "[plugin.failed]" in trace
    await until(lambda: "end" in journal)
    assert list(journal)[-3:] == [("close", ("t", 0)), "stop", "end"]


async def test_the_record_on_which_a_put_failed_is_named_and_those_before_it_are_committed(
    worker: RunningWorker, journal: Journal
) -> None:
    await topic(worker, *range(20))

    class Picky(SinkTask):
        def put(self, records: list[Record]) -> None:
            if any(r.value == "13" for r in records):
                raise DataError("thirteen")
            for record in records:
                journal(record.value)

    await run(worker, Picky)
    assert "thirteen (put, topic t, partition 0, offset 13)" in await worker.until_failed("k")
    assert list(journal) == [str(n) for n in range(13)]
    await until(lambda: worker.herder.status("k").tasks[0].state is State.FAILED)
    assert await committed(worker) == 13


# -- a stop is no verdict ------------------------------------------------------------------------------------------


class Away(Transform):
    """Reaches something outside that is away, until the test opens the gate 'there'."""

    journal = Journal()
    class_name = "test.Away"

    def apply(self, record: Record) -> Record:
        if not self.journal.gate("there").is_set():
            self.journal("try")
            raise RetriableError("the registry is away", retry_after_ms=5)
        return record


TOLERANT = {"errors.tolerance": "all", "errors.retry.timeout": "-1", "errors.deadletterqueue.topic.name": "dead"}
AWAY = {"transforms": "a", "transforms.a.type": "test.Away", **TOLERANT}


@pytest.mark.parametrize("how", ["stop", "pause", "restart", "delete"])
async def test_what_ends_an_outage_of_a_transform_skips_nothing_and_writes_no_letter(
    worker: RunningWorker, journal: Journal, how: str
) -> None:
    Away.journal = journal
    register(worker.herder, Away)
    await topic(worker, *range(10))
    await run(worker, keeper(journal), **AWAY)
    await until(lambda: "try" in journal)
    if how == "restart":
        before = runner(worker)
        await worker.herder.restart("k", include_tasks=True, only_failed=False)
        await until(lambda: runner(worker) not in (None, before))
    else:
        await getattr(worker.herder, how)("k")
    if how == "pause":
        await worker.until_state("k", State.PAUSED)
    assert await committed(worker) is None
    assert await worker.values("dead") == []
    journal.gate("there").set()
    if how == "delete":
        await worker.herder.create("k", {**ODD, "topics": "t", **AWAY})
    elif how != "restart":
        await worker.herder.resume("k")
    await worker.until(lambda: worker.records("k") == 10)
    assert [entry for entry in journal if entry != "try"] == [str(n) for n in range(10)]
    assert [p.skipped for p in worker.herder.progress()] == [0]


@pytest.mark.parametrize("form", ["sync", "async"])
async def test_a_pause_during_an_outage_of_the_target_is_shown_and_the_same_records_come_after_it(
    worker: RunningWorker, journal: Journal, form: str
) -> None:
    def put(self: SinkTask, records: list[Record]) -> None:
        if not journal.gate("there").is_set():
            journal("try")
            raise RetriableError("the target is away", retry_after_ms=5)
        for record in records:
            journal(record.value)

    async def later(self: SinkTask, records: list[Record]) -> None:
        put(self, records)

    await topic(worker, *range(6), each=True)
    await run(worker, type("Odd", (SinkTask,), {"put": put if form == "sync" else later}))
    await until(lambda: "try" in journal)
    await worker.herder.pause("k")
    await worker.until_state("k", State.PAUSED)
    assert await committed(worker) is None
    journal.gate("there").set()
    await worker.herder.resume("k")
    await worker.until(lambda: worker.records("k") == 6)
    assert [entry for entry in journal if entry != "try"] == [str(n) for n in range(6)]


async def test_a_full_disk_holds_back_letters_and_commits_until_there_is_space(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch, journal: Journal
) -> None:
    await topic(worker, "1", "{bad", "2")
    config = {"value.converter": JSON, "value.converter.schemas.enable": "false", "errors.retry.delay.max.ms": "10"}
    with disk_refuses(monkeypatch, lambda path: "/dead-0/" in path or "__consumer_offsets" in path) as refused:
        await run(worker, keeper(journal), **TOLERANT, **config)
        await until(lambda: len(refused) > 3)
        assert worker.herder.status("k").tasks[0].state is State.RUNNING
        assert await committed(worker) is None
    await worker.until(lambda: worker.records("k") == 3)
    assert await worker.values("dead") == [b"{bad"]
    await stop(worker)
    assert await committed(worker) == 3
    assert list(journal) == [1, 2]


BAD_JSON = {"value.converter": JSON, "value.converter.schemas.enable": "false"}


@pytest.mark.parametrize("asked", ["stop", "pause"])
async def test_a_stop_or_a_pause_while_letters_wait_for_the_disk_commits_what_lies_in_front_of_them(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch, journal: Journal, asked: str
) -> None:
    await topic(worker, "1", "{bad", "2")
    with disk_refuses(monkeypatch, lambda path: "/dead-0/" in path) as refused:
        await run(worker, keeper(journal), **TOLERANT, **BAD_JSON)
        await until(lambda: refused)
        if asked == "stop":
            await stop(worker)
        else:
            await worker.herder.pause("k")
            await worker.until_state("k", State.PAUSED)
        await until_committed(worker, 1)
    await worker.herder.resume("k")
    await until_committed(worker, 3)
    assert await worker.values("dead") == [b"{bad"]
    assert list(journal) == [1, 2, 2]


async def test_another_member_gets_its_share_while_letters_wait_for_the_disk(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch, journal: Journal
) -> None:
    for partition in (0, 1):
        await topic(worker, "1", "{bad", "2", partitions=2, partition=partition)
    keys = {"errors.retry.delay.max.ms": "60000"}
    with disk_refuses(monkeypatch, lambda path: "/dead-0/" in path) as refused:
        await run(worker, keeper(journal), **TOLERANT, **BAD_JSON, **keys)
        await until(lambda: refused)
        async with another_member(worker) as (other, fetched):
            [gained] = other.assignment
            assert await committed(worker, gained) == 1
            while not fetched:
                fetched += await other.poll(timeout_ms=20)
            assert fetched[0].offsets[0] == 1
    await worker.until(lambda: worker.records("k") >= 4)


async def test_a_pause_while_letters_wait_gives_a_sink_that_keeps_its_offsets_nothing_twice(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target()
    await topic(worker, "1", "{bad", "2")
    task = type("Odd", (Ledger,), {"target": target, "away_at": 0})
    with disk_refuses(monkeypatch, lambda path: "/dead-0/" in path) as refused:
        await run(worker, task, **TOLERANT, **BAD_JSON)
        await until(lambda: refused)
        await worker.herder.pause("k")
        await worker.until_state("k", State.PAUSED)
    await worker.herder.resume("k")
    await until_committed(worker, 3)
    assert (target.records, target.offset) == ([1, 2], 3)
    assert await worker.values("dead") == [b"{bad"]


async def test_a_sink_may_let_go_of_what_waits_for_the_rest_of_a_put_before_it_stands_still(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch, journal: Journal
) -> None:
    async def resume_offsets(self: SinkTask, partitions: Any) -> dict[Any, int]:
        return {}

    def put_batches(self: SinkTask, batches: Sequence[Batch]) -> None:
        values = [value for batch in batches for value in batch.values]
        journal(("put", *values))
        if 0 in values:
            raise DataError("bad", failed=[(values.index(0), "it is bad")])

    task = diary(journal, resume_offsets=resume_offsets, put_batches=put_batches)
    await topic(worker, "0", "1")
    with disk_refuses(monkeypatch, lambda path: "/dead-0/" in path) as refused:
        await run(worker, task, **TOLERANT, **BAD_JSON)
        await until(lambda: refused)
        await worker.herder.pause("k")
        await worker.until_state("k", State.PAUSED)
        assert list(journal)[-2:] == [("put", 0, 1), "flush"]
    assert await committed(worker) is None


@pytest.mark.parametrize("topic_name", ["dead", "__consumer_offsets"])
async def test_a_sink_fails_where_an_fsync_failed_since_nothing_but_a_new_start_of_the_worker_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: Journal, topic_name: str
) -> None:
    config = {"value.converter": JSON, "value.converter.schemas.enable": "false"}
    async with worker_on_a_broken_disk(tmp_path, offset_flush_interval_ms="50") as worker:
        await topic(worker, "1", "{bad", "2")
        with syncs_fail(monkeypatch, lambda path: f"/{topic_name}-0/" in path) as failed:
            await run(worker, keeper(journal), **TOLERANT, **config)
            trace = await worker.until_failed("k")
        assert failed
        assert "[log.sync_failed]" in trace
        assert await committed(worker) is None
        assert list(journal) == [1, 2]


# -- pause, resume and seek of partitions --------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["sync", "async"])
async def test_a_paused_partition_brings_nothing_that_was_in_hand_and_all_of_it_in_order_when_resumed(
    worker: RunningWorker, journal: Journal, form: str
) -> None:
    await topic(worker, *range(6), each=True)
    await topic(worker, name="other")

    def put(self: SinkTask, records: list[Record]) -> None:
        for record in records:
            journal(record.value)
        if records[0].topic == "t" and "go on" not in journal:
            self.context.pause(("t", 0))
        if records[0].value == "go on":
            self.context.resume(("t", 0))

    async def later(self: SinkTask, records: list[Record]) -> None:
        put(self, records)

    config = {"topics": "t,other", "transforms": "s", "transforms.s.type": "test.Apart"}
    register(worker.herder, Apart)
    await run(worker, type("Odd", (SinkTask,), {"put": put if form == "sync" else later}), **config)
    await until(lambda: "0" in journal)
    await topic(worker, "meanwhile", name="other")
    await until(lambda: "meanwhile" in journal)
    assert list(journal) == ["0", "meanwhile"]
    await until_committed(worker, 1)
    await worker.herder.pause("k")
    await worker.until_state("k", State.PAUSED)
    await worker.herder.resume("k")
    await topic(worker, "go on", name="other")
    await until(lambda: "5" in journal)
    assert list(journal) == ["0", "meanwhile", "go on", "1", "2", "3", "4", "5"]


class Apart(Transform):
    """Makes a batch of each record, so that several are in hand."""

    class_name = "test.Apart"

    def apply_batch(self, batch: Any) -> Any:
        odd = [batch[n : n + 1] for n in range(len(batch))]
        return [one.replace(value_schema=one.value_schema if n % 2 else None) for n, one in enumerate(odd)]


async def test_what_a_sink_asks_for_in_flush_is_done_though_nothing_more_is_fetched(
    worker: RunningWorker, journal: Journal
) -> None:
    await topic(worker, *range(4), each=True)

    def put(self: SinkTask, records: list[Record]) -> None:
        for record in records:
            journal(record.value)
        self.context.pause(("t", 0))

    def flush(self: SinkTask) -> None:
        self.context.resume(("t", 0))
        if "again" not in journal:
            journal("again")
            self.context.seek("t", 0, 0)

    await run(worker, type("Odd", (SinkTask,), {"put": put, "flush": flush}))
    await until(lambda: journal.count("3") == 2)
    await until_committed(worker, 4)


async def test_a_seek_in_put_leaves_out_what_was_in_hand(worker: RunningWorker, journal: Journal) -> None:
    await topic(worker, *range(6), each=True)

    def put(self: SinkTask, records: list[Record]) -> None:
        journal(records[0].value)
        if journal.count("2") == 1 and records[0].value == "2":
            self.context.seek("t", 0, 1)

    register(worker.herder, Apart)
    await run(worker, type("Odd", (SinkTask,), {"put": put}), **{"transforms": "s", "transforms.s.type": "test.Apart"})
    await until(lambda: "5" in journal)
    assert list(journal) == ["0", "1", "2", "1", "2", "3", "4", "5"]


async def test_what_a_put_waits_for_is_told_also_while_it_is_tried_again(
    worker: RunningWorker, journal: Journal
) -> None:
    def put(self: SinkTask, records: list[Record]) -> None:
        journal("put")
        if journal.count("put") == 1:
            raise RetriableError("the target is locked", retry_after_ms=1)
        journal.gate("locked").wait(DEADLINE_S)

    await topic(worker, "0")
    await run(worker, type("Odd", (SinkTask,), {"put": put}))
    await until(lambda: journal.count("put") == 2)
    assert [p.waiting_for for p in worker.herder.progress()] == ["the target is locked"]
    journal.open_all()
    await until_committed(worker, 1)
    assert [p.waiting_for for p in worker.herder.progress()] == [None]


@pytest.mark.parametrize("method", ["put_batch", "put_batches"])
async def test_what_is_sought_before_another_try_is_not_tried_but_read_from_there(
    worker: RunningWorker, journal: Journal, method: str
) -> None:
    await topic(worker, "0", "1")

    def put(self: SinkTask, given: Any) -> None:
        values = [value for batch in given for value in batch.values]
        for value in values:
            journal(value)
        if values == ["2"] and journal.count("0") == 1:
            self.context.seek("t", 0, 0)
            raise RetriableError("gone back", retry_after_ms=1)

    def put_batch(self: SinkTask, batch: Batch) -> None:
        put(self, [batch])

    methods = {"put_batch": put_batch, **({"put_batches": put} if method == "put_batches" else {})}
    await run(worker, type("Odd", (SinkTask,), methods))
    await until_committed(worker, 2)
    await topic(worker, "2")
    await until(lambda: journal.count("2") == 2)
    assert list(journal) == ["0", "1", "2", "0", "1", "2"]


async def test_what_a_put_goes_back_behind_counts_when_it_comes_again(worker: RunningWorker, journal: Journal) -> None:
    await topic(worker, "0", "1")

    def put(self: SinkTask, records: list[Record]) -> None:
        for record in records:
            journal(record.value)
        if journal.count("2") == 1 and records[-1].value == "2":
            self.context.seek("t", 0, 1)

    await run(worker, type("Odd", (SinkTask,), {"put": put}))
    await until_committed(worker, 2)
    await topic(worker, "2")
    await until_committed(worker, 3)
    assert list(journal) == ["0", "1", "2", "1", "2"]
    assert worker.records("k") == 4


@pytest.mark.parametrize("offset", [-5, "7", None, True])
async def test_a_seek_to_what_is_no_offset_is_the_plugins_defect(worker: RunningWorker, offset: Any) -> None:
    await topic(worker, 0)

    def put(self: SinkTask, records: list[Record]) -> None:
        self.context.seek("t", 0, offset)

    await run(worker, type("Odd", (SinkTask,), {"put": put}))
    first = (await worker.until_failed("k")).splitlines()[0]
    assert f"seek of t-0 to {offset!r}; expected an offset of 0 or more" in first
    assert "[plugin.broken]" in first


# -- topics that go and come, and partitions that move -------------------------------------------------------------


async def test_a_topic_that_is_deleted_and_made_again_is_read_from_its_beginning(
    worker: RunningWorker, journal: Journal
) -> None:
    await topic(worker, *(f"old{n}" for n in range(100)))
    await run(worker, diary(journal))
    await worker.until(lambda: worker.records("k") == 100)
    admin = worker.herder.cluster.admin
    await admin.delete_topic("t")
    await until(lambda: ("close", ("t", 0)) in journal)
    await topic(worker, *(f"new{n}" for n in range(150)))
    await worker.until(lambda: worker.records("k") == 250)
    await stop(worker)
    assert await committed(worker) == 150
    opened = [entry[0] for entry in journal if entry[0] in ("open", "close")]
    assert opened == ["open", "close", "open", "close"]


async def test_offsets_of_a_topic_that_is_gone_are_not_committed_again(worker: RunningWorker, journal: Journal) -> None:
    await topic(worker, *range(100))
    await run(worker, keeper(journal))
    await worker.until(lambda: worker.records("k") == 100)
    await worker.herder.cluster.admin.delete_topic("t")
    await stop(worker)
    assert await committed(worker) is None


async def test_a_new_topic_under_a_pattern_is_shared_without_any_record_put_twice(
    worker: RunningWorker, journal: Journal
) -> None:
    inside: dict[str, str] = {}
    lock = threading.Lock()
    together: list[str] = []

    class Slow(SinkTask):
        def put(self, records: list[Record]) -> None:
            me = str(self.context.task)
            with lock:
                if inside.setdefault(records[0].topic, me) != me:
                    together.append(records[0].topic)
            for record in records:
                journal((record.topic, record.value))

        def close_partitions(self, partitions: Sequence[tuple[str, int]]) -> None:
            with lock:
                for name, _ in partitions:
                    inside.pop(name, None)

    for name in ("ta", "tc"):
        await topic(worker, *range(50), name=name)
    await run(worker, Slow, **{"topics": "", "topics.regex": "t[a-z]", "tasks.max": "2"})
    await worker.until(lambda: worker.records("k") == 100)
    for name in ("tb", "td", "te"):
        await topic(worker, *range(50), name=name)
        await topic(worker, *range(50, 60), name="tc")
    await worker.until(lambda: worker.records("k") == 280)
    await stop(worker)
    assert not together
    assert len(set(journal)) == 250 - 0 + 10  # tc has 60 different values
    assert await committed(worker, TopicPartition("tc", 0)) == 80


async def test_a_partition_is_handed_over_after_put_flush_commit_and_close(
    worker: RunningWorker, journal: Journal
) -> None:
    await topic(worker, *range(10), partitions=2, partition=1)
    await run(worker, diary(journal), **{"offset.flush.interval.ms": "60000"})
    await worker.until(lambda: worker.records("k") == 10)
    async with another_member(worker) as (other, fetched):
        assert other.assignment == {T1}
        assert list(journal)[-2:] == ["flush", ("close", tuple(T1))]
        assert (fetched, other.position(T1)) == ([], 10)
    await until(lambda: len([entry for entry in journal if entry[0] == "open"]) == 2)


async def test_a_paused_sink_gives_up_what_is_asked_back(worker: RunningWorker, journal: Journal) -> None:
    await topic(worker, *range(10), partitions=2, partition=1)
    await run(worker, diary(journal))
    await worker.until(lambda: worker.records("k") == 10)
    await worker.herder.pause("k")
    await worker.until_state("k", State.PAUSED)
    async with another_member(worker):
        assert worker.herder.status("k").tasks[0].state is State.PAUSED


async def test_a_sink_whose_target_is_away_gives_up_what_is_asked_back_and_commits_nothing_of_it(
    worker: RunningWorker, journal: Journal
) -> None:
    def put(self: Diary, records: list[Record]) -> None:
        journal("try")
        raise RetriableError("away", retry_after_ms=5)

    await topic(worker, *range(10), partitions=2, partition=1)
    await run(worker, diary(journal, put=put))
    await until(lambda: "try" in journal)
    async with another_member(worker) as (_, fetched):
        assert [len(batch) for batch in fetched] == [10]
        assert await committed(worker, T1) is None


async def test_a_put_that_hangs_holds_its_partition_no_longer_than_the_bound_and_its_commit_is_refused(
    worker: RunningWorker, journal: Journal
) -> None:
    def put(self: Diary, records: list[Record]) -> None:
        journal("hangs")
        journal.wait("go on")

    await topic(worker, *range(10), partitions=2, partition=1)
    await run(worker, diary(journal, put=put), **{"consumer.override.max.poll.interval.ms": "30"})
    await until(lambda: "hangs" in journal)
    async with another_member(worker) as (other, fetched):
        assert (other.assignment, [len(batch) for batch in fetched]) == ({T1}, [10])
        journal.gate("go on").set()
        await until(lambda: ("close", tuple(T1)) in journal)
        await stop(worker)
        assert await committed(worker, T1) is None


# -- how far a flush got ---------------------------------------------------------------------------------------------


def flushing(journal: Journal, result: Any) -> type[Diary]:
    """A sink whose flush returns what a function makes of the number of records that were put."""

    def put(self: Any, records: list[Record]) -> None:
        self.count = getattr(self, "count", 0) + len(records)

    def flush(self: Any) -> Any:
        journal("flush")
        return result(getattr(self, "count", 0))

    return diary(journal, put=put, flush=flush)


async def test_exactly_as_far_as_a_flush_got_is_committed_and_the_rest_when_it_gets_there(
    worker: RunningWorker, journal: Journal
) -> None:
    reached = {"offset": 3}
    await topic(worker, *range(10))
    await run(worker, flushing(journal, lambda count: {("t", 0): min(reached["offset"], count)}))
    await until_committed(worker, 3)
    flushes = journal.count("flush")
    await until(lambda: journal.count("flush") > flushes + 1)  # it is asked again, though nothing more is put
    assert await committed(worker) == 3
    reached["offset"] = 10
    await until_committed(worker, 10)


async def test_a_partition_that_a_flush_leaves_out_is_not_committed(worker: RunningWorker, journal: Journal) -> None:
    await topic(worker, 1, 2, partitions=2)
    await topic(worker, 1, 2, partition=1)
    await run(worker, flushing(journal, lambda count: {("t", 0): 2, ("gone", 7): 5}))
    await until_committed(worker, 2)
    await stop(worker)
    assert await committed(worker, T1) is None


async def test_what_was_not_flushed_at_the_end_comes_again(worker: RunningWorker, journal: Journal) -> None:
    await topic(worker, *range(4))
    await run(worker, flushing(journal, lambda count: {("t", 0): min(1, count)}))
    await worker.until(lambda: worker.records("k") == 4)
    await stop(worker)
    assert await committed(worker) == 1


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        ({("t", 0): 3}, "Odd.flush returned the offset of t-0 = int 3; expected at most 2, since no more was put"),
        ({("t", 0): -1}, "Odd.flush returned the offset of t-0 = int -1; expected an offset of 0 or more"),
        ({"t": 1}, "Odd.flush returned a key = str 't'; expected a dict of offsets by (topic, partition)"),
        (True, "Odd.flush returned bool True; expected a dict of offsets by (topic, partition), or None"),
    ],
)
async def test_a_flush_that_got_farther_than_was_put_or_returns_nonsense_is_refused(
    worker: RunningWorker, journal: Journal, returned: Any, told: str
) -> None:
    await topic(worker, 1, 2)
    await run(worker, flushing(journal, lambda count: returned))
    trace = await worker.until_failed("k")
    assert trace.startswith(f"{told} [plugin.broken]")
    assert await committed(worker) is None


# -- sinks that keep offsets in their target -------------------------------------------------------------------------


class Target:
    """Something outside that keeps records with their offset, both or neither."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.offset = 0
        self.asked: list[Any] = []


class KeepsOffsets(SinkTask):
    target: Target

    def resume_offsets(self, partitions: Sequence[tuple[str, int]]) -> Any:
        self.target.asked.append(list(partitions))
        return {("t", 0): self.target.offset} if self.target.records else None

    def put_batch(self, batch: Batch) -> None:
        assert batch.offsets is not None
        assert batch.offsets[0] == self.target.offset, "nothing is left out, and nothing comes twice"
        self.target.records += batch.values
        self.target.offset = batch.offsets[-1] + 1

    def flush(self) -> Any:
        return {}  # the group's offsets say nothing


async def test_a_sink_that_keeps_offsets_in_its_target_goes_on_there_whatever_the_group_has_committed(
    worker: RunningWorker,
) -> None:
    target = Target()
    await topic(worker, *range(5))
    await run(worker, type("Odd", (KeepsOffsets,), {"target": target}))
    await until(lambda: target.offset == 5)
    await stop(worker)
    assert await committed(worker) is None
    await topic(worker, *range(5, 8))
    await worker.herder.resume("k")
    await until(lambda: target.offset == 8)
    assert target.records == [str(n) for n in range(8)]
    assert target.asked == [[("t", 0)], [("t", 0)]]


async def test_a_seek_in_open_counts_more_than_what_the_target_says(worker: RunningWorker, journal: Journal) -> None:
    def open_(self: Diary, partitions: Sequence[tuple[str, int]]) -> None:
        self.context.seek("t", 0, 3)

    await topic(worker, *range(5))
    await run(worker, diary(journal, open=open_, resume_offsets=lambda self, partitions: {("t", 0): 1}))
    await until(lambda: ("put", "3", "4") in journal)
    assert not any(entry[0] == "put" and "1" in entry for entry in journal)


class Shares(Transform):
    """Sends odd numbers to one topic and even ones to another, and drops those over 90."""

    class_name = "test.Shares"

    def apply(self, record: Record) -> Record | None:
        number = int(record.value)
        return None if number > 90 else record.replace(topic=f"{'odd' if number % 2 else 'even'}")


class Books(SinkTask):
    """Keeps what was put, with the offset that goes with it."""

    target: Target
    bad = -1

    def resume_offsets(self, partitions: Sequence[tuple[str, int]]) -> Any:
        self.target.asked.append(self.context.topic_id("t"))
        return {("t", 0): self.target.offset}

    def put_batches(self, batches: Sequence[Batch]) -> None:
        values = [int(value) for batch in batches for value in batch.values]
        if self.bad in values:
            raise DataError("bad", failed=[(values.index(self.bad), "it is bad")])
        self.target.records += values
        self.target.offset = self.context.offsets_after_put()[("t", 0)]

    def put_batch(self, batch: Batch) -> None:
        self.put_batches([batch])


SHARES = {"transforms": "s", "transforms.s.type": "test.Shares"}


async def test_the_offset_that_goes_with_a_put_counts_what_was_dropped_and_skipped(worker: RunningWorker) -> None:
    target = Target()
    await topic(worker, 0, 1, 2, 3, 4, 97, 98)
    register(worker.herder, sink(type("Odd", (Books,), {"target": target, "bad": 4})), Shares)
    await worker.herder.create("k", {**ODD, "topics": "t", **SHARES, "errors.tolerance": "all"})
    await until(lambda: target.records)
    assert sorted(target.records) == [0, 1, 2, 3]
    assert target.offset == 7
    assert target.asked == [(await worker.herder.cluster.admin.describe_topic("t")).topic_id]


async def test_a_flush_hears_the_offset_behind_what_was_skipped_last_so_that_it_is_not_met_again(
    worker: RunningWorker,
) -> None:
    target, told = Target(), []

    def flush(task: SinkTask) -> None:
        told.append(task.context.offsets_after_put())
        target.offset = told[-1].get(("t", 0), target.offset)

    await topic(worker, 0, 1, 2, partitions=2)
    register(
        worker.herder, sink(type("Odd", (Ledger,), {"target": target, "away_at": 0, "unnamed": "3", "flush": flush}))
    )
    dead = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead"}
    await worker.herder.create("k", {**ODD, "topics": "t", **dead})
    await until(lambda: target.records)
    await topic(worker, 3)  # in a fetch of its own: nothing is put with it or behind it
    async with asyncio.timeout(DEADLINE_S):
        while await worker.herder.cluster.admin.partitions("dead") is None or not await worker.values("dead"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    told.clear()
    await topic(worker, 4, partition=1)
    await until(lambda: "4" in target.records)
    await worker.herder.restart("k", include_tasks=True)
    await until(lambda: {("t", 0): 4, ("t", 1): 1} in told)
    assert all(one.get(("t", 0), 4) == 4 and one.get(("t", 1), 1) == 1 for one in told)
    await topic(worker, 5)
    await until(lambda: "5" in target.records)
    assert await worker.values("dead") == [b"3"]


async def test_what_is_put_in_front_of_a_bad_record_is_in_front_of_it_in_its_partition_too(
    worker: RunningWorker,
) -> None:
    target = Target()
    await topic(worker, *range(8))
    register(worker.herder, sink(type("Odd", (Books,), {"target": target, "bad": 5})), Shares)
    await worker.herder.create("k", {**ODD, "topics": "t", **SHARES})
    await worker.until_failed("k")
    assert sorted(target.records) == [0, 1, 2, 3, 4]  # and not 6, though its batch came first
    assert target.offset == 5


class Ledger(SinkTask):
    """Takes batches one by one, with the offset that goes with each. The target is away for one put, which says so in
    a way that fails the task.

    Attributes:
        away_at: The put that does not arrive.
        refused: A value that it cannot take, without a word that it is the record.
        unnamed: A value that is bad, as it says without naming it.
    """

    target: Target
    away_at: int
    refused: Any = None
    unnamed: Any = None

    def resume_offsets(self, partitions: Sequence[tuple[str, int]]) -> Any:
        return {("t", 0): self.target.offset}

    def put_batch(self, batch: Batch) -> None:
        self.take([batch])

    def take(self, batches: Sequence[Batch]) -> None:
        values = [value for batch in batches for value in batch.values]
        self.target.asked.append(values)
        if len(self.target.asked) == self.away_at:
            raise OSError("the target is away")
        if self.refused in values:
            raise KeyError(self.refused)
        if self.unnamed in values:
            raise DataError("one of these is bad")
        self.target.records += values
        self.target.offset = self.context.offsets_after_put().get(("t", 0), self.target.offset)


class TogetherLedger(Ledger):
    def put_batches(self, batches: Sequence[Batch]) -> None:
        self.take(batches)


class Thirds(Transform):
    """Shares the numbers of a batch out to three topics: three batches of it."""

    class_name = "test.Thirds"

    def apply_batch(self, batch: Batch) -> list[Batch]:
        parts = [batch.select([int(value) % 3 == n for value in batch.values]) for n in range(3)]
        return [part.replace(topic=f"third{n}") for n, part in enumerate(parts) if len(part)]


THIRDS = {"transforms": "s", "transforms.s.type": "test.Thirds"}


async def ledgers(
    worker: RunningWorker, count: int, task: type[Ledger] = Ledger, members: Any = (), **config: str
) -> list[Target]:
    """Run connectors over one topic of eight records until each is through; each is away at another put."""
    targets = [Target() for _ in range(count)]
    names = [f"k{n}" for n in range(count)]
    register(worker.herder, Thirds)
    for n, target in enumerate(targets):
        made = type(f"Odd{n}", (task,), {"target": target, "away_at": n + 1, **dict(members)})
        register(worker.herder, sink(made, f"Odd{n}"))
        keys = {**ODD, "topics": "t", "errors.tolerance": "all", **config, "connector.class": f"test.Odd{n}"}
        await worker.herder.create(names[n], keys)

    def has_failed(name: str) -> bool:
        return any(task.state is State.FAILED for task in worker.herder.status(name).tasks)

    async def until_through(name: str) -> None:
        async with asyncio.timeout(30):
            while await committed(worker, connector=name) != 8:
                if has_failed(name):
                    await worker.herder.restart_task(name, 0)
                await asyncio.sleep(0.02)

    await asyncio.gather(*map(until_through, names))
    return targets


@pytest.mark.parametrize("task", [Ledger, TogetherLedger])
async def test_a_sink_that_keeps_its_offsets_gets_no_record_twice_where_a_transform_has_parted_a_partition(
    worker: RunningWorker, task: type[Ledger]
) -> None:
    await topic(worker, *range(8))
    for target in await ledgers(worker, 8, task, {"unnamed": "5"}, **THIRDS):
        assert sorted(target.records) == [str(n) for n in range(8) if n != 5], target.asked


async def test_a_sink_that_keeps_its_offsets_gets_no_record_twice_behind_one_that_fails_alone(
    worker: RunningWorker,
) -> None:
    await topic(worker, *range(8))
    for target in await ledgers(worker, 8, Ledger, {"refused": "3"}, **{"errors.deadletterqueue.topic.name": "dead"}):
        assert target.records == [str(n) for n in range(8) if n != 3], target.asked


async def test_what_is_behind_records_of_a_paused_partition_waits_for_them_though_it_is_resumed_meanwhile(
    worker: RunningWorker,
) -> None:
    target = Target()

    class Pauses(SinkTask):
        def put_batch(self, batch: Batch) -> None:
            if not target.records:
                self.context.pause(("t", 0))
                look = self.context.holds  # type: ignore[attr-defined]

                def looked(topic: str, partition: int) -> bool:
                    """What a thread of the plugin may do at any moment: resume, right behind the runtime's look."""
                    found = look(topic, partition)
                    self.context.resume(("t", 0))
                    return bool(found)

                self.context.holds = looked  # type: ignore[attr-defined]
            target.records += batch.values

    await topic(worker, *range(9))
    register(worker.herder, sink(type("Odd", (Pauses,), {})), Thirds)
    await worker.herder.create("k", {**ODD, "topics": "t", **THIRDS})
    await until_committed(worker, 9)
    # Read again from 1 on: what was put of it comes twice, what was not is not put before its time.
    assert target.records == ["0", "3", "6", "3", "6", "1", "4", "7", "2", "5", "8"]


async def test_offsets_of_partitions_that_were_not_asked_for_are_refused(
    worker: RunningWorker, journal: Journal
) -> None:
    await topic(worker, 1)
    await run(worker, diary(journal, resume_offsets=lambda self, partitions: {("other", 0): 1}))
    trace = await worker.until_failed("k")
    assert (
        "resume_offsets returned the offset of other-0 = int 1; expected none but the partitions that it was" in trace
    )


@pytest.mark.parametrize("letters", [{}, {"errors.deadletterqueue.topic.name": "dead"}], ids=["no queue", "queue"])
async def test_a_bad_record_that_is_read_again_since_what_lies_before_it_was_not_put_is_counted_once(
    worker: RunningWorker, journal: Journal, letters: dict[str, str]
) -> None:
    def put(self: SinkTask, records: list[Record]) -> None:
        if not journal.gate("there").is_set():
            journal("try")
            raise RetriableError("the target is away", retry_after_ms=5)
        for record in records:
            journal(record.value)

    config = {"value.converter": JSON, "value.converter.schemas.enable": "false", "errors.tolerance": "all", **letters}
    await topic(worker, "1", "{bad", "2")
    await run(worker, type("Odd", (SinkTask,), {"put": put}), **config)
    await until(lambda: "try" in journal)
    await worker.herder.pause("k")
    await worker.until_state("k", State.PAUSED)
    assert [p.skipped for p in worker.herder.progress()] == [0]
    journal.gate("there").set()
    await worker.herder.resume("k")
    await worker.until(lambda: worker.records("k") == 3)
    assert [entry for entry in journal if entry != "try"] == [1, 2]
    assert [p.skipped for p in worker.herder.progress()] == [1]
    if letters:
        assert await worker.values("dead") == [b"{bad"]


async def test_a_bad_record_of_a_partition_that_is_paused_in_put_gets_one_letter_when_it_is_read_again(
    worker: RunningWorker, journal: Journal
) -> None:
    def put(self: SinkTask, records: list[Record]) -> None:
        if "paused" not in journal:
            journal("paused")
            self.context.pause(("t", 1), ("t", 0))
        for record in records:
            journal(record.value)

    def flush(self: SinkTask) -> Any:
        if not journal.gate("there").is_set():
            return {}  # nothing is durable, so that it is called again
        self.context.resume(("t", 1), ("t", 0))
        return None

    config = {"value.converter": JSON, "value.converter.schemas.enable": "false", **TOLERANT}
    for partition in (0, 1):
        await topic(worker, "1", "{bad", "2", partitions=2, partition=partition)
    await run(worker, type("Odd", (SinkTask,), {"put": put, "flush": flush}), **config)
    await until(lambda: 2 in journal)
    journal.gate("there").set()
    await worker.until(lambda: worker.records("k") == 6)
    assert [p.skipped for p in worker.herder.progress()] == [2]
    assert await worker.values("dead") == [b"{bad", b"{bad"]


# -- an outage while partitions are opened -------------------------------------------------------------------------


def away_until(journal: Journal, gate: str, method: str, calls: str = "") -> dict[str, Any]:
    """A method that fails as its target is away, until the test opens the gate."""

    def fails(self: Diary, partitions: Sequence[tuple[str, int]]) -> Any:
        if not journal.gate(gate).is_set():
            journal("try")
            raise RetriableError("the target is away", retry_after_ms=5)
        return getattr(Diary, method)(self, partitions)

    async def later(self: Diary, partitions: Sequence[tuple[str, int]]) -> Any:
        return fails(self, partitions)

    return {method: later if calls == "async" else fails}


@pytest.mark.parametrize("calls", ["plain", "async"])
@pytest.mark.parametrize("method", ["open", "resume_offsets"])
async def test_an_outage_while_partitions_are_opened_is_waited_for(
    worker: RunningWorker, journal: Journal, method: str, calls: str
) -> None:
    await topic(worker, 1, 2)
    await run(worker, diary(journal, **away_until(journal, "there", method, calls)))
    await until(lambda: journal.count("try") > 2)
    assert worker.herder.status("k").tasks[0].state is State.RUNNING
    # Between two tries it is None for a moment.
    await until(lambda: [p.waiting_for for p in worker.herder.progress()] == ["the target is away"])
    journal.gate("there").set()
    await worker.until(lambda: worker.records("k") == 2)
    assert [entry for entry in journal if entry != "try" and entry[0] == "put"] == [("put", "1", "2")]
    assert journal.count(("open", ("t", 0))) == 1


def away_for_long(journal: Journal, method: str) -> dict[str, Any]:
    def fails(self: Diary, partitions: Sequence[tuple[str, int]]) -> None:
        journal("try")
        raise RetriableError("the target is away", retry_after_ms=600_000)

    return {method: fails}


@pytest.mark.parametrize("method", ["open", "resume_offsets"])
async def test_a_stop_ends_the_wait_for_a_target_that_is_away_while_partitions_are_opened(
    worker: RunningWorker, journal: Journal, method: str
) -> None:
    await topic(worker, 1, 2)
    await run(worker, diary(journal, **away_for_long(journal, method)))
    await until(lambda: "try" in journal)
    async with asyncio.timeout(3):
        await stop(worker)
    opened = [("open", ("t", 0))] if method == "resume_offsets" else []
    closed = [("close", ("t", 0))] if method == "resume_offsets" else []
    assert list(journal) == ["start", *opened, "try", *closed, "stop", "end"]


async def test_an_outage_while_partitions_are_closed_is_waited_for(worker: RunningWorker, journal: Journal) -> None:
    await topic(worker, *range(4), partitions=2)
    await run(worker, diary(journal, **away_until(journal, "there", "close_partitions")))
    await worker.until(lambda: worker.records("k") == 4)
    moving = asyncio.create_task(_joined(worker))
    await until(lambda: journal.count("try") > 2)
    assert worker.herder.status("k").tasks[0].state is State.RUNNING
    journal.gate("there").set()
    assert await moving == {T1}
    assert journal.count(("close", tuple(T1))) == 1


async def test_a_stop_ends_the_wait_for_a_target_that_is_away_while_partitions_are_closed(
    worker: RunningWorker, journal: Journal
) -> None:
    await topic(worker, *range(4), partitions=2)
    await run(worker, diary(journal, **away_for_long(journal, "close_partitions")))
    await worker.until(lambda: worker.records("k") == 4)
    moving = asyncio.create_task(_joined(worker))
    await until(lambda: "try" in journal)
    async with asyncio.timeout(3):
        await stop(worker)
    assert T1 in await moving
    assert list(journal)[-2:] == ["stop", "end"]


async def _joined(worker: RunningWorker) -> frozenset[TopicPartition]:
    async with another_member(worker) as (other, _):
        return frozenset(other.assignment)


@pytest.mark.parametrize("method", ["open", "resume_offsets"])
async def test_a_pause_while_partitions_cannot_be_opened_is_shown_and_they_are_opened_after_it(
    worker: RunningWorker, journal: Journal, method: str
) -> None:
    await topic(worker, 1, 2)
    await run(worker, diary(journal, **away_until(journal, "there", method)))
    await until(lambda: "try" in journal)
    await worker.herder.pause("k")
    await worker.until_state("k", State.PAUSED)
    journal.gate("there").set()
    await worker.herder.resume("k")
    await worker.until(lambda: worker.records("k") == 2)
    assert [entry for entry in journal if entry[0] == "put"] == [("put", "1", "2")]


async def test_partitions_that_cannot_be_opened_are_given_up_where_the_group_asks_for_them(
    worker: RunningWorker, journal: Journal
) -> None:
    await topic(worker, *range(10), partitions=2, partition=1)
    await run(worker, diary(journal, **away_until(journal, "there", "open")))
    await until(lambda: "try" in journal)
    async with another_member(worker) as (other, fetched):
        assert other.assignment == {T1}
        assert [len(batch) for batch in fetched] == [10]
        journal.gate("there").set()
        await until(lambda: ("open", ("t", 0)) in journal)
    assert ("close", tuple(T1)) not in journal


async def test_a_sink_never_sees_what_a_source_aborted_or_has_not_committed_and_is_not_behind_for_it(
    worker: RunningWorker,
) -> None:
    seen: list[str] = []

    class Sees(SinkTask):
        def put(self, records: list[Record]) -> None:
            seen.extend(record.value for record in records)

    cluster = worker.herder.cluster
    await cluster.admin.create_topic("t")
    producer = cluster.producer(client_id="p", configs={"transactional.id": "x"})
    await producer.init_transactions()
    for value, is_commit in ((b"aborted", False), (b"committed", True), (b"aborted too", False)):
        await producer.begin_transaction()
        await producer.append("t", Columns([value], timestamps=now_ms()))
        await (producer.commit_transaction() if is_commit else producer.abort_transaction())
    await producer.begin_transaction()
    await producer.append("t", Columns([b"open"], timestamps=now_ms()))
    await run(worker, Sees, topics="t")
    await until(lambda: seen)
    await cluster.producer(client_id="p").append("t", Columns([b"behind"], timestamps=now_ms()))
    await producer.commit_transaction()
    await until(lambda: len(seen) > 2)
    assert seen == ["committed", "open", "behind"]
    deadline = asyncio.get_running_loop().time() + 30
    while (await worker.herder.lags())["k"].lag:
        assert asyncio.get_running_loop().time() < deadline, await worker.herder.lags()
        await asyncio.sleep(0.05)


async def test_a_sink_that_says_how_far_it_got_is_through_with_the_marker_behind_its_last_record(
    worker: RunningWorker, journal: Journal
) -> None:
    class Tells(SinkTask):
        end = 0

        def put(self, records: list[Record]) -> None:
            self.end = (records[-1].offset or 0) + 1

        def flush(self) -> dict[tuple[str, int], int]:
            journal("flush")
            return {("t", 0): self.end}

    producer = worker.herder.cluster.producer(client_id="p", configs={"transactional.id": "x"})
    await worker.herder.cluster.admin.create_topic("t")
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.append("t", Columns([b"a", b"b"], timestamps=now_ms()))
    await producer.commit_transaction()
    await run(worker, Tells)
    await until(lambda: "flush" in journal)
    deadline = asyncio.get_running_loop().time() + 30
    while await committed(worker) != 3:
        assert asyncio.get_running_loop().time() < deadline, await committed(worker)
        await asyncio.sleep(0.01)
    runner = worker.herder._worker.runner(TaskId("k", 0))
    assert runner is not None
    await until(runner._is_all_committed)  # type: ignore[attr-defined]


# -- at most once ------------------------------------------------------------------------------------------------------

ONCE = {"delivery.guarantee": "at-most-once"}


async def offset_of(worker: RunningWorker, name: str = "k") -> int | None:
    found = [offset["kafka_offset"] for _, offset in await worker.herder.offsets(name)]
    return found[0] if found else None


async def test_at_most_once_offsets_are_committed_before_the_records_are_put(
    worker: RunningWorker, journal: Journal
) -> None:
    class Gated(SinkTask):
        def put(self, records: list[Record]) -> None:
            journal([record.value for record in records])
            journal.wait("taken")

        def flush(self) -> None:
            journal("flushed")

    await topic(worker, "a", "b", "c")
    await run(worker, Gated, **ONCE)
    await until(lambda: ["a", "b", "c"] in journal)
    assert await offset_of(worker) == 3
    journal.open_all()
    await until(lambda: "flushed" in journal)
    await worker.until(lambda: worker.records("k") == 3)


async def test_at_most_once_what_may_be_in_the_target_is_never_put_again(
    worker: RunningWorker, journal: Journal
) -> None:
    class Breaks(SinkTask):
        def put(self, records: list[Record]) -> None:
            journal([record.value for record in records])
            if len(list(journal)) == 1:
                raise RuntimeError("half of it is there")

    await topic(worker, "a", "b")
    await run(worker, Breaks, **ONCE, **{"errors.tolerance": "all"})
    trace = await worker.until_failed("k")
    assert "half of it is there" in trace
    assert list(journal) == [["a", "b"]]  # and not in halves
    await worker.herder.restart("k", include_tasks=True, only_failed=False)
    await topic(worker, "c")
    await until(lambda: ["c"] in journal)
    assert list(journal) == [["a", "b"], ["c"]]


async def test_at_most_once_a_bad_record_that_ends_the_task_and_what_is_behind_it_are_not_lost(
    worker: RunningWorker, journal: Journal
) -> None:
    class Picky(SinkTask):
        def put(self, records: list[Record]) -> None:
            if any(record.value == "bad" for record in records) and "mended" not in journal:
                raise DataError("it is bad")
            journal([record.value for record in records])

    await topic(worker, "a", "bad", "b")
    await run(worker, Picky, **ONCE)
    await worker.until_failed("k")
    assert await offset_of(worker) == 1
    journal("mended")
    await worker.herder.restart("k", include_tasks=True, only_failed=False)
    await until(lambda: ["bad", "b"] in journal)
    assert list(journal) == [["a"], "mended", ["bad", "b"]]


async def test_at_most_once_a_stop_while_letters_wait_loses_these_and_puts_nothing_again(
    worker: RunningWorker, journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await topic(worker, "1", "{bad", "2")
    with disk_refuses(monkeypatch, lambda path: "/dead-0/" in path) as refused:
        await run(worker, keeper(journal), **TOLERANT, **BAD_JSON, **ONCE)
        await until(lambda: refused)
        await stop(worker)
    assert "the dead letters of 1 records, the first of topic t, partition 0, offset 1, are lost" in caplog.text
    await topic(worker, "3")
    await worker.herder.resume("k")
    await until_committed(worker, 4)
    await until(lambda: list(journal) == [1, 2, 3])


async def test_at_most_once_a_stop_during_an_outage_loses_nothing(worker: RunningWorker, journal: Journal) -> None:
    class Away(SinkTask):
        def put(self, records: list[Record]) -> None:
            if "back" not in journal:
                journal("away")
                raise RetriableError("away", retry_after_ms=60_000)
            journal([record.value for record in records])

    await topic(worker, "a", "b")
    await run(worker, Away, **ONCE)
    await until(lambda: "away" in journal)
    assert await offset_of(worker) == 2
    await worker.herder.stop("k")
    await worker.until_state("k", State.STOPPED, tasks=0)
    assert await offset_of(worker) == 0
    journal("back")
    await worker.herder.resume("k")
    await until(lambda: ["a", "b"] in journal)


async def test_at_most_once_records_whose_offsets_could_not_be_committed_first_are_not_lost(
    worker: RunningWorker, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await topic(worker, "a")
    await run(worker, keeper(journal), **ONCE)
    await until(lambda: "a" in journal)
    consumer = runner(worker)._consumer
    commit, refusals = consumer.commit, iter([EnvironmentFault("the disk is full", code="environment.disk")])

    async def refusing_once(offsets: Any) -> None:
        if (refusal := next(refusals, None)) is not None:
            raise refusal
        await commit(offsets)

    monkeypatch.setattr(consumer, "commit", refusing_once)
    await topic(worker, "b")
    await worker.until_failed("k")
    assert await offset_of(worker) == 1
    await worker.herder.restart("k", include_tasks=True, only_failed=False)
    await until(lambda: list(journal) == ["a", "b"])
