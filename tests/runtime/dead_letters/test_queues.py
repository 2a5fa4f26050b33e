"""Queues are read in order, in parts, up to where they ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from connect.api import ConfigError, NotFoundError, UnknownTopicOrPartitionError
from connect.app import open_cluster
from connect.records import Columns
from connect.runtime.dead_letters.queues import cursor_of, cursor_text, look, one, steps


@pytest.fixture
async def cluster(tmp_path: Path):
    opened = await open_cluster(tmp_path / "data")
    await opened.admin.create_topic("dead", partitions=2)
    producer = opened.producer(client_id="test")
    for partition in (0, 1):
        await producer.append("dead", Columns([b"%d" % n for n in range(7)]), partition=partition)
    await producer.aclose()
    yield opened
    await opened.aclose()


async def test_each_letter_is_there_once_whatever_the_steps(cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connect.runtime.dead_letters.queues.STEP", 3)
    queue = await look(cluster, "dead")
    found = [(at.partition, letter.offset) async for at, _, part in steps(cluster, queue, {}) for letter in part]
    assert found == [(partition, offset) for partition in (0, 1) for offset in range(7)]
    rest = [
        (at.partition, letter.offset) async for at, _, part in steps(cluster, queue, {0: 7, 1: 5}) for letter in part
    ]
    assert rest == [(1, 5), (1, 6)]
    assert queue.size == 14


async def test_one_letter_is_found_or_told_where_there_are_some(cluster) -> None:
    queue = await look(cluster, "dead")
    assert (await one(cluster, queue, 1, 5)).value == b"5"
    for partition, offset in ((0, 7), (2, 0), (0, -1)):
        with pytest.raises(NotFoundError, match="there are 0@0 to 6, 1@0 to 6"):
            await one(cluster, queue, partition, offset)


async def test_what_is_no_queue_is_refused(cluster) -> None:
    with pytest.raises(UnknownTopicOrPartitionError):
        await look(cluster, "none")
    await cluster.admin.create_topic("__connect_dead_letters")
    with pytest.raises(ConfigError, match="is internal"):
        await look(cluster, "__connect_dead_letters")


async def test_a_cursor_goes_to_and_fro_and_another_text_is_refused(cluster) -> None:
    queue = await look(cluster, "dead")
    assert cursor_text(queue, {0: 7, 1: 3}) == "0:7,1:3"
    assert cursor_of("0:7,1:3") == {0: 7, 1: 3}
    assert cursor_text(queue, {0: 7, 1: 7}) is None
    assert cursor_of(None) == {}
    for bad in ("x", "0:", "0:-1", "0:1,", "²:1"):
        with pytest.raises(ConfigError, match="'next' of the answer before"):
            cursor_of(bad)
