from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connect.api import PluginError
from connect.api.functions import async_flows
from connect.api.functions.async_flows import TaskFlow
from connect.api.functions.flows import ITEMS

DEADLINE_S = 10.0


async def drained_async(flow: TaskFlow) -> list[Any]:
    found = []
    async with asyncio.timeout(DEADLINE_S):
        while not flow.is_over:
            found += await flow.take()
    return found


async def async_numbers(count: int) -> AsyncIterator[int]:
    for n in range(count):
        yield n


@pytest.mark.parametrize("count", [0, 1, ITEMS - 1, ITEMS, ITEMS + 1, 3 * ITEMS + 5])
async def test_an_async_generator_is_gone_through_once_in_order(count: int) -> None:
    assert await drained_async(TaskFlow(lambda: async_numbers(count), "flow")) == list(range(count))


async def test_an_async_generator_that_catches_its_end_and_goes_on_ends_at_its_next_item() -> None:
    begun = asyncio.Event()

    async def stubborn() -> AsyncIterator[int]:
        while True:
            try:
                begun.set()
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                yield 1

    flow = TaskFlow(stubborn, "flow")
    await asyncio.wait_for(begun.wait(), DEADLINE_S)
    await asyncio.wait_for(flow.aclose(), DEADLINE_S)


async def test_an_item_of_an_async_generator_is_handed_over_before_it_waits_for_the_next() -> None:
    go_on = asyncio.Event()

    async def one_then_wait() -> AsyncIterator[int]:
        yield 1
        await go_on.wait()
        yield 2

    flow = TaskFlow(one_then_wait, "flow")
    assert await flow.take() == [1]
    assert await flow.take() == []
    go_on.set()
    assert await drained_async(flow) == [2]


async def test_no_more_of_an_async_generator_is_made_than_one_poll_takes() -> None:
    made: list[int] = []

    async def endless() -> AsyncIterator[int]:
        while True:
            made.append(len(made))
            yield made[-1]

    flow = TaskFlow(endless, "flow")
    taken = await flow.take()
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(taken) == ITEMS
    assert len(made) <= ITEMS + 1
    await flow.aclose()


@pytest.mark.parametrize("error", [ValueError("odd"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
async def test_what_an_async_generator_raised_is_raised_where_it_is_taken_and_ends_no_loop(
    error: BaseException,
) -> None:
    async def raising() -> AsyncIterator[int]:
        yield 1
        raise error

    flow = TaskFlow(raising, "flow")
    assert await flow.take() == [1]
    with pytest.raises(type(error)):
        await drained_async(flow)
    assert flow.is_over


async def test_a_generator_that_is_cancelled_from_within_is_an_error_and_no_cancelled_poll() -> None:
    async def cancelled() -> AsyncIterator[int]:
        raise asyncio.CancelledError
        yield 1

    flow = TaskFlow(cancelled, "flow")
    with pytest.raises(PluginError, match="cancelled from within"):
        await drained_async(flow)


async def test_a_poll_that_is_cancelled_loses_nothing() -> None:
    go_on = asyncio.Event()

    async def later() -> AsyncIterator[int]:
        await go_on.wait()
        yield 1

    flow = TaskFlow(later, "flow")
    waiting = asyncio.ensure_future(flow.take())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    assert await drained_async(flow) == [1]


async def test_a_closed_async_generator_is_cancelled_where_it_waits_and_runs_its_finally() -> None:
    ended: list[str] = []

    async def endless() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            ended.append("here")

    flow = TaskFlow(endless, "flow")
    await flow.take()
    await flow.aclose()
    assert ended == ["here"]


async def test_what_goes_wrong_in_a_finally_of_an_async_generator_is_told_by_close() -> None:
    async def cleaning_up_badly() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            raise OSError("still open")

    flow = TaskFlow(cleaning_up_badly, "flow")
    await flow.take()
    with pytest.raises(OSError, match="still open"):
        await flow.aclose()
    await flow.aclose()  # which is told once


async def test_an_async_generator_that_does_not_end_is_left_behind_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_flows, "CLOSE_S", 0.1)
    go_on = asyncio.Event()

    async def hanging() -> AsyncIterator[int]:
        while not go_on.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await go_on.wait()
        yield 1

    flow = TaskFlow(hanging, "flow")
    await flow.take()
    with pytest.raises(PluginError, match=r"the generator of flow did not end within 0\.1 s"):
        await asyncio.wait_for(flow.aclose(), DEADLINE_S)
    go_on.set()
    await asyncio.wait_for(flow.aclose(), DEADLINE_S)
