from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from connect.api import ConfigError, ConnectError, DataError, PluginError, RetriableError
from connect.runtime.border.calls import PluginTimeoutError, TaskThread, aside, call, on_loop, within
from connect.runtime.border.watchdog import Watchdog
from tests.support.worker import until


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


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Hollow(ConnectError):
    def __init__(self) -> None:  # leaves out what everybody reads
        pass


ODD: dict[str, BaseException] = {
    "SystemExit: 3": SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "GeneratorExit": GeneratorExit(),
    "CancelledError": asyncio.CancelledError(),
    "StopIteration: oops": StopIteration("oops"),
    "StopAsyncIteration": StopAsyncIteration(),
    "BaseException: bare": BaseException("bare"),
    "SystemExit: 4": BaseExceptionGroup("group", [SystemExit(4)]),
    "KeyError: 'k'": ExceptionGroup("group", [ExceptionGroup("inner", [KeyError("k")])]),
    "Unprintable: its text cannot be had": Unprintable(),
    "Hollow": Hollow(),
    "RecursionError": RecursionError(),
    "MemoryError": MemoryError(),
    "TypeError: wrong": TypeError("wrong"),
}


class Raising:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def plain(self) -> None:
        raise self.error

    async def coroutine(self) -> None:
        raise self.error

    async def later(self) -> None:
        await asyncio.sleep(0)
        raise self.error


@pytest.mark.parametrize("limit_s", [None, 5.0])
@pytest.mark.parametrize("method", ["plain", "coroutine", "later"])
@pytest.mark.parametrize(("told", "error"), ODD.items(), ids=ODD)
async def test_whatever_a_plugin_raises_is_an_error_of_the_plugin(
    thread: TaskThread, told: str, error: BaseException, method: str, limit_s: float | None
) -> None:
    with pytest.raises(PluginError) as raised:
        await asyncio.wait_for(call(thread, getattr(Raising(error), method), limit_s=limit_s), 10)
    if isinstance(error, StopIteration) and method != "plain":
        told = "RuntimeError: coroutine raised StopIteration"  # Python's own doing
    else:
        assert raised.value.__cause__ is error
    assert raised.value.message.startswith(told)
    assert f"{method} of plugin-thread" in raised.value.message
    assert raised.value.code == "plugin.failed"


@pytest.mark.parametrize("method", ["plain", "coroutine"])
async def test_an_ordinary_error_of_the_tree_keeps_its_class_and_code(thread: TaskThread, method: str) -> None:
    for error in (RetriableError("away", retry_after_ms=7), DataError("bad"), ConfigError("no", config_path="k")):
        with pytest.raises(type(error)) as raised:
            await call(thread, getattr(Raising(error), method))
        assert raised.value is error
        with pytest.raises(type(error)) as raised:
            await call(thread, getattr(Raising(ExceptionGroup("one", [error])), method))
        assert raised.value is error


async def test_our_own_code_on_the_thread_keeps_its_exceptions_and_never_ends_the_loop(thread: TaskThread) -> None:
    own = LookupError("ours")
    with pytest.raises(LookupError) as raised:
        await thread.run(Raising(own).plain)
    assert raised.value is own
    for odd in (SystemExit(3), StopIteration("oops"), asyncio.CancelledError()):
        with pytest.raises(PluginError):
            await asyncio.wait_for(thread.run(Raising(odd).plain), 10)


async def test_a_cancellation_of_ours_is_no_failure_of_the_plugin(thread: TaskThread) -> None:
    for limit_s in (None, 5.0):
        running = asyncio.ensure_future(call(thread, asyncio.sleep, 100, limit_s=limit_s))
        await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


class Slow:
    def __init__(self) -> None:
        self.gate = threading.Event()
        self.done: list[str] = []

    def flush(self) -> None:
        self.gate.wait(30)
        self.done.append("flush")

    def poll(self) -> str:
        self.gate.wait(30)
        return "polled"

    def stop(self) -> None:
        self.done.append("stop")

    async def swallow(self) -> None:
        while not self.gate.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)

    async def start(self) -> None:
        await asyncio.sleep(100)


async def test_a_call_has_a_deadline_and_what_holds_the_thread_is_named(thread: TaskThread) -> None:
    slow, thread.deadline_s = Slow(), 0.05
    with pytest.raises(PluginTimeoutError, match=r"flush of plugin-thread did not return within 0\.05 s"):
        await call(thread, slow.flush)
    with pytest.raises(PluginTimeoutError, match="flush of plugin-thread"):  # stop waits behind flush
        await call(thread, slow.stop)
    assert thread.late_calls == 2
    assert thread.is_busy
    slow.gate.set()
    await asyncio.wait_for(thread.run(int), 10)
    assert slow.done == ["flush", "stop"]


async def test_poll_and_put_may_block_for_as_long_as_they_like(thread: TaskThread) -> None:
    slow, thread.deadline_s = Slow(), 0.01
    polling = asyncio.ensure_future(call(thread, slow.poll))
    await asyncio.sleep(0.1)
    assert not polling.done()
    underway = thread.underway()
    assert underway is not None and underway.what == "poll"
    slow.gate.set()
    assert await asyncio.wait_for(polling, 10) == "polled"


@pytest.mark.parametrize("method", ["start", "swallow"])
async def test_async_calls_have_a_deadline_too_also_where_they_swallow_their_cancellation(method: str) -> None:
    slow, watch = Slow(), Watchdog()
    thread = TaskThread("t", who="task x-0", plugin="org.Slow", watch=watch)
    with pytest.raises(PluginTimeoutError, match=f"{method} of task x-0, org.Slow"):
        await asyncio.wait_for(call(thread, getattr(slow, method), limit_s=0.05), 10)
    left = [notice.message for notice in watch.notices()]
    assert ("swallow of task x-0, org.Slow was cancelled" in "".join(left)) == (method == "swallow")
    slow.gate.set()
    await until(lambda: not watch.notices())


async def test_a_nested_plugin_is_named_and_not_the_one_around_it(thread: TaskThread) -> None:
    slow = Slow()
    with pytest.raises(PluginTimeoutError, match=r"configure of org\.Cast \(plugin-thread\)"):
        await thread.bounded(0.05, lambda: within("org.Cast", "configure", slow.gate.wait, 30))
    slow.gate.set()
    with pytest.raises(PluginError, match=r"SystemExit: 1 \(configure of org\.Cast\)"):
        within("org.Cast", "configure", Raising(SystemExit(1)).plain)


class Decorated:
    @staticmethod
    def _timed(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: function(*args)

    put = _timed(lambda self, records: time.sleep(0.1))
    flush = _timed(lambda self: time.sleep(0.1))


async def test_a_decorated_method_is_known_by_its_place_in_the_contract(thread: TaskThread) -> None:
    thread.deadline_s = 0.01
    await call(thread, Decorated().put, [])  # no deadline: it may block
    with pytest.raises(PluginTimeoutError, match="flush of"):
        await call(thread, Decorated().flush)


def test_code_aside_cannot_end_or_hold_the_caller() -> None:
    with pytest.raises(PluginError, match="SystemExit: 2"):
        aside(Raising(SystemExit(2)).plain, 10, "import")
    with pytest.raises(PluginTimeoutError, match=r"within 0\.05 s"):
        aside(lambda: time.sleep(1), 0.05, "import")
    assert aside(lambda: 5, 10, "import") == 5


def test_on_loop_tells_async_plugins_apart() -> None:
    assert on_loop(Plugin(), "coroutine")
    assert not on_loop(Plugin(), "plain")


@pytest.mark.parametrize("limit_s", [None, 30.0])
async def test_a_coroutine_that_comes_when_nobody_waits_any_more_is_closed(
    thread: TaskThread, limit_s: float | None
) -> None:
    is_inside, release = threading.Event(), threading.Event()
    handed: list[Any] = []

    class Late(Plugin):
        def handed_on(self, value: int) -> object:
            is_inside.set()
            release.wait(10)
            handed.append(super().handed_on(value))
            return handed[0]

    waiting = asyncio.ensure_future(call(thread, Late().handed_on, 1, limit_s=limit_s))
    await until(is_inside.is_set)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    release.set()
    await until(lambda: handed and not thread.is_busy)
    await asyncio.sleep(0)
    await until(lambda: inspect.getcoroutinestate(handed[0]) == inspect.CORO_CLOSED)


async def test_a_coroutine_that_came_as_its_caller_was_cancelled_is_closed(thread: TaskThread) -> None:
    handed: list[Any] = []

    class Prompt(Plugin):
        def handed_on(self, value: int) -> object:
            handed.append(super().handed_on(value))
            return handed[0]

    waiting = asyncio.ensure_future(call(thread, Prompt().handed_on, 1, limit_s=None))
    await asyncio.sleep(0)
    while not handed or thread.is_busy:  # not on the loop: it settles the answer and cancels in one turn
        time.sleep(0.001)  # noqa: ASYNC251 - the loop is to stand still meanwhile
    asyncio.get_running_loop().call_soon(waiting.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    await until(lambda: inspect.getcoroutinestate(handed[0]) == inspect.CORO_CLOSED)
