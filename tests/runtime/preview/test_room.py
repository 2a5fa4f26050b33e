"""The room of a preview: one time for all of its calls, and an end for all that was opened."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from connect.runtime.border.calls import PluginTimeoutError
from connect.runtime.border.watchdog import Watchdog
from connect.runtime.preview.room import OutOfTimeError, Room


def room(timeout_s: float) -> Room:
    return Room("x", "test.Plugin", Watchdog(), timeout_s)


async def test_calls_share_one_time() -> None:
    own = room(0.2)
    gate = threading.Event()
    with pytest.raises(PluginTimeoutError):
        await own.run(gate.wait, 10)
    with pytest.raises(OutOfTimeError):
        await own.call(time.monotonic)
    gate.set()
    await own.release()


async def test_all_is_released_the_last_first_whatever_fails() -> None:
    own, done = room(5), list[str]()

    async def release(name: str) -> None:
        done.append(name)
        if name == "b":
            raise ValueError("no")

    for name in "abc":
        own.later(name, lambda name=name: release(name))  # type: ignore[misc]
    await own.release()
    assert done == ["c", "b", "a"]
    assert own.stopping.is_set()


async def test_what_does_not_release_is_left_behind() -> None:
    own = room(5)
    own.later("hanging", lambda: asyncio.sleep(60))
    began = time.monotonic()
    await own.release()
    assert time.monotonic() - began < 10


async def test_a_wait_ends_with_its_event() -> None:
    own, event = room(5), asyncio.Event()
    event.set()
    began = time.monotonic()
    await own.wait(event, 4)
    assert time.monotonic() - began < 3
    await own.release()


async def test_who_is_cancelled_while_it_releases_has_released_all_before_it_ends() -> None:
    own, done = room(5), list[str]()
    gate, begun = asyncio.Event(), asyncio.Event()
    await own.run(time.monotonic)  # its thread is there

    async def slow() -> None:
        begun.set()
        await gate.wait()
        done.append("slow")

    async def quick() -> None:
        done.append("quick")

    own.later("quick", quick)
    own.later("slow", slow)
    work = asyncio.create_task(own.release())
    await begun.wait()
    for _ in range(2):  # the client goes, and the worker stops
        work.cancel()
        await asyncio.sleep(0)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (done, own.thread.closed_at is not None) == (["slow", "quick"], True)
