"""Awaits are counted in the tasks that are meant, and one of them is broken off."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connect.testing.crash.await_points import AwaitPoints

HERE = Path(__file__).name


async def walk(steps: int, reached: list[int]) -> int:
    for number in range(steps):
        await asyncio.sleep(0)
        reached.append(number)
    return steps


async def counted(at: int, folder: str = HERE) -> tuple[AwaitPoints, asyncio.Task[int], list[int]]:
    loop, reached = asyncio.get_running_loop(), list[int]()
    points = AwaitPoints(at, asyncio.CancelledError, folder=folder)
    before = loop.get_task_factory()
    points.install(loop)
    try:
        task = asyncio.create_task(walk(3, reached))
    finally:
        loop.set_task_factory(before)
    await asyncio.wait({task})
    return points, task, reached


async def test_each_await_of_a_task_is_counted_and_so_is_its_beginning() -> None:
    points, task, reached = await counted(0)
    assert (points.count, task.result(), reached) == (4, 3, [0, 1, 2])


@pytest.mark.parametrize(("at", "left"), [(1, []), (2, []), (3, [0]), (4, [0, 1])])
async def test_the_await_that_is_meant_is_broken_off(at: int, left: list[int]) -> None:
    points, task, reached = await counted(at)
    assert task.cancelled()
    assert reached == left
    assert points.where.startswith("walk:")


async def test_tasks_of_other_files_are_left_alone() -> None:
    points, task, reached = await counted(1, folder="/connect/runtime/tasks/")
    assert (points.count, task.result(), len(reached)) == (0, 3, 3)


async def test_a_factory_that_was_there_makes_the_task() -> None:
    loop, made = asyncio.get_running_loop(), []

    def factory(on: asyncio.AbstractEventLoop, coro: object, **options: object) -> asyncio.Task[int]:
        made.append(getattr(coro, "cr_code", None))
        return asyncio.Task(coro, loop=on, **options)  # type: ignore[arg-type]

    loop.set_task_factory(factory)
    try:
        points = AwaitPoints(0, asyncio.CancelledError, folder=HERE)
        points.install(loop)
        assert await asyncio.create_task(walk(1, [])) == 1
    finally:
        loop.set_task_factory(None)
    assert made == [walk.__code__]
    assert points.count == 2
