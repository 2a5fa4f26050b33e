"""A source task's life: what is appended, committed and told, whatever ends it."""

from __future__ import annotations

import asyncio
import errno
import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connect.api import Batch, EnvironmentFault, LogError, Record, RetriableError, SourceTask, Transform
from connect.log.clients.producer import LogProducer
from connect.log.storage.files import Disk
from connect.records import Columns
from connect.runtime.model import State, TaskId
from connect.runtime.tasks.outgoing import Outgoing
from tests.support.engines import SOON_S
from tests.support.odd_plugins import Journal, disk_refuses, register, source, syncs_fail
from tests.support.worker import STRING, RunningWorker, running_worker, until, worker_on_a_broken_disk

BASE = {"key.converter": STRING, "value.converter": STRING, "errors.restart.policy": "none"}
ODD = {"connector.class": "test.Odd", **BASE}


@pytest.fixture
async def worker(tmp_path: Path):
    async with running_worker(tmp_path, offset_flush_interval_ms="50") as running:
        yield running


@pytest.fixture
def journal():
    made = Journal()
    yield made
    made.open_all()


async def run(worker: RunningWorker, task: type[SourceTask], **config: str) -> None:
    register(worker.herder, source(task))
    await worker.herder.create("s", {**ODD, **config})


def record(number: int, *, partition: Any = 0, topic: str = "t", value: str | None = None) -> Record:
    return Record(topic, value or f"v{number}", source_partition={"p": partition}, source_offset={"n": number})


def offsets(worker: RunningWorker) -> dict[Any, int]:
    """What is committed, by source partition."""
    return {partition["p"]: offset["n"] for partition, offset in worker.herder._worker._offsets.shared.all("s")}


# -- gathered ------------------------------------------------------------------------------------------------------


class Held:
    """The appends to topic t of a log whose producers gather: the first waits for `go_on`, one may fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, fails: int | None = None) -> None:
        self.counts: list[int] = []
        self.go_on = asyncio.Event()
        append = LogProducer.append

        async def held(producer: LogProducer, topic: str, columns: Columns, **options: Any) -> Any:
            if topic == "t":
                self.counts.append(len(columns))
                await asyncio.wait_for(self.go_on.wait(), SOON_S)
                if len(self.counts) == fails:
                    raise LogError("the log refuses")
            return await append(producer, topic, columns, **options)

        monkeypatch.setattr(LogProducer, "gathered_bytes", 1 << 20)
        monkeypatch.setattr(LogProducer, "append", held)


def counting(count: int) -> type[SourceTask]:
    """A task that gives so many records, one a poll."""

    class Counting(SourceTask):
        numbers: ClassVar = iter(range(count))
        polls = 0

        def poll(self) -> Record | None:
            type(self).polls += 1
            number = next(self.numbers, None)
            return None if number is None else record(number)

    return Counting


async def test_what_is_polled_while_an_append_is_under_way_goes_into_the_log_together_behind_it(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, task = Held(monkeypatch), counting(5)
    await run(worker, task)
    await until(lambda: task.polls == 6 and held.counts)  # what came before the one that brings nothing is gathered
    assert (held.counts, offsets(worker)) == ([1], {})
    held.go_on.set()
    await until(lambda: offsets(worker) == {0: 4})
    assert held.counts == [1, 4]
    assert await worker.values("t") == [b"v0", b"v1", b"v2", b"v3", b"v4"]
    assert worker.records("s") == 5


async def test_so_many_records_are_gathered_and_no_more(worker: RunningWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connect.runtime.tasks.source_task.GATHERED_RECORDS", 2)
    held, task = Held(monkeypatch), counting(6)
    await run(worker, task)
    await until(lambda: task.polls == 4)  # one under way, two gathered, and one that waits for room
    held.go_on.set()
    await until(lambda: offsets(worker) == {0: 5})
    assert (sum(held.counts), max(held.counts)) == (6, 2)
    assert await worker.values("t") == [b"v0", b"v1", b"v2", b"v3", b"v4", b"v5"]


async def test_each_record_is_looked_at_a_few_times_however_many_polls_are_gathered(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, polls = itertools.count(), 400
    length = Outgoing.__len__
    monkeypatch.setattr(Outgoing, "__len__", lambda out: (next(looks), length(out))[1])
    held, task = Held(monkeypatch), counting(polls)
    await run(worker, task)
    await until(lambda: task.polls == polls + 1 and held.counts)
    assert next(looks) < 10 * polls, "the loop is everybody's, and while the log is away thousands are gathered"
    held.go_on.set()
    await until(lambda: offsets(worker) == {0: polls - 1})
    assert held.counts == [1, polls - 1]


async def test_of_what_was_gathered_and_failed_nothing_is_committed(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, task = Held(monkeypatch, fails=2), counting(5)
    await run(worker, task)
    await until(lambda: task.polls == 6)
    held.go_on.set()
    assert "the log refuses" in await worker.until_failed("s")
    assert (held.counts, offsets(worker)) == ([1, 4], {0: 0})


# -- commit --------------------------------------------------------------------------------------------------------


async def test_a_busy_source_is_told_what_was_committed_for_every_partition_and_never_beside_another_call(
    worker: RunningWorker,
) -> None:
    told: dict[int, list[int]] = {}
    inside = threading.Lock()
    overlaps: list[str] = []

    class Busy(SourceTask):
        numbers = itertools.count()

        def poll(self) -> list[Record]:
            with Alone("poll"):
                self.context.stopping.wait(0.002)
                return [record(n, partition=n % 3) for n in itertools.islice(self.numbers, 3)]

        def commit(self, done: Any) -> None:
            with Alone("commit"):
                for partition, offset in done:
                    told.setdefault(partition["p"], []).append(offset["n"])

    class Alone:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            if not inside.acquire(blocking=False):
                overlaps.append(self.name)

        def __exit__(self, *exc_info: object) -> None:
            inside.release()

    await run(worker, Busy)
    await worker.until(lambda: len(told) == 3 and all(len(offsets) > 3 for offsets in told.values()))
    await worker.herder.stop("s")
    await worker.until_state("s", State.STOPPED, tasks=0)
    assert not overlaps
    assert all(numbers == sorted(numbers) for numbers in told.values())
    assert {partition: numbers[-1] for partition, numbers in told.items()} == offsets(worker)


async def test_what_is_committed_while_a_poll_takes_its_time_is_told_after_it(
    worker: RunningWorker, journal: Journal
) -> None:
    class Slow(SourceTask):
        polls = 0

        def poll(self) -> Record | None:
            self.polls += 1
            journal(f"poll {self.polls}")
            if self.polls == 2:
                journal.wait("poll 2")
            journal("end")
            return record(self.polls) if self.polls == 1 else None

        def commit(self, done: Any) -> None:
            journal("commit")

    await run(worker, Slow)
    await until(lambda: "poll 2" in journal)
    await until(lambda: offsets(worker))  # beside the poll that is under way
    assert "commit" not in journal
    journal.gate("poll 2").set()
    await until(lambda: "commit" in journal)
    assert list(journal)[:5] == ["poll 1", "end", "poll 2", "end", "commit"]


async def test_a_commit_that_raises_is_logged_and_told_again_with_the_next_one(
    worker: RunningWorker, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    class Forgetful(SourceTask):
        numbers = itertools.count()

        def poll(self) -> Record | None:
            number = next(self.numbers)
            self.context.stopping.wait(0.005)
            return record(number, partition="first" if number == 0 else "later")

        def commit(self, done: Any) -> None:
            journal({partition["p"] for partition, _ in done})
            if len(list(journal)) == 1:
                raise ValueError("upstream is away")

    await run(worker, Forgetful)
    await until(lambda: any({"first"} <= told for told in list(journal)[1:]))
    assert "the task's commit failed: PluginError: ValueError: upstream is away" in caplog.text
    assert worker.herder.status("s").tasks[0].state is State.RUNNING


async def test_nothing_is_told_when_the_flush_fails(
    worker: RunningWorker, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connect.log.clients import producer

    async def refuse(self: Any) -> None:
        journal("flush")
        raise EnvironmentFault("the disk refuses", code="environment.disk")

    class Busy(SourceTask):
        numbers = itertools.count()

        def poll(self) -> Record:
            self.context.stopping.wait(0.005)
            return record(next(self.numbers))

        def commit(self, done: Any) -> None:
            journal("commit")

    monkeypatch.setattr(producer.LogProducer, "flush", refuse)
    await run(worker, Busy)
    await until(lambda: journal.count("flush") > 2)
    await worker.herder.stop("s")
    monkeypatch.undo()
    assert "commit" not in journal
    assert offsets(worker) == {}


# -- failures ------------------------------------------------------------------------------------------------------


class FailsAfter(SourceTask):
    """Returns ten records a poll from its committed offset on, then fails."""

    polls = 3

    def start(self) -> None:
        self.number = (self.context.offset({"p": 0}) or {"n": -1})["n"] + 1
        self.left = self.polls

    def poll(self) -> list[Record]:
        self.left -= 1
        if self.left < 0:
            raise ValueError("out of order")
        self.number += 10
        return [record(n) for n in range(self.number - 10, self.number)]


async def test_a_source_that_failed_commits_what_it_appended_so_that_a_restart_repeats_nothing(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:  # commits once a minute
        await run(worker, FailsAfter)
        for _ in range(3):
            assert "out of order" in await worker.until_failed("s")
            await worker.herder.restart("s", include_tasks=True, only_failed=False)
            await worker.until(lambda: worker.herder.status("s").tasks[0].state is State.FAILED)
        values = await worker.values("t")
        assert values == [b"v%d" % n for n in range(len(values))]
        assert offsets(worker) == {0: len(values) - 1}


async def test_a_task_whose_append_fails_while_an_async_poll_waits_fails_at_once_and_the_poll_ends_before_stop(
    worker: RunningWorker, journal: Journal
) -> None:
    class Waits(SourceTask):
        polls = 0

        async def poll(self) -> Record | None:
            self.polls += 1
            if self.polls == 1:
                return record(1, value="x" * 2_000_000)
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.02)
                journal("poll ended")
            return None

        async def stop(self) -> None:
            journal("stop")

    await run(worker, Waits)
    assert "max.message.bytes" in await worker.until_failed("s")
    await until(lambda: "stop" in journal)
    assert list(journal) == ["poll ended", "stop"]


# -- records that the topic does not allow -------------------------------------------------------------------------


def with_long_ones(long: set[int], *, per_record: bool = True) -> type[SourceTask]:
    class Some(SourceTask):
        def start(self) -> None:
            self.number = (self.context.offset({"p": 0}) or {"n": -1})["n"] + 1

        def poll_batch(self) -> list[Batch] | None:
            numbers = list(range(self.number, 20))
            self.number = 20
            values = ["x" * 2_000_000 if n in long else f"v{n}" for n in numbers]
            return (
                [
                    Batch(
                        "t",
                        values,
                        source_partition={"p": 0},
                        source_offset={"n": numbers[-1]},
                        source_offsets=[{"n": n} for n in numbers] if per_record else None,
                    )
                ]
                if numbers
                else None
            )

    return Some


async def test_a_record_too_large_is_skipped_and_counted_under_tolerance_and_the_rest_goes_on(
    worker: RunningWorker, caplog: pytest.LogCaptureFixture
) -> None:
    more = {"errors.tolerance": "all", "errors.log.enable": "true", "errors.log.include.messages": "true"}
    await run(worker, with_long_ones({3, 4, 11}), **more)
    await worker.until(lambda: worker.records("s") == 17)
    assert await worker.values("t") == [b"v%d" % n for n in range(20) if n not in (3, 4, 11)]
    assert [p.skipped for p in worker.herder.progress()] == [3]
    assert "source partition {'p': 0}, source offset {'n': 11}" in caplog.text
    await until(lambda: offsets(worker) == {0: 19})


async def test_without_tolerance_the_records_before_a_too_large_one_are_appended_and_committed_once(
    worker: RunningWorker,
) -> None:
    await run(worker, with_long_ones({13}))
    for _ in range(2):
        trace = await worker.until_failed("s")
        assert "source partition {'p': 0}, source offset {'n': 13}" in trace
        assert "[log.record_too_large]" in trace
        assert offsets(worker) == {0: 12}
        await worker.herder.restart("s", include_tasks=True, only_failed=False)
    await worker.until_failed("s")
    assert await worker.values("t") == [b"v%d" % n for n in range(13)]


async def test_a_batch_without_offsets_of_its_records_is_not_committed_past_one_that_failed(
    worker: RunningWorker,
) -> None:
    await run(worker, with_long_ones({13}, per_record=False))
    assert "(append of a record before source offset {'n': 19}, topic t, " in await worker.until_failed("s")
    assert offsets(worker) == {}


async def test_batches_with_an_offset_each_are_committed_up_to_the_one_with_a_record_that_failed(
    worker: RunningWorker,
) -> None:
    class Several(SourceTask):
        def start(self) -> None:
            self.left = [[0, 1], [2, 3], [4, 5]] if self.context.offset({"p": 0}) is None else [[4, 5]]

        def poll_batch(self) -> list[Batch]:
            groups, self.left = self.left, []
            return [
                Batch(
                    "t",
                    ["x" * 2_000_000 if n == 4 else f"v{n}" for n in group],
                    source_partition={"p": 0},
                    source_offset={"n": group[-1]},
                )
                for group in groups
            ]

    await run(worker, Several)
    await worker.until_failed("s")
    assert offsets(worker) == {0: 3}
    assert await worker.values("t") == [b"v0", b"v1", b"v2", b"v3"]


def that_tells(long: set[int], within: Callable[[Batch, int], Any]) -> type[SourceTask]:
    class Tells(with_long_ones(long, per_record=False)):  # type: ignore[misc]
        def offset_within(self, batch: Batch, count: int) -> Any:
            return within(batch, count)

    return Tells


async def test_a_source_tells_up_to_where_a_batch_came_whose_append_failed_within(worker: RunningWorker) -> None:
    def within(batch: Batch, count: int) -> dict[str, int]:
        assert batch.source_offset is not None
        return {"n": batch.source_offset["n"] - len(batch) + count}

    await run(worker, that_tells({13}, within))
    for _ in range(3):
        await worker.until_failed("s")
        assert offsets(worker) == {0: 12}
        await worker.herder.restart("s", include_tasks=True, only_failed=False)
    await worker.until_failed("s")
    assert await worker.values("t") == [b"v%d" % n for n in range(13)]


@pytest.mark.parametrize("tolerance", ["none", "all"])
async def test_lines_before_one_that_is_too_large_are_appended_once_however_often_the_task_starts(
    worker: RunningWorker, tmp_path: Path, tolerance: str
) -> None:
    lines = [b"row%04d" % n for n in range(1500)]
    file = tmp_path / "in.txt"
    file.write_bytes(b"\n".join([*lines, b"q" * 2_000_000, b"after", b""]))
    config = {"connector.class": "FileStreamSource", "file": str(file), "topic": "t", "errors.tolerance": tolerance}
    await worker.herder.create("s", {**BASE, **config})
    end = sum(len(line) + 1 for line in lines) if tolerance == "none" else file.stat().st_size
    for _ in range(3):
        if tolerance == "none":
            await worker.until_failed("s")
        await until(lambda: [at["position"] for _, at in worker.herder._worker._offsets.shared.all("s")] == [end])
        await worker.herder.restart("s", include_tasks=True, only_failed=False)
    assert await worker.values("t") == (lines if tolerance == "none" else [*lines, b"after"])


class Shouts(Transform):
    class_name = "test.Shouts"

    def apply(self, record: Record) -> Record:
        return record.replace(value=record.value.upper())


class DropsSome(Transform):
    class_name = "test.DropsSome"

    def apply(self, record: Record) -> Record | None:
        return None if record.value in ("v3", "v15") else record


@pytest.mark.parametrize(("transform", "reached"), [(Shouts, {0: 12}), (DropsSome, {})])
async def test_behind_a_transform_a_source_tells_where_it_came_to_if_each_record_is_there(
    worker: RunningWorker, transform: type[Transform], reached: dict[int, int]
) -> None:
    register(worker.herder, transform)
    task = that_tells({13}, lambda batch, count: {"n": count - 1})
    await run(worker, task, **{"transforms": "t", "transforms.t.type": transform.class_name})
    await worker.until_failed("s")
    assert offsets(worker) == reached


@pytest.mark.parametrize("told", [None, RuntimeError("lost"), {"n": {1, 2}}, "13"])
async def test_a_source_that_cannot_tell_where_it_came_to_has_its_batch_again_and_fails_for_the_first_cause(
    worker: RunningWorker, told: Any
) -> None:
    def within(batch: Batch, count: int) -> Any:
        if isinstance(told, Exception):
            raise told
        return told

    await run(worker, that_tells({13}, within))
    assert "[log.record_too_large]" in await worker.until_failed("s")
    assert offsets(worker) == {}


# -- one topic, several tasks; topics that go ----------------------------------------------------------------------


async def test_tasks_that_begin_together_make_one_topic_and_all_of_them_run(worker: RunningWorker) -> None:
    class Many(SourceTask):
        def start(self) -> None:
            self.left = 1

        def poll(self) -> Record | None:
            self.left -= 1
            return record(0, partition=self.context.task) if self.left == 0 else None

    await run(worker, Many, **{"tasks.max": "8"})
    await worker.until(lambda: worker.records("s") == 8)
    await worker.until_state("s", State.RUNNING, tasks=8)


async def test_a_topic_that_is_deleted_under_a_source_is_made_again(worker: RunningWorker) -> None:
    class Busy(SourceTask):
        numbers = itertools.count()

        def poll(self) -> Record:
            self.context.stopping.wait(0.005)
            return record(next(self.numbers))

    await run(worker, Busy)
    await worker.until(lambda: worker.records("s") > 5)
    await worker.herder.cluster.admin.delete_topic("t")
    before = worker.records("s")
    await worker.until(lambda: worker.records("s") > before + 5)
    assert len(await worker.values("t")) >= 5


# -- stop, pause, outage -------------------------------------------------------------------------------------------


async def test_stop_comes_after_a_cancelled_poll_has_cleaned_up(worker: RunningWorker, journal: Journal) -> None:
    class Slow(SourceTask):
        async def poll(self) -> None:
            journal("poll")
            try:
                await asyncio.Event().wait()
            finally:
                journal("cleaning up")
                await asyncio.sleep(0.05)
                journal("ended")

        async def stop(self) -> None:
            journal("stop")

    await run(worker, Slow)
    await until(lambda: "poll" in journal)
    await worker.herder.stop("s")
    await until(lambda: "stop" in journal)
    assert list(journal) == ["poll", "cleaning up", "ended", "stop"]


async def test_an_async_poll_that_waits_holds_no_pause_up_and_what_it_brings_comes_after_the_resume(
    worker: RunningWorker, journal: Journal
) -> None:
    class Waits(SourceTask):
        async def start(self) -> None:
            self.left = 2

        async def poll(self) -> Record | None:
            self.left -= 1
            if self.left == 1:
                return record(0)
            journal("waits")
            await asyncio.to_thread(journal.wait, "go on")
            journal("brings")
            await asyncio.sleep(0 if self.left == 0 else 0.05)
            return record(1) if self.left == 0 else None

        async def commit(self, done: Any) -> None:
            journal("commit")

    await run(worker, Waits)
    await until(lambda: "waits" in journal)
    await worker.herder.pause("s")
    await worker.until_state("s", State.PAUSED)
    assert offsets(worker) == {0: 0}
    journal.gate("go on").set()
    await until(lambda: "brings" in journal)
    await asyncio.sleep(0.05)
    assert await worker.values("t") == [b"v0"]
    assert list(journal) == ["waits", "brings"]
    await worker.herder.resume("s")
    await worker.until(lambda: worker.records("s") == 2)
    await until(lambda: "commit" in journal)


class Away(Transform):
    """Reaches something outside that is away, until the test opens the gate 'there'."""

    journal = Journal()
    class_name = "test.Away"

    def apply(self, record: Record) -> Record:
        self.journal("try")
        if not self.journal.gate("there").is_set():
            raise RetriableError("the registry is away", retry_after_ms=5)
        return record


AWAY = {"transforms": "a", "transforms.a.type": "test.Away", "errors.tolerance": "all", "errors.retry.timeout": "-1"}


class Ten(SourceTask):
    """Ten records, once."""

    def start(self) -> None:
        done = (self.context.offset({"p": 0}) or {"n": -1})["n"]
        self.batch = [record(n) for n in range(done + 1, 10)]

    def poll(self) -> list[Record]:
        batch, self.batch = self.batch, []
        return batch


async def test_a_stop_during_an_outage_skips_nothing_of_a_source(worker: RunningWorker, journal: Journal) -> None:
    Away.journal = journal
    register(worker.herder, Away)
    await run(worker, Ten, **AWAY)
    await until(lambda: "try" in journal)
    await worker.herder.stop("s")
    await worker.until_state("s", State.STOPPED, tasks=0)
    assert offsets(worker) == {}
    journal.gate("there").set()
    await worker.herder.resume("s")
    await worker.until(lambda: worker.records("s") == 10)
    assert await worker.values("t") == [b"v%d" % n for n in range(10)]


async def test_a_pause_during_an_outage_keeps_what_was_polled_for_the_resume(
    worker: RunningWorker, journal: Journal
) -> None:
    Away.journal = journal
    register(worker.herder, Away)
    await run(worker, Ten, **AWAY)
    await until(lambda: "try" in journal)
    await worker.herder.pause("s")
    await worker.until_state("s", State.PAUSED)
    journal.gate("there").set()
    assert worker.records("s") == 0
    await worker.herder.resume("s")
    await worker.until(lambda: worker.records("s") == 10)
    assert [p.skipped for p in worker.herder.progress()] == [0]


@pytest.mark.parametrize("partitions", ["1", "4"])
async def test_on_a_full_disk_a_source_waits_and_goes_on_without_loss_or_repetition(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch, partitions: str
) -> None:
    class Keyed(SourceTask):
        numbers = itertools.count()

        def poll(self) -> list[Record]:
            self.context.stopping.wait(0.002)
            return [record(n).replace(key=f"k{n}") for n in itertools.islice(self.numbers, 50)]

    more = {"topic.creation.default.partitions": partitions, "errors.retry.delay.max.ms": "10"}
    last = f"/t-{int(partitions) - 1}/"
    await run(worker, Keyed, **more)
    await worker.until(lambda: worker.records("s") > 100)
    with disk_refuses(monkeypatch, lambda path: last in path) as refused:
        await until(lambda: len(refused) > 3)
        assert worker.herder.status("s").tasks[0].state is State.RUNNING
    before = worker.records("s")
    await worker.until(lambda: worker.records("s") > before + 100)
    await worker.herder.stop("s")
    await worker.until_state("s", State.STOPPED, tasks=0)
    found = [int((value or b"")[1:]) for p in range(int(partitions)) for value in await worker.values("t", p)]
    assert sorted(found) == list(range(len(found)))
    assert offsets(worker) == {0: len(found) - 1}


@pytest.mark.parametrize("then", ["raises", "returns more"])
async def test_a_pause_is_shown_while_what_was_polled_before_waits_for_a_full_disk(
    worker: RunningWorker, journal: Journal, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    class Goes(SourceTask):
        numbers = itertools.count()

        def poll(self) -> list[Record]:
            number = next(self.numbers)
            if number == 1:
                journal("second")
                journal.wait("append")
                if then == "raises":
                    raise RetriableError("the source is away", retry_after_ms=10)
            return [record(number)] if number < 3 else []

    with disk_refuses(monkeypatch, lambda path: "/t-0/" in path) as refused:
        await run(worker, Goes)
        await until(lambda: refused and "second" in journal)
        journal.gate("append").set()
        await worker.until(lambda: any(p.waiting_for for p in worker.herder.progress()))
        await worker.herder.pause("s")
        await worker.until_state("s", State.PAUSED)
    await worker.herder.resume("s")
    wanted = [b"v0", b"v2"] if then == "raises" else [b"v0", b"v1", b"v2"]
    await worker.until(lambda: worker.records("s") == len(wanted))
    assert await worker.values("t") == wanted


async def test_a_stop_ends_the_wait_for_a_full_disk_at_once(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with disk_refuses(monkeypatch, lambda path: "/t-0/" in path) as refused:
        await run(worker, Ten)
        await until(lambda: refused)
        await worker.herder.stop("s")
        await worker.until_state("s", State.STOPPED, tasks=0)
    assert offsets(worker) == {}


async def test_delivery_timeout_ms_bounds_the_wait_for_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_worker(tmp_path, producer_delivery_timeout_ms="10") as worker:
        with disk_refuses(monkeypatch, lambda path: "/t-0/" in path):
            await run(worker, Ten, **{"errors.retry.delay.max.ms": "5"})
            assert "[environment.disk]" in await worker.until_failed("s")


@pytest.mark.parametrize(("topic", "partitions"), [("/t-", "1"), ("/t-", "4"), ("/connect-offsets-", "1")])
async def test_a_source_fails_where_an_fsync_failed_since_nothing_but_a_new_start_of_the_worker_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topic: str, partitions: str
) -> None:
    class Keyed(SourceTask):
        numbers = itertools.count()

        def poll(self) -> list[Record]:
            self.context.stopping.wait(0.002)
            return [record(n).replace(key=f"k{n}") for n in itertools.islice(self.numbers, 50)]

    more = {"topic.creation.default.partitions": partitions, "errors.restart.policy": "outages"}
    async with worker_on_a_broken_disk(tmp_path, offset_flush_interval_ms="50") as worker:
        with syncs_fail(monkeypatch, lambda path: f"{topic}0/" in path or f"{topic}1" in path) as failed:
            await run(worker, Keyed, **more)
            trace = await worker.until_failed("s")
        assert failed
        assert "takes nothing more until the log is opened again" in trace
        assert "[log.sync_failed]" in trace
        assert "start the worker again" in trace
        assert worker.herder.status("s").tasks[0].restart is None


async def test_a_commit_that_cannot_be_made_fails_the_task_at_once_however_long_the_next_poll_may_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Seldom(SourceTask):
        polls = iter([[record(0)]])

        def poll(self) -> list[Record]:
            self.context.poll_wait_s = 60.0
            return next(self.polls, [])

    traces: list[str] = []
    async with worker_on_a_broken_disk(tmp_path, offset_flush_interval_ms="50") as worker:
        with syncs_fail(monkeypatch, lambda path: "/connect-offsets-" in path):
            await run(worker, Seldom, **{"errors.restart.policy": "none"})
            traces.append(await worker.until_failed("s"))
    (trace,) = traces
    assert "[log.sync_failed]" in trace


async def test_what_fails_behind_the_first_failure_of_a_task_is_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Breaks(SourceTask):
        polls = iter([[record(0)]])

        def poll(self) -> list[Record]:
            if found := next(self.polls, []):
                return found
            raise RuntimeError("the first failure")

    async with worker_on_a_broken_disk(tmp_path) as worker:
        with syncs_fail(monkeypatch, lambda path: "/connect-offsets-" in path):
            await run(worker, Breaks)
            trace = await worker.until_failed("s")
    assert "the first failure" in trace.splitlines()[0]
    assert "and then: " in caplog.text


@pytest.mark.parametrize("support", ["disabled", "enabled"])
async def test_a_source_does_not_write_to_its_own_dead_letter_queue(tmp_path: Path, support: str) -> None:
    class Source(SourceTask):
        def poll(self) -> list[Record]:
            return [record(1, topic="dead")]

    async with running_worker(tmp_path, exactly_once_source_support=support) as worker:
        await run(worker, Source, **{"errors.deadletterqueue.topic.name": "dead", "errors.tolerance": "all"})
        trace = await worker.until_failed("s")
        assert "the source writes to topic 'dead', which is also its dead letter queue" in trace
        assert await worker.values("dead") == []


# -- what became of each record --------------------------------------------------------------------------------------


class Queue(SourceTask):
    """Gives what a journal's list holds, once, and writes down what it is told of each record."""

    journal: Journal
    polls: list[Any]

    def poll(self) -> Any:
        if not self.polls:
            self.context.stopping.wait(0.01)
            return None
        return self.polls.pop(0)

    def commit_records(self, records: Any) -> None:
        for one in records:
            at = None if one.metadata is None else (one.metadata.topic, one.metadata.partition, one.metadata.offset)
            self.journal((one.source_offset["n"], at))


class DropOdd(Transform):
    class_name = "test.DropOdd"

    def apply(self, record: Record) -> Record | None:
        if int(str(record.value)[1:]) % 2:
            return None
        at = {"source_partition": record.source_partition, "source_offset": record.source_offset}
        return Record(record.topic, f"{record.value}!", **at)


async def test_a_source_hears_of_each_record_where_it_landed_or_that_it_was_dropped(
    worker: RunningWorker, journal: Journal
) -> None:
    polls = [[record(n) for n in range(3)], [record(n) for n in range(3, 5)]]
    register(worker.herder, source(type("Odd", (Queue,), {"journal": journal, "polls": polls})), DropOdd)
    transforms = {"transforms": "d", "transforms.d.type": "test.DropOdd"}
    await worker.herder.create("s", {**ODD, **transforms})
    await until(lambda: len(list(journal)) == 5)
    assert list(journal) == [(0, ("t", 0, 0)), (1, None), (2, ("t", 0, 1)), (3, None), (4, ("t", 0, 2))]


async def test_what_became_of_a_record_is_told_at_once_however_long_the_next_poll_may_wait(
    worker: RunningWorker, journal: Journal
) -> None:
    def poll(self: Queue) -> Any:
        self.context.poll_wait_s = 60.0
        return self.polls.pop(0) if self.polls else None

    await run(worker, type("Odd", (Queue,), {"journal": journal, "polls": [[record(0)]], "poll": poll}))
    await until(lambda: list(journal) == [(0, ("t", 0, 0))])


async def test_a_record_that_failed_and_was_skipped_is_told_as_landed_nowhere(
    worker: RunningWorker, journal: Journal
) -> None:
    too_large = record(1, value="x" * 2_000)
    await worker.herder.cluster.admin.create_topic("t", configs={"max.message.bytes": "1000"})
    members = {"journal": journal, "polls": [[record(0), too_large, record(2)]]}
    await run(worker, type("Odd", (Queue,), members), **{"errors.tolerance": "all"})
    await until(lambda: len(list(journal)) == 3)
    assert list(journal) == [(0, ("t", 0, 0)), (1, None), (2, ("t", 0, 1))]


async def test_nothing_is_acknowledged_before_it_is_on_disk(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with worker_on_a_broken_disk(tmp_path, offset_flush_interval_ms="50") as worker:
        await worker.herder.cluster.admin.create_topic("t")
        with syncs_fail(monkeypatch, lambda path: "/t-0/" in path) as failed:
            await run(worker, type("Odd", (Queue,), {"journal": journal, "polls": [[record(0)]]}))
            await until(lambda: failed)
            await worker.until_failed("s")
    assert list(journal) == []


async def test_a_disk_that_takes_too_long_holds_no_acknowledgement_up_for_ever(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sync_file = Disk.sync_file

    def slow(self: Disk, path: Path) -> None:
        if "/t-0/" in str(path):
            journal.wait("disk")
        sync_file(self, path)

    monkeypatch.setattr(Disk, "sync_file", slow)
    async with running_worker(tmp_path, offset_flush_timeout_ms="20") as worker:
        await run(worker, type("Odd", (Queue,), {"journal": journal, "polls": [[record(0)]]}))
        told = "records cannot be acknowledged now: it took longer than offset.flush.timeout.ms=20"
        await until(lambda: told in caplog.text)
        assert worker.herder.status("s").tasks[0].state is State.RUNNING
        assert list(journal) == []
        journal.gate("disk").set()
        await until(lambda: list(journal) == [(0, ("t", 0, 0))])


async def test_the_end_of_a_task_tells_of_what_landed_and_of_nothing_else(
    worker: RunningWorker, journal: Journal
) -> None:
    await worker.herder.cluster.admin.create_topic("t", configs={"max.message.bytes": "1000"})
    polls = [[record(0), record(1), record(2, value="x" * 2_000), record(3)]]
    await run(worker, type("Odd", (Queue,), {"journal": journal, "polls": polls}))
    await worker.until_failed("s")
    await until(lambda: len(list(journal)) == 2)
    assert list(journal) == [(0, ("t", 0, 0)), (1, ("t", 0, 1))]
    assert offsets(worker) == {0: 1}


async def test_a_commit_records_that_raises_ends_no_task_and_is_not_repeated(
    worker: RunningWorker, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    def commit_records(self: Queue, records: Any) -> None:
        Queue.commit_records(self, records)
        raise SystemExit(3)

    members = {"journal": journal, "polls": [[record(0)], [record(1)]], "commit_records": commit_records}
    await run(worker, type("Odd", (Queue,), members))
    await until(lambda: len(list(journal)) == 2)
    await worker.until_state("s", State.RUNNING, tasks=1)
    await worker.herder.stop("s")
    assert [number for number, _ in journal] == [0, 1]
    assert "the task's commit_records failed: PluginError: SystemExit: 3 (commit_records of task s-0" in caplog.text


async def test_a_batch_whose_records_cannot_be_told_apart_is_refused_of_a_task_that_wants_to_hear_of_each(
    worker: RunningWorker, journal: Journal
) -> None:
    batch = Batch("t", ["a", "b"], source_partition={"p": 0}, source_offset={"n": 2})
    await run(worker, type("Odd", (Queue,), {"journal": journal, "polls": [batch]}))
    trace = await worker.until_failed("s")
    expected = "Odd.poll returned source_offset = None; expected one for each record, since the task has commit_records"
    assert trace.startswith(f"{expected} [plugin.broken]")


async def test_a_source_task_is_given_no_transactions_where_the_worker_writes_without(
    worker: RunningWorker, journal: Journal
) -> None:
    class Asks(SourceTask):
        def start(self) -> None:
            journal(self.context.transaction)

        def poll(self) -> None:
            self.context.stopping.wait(0.01)

    await run(worker, Asks)
    await until(lambda: list(journal) == [None])


# -- waking --------------------------------------------------------------------------------------------------------


class Sleepy(SourceTask):
    """Has nothing until somebody gives it something, and would look again in a minute."""

    polled: ClassVar[list[float]]
    ready: ClassVar[list[Record]]

    def start(self) -> None:
        self.context.poll_wait_s = 60.0

    def poll(self) -> list[Record]:
        type(self).polled.append(time.monotonic())
        found, type(self).ready = type(self).ready, []
        return found


def sleepy() -> type[Sleepy]:
    return type("Sleepy", (Sleepy,), {"polled": [], "ready": []})


async def test_a_task_that_calls_wakeup_is_polled_at_once(worker: RunningWorker) -> None:
    task = sleepy()
    await run(worker, task)
    await until(lambda: len(task.polled) == 1)
    runner = worker.herder._worker.runner(TaskId("s", 0))
    assert runner is not None
    task.ready = [record(1)]
    await asyncio.to_thread(runner.context.wakeup)
    await until(lambda: runner.records == 1)


async def test_a_wakeup_while_a_poll_is_under_way_is_not_lost(worker: RunningWorker) -> None:
    class Early(Sleepy):
        polled, ready = [], []

        def poll(self) -> list[Record]:
            if not self.polled:
                self.context.wakeup()
            return super().poll()

    await run(worker, Early)
    await until(lambda: len(Early.polled) >= 2)


async def test_a_source_that_is_woken_for_each_record_is_not_polled_for_each(worker: RunningWorker) -> None:
    class Busy(Sleepy):
        polled, ready = [], []

        def poll(self) -> list[Record]:
            self.context.wakeup()
            super().poll()
            return [record(len(self.polled))] if len(self.polled) % 2 else []

    await run(worker, Busy)
    await until(lambda: len(Busy.polled) > 40)
    assert Busy.polled[40] - Busy.polled[0] >= 20 * 0.005


async def test_a_source_that_is_woken_for_nothing_does_not_spin(worker: RunningWorker) -> None:
    class Nervous(Sleepy):
        polled, ready = [], []

        def poll(self) -> list[Record]:
            self.context.wakeup()
            return super().poll()

    await run(worker, Nervous)
    await until(lambda: len(Nervous.polled) > 20)
    assert Nervous.polled[20] - Nervous.polled[0] >= 20 * 0.005


async def test_wakeups_without_end_pile_up_nothing_on_the_loop(
    worker: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = sleepy()
    await run(worker, task)
    await until(lambda: len(task.polled) == 1)
    runner = worker.herder._worker.runner(TaskId("s", 0))
    assert runner is not None
    loop, scheduled = asyncio.get_running_loop(), list[Any]()
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda function, *args: scheduled.append(function))
    for _ in range(1000):
        runner.context.wakeup()
    monkeypatch.undo()
    (wake,) = scheduled
    task.ready = [record(1)]
    wake()
    await until(lambda: runner.records == 1)
    task.ready = [record(2)]
    runner.context.wakeup()  # is heard again
    await until(lambda: runner.records == 2)


@pytest.mark.parametrize("asked", ["stop", "pause"])
async def test_a_stop_or_a_pause_ends_a_long_wait_for_the_next_poll(worker: RunningWorker, asked: str) -> None:
    task = sleepy()
    await run(worker, task)
    await until(lambda: len(task.polled) == 1)
    began = time.monotonic()
    await getattr(worker.herder, asked)("s")
    wanted = State.STOPPED if asked == "stop" else State.PAUSED
    await until(lambda: worker.herder.status("s").connector.state is wanted)
    await until(lambda: all(one.state is wanted for one in worker.herder.status("s").tasks))
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("told", ["soon", -1, 0, float("nan")])
async def test_a_wait_that_is_no_number_of_seconds_leaves_the_polls_as_they_are(
    worker: RunningWorker, told: Any
) -> None:
    class Odd(Sleepy):
        polled, ready = [], []

        def start(self) -> None:
            self.context.poll_wait_s = told

    await run(worker, Odd)
    await until(lambda: len(Odd.polled) >= 3)


async def test_a_source_that_never_had_anything_is_soon_asked_seldom(worker: RunningWorker) -> None:
    class Empty(Sleepy):
        polled, ready = [], []

        def start(self) -> None:
            pass

    await run(worker, Empty)
    await until(lambda: bool(Empty.polled) and time.monotonic() - Empty.polled[0] > 0.5)
    assert len([at for at in Empty.polled if at - Empty.polled[0] < 0.5]) <= 9


async def test_a_pause_tells_of_what_is_in_the_log_before_it_stands_still(
    worker: RunningWorker, journal: Journal
) -> None:
    def poll(self: Queue) -> Any:
        polled = Queue.poll(self)
        if polled is not None:
            journal("polled")
            journal.wait("paused")
        return polled

    await run(worker, type("Odd", (Queue,), {"journal": journal, "polls": [[record(0)]], "poll": poll}))
    await until(lambda: "polled" in journal)
    await worker.herder.pause("s")
    journal.gate("paused").set()
    await worker.until_state("s", State.PAUSED, tasks=1)
    assert list(journal) in (["polled"], ["polled", (0, ("t", 0, 0))])  # polled once more by the resume, or in the log
    await worker.herder.resume("s")
    await until(lambda: (0, ("t", 0, 0)) in journal)
    assert list(journal) == ["polled", (0, ("t", 0, 0))]


async def test_a_flush_for_acknowledgements_that_cannot_be_made_now_ends_no_task(
    worker: RunningWorker, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_file, refused = Disk.sync_file, []

    def refuse(self: Disk, path: Path) -> None:
        if "/t-0/" in str(path) and not healed:
            refused.append(path)
            raise OSError(errno.EMFILE, "Too many open files")
        sync_file(self, path)

    healed: list[bool] = []
    monkeypatch.setattr(Disk, "sync_file", refuse)
    await run(worker, type("Odd", (Queue,), {"journal": journal, "polls": [[record(0)]]}))
    await until(lambda: refused)
    await worker.herder.pause("s")
    await worker.until_state("s", State.PAUSED, tasks=1)
    assert worker.herder.status("s").tasks[0].state is State.PAUSED
    assert list(journal) == []
    healed.append(True)
    await worker.herder.resume("s")
    await until(lambda: list(journal) == [(0, ("t", 0, 0))])
    assert worker.herder.status("s").tasks[0].state is State.RUNNING


async def test_a_source_that_is_told_of_nothing_polls_no_more_until_it_can_be(
    worker: RunningWorker, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_file, refused = Disk.sync_file, []

    def refuse(self: Disk, path: Path) -> None:
        if "/t-0/" in str(path) and len(refused) < 3:
            refused.append(path)
            raise OSError(errno.EMFILE, "Too many open files")
        sync_file(self, path)

    monkeypatch.setattr(Disk, "sync_file", refuse)
    monkeypatch.setattr("connect.runtime.tasks.acknowledgements.WAITING_MAX", 2)
    monkeypatch.setattr("connect.runtime.tasks.source_task.FLUSH_AGAIN_S", 0.05)
    polls = [[record(n), record(n + 1)] for n in range(0, 8, 2)]
    await run(worker, type("Odd", (Queue,), {"journal": journal, "polls": polls}))
    await until(lambda: len(list(journal)) == 8)
    assert [number for number, _ in journal] == list(range(8))
    assert len(refused) == 3
    assert worker.herder.status("s").tasks[0].state is State.RUNNING


# -- at most once, and retries that end --------------------------------------------------------------------------------


async def test_at_most_once_offsets_are_stored_and_acknowledged_before_the_records_are_appended(
    worker: RunningWorker, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Once(SourceTask):
        def poll(self) -> Record | None:
            if "polled" in journal:
                self.context.stopping.wait(0.01)
                return None
            journal("polled")
            return record(7)

        def commit(self, done: Any) -> None:
            journal(("acknowledged", [offset["n"] for _, offset in done]))

    await worker.herder.cluster.admin.create_topic("t")
    with disk_refuses(monkeypatch, lambda path: "/t-0/" in path):
        await run(worker, Once, **{"delivery.guarantee": "at-most-once"})
        await until(lambda: ("acknowledged", [7]) in journal)
        assert offsets(worker) == {0: 7}
        assert worker.records("s") == 0  # the disk takes none
    await worker.until(lambda: worker.records("s") == 1)
    assert await worker.values("t") == [b"v7"]


async def test_at_most_once_a_restart_goes_on_behind_what_was_stored(worker: RunningWorker, journal: Journal) -> None:
    class Counts(SourceTask):
        def poll(self) -> Record | None:
            done = self.context.offset({"p": 0})
            number = done["n"] + 1 if done else 0
            if number > 3:
                self.context.stopping.wait(0.01)
                return None
            if number == 2 and "failed" not in journal:
                journal("failed")
                raise ValueError("once")
            return record(number)

    await run(worker, Counts, **{"delivery.guarantee": "at-most-once"})
    await worker.until_failed("s")
    assert offsets(worker) == {0: 1}
    first = await worker.values("t")
    assert first in ([b"v0"], [b"v0", b"v1"])  # what was in hand as it failed is appended or not, and never again
    await worker.herder.restart("s", include_tasks=True, only_failed=False)
    await worker.until(lambda: offsets(worker) == {0: 3})
    await worker.herder.stop("s")
    await worker.until_state("s", State.STOPPED)
    assert await worker.values("t") == [*first, b"v2", b"v3"]


async def test_a_poll_that_never_succeeds_gives_up_on_time_with_the_whole_story(worker: RunningWorker) -> None:
    class Away(SourceTask):
        def poll(self) -> Record | None:
            raise RetriableError("the server is away", retry_after_ms=40)

    await run(worker, Away, **{"errors.retry.timeout": "300"})
    first_line = (await worker.until_failed("s")).splitlines()[0]
    assert first_line.startswith("the server is away (given up after ")
    assert first_line.endswith("errors.retry.timeout=300) [retriable]")


async def test_without_tolerance_the_records_before_one_that_a_transform_cannot_take_are_appended_once(
    worker: RunningWorker, journal: Journal
) -> None:
    class Once(SourceTask):
        def poll(self) -> Batch | None:
            done = self.context.offset({"p": 0})
            start = done["n"] if done else 0
            if start >= 5 or getattr(self, "was_polled", False):
                self.context.stopping.wait(0.01)
                return None
            self.was_polled = True
            values = [f"v{n}" for n in range(start, 5)]
            return Batch("t", values, source_partition={"p": 0}, source_offset={"n": 5})

        def offset_within(self, batch: Batch, count: int) -> Any:
            return {"n": int(batch.values[count][1:])}

    class Picky(Transform):
        class_name = "test.Picky"

        def apply(self, record: Record) -> Record:
            if record.value == "v3" and "mended" not in journal:
                raise ValueError("not this one")
            return record

    register(worker.herder, Picky)
    await run(worker, Once, transforms="p", **{"transforms.p.type": "test.Picky"})
    trace = await worker.until_failed("s")
    assert trace.startswith(
        "ValueError: not this one (transform 'p', topic t, source partition {'p': 0}, "
        "record 4 of 5 up to source offset {'n': 5})"
    )
    assert await worker.values("t") == [b"v0", b"v1", b"v2"]
    assert offsets(worker) == {0: 3}
    journal("mended")
    await worker.herder.restart("s", include_tasks=True, only_failed=False)
    await until(lambda: offsets(worker) == {0: 5})
    assert await worker.values("t") == [b"v0", b"v1", b"v2", b"v3", b"v4"]
