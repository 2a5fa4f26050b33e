"""The order of appends, who waits for what, and what a failure tells whom."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from connect.api import EnvironmentFault
from connect.api.errors import LogError
from connect.log.clients.append_queue import PENDING_MAX, AppendQueue
from connect.log.threads import Threads
from tests.log.conftest import batch_of, until, values_in


@pytest.fixture
async def threads() -> AsyncIterator[Threads]:
    threads = Threads()
    yield threads
    threads.close()
    threads.join()


@pytest.fixture
def told() -> list[None]:
    """Filled each time that readers can see more."""
    return []


@pytest.fixture
async def queue(threads: Threads, told: list[None]) -> AppendQueue:
    return AppendQueue(threads, lambda: told.append(None))


def writes(partition, *values: bytes) -> Callable:
    return lambda: ((partition,), partition.append([batch_of(value) for value in values]))


async def test_writes_are_done_in_the_order_of_the_calls_and_answered_with_their_offsets(queue, make_partition):
    partition = make_partition()
    appends = [queue.append(writes(partition, b"%d" % number, b"-"), "written") for number in range(50)]
    assert await asyncio.gather(*appends) == list(range(0, 100, 2))
    assert values_in(partition)[::2] == [b"%d" % number for number in range(50)]


async def test_readers_are_told_once_they_can_see_it(queue, make_partition, told):
    await queue.append(writes(make_partition(), b"a"), "written")
    assert told


async def test_a_durable_append_is_answered_once_it_is_on_disk_and_holds_up_no_other(queue, make_partition, disk):
    partition = make_partition()
    gate = disk.hold("sync_file", ".log")
    durable = asyncio.ensure_future(queue.append(writes(partition, b"a"), "durable"))
    await asyncio.to_thread(gate.arrived.wait, 10)
    assert await queue.append(writes(partition, b"b"), "written") == 1
    assert not durable.done()
    gate.open()
    assert await durable == 0
    assert partition.is_synced_to(1)


async def test_flush_messages_makes_an_append_durable(queue, make_partition):
    partition = make_partition(flush_messages="2")
    await queue.append(writes(partition, b"a"), "written")
    assert not partition.is_synced
    await queue.append(writes(partition, b"b"), "written")
    assert partition.is_synced


async def test_a_failed_write_is_told_to_its_caller_alone(queue, make_partition, disk):
    partition = make_partition()
    await queue.append(writes(partition, b"a"), "written")
    disk.refuse("write_at", ".log", times=1)
    failed, fine = await asyncio.gather(
        queue.append(writes(partition, b"b"), "written"),
        queue.append(writes(partition, b"c"), "written"),
        return_exceptions=True,
    )
    assert isinstance(failed, EnvironmentFault)
    assert fine == 1
    assert values_in(partition) == [b"a", b"c"]


async def test_a_failed_sync_is_told_to_those_who_wait_for_the_disk(queue, make_partition, disk):
    partition = make_partition()
    disk.refuse("sync_file", ".log", times=1)
    with pytest.raises(EnvironmentFault, match="cannot sync"):
        await queue.append(writes(partition, b"a"), "durable")


async def test_what_nobody_waits_for_fails_at_the_next_drain_and_once(queue, make_partition, disk):
    partition = make_partition()
    disk.refuse("write_at", ".log", times=1)
    assert await queue.append(writes(partition, b"a"), "none") == -1
    with pytest.raises(EnvironmentFault):
        await queue.drain()
    await queue.drain()


async def test_beyond_the_bound_an_append_that_nobody_waits_for_waits_all_the_same(queue, make_partition, disk):
    partition = make_partition()
    await queue.append(writes(partition, b"first"), "written")
    gate = disk.hold("write_at", ".log")
    async with asyncio.timeout(10):
        for number in range(PENDING_MAX):
            await queue.append(writes(partition, b"%d" % number), "none")
    one_more = asyncio.ensure_future(queue.append(writes(partition, b"more"), "none"))
    await asyncio.wait([one_more], timeout=0.05)
    assert not one_more.done()
    gate.open()
    await one_more
    assert len(values_in(partition)) == PENDING_MAX + 2


async def test_a_cancelled_caller_s_append_is_written_and_waited_for_at_the_end(queue, make_partition, disk):
    partition = make_partition()
    gate = disk.hold("write_at", ".log")
    append = asyncio.ensure_future(queue.append(writes(partition, b"a"), "written"))
    await asyncio.to_thread(gate.arrived.wait, 10)
    append.cancel()
    closing = asyncio.ensure_future(queue.aclose())
    await asyncio.wait([closing], timeout=0.05)
    assert not closing.done()
    gate.open()
    await closing
    assert values_in(partition) == [b"a"]


async def test_a_queue_whose_log_was_closed_says_so_to_all_who_wait(queue, threads):
    going, go = threading.Event(), threading.Event()

    def write():
        going.set()
        go.wait(10)
        return (), 0

    first = asyncio.ensure_future(queue.append(write, "written"))
    await asyncio.to_thread(going.wait, 10)
    second = asyncio.ensure_future(queue.append(write, "written"))
    await asyncio.sleep(0)  # queued
    threads.close()
    go.set()
    assert await first == 0
    with pytest.raises(LogError, match="closed"):
        await second


async def test_flush_ms_brings_to_disk_what_nobody_asked_to(queue, make_partition):
    partition = make_partition(flush_ms="5")
    await queue.append(writes(partition, b"a"), "written")
    await until(lambda: partition.is_synced)
