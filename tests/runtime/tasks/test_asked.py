"""What a task is asked for from outside, and the waits that it ends."""

from __future__ import annotations

import asyncio

import pytest

from connect.runtime.tasks.asked import IDLE_TICK_S, LONG_TICK_S, Asked, idle_wait_s, wait_idle


async def test_a_pause_shows_until_the_resume_and_a_stop_stays() -> None:
    asked = Asked()

    def seen() -> tuple[bool, bool, bool, bool]:
        return asked.is_stopping, asked.is_pausing, asked.either.is_set(), asked.interrupted.is_set()

    assert seen() == (False, False, False, False)
    asked.pause()
    assert seen() == (False, True, True, True)
    asked.resume()
    assert seen() == (False, False, False, False)
    asked.pause()
    asked.stop()
    assert seen() == (True, False, True, True)
    asked.resume()
    assert seen() == (True, False, True, True)


async def test_a_stop_ends_a_wait_at_once_and_none_begins_behind_it() -> None:
    asked = Asked()
    assert not await asked.wait_stopping(0.001)
    waiting = asyncio.create_task(asked.wait_stopping(3600))
    await asyncio.sleep(0)
    asked.stop()
    async with asyncio.timeout(30):
        assert await waiting
        assert await asked.wait_stopping(3600)


async def test_a_wait_for_nothing_says_whether_something_ended_it() -> None:
    until = asyncio.Event()
    assert not await wait_idle(0.001, until)
    until.set()
    assert await wait_idle(3600, until)


@pytest.mark.parametrize(("seconds", "tick_s"), [(0.5, IDLE_TICK_S), (30.0, LONG_TICK_S)])
async def test_long_waits_end_together_and_not_before_their_time(seconds: float, tick_s: float) -> None:
    now = asyncio.get_running_loop().time()
    waits = idle_wait_s(seconds)
    assert seconds <= waits <= seconds + tick_s
    assert (now + waits) % tick_s == pytest.approx(0, abs=0.05) or (now + waits) % tick_s > tick_s - 0.05
    assert idle_wait_s(0.01) == 0.01
