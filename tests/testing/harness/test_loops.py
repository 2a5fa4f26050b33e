from __future__ import annotations

import asyncio
import threading

import pytest

from connect.testing.harness.loops import LoopThread, until


def test_a_coroutine_runs_to_its_end_on_the_loops_own_thread() -> None:
    loop = LoopThread("some loop")

    async def where() -> str:
        return threading.current_thread().name

    assert loop.run(where()) == "some loop"
    loop.close()
    loop.close()  # once more is nothing
    assert not [thread for thread in threading.enumerate() if thread.name == "some loop"]


def test_what_is_late_is_cancelled_and_told() -> None:
    loop, cancelled = LoopThread("loop"), threading.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError, match=r"the step was not over within 0\.05 s"):
        loop.run(wait(), limit_s=0.05, what="the step")
    assert cancelled.wait(10)
    loop.close()


def test_a_timeout_of_the_coroutines_own_is_its_own() -> None:
    loop = LoopThread("loop")

    async def fail() -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        loop.run(fail())
    loop.close()


def test_what_is_left_on_a_loop_is_cancelled_as_it_closes() -> None:
    loop, ended = LoopThread("loop"), threading.Event()

    async def leave() -> None:
        async def forever() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        loop.loop.create_task(forever(), name="left")
        await asyncio.sleep(0)

    loop.run(leave())
    loop.close()
    assert ended.is_set()


def test_a_condition_that_does_not_hold_is_named() -> None:
    until(lambda: True)
    with pytest.raises(AssertionError, match=r"not within 0\.02 s: the moon is full"):
        until(lambda: False, deadline_s=0.02, what="the moon is full")
