"""The poll that is being appended: what of it counts where it is cut, takes its time or fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from connect.api import Batch, SourceTask
from connect.records import Columns
from connect.runtime.border.calls import TaskThread
from connect.runtime.tasks.half_way import HalfWay
from connect.runtime.tasks.outgoing import Outgoing

P = {"p": 0}


class Tells(SourceTask):
    def __init__(self) -> None:
        self.answer: Any = {"n": 3}

    def offset_within(self, batch: Batch, count: int) -> Any:
        return self.answer


@pytest.fixture
def thread() -> Iterator[TaskThread]:
    made = TaskThread("test")
    yield made
    made.close()


class Poll:
    """A poll of four records on its way, and what was reached of it."""

    def __init__(self, thread: TaskThread, plugin: SourceTask, *, each: bool, noted_each_s: float = 0.0) -> None:
        own: Any = [{"n": n} for n in (1, 2, 3, 4)] if each else None
        self.batch = Batch("t", [1, 2, 3, 4], source_partition=P, source_offset={"n": 4}, source_offsets=own)
        self.out = Outgoing("t", None, Columns([b""] * 4), P, {"n": 4}, own)
        self.appended: list[Outgoing] = []
        self.reached: list[int] = []
        self.half_way = HalfWay(
            thread,
            plugin,
            noted_each_s=noted_each_s,
            reached=lambda offsets: self.reached.extend(offset["n"] for _, offset in offsets),
            log=logging.getLogger("test"),
        )
        self.begin()

    def begin(self, *, is_whole: bool = False) -> None:
        self.half_way.begin([self.batch], self.appended, is_whole=is_whole)

    def append(self, stop: int) -> list[Outgoing]:
        """Append up to a record; return what is left."""
        self.appended[:] = [self.out.cut(0, stop)]
        return [self.out.cut(stop, 4)]


async def test_a_poll_may_end_where_each_record_has_its_offset_or_the_source_can_tell(thread: TaskThread) -> None:
    for plugin, each, may in ((SourceTask(), True, True), (SourceTask(), False, False), (Tells(), False, True)):
        poll = Poll(thread, plugin, each=each)
        assert poll.half_way.may_end(poll.append(2)) is may
        poll.begin(is_whole=True)
        assert not poll.half_way.may_end(poll.append(2))


async def test_note_is_taken_of_a_poll_that_takes_its_time_and_not_of_each_slice(thread: TaskThread) -> None:
    slow, quick = Poll(thread, SourceTask(), each=True), Poll(thread, SourceTask(), each=True, noted_each_s=60)
    for poll in (slow, quick):
        for stop in (1, 2):
            poll.half_way.note(lambda poll=poll, stop=stop: poll.append(stop), poll.half_way.may_end)
    assert (slow.reached, quick.reached) == ([1, 2], [])


async def test_of_a_poll_that_failed_counts_what_lies_before_the_first_record_that_is_left(thread: TaskThread) -> None:
    poll = Poll(thread, SourceTask(), each=True)
    poll.half_way.failed(poll.append(3))
    await poll.half_way.ask()
    assert poll.reached == [3]


async def test_a_source_tells_how_far_a_batch_came_that_has_no_offsets_within(thread: TaskThread) -> None:
    poll = Poll(thread, Tells(), each=False)
    poll.half_way.failed(poll.append(3))
    assert poll.reached == []
    await poll.half_way.ask()
    assert poll.reached == [3]


async def test_an_answer_that_is_no_offset_leaves_the_batch_to_come_again(
    thread: TaskThread, caplog: pytest.LogCaptureFixture
) -> None:
    plugin = Tells()
    plugin.answer = "the third"
    poll = Poll(thread, plugin, each=False)
    poll.half_way.failed(poll.append(3))
    await poll.half_way.ask()
    assert poll.reached == []
    assert "3 records of a batch that failed will come again" in caplog.text
