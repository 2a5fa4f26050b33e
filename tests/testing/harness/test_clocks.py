from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from connect.api import source
from connect.testing import Clock, SourceHarness
from connect.testing.harness.loops import LoopThread


def test_a_clock_moves_every_time_that_this_process_sees_and_gives_it_back() -> None:
    real = (time.time, time.monotonic, time.time_ns, time.monotonic_ns)
    with Clock() as clock:
        before = (time.time(), time.monotonic(), time.time_ns() / 1e9, time.monotonic_ns() / 1e9)
        clock.advance(3600)
        after = (time.time(), time.monotonic(), time.time_ns() / 1e9, time.monotonic_ns() / 1e9)
        assert all(3600 <= later - earlier < 3610 for earlier, later in zip(before, after, strict=True))
    assert (time.time, time.monotonic, time.time_ns, time.monotonic_ns) == real


def test_what_sleeps_on_a_harnesss_loop_is_woken() -> None:
    @source
    async def hourly(topic: str) -> Iterator[int]:  # type: ignore[misc]
        for n in range(3):
            yield n
            await asyncio.sleep(3600)

    with Clock() as clock, SourceHarness(hourly, {"topic": "t"}) as harness:
        assert [record.value for record in harness.records(1)] == [0]
        clock.advance(3600)
        assert [record.value for record in harness.records(1)] == [1]


def test_an_interval_passes_at_once() -> None:
    @source(interval_s=3600)
    def hourly(topic: str) -> int:
        return 1

    with Clock() as clock, SourceHarness(hourly, {"topic": "t"}) as harness:
        assert len(harness.records(1)) == 1
        assert harness.poll() == []
        clock.advance(3600)
        assert len(harness.records(1)) == 1


def test_a_clock_goes_forward_and_there_is_one() -> None:
    clock = Clock()
    with pytest.raises(AssertionError, match="as a context manager"):
        clock.advance(1)
    with clock:
        with pytest.raises(ValueError, match="goes forward"):
            clock.advance(-1)
        with pytest.raises(AssertionError, match="another clock"), Clock():
            pytest.fail("two clocks")
    loop = LoopThread("closed")
    loop.close()
    with clock:
        clock.advance(1)  # a loop that was closed is no trouble


def test_what_outlives_a_clock_goes_on_and_then_the_real_time_is_back() -> None:
    @source
    async def ticking(topic: str) -> AsyncIterator[int]:
        for n in range(1000):
            yield n
            await asyncio.sleep(0.01)

    real = (time.time, time.monotonic, time.time_ns, time.monotonic_ns)
    with SourceHarness(ticking, {"topic": "t"}) as harness:
        for _ in range(2):
            with Clock() as clock:
                clock.advance(3600)
                harness.records(3)
            assert (time.time, time.time_ns) == (real[0], real[2])
            harness.records(30)
    assert (time.time, time.monotonic, time.time_ns, time.monotonic_ns) == real


def test_a_clock_that_is_used_again_begins_at_the_real_time() -> None:
    clock = Clock()
    with clock:
        clock.advance(3600)
    before = time.monotonic()
    with clock:
        assert time.monotonic() - before < 60
