"""Tasks under `rate.limit.*` and `task.max.inflight.bytes`: how evenly records flow, and what becomes of the rest."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from connect.api import Batch, ConfigError, Record, SinkTask, SourceTask
from connect.ports import Subscription
from connect.records import Columns, FetchedBatch, TopicPartition
from connect.runtime.model import State, TaskId
from connect.runtime.rates import Limit
from connect.runtime.tasks.pacing import cut, parted, positive, rows_within
from tests.support.odd_plugins import Journal, register, sink, source
from tests.support.worker import STRING, RunningWorker, running_worker, until

RECORDS, BYTES = "rate.limit.records.per.second", "rate.limit.bytes.per.second"
IN_FLIGHT = "task.max.inflight.bytes"
ODD = {
    "connector.class": "test.Odd",
    "key.converter": STRING,
    "value.converter": STRING,
    "errors.restart.policy": "none",
}
FAST = "1e9"
EXACTLY_ONCE = {"exactly_once_source_support": "enabled"}


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as running:
        yield running


@pytest.fixture
def journal() -> Iterator[Journal]:
    made = Journal()
    yield made
    made.open_all()


def big_poll(journal: Journal, count: int) -> type[SourceTask]:
    """A source whose one poll brings all of its records, from the committed offset on."""

    class Big(SourceTask):
        def start(self) -> None:
            journal("start")
            done = (self.context.offset({"p": 0}) or {"n": -1})["n"]
            self.left = [
                Record("t", f"v{n}", source_partition={"p": 0}, source_offset={"n": n}) for n in range(done + 1, count)
            ]

        def poll(self) -> list[Record]:
            left, self.left = self.left, []
            journal(("poll", len(left)))
            return left

    return Big


async def run(worker: RunningWorker, made: Any, **config: str) -> None:
    register(worker.herder, made)
    await worker.herder.create("c", {**ODD, **config})


async def change(worker: RunningWorker, name: str = "c", **config: str) -> None:
    before = worker.herder.info(name).config
    await worker.herder.put_config(name, {**before, **config})


async def stop(worker: RunningWorker) -> float:
    """Stop the connector; return how long that took."""
    began = time.monotonic()
    await worker.herder.stop("c")
    await worker.until_state("c", State.STOPPED, tasks=0)
    return time.monotonic() - began


async def appended(worker: RunningWorker, partition: int = 0) -> list[str]:
    if await worker.herder.cluster.admin.partitions("t") is None:
        return []
    return [(value or b"").decode() for value in await worker.values("t", partition)]


def throttled(worker: RunningWorker) -> bool:
    return any(p.throttled for p in worker.herder.progress())


def expected(count: int) -> list[str]:
    return [f"v{n}" for n in range(count)]


async def fill(worker: RunningWorker, count: int, *, partitions: int = 1, value: str = "v{}") -> None:
    admin = worker.herder.cluster.admin
    await admin.create_topic("t", partitions=partitions)
    producer = worker.herder.cluster.producer(client_id="test")
    for partition in range(partitions):
        await producer.append("t", Columns([value.format(n).encode() for n in range(count)]), partition=partition)
    await producer.aclose()


def keeper(journal: Journal) -> type[SinkTask]:
    class Keeps(SinkTask):
        def start(self) -> None:
            journal("start")

        def put(self, records: list[Record]) -> None:
            journal([str(record.value) for record in records])

    return Keeps


def puts(journal: Journal) -> list[list[str]]:
    return [entry for entry in journal if isinstance(entry, list)]


def put_values(journal: Journal) -> list[str]:
    return list(itertools.chain(*puts(journal)))


# -- sources -------------------------------------------------------------------------------------------------------


async def test_a_large_poll_flows_evenly_and_a_stop_ends_the_wait_and_nothing_is_lost_or_comes_twice(
    worker: RunningWorker, journal: Journal
) -> None:
    began = time.monotonic()
    await run(worker, source(big_poll(journal, 500)), **{RECORDS: "100"})
    await until(lambda: worker.records("c") >= 30)
    assert worker.records("c") <= (time.monotonic() - began) * 100 + 20
    await until(lambda: throttled(worker))
    assert await stop(worker) < 3
    first = await appended(worker)
    assert 30 <= len(first) < 500
    assert first == expected(len(first))
    await change(worker, **{RECORDS: FAST})
    await worker.herder.resume("c")
    await until(lambda: ("poll", 500 - len(first)) in journal)
    await until(lambda: worker.records("c") >= 500 - len(first))
    assert await appended(worker) == expected(500)


async def test_a_change_of_the_limit_is_heeded_at_once_by_tasks_that_go_on(
    worker: RunningWorker, journal: Journal
) -> None:
    await run(worker, source(big_poll(journal, 2000)), **{RECORDS: "0.01"})
    await until(lambda: throttled(worker))
    task = worker.herder._worker.runner(TaskId("c", 0))
    view = (await worker.client.get("/v1/connectors/c")).json()
    assert view["rate"] == {"records_per_second": 0.01, "bytes_per_second": None, "throttled": [0]}
    assert [row["throttled"] for row in (await worker.client.get("/v1/worker")).json()["tasks"]] == [True]
    assert (await worker.client.get("/v1/warnings")).json()["warnings"] == []
    answer = await worker.client.put(
        "/connectors/c/config", json={**worker.herder.info("c").config, RECORDS: "", BYTES: FAST}
    )
    assert answer.status_code == 200
    await worker.until(lambda: worker.records("c") == 2000, deadline_s=5)
    assert worker.herder._worker.runner(TaskId("c", 0)) is task
    assert journal.count("start") == 1
    assert await appended(worker) == expected(2000)
    await until(lambda: not throttled(worker))
    view = (await worker.client.get("/v1/connectors/c")).json()
    assert view["rate"] == {"records_per_second": None, "bytes_per_second": 1e9, "throttled": []}
    await change(worker, **{IN_FLIGHT: "1000000"})
    await until(lambda: journal.count("start") == 2)


async def test_no_limit_at_all_is_refused_and_says_how_to_stop_a_connector(worker: RunningWorker) -> None:
    register(worker.herder, source(big_poll(Journal(), 1)))
    answer = await worker.client.post("/connectors", json={"name": "c", "config": {**ODD, RECORDS: "0"}})
    assert answer.status_code == 400
    assert f"Invalid value 0.0 for configuration {RECORDS}: Value must be more than 0" in answer.json()["message"]
    assert "pause the connector" in answer.json()["message"]


async def test_a_pause_holds_what_waits_and_a_resume_lets_it_go_on(worker: RunningWorker, journal: Journal) -> None:
    await run(worker, source(big_poll(journal, 300)), **{RECORDS: "50"})
    await until(lambda: worker.records("c") >= 10)
    await worker.herder.pause("c")
    await worker.until_state("c", State.PAUSED, tasks=1)
    held = await appended(worker)
    assert not throttled(worker)
    await change(worker, **{RECORDS: FAST})
    await worker.until_state("c", State.PAUSED, tasks=1)
    assert await appended(worker) == held, "a limit that is lifted lets nothing through a pause"
    await worker.herder.resume("c")
    await worker.until(lambda: worker.records("c") == 300)
    assert await appended(worker) == expected(300)
    assert journal.count("start") == 1


async def test_a_pause_is_heard_with_a_second_poll_in_hand(worker: RunningWorker) -> None:
    class Busy(SourceTask):
        numbers = itertools.count()

        def poll(self) -> list[Record]:
            return [
                Record("t", f"v{n}", source_partition={"p": 0}, source_offset={"n": n})
                for n in itertools.islice(self.numbers, 50)
            ]

    await run(worker, source(Busy), **{RECORDS: "20"})
    await until(lambda: throttled(worker))
    for _ in range(2):
        await worker.herder.pause("c")
        await worker.until_state("c", State.PAUSED, tasks=1)
        await worker.herder.resume("c")
        await worker.until_state("c", State.RUNNING, tasks=1)
    assert await stop(worker) < 3
    values = await appended(worker)
    assert values == expected(len(values))


async def test_what_a_poll_has_reached_is_committed_while_the_rest_waits(
    worker: RunningWorker, journal: Journal
) -> None:
    await run(worker, source(big_poll(journal, 500)), **{RECORDS: "100"})
    stored = worker.herder._worker._offsets.shared
    await until(lambda: stored.all("c"))
    [(_, offset)] = stored.all("c")
    assert offset["n"] < worker.records("c") <= 500


@pytest.mark.parametrize("knows", [False, True])
async def test_a_batch_that_cannot_be_cut_goes_on_in_one_piece_at_a_stop(worker: RunningWorker, knows: bool) -> None:
    class Whole(SourceTask):
        def start(self) -> None:
            done = (self.context.offset({"p": 0}) or {"n": 0})["n"]
            values = [f"v{n}" for n in range(done, 200)]
            self.left = [Batch("t", values, source_partition={"p": 0}, source_offset={"n": 200})] if values else []

        def poll_batch(self) -> list[Batch]:
            left, self.left = self.left, []
            return left

    class Knows(Whole):
        def offset_within(self, batch: Batch, count: int) -> dict[str, int]:
            return {"n": 200 - len(batch) + count}

    await run(worker, source(Knows if knows else Whole), **{RECORDS: "50"})
    await until(lambda: worker.records("c") >= 5)
    assert await stop(worker) < 3
    values = await appended(worker)
    assert values == expected(len(values))
    assert (len(values) < 200) is knows
    await change(worker, **{RECORDS: FAST})
    await worker.herder.resume("c")
    await until(lambda: worker.records("c") >= 200 - len(values))
    assert await appended(worker) == expected(200)


async def test_offsets_that_were_stored_before_their_records_lose_none_by_a_stop(
    worker: RunningWorker, journal: Journal
) -> None:
    await run(worker, source(big_poll(journal, 200)), **{RECORDS: "50", "delivery.guarantee": "at-most-once"})
    await until(lambda: worker.records("c") >= 5)
    await stop(worker)
    assert await appended(worker) == expected(200)


@pytest.mark.parametrize("boundary", ["poll", "interval"])
async def test_a_transaction_is_not_open_while_its_records_wait_and_is_whole_when_they_come(
    tmp_path: Path, journal: Journal, boundary: str
) -> None:
    class Polls(SourceTask):
        def start(self) -> None:
            self.at = (self.context.offset({"p": 0}) or {"n": -1})["n"] + 1

        def poll(self) -> list[Record]:
            began, self.at = self.at, min(self.at + 20, 200)
            return [
                Record("t", f"v{n}", source_partition={"p": 0}, source_offset={"n": n}) for n in range(began, self.at)
            ]

    keys = {RECORDS: "100", "transaction.boundary": boundary, "transaction.boundary.interval.ms": "50"}
    async with running_worker(tmp_path, offset_flush_interval_ms="50", **EXACTLY_ONCE) as worker:
        began = time.monotonic()
        await run(worker, source(Polls), **keys)
        await until(lambda: worker.records("c") >= 40)
        assert worker.records("c") % 20 == 0
        assert worker.records("c") <= (time.monotonic() - began) * 100 + 40
        await worker.herder.pause("c")
        await worker.until_state("c", State.PAUSED, tasks=1)
        await worker.herder.resume("c")
        await until(lambda: throttled(worker))
        assert await stop(worker) < 3
        values = await appended(worker)
        assert len(values) < 200
        await change(worker, **{RECORDS: FAST})
        await worker.herder.resume("c")
        await until(lambda: worker.records("c") >= 200 - len(values))
        assert await appended(worker) == expected(200)


async def test_tasks_of_a_connector_share_its_limit(worker: RunningWorker) -> None:
    class Busy(SourceTask):
        def poll(self) -> list[Record]:
            return [Record("t", "v") for _ in range(1000)]

    began = time.monotonic()
    await run(worker, source(Busy), **{RECORDS: "100", "tasks.max": "2"})
    await until(lambda: worker.records("c") >= 60)
    assert worker.records("c") <= (time.monotonic() - began) * 100 + 40
    first, second = (p.records for p in worker.herder.progress())
    assert abs(first - second) <= 20


async def test_a_poll_larger_than_the_bound_goes_into_the_log_in_slices_and_the_next_one_waits(
    worker: RunningWorker, journal: Journal
) -> None:
    class Large(SourceTask):
        def start(self) -> None:
            self.count = 0

        def poll(self) -> list[Record]:
            self.count += 1
            journal("poll")
            return [Record("t", "x" * 1000) for _ in range(100)] if self.count <= 2 else []

    slices: list[int] = []
    await run(worker, source(Large), **{IN_FLIGHT: "10000", BYTES: "50000"})
    await until(lambda: worker.records("c") >= 10)
    assert journal.count("poll") == 1, "the next poll waits while more than the bound is in hand"
    await change(worker, **{BYTES: FAST})
    await until(lambda: worker.records("c") == 200)
    admin = worker.herder.cluster.admin
    for batch in await admin.fetch(TopicPartition("t", 0), 0):
        slices.append(len(batch))
    assert max(slices) <= 10


# -- sinks ---------------------------------------------------------------------------------------------------------


async def test_a_sink_is_given_slices_and_what_is_committed_is_what_was_put(
    worker: RunningWorker, journal: Journal
) -> None:
    await fill(worker, 500)
    began = time.monotonic()
    await run(worker, sink(keeper(journal)), **{"topics": "t", RECORDS: "100"})
    await until(lambda: len(put_values(journal)) >= 30)
    assert len(put_values(journal)) <= (time.monotonic() - began) * 100 + 20
    assert max(map(len, puts(journal))) == 10
    assert throttled(worker)
    assert await stop(worker) < 3
    done = len(put_values(journal))
    committed = await worker.herder.cluster.groups.offsets("connect-c")
    assert committed[TopicPartition("t", 0)].offset == done < 500
    await worker.herder.resume("c")
    await until(lambda: len(put_values(journal)) > done)
    await change(worker, **{RECORDS: "-1"})
    await worker.until(lambda: len(put_values(journal)) >= 500, deadline_s=5)
    assert put_values(journal) == expected(500)
    assert journal.count("start") == 2
    assert (await worker.client.get("/v1/warnings")).json()["warnings"] == []


async def test_a_paused_sink_puts_nothing_of_what_waits(worker: RunningWorker, journal: Journal) -> None:
    await fill(worker, 100)
    await run(worker, sink(keeper(journal)), **{"topics": "t", BYTES: "40"})
    await until(lambda: put_values(journal))
    await worker.herder.pause("c")
    await worker.until_state("c", State.PAUSED, tasks=1)
    held = put_values(journal)
    await change(worker, **{BYTES: FAST})
    await asyncio.wait_for(worker.until_state("c", State.PAUSED, tasks=1), 5)
    assert put_values(journal) == held
    await worker.herder.resume("c")
    await until(lambda: len(put_values(journal)) >= 100)
    assert put_values(journal) == expected(100)


async def test_a_sink_that_waits_stays_in_its_group_and_gives_up_what_another_member_is_to_read(
    worker: RunningWorker, journal: Journal
) -> None:
    await fill(worker, 100, partitions=2)
    config = {"topics": "t", RECORDS: "0.1", "consumer.override.max.poll.interval.ms": "20000"}
    await run(worker, sink(keeper(journal)), **config)
    await until(lambda: throttled(worker))
    began = time.monotonic()
    other = await worker.herder.cluster.consumer(
        Subscription(("t",), member=1), group="connect-c", client_id="other", configs={"auto.offset.reset": "earliest"}
    )
    try:
        fetched: list[FetchedBatch] = []
        async with asyncio.timeout(15):
            while not fetched:
                fetched += await other.poll(timeout_ms=20)
        assert time.monotonic() - began < 15
        [taken] = other.assignment
        await until(lambda: throttled(worker))
        assert worker.herder.status("c").tasks[0].state is State.RUNNING
    finally:
        await other.aclose()
    await change(worker, **{RECORDS: FAST})
    await until(lambda: len(put_values(journal)) >= 200)
    assert taken.topic == "t"
    assert sorted(put_values(journal)) == sorted(expected(100) * 2)


async def test_a_put_gets_at_most_max_poll_records(worker: RunningWorker, journal: Journal) -> None:
    await fill(worker, 95)
    await run(worker, sink(keeper(journal)), **{"topics": "t", "consumer.override.max.poll.records": "10"})
    await until(lambda: len(put_values(journal)) >= 95)
    assert [len(values) for values in puts(journal)] == [10] * 9 + [5]
    assert put_values(journal) == expected(95)


async def test_with_records_of_one_mib_a_sink_that_is_slow_holds_two_and_slows_nobody_else(
    worker: RunningWorker, journal: Journal
) -> None:
    await fill(worker, 12, value="{:01048000}")

    class Slow(SinkTask):
        def put(self, records: list[Record]) -> None:
            journal("slow")
            journal.wait("slow")

    class Swift(SinkTask):
        def put(self, records: list[Record]) -> None:
            journal([str(record.value)[-2:] for record in records])

    register(worker.herder, sink(Slow, "Slow"), sink(Swift, "Swift"))
    for name in ("Slow", "Swift"):
        await worker.herder.create(name, {**ODD, "connector.class": f"test.{name}", "topics": "t"})
    await until(lambda: "slow" in journal and len(put_values(journal)) >= 12)
    slow: Any = worker.herder._worker.runner(TaskId("Slow", 0))
    await until(lambda: slow._polls.begin(0).done())
    assert slow._consumer.position(TopicPartition("t", 0)) <= 4, "one fetch is put, and one is in hand"
    journal.open_all()


async def test_with_a_small_bound_no_fetch_is_in_hand_beside_a_put(worker: RunningWorker, journal: Journal) -> None:
    await fill(worker, 40, value="{:010000}")

    class Slow(SinkTask):
        count = 0

        def put(self, records: list[Record]) -> None:
            self.count += 1
            journal([str(record.value) for record in records])
            if self.count == 2:
                journal("second")
                journal.wait("second")

    await run(worker, sink(Slow), **{"topics": "t", IN_FLIGHT: "1000", "consumer.override.fetch.max.bytes": "500"})
    await until(lambda: "second" in journal or len(put_values(journal)) == 40)
    runner: Any = worker.herder._worker.runner(TaskId("c", 0))
    assert runner._polls._fetch_bytes == 500
    journal.open_all()
    await until(lambda: len(put_values(journal)) == 40)


# -- slices --------------------------------------------------------------------------------------------------------


def batch(*values: str, partition: int = 0, offset: int = 0) -> FetchedBatch:
    columns = Columns([value.encode() for value in values])
    return FetchedBatch("t", partition, range(offset, offset + len(values)), columns, offset + len(values))


def test_a_slice_keeps_both_bounds_and_has_a_record_at_least() -> None:
    columns = Columns([b"aaaa", b"bb", None, b"cccccc"], [b"k", None, None, b""])
    assert rows_within(columns, 0, 2, None) == (2, 0)
    assert rows_within(columns, 0, None, 7) == (3, 7)
    assert rows_within(columns, 0, None, 1) == (1, 5)
    assert rows_within(columns, 3, 10, 1) == (4, 6)


def test_a_slice_goes_over_batches_and_the_rest_is_what_follows() -> None:
    fetched = [batch("a", "b"), batch("c", "d", "e", partition=1), batch("f", partition=2)]
    first, rest, count, size = parted(fetched, 4, None)
    assert [list(b.columns.values) for b in first] == [[b"a", b"b"], [b"c", b"d"]]
    assert [list(b.columns.values) for b in rest] == [[b"e"], [b"f"]]
    assert (count, size, first[1].next_offset, rest[0].offsets) == (4, 0, 2, range(2, 3))
    first, rest, count, size = parted(fetched, None, 3)
    assert ([len(b) for b in first], [len(b) for b in rest], count, size) == ([2, 1], [2, 1], 3, 3)
    assert parted(fetched, None, None) == (fetched, [], 6, 0)
    assert parted(fetched, 2, None)[1] == fetched[1:]
    wide = [batch("a"), batch("bbbb")]
    assert parted(wide, None, 3)[:2] == (wide[:1], wide[1:]), "a record too large for the rest of a slice waits"


def test_what_lies_behind_a_cut_begins_where_the_front_ends() -> None:
    gaps = FetchedBatch("t", 0, [3, 7, 9], Columns([b"a", b"b", b"c"]), 20)
    front, rest = cut(gaps, 1)
    assert (front.offsets, front.next_offset) == ([3], 7)
    assert (rest.offsets, rest.next_offset, list(rest.columns.values)) == ([7, 9], 20, [b"b", b"c"])


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5"])
def test_a_client_config_that_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"max\.poll\.records: .* is not a whole number from 1 on"):
        positive({"max.poll.records": text}, "max.poll.records")
    assert positive({}, "max.poll.records") is None


def test_a_limit_that_is_none_takes_no_turns() -> None:
    assert Limit().turn() == (None, None)
