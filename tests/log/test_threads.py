"""The log's own threads: calls in an answer of their own, fsyncs shared by those who ask meanwhile."""

from __future__ import annotations

import asyncio
import threading

import pytest

from connect.api import LogError
from connect.log.threads import Threads
from tests.support.worker import until


class Slow:
    """A partition whose fsync takes as long as a test says."""

    name = "orders-0"
    is_synced = False

    def __init__(self) -> None:
        self.syncs = 0
        self.begun, self.go = threading.Event(), threading.Event()

    def sync(self) -> None:
        self.syncs += 1
        self.begun.set()
        assert self.go.wait(10)


async def test_those_who_ask_while_an_fsync_is_under_way_share_the_next_one():
    threads, slow = Threads(), Slow()
    first = asyncio.create_task(threads.sync([slow]))
    assert await asyncio.to_thread(slow.begun.wait, 10)
    others = [asyncio.create_task(threads.sync([slow])) for _ in range(5)]
    await asyncio.sleep(0)
    slow.go.set()
    await asyncio.gather(first, *others)
    assert slow.syncs == 2
    await until(lambda: sum(threads.syncs.seconds.counts) == 2)  # those who ask are told before it is timed
    threads.close()
    assert threads.join() == []


async def test_a_log_that_is_closed_takes_no_call():
    threads = Threads()
    assert await threads.run(lambda: 3) == 3
    threads.close()
    with pytest.raises(LogError, match="the log is closed"):
        await threads.run(lambda: 3)
    assert threads.join() == []
