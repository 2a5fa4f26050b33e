from __future__ import annotations

import asyncio
import threading

import pytest

from connect.runtime.calls import TaskThread, call, on_loop


class Plugin:
    def plain(self, value: int) -> str:
        return f"{value} on {threading.current_thread().name}"

    async def coroutine(self, value: int) -> str:
        return f"{value} on {threading.current_thread().name}"

    def handed_on(self, value: int) -> object:
        return self.coroutine(value)

    def slip(self) -> None:
        raise StopIteration("oops")


@pytest.fixture
def thread():
    thread = TaskThread("plugin-thread")
    yield thread
    thread.close()


async def test_plain_methods_run_on_the_tasks_thread(thread: TaskThread) -> None:
    assert await call(thread, Plugin().plain, 1) == "1 on plugin-thread"


@pytest.mark.parametrize("method", ["coroutine", "handed_on"])
async def test_async_methods_run_on_the_loop(thread: TaskThread, method: str) -> None:
    assert await call(thread, getattr(Plugin(), method), 1) == f"1 on {threading.main_thread().name}"


async def test_calls_run_one_by_one_in_order_also_after_a_cancelled_one(thread: TaskThread) -> None:
    release, order = threading.Event(), []
    first = asyncio.ensure_future(thread.run(lambda: (release.wait(10), order.append("first"))))
    await asyncio.sleep(0)
    first.cancel()
    second = asyncio.ensure_future(thread.run(order.append, "second"))
    await asyncio.sleep(0)
    release.set()
    await asyncio.wait_for(second, 10)
    assert order == ["first", "second"]


async def test_a_stop_iteration_of_a_plugin_does_not_hang_the_task(thread: TaskThread) -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(thread.run(Plugin().slip), 10)


def test_on_loop_tells_async_plugins_apart() -> None:
    assert on_loop(Plugin(), "coroutine")
    assert not on_loop(Plugin(), "plain")
