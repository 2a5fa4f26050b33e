from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connect.api import RetriableError, source
from tests.support.tasks import poll, source_task, stop

DEADLINE_S = 10.0


async def test_a_poll_of_an_async_generator_may_be_cancelled_and_nothing_is_lost() -> None:
    go_on = asyncio.Event()

    @source
    async def later(topic: str) -> AsyncIterator[Any]:
        await go_on.wait()
        yield "late", 1

    task = await source_task(later, {"topic": "t"})
    waiting = asyncio.ensure_future(poll(task))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    async with asyncio.timeout(DEADLINE_S):
        while not (batches := await poll(task)):
            pass
    assert [batch.values for batch in batches] == [["late"]]
    await stop(task)


async def test_an_async_generator_that_raised_begins_again_behind_what_it_gave() -> None:
    @source
    async def shaky(topic: str) -> AsyncIterator[Any]:
        from connect.api import resume

        begun = resume(0)
        for n in range(begun, 4):
            if n == 2 and begun == 0:
                raise RetriableError("away")
            yield n, n + 1

    task = await source_task(shaky, {"topic": "t"})
    found: list[Any] = []
    failures = 0
    async with asyncio.timeout(DEADLINE_S):
        while len(found) < 4:
            try:
                found += [value for batch in await poll(task) for value in batch.values]
            except RetriableError:
                failures += 1
    assert (found, failures) == ([0, 1, 2, 3], 1)
    await stop(task)


async def test_a_stop_ends_an_async_generator_where_it_waits() -> None:
    ended: list[str] = []

    @source
    async def waiting(topic: str) -> AsyncIterator[Any]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            ended.append("here")

    task = await source_task(waiting, {"topic": "t"})
    assert await poll(task)
    await stop(task)
    assert ended == ["here"]
    never_polled = await source_task(waiting, {"topic": "t"})
    await stop(never_polled)
