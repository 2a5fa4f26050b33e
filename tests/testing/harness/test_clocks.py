from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

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
