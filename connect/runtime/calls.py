"""Calling plugin code: `async def` on the event loop, plain `def` on a thread of the task's own.

Each task has one thread, so its plugin never sees two calls at once. The thread is a daemon: a plugin that blocks for
ever can be left behind, and the worker still stops.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_Item = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", contextvars.Context, Callable[[], Any]]


class TaskThread:
    """Runs calls one by one, in order, off the event loop. The thread starts with the first call.

    The queue is bounded by its users: a task awaits each call before the next, so it holds one item, two where a
    cancelled call is still running. A cancelled caller leaves its call running; the next one waits for it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Run `function(*args)` on the thread and return what it returns, or raise what it raises."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put((loop, future, contextvars.copy_context(), lambda: function(*args)))
        return await future

    def close(self) -> None:
        """Let the thread end after the call it is in. Never waits."""
        self._queue.put(None)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            loop, future, context, call = item
            result: Any = None
            error: BaseException | None = None
            try:
                result = context.run(call)
            except BaseException as raised:  # carried to the awaiting side, whatever it is
                error = raised
            try:
                loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:  # the loop was closed: nobody waits any more
                return
            del item, future, context, call, result, error


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):  # a future refuses it; a plugin's slip must not hang the task
        future.set_exception(RuntimeError(f"plugin code raised StopIteration: {error}"))
    else:
        future.set_exception(error)


async def call(thread: TaskThread, method: Callable[..., Any], *args: Any) -> Any:
    """Call a plugin's method where it belongs and return its result."""
    if inspect.iscoroutinefunction(method):
        return await method(*args)
    result = await thread.run(method, *args)
    # A base class's batch form may hand on the awaitable of a single form that is `async def`.
    return await result if inspect.isawaitable(result) else result


def on_loop(plugin: object, *methods: str) -> bool:
    """Return whether any of the plugin's methods is `async def`, so that calls belong on the event loop."""
    return any(inspect.iscoroutinefunction(getattr(plugin, method)) for method in methods)
