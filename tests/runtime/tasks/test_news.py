"""What a source's plugin hears of: each offset until it has taken it, and each record once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from connect.api import Batch, SourceTask
from connect.runtime.border.calls import TaskThread
from connect.runtime.tasks.acknowledgements import Acknowledgements
from connect.runtime.tasks.news import News

P, Q = {"p": 0}, {"p": 1}


class Hears(SourceTask):
    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.refuses = False

    def commit(self, offsets: Any) -> None:
        self.heard.append({partition["p"]: offset["n"] for partition, offset in offsets})
        if self.refuses:
            raise ValueError("not now")

    def commit_records(self, records: Any) -> None:
        self.heard.append([record.source_offset["n"] for record in records])
        if self.refuses:
            raise ValueError("not now")


@pytest.fixture
def thread() -> Iterator[TaskThread]:
    made = TaskThread("test")
    yield made
    made.close()


def news_of(thread: TaskThread, plugin: Hears, acks: Acknowledgements | None = None) -> News:
    return News(thread, plugin, acks, logging.getLogger("test"))


async def test_the_newest_offset_of_each_partition_is_told_and_nothing_twice(thread: TaskThread) -> None:
    plugin = Hears()
    news = news_of(thread, plugin)
    await news.tell()
    news.committed([(P, {"n": 1}), (Q, {"n": 5})])
    news.committed([(P, {"n": 2})])
    await news.tell()
    await news.tell()
    assert plugin.heard == [{0: 2, 1: 5}]


async def test_offsets_that_a_plugin_did_not_take_come_again_with_the_next_ones(
    thread: TaskThread, caplog: pytest.LogCaptureFixture
) -> None:
    plugin = Hears()
    news = news_of(thread, plugin)
    plugin.refuses = True
    news.committed([(P, {"n": 1}), (Q, {"n": 5})])
    await news.tell()
    plugin.refuses = False
    await news.tell()  # there is nothing new
    news.committed([(P, {"n": 2})])
    await news.tell()
    assert plugin.heard == [{0: 1, 1: 5}, {0: 2, 1: 5}]
    assert "commit failed" in caplog.text


async def test_records_are_told_before_offsets_and_once_whatever_the_plugin_does(thread: TaskThread) -> None:
    plugin = Hears()
    acks = Acknowledgements(plugin)
    news = news_of(thread, plugin, acks)
    polled = acks.told_apart([Batch("t", [1, 2], source_partition=P, source_offsets=[{"n": 1}, {"n": 2}])])
    acks.polled(polled, is_whole=True)
    acks.durable(acks.take())
    news.committed([(P, {"n": 2})])
    plugin.refuses = True
    await news.tell()
    await news.tell()
    assert plugin.heard == [[1, 2], {0: 2}]
