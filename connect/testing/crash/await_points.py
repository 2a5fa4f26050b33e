"""Counts the points at which tasks of connectors wait for something, and does something at one of them.

A task of a connector is several coroutines (its loop, the append beside the next poll, who commits). Between two of
their awaits nothing else happens on the event loop, so a crash or a cancellation at each await is one at each place
that can be told apart from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final

#: Coroutines of functions in files of this folder are those of tasks.
TASKS: Final = "/connect/runtime/tasks/"


class AwaitPoints:
    """Counts; at point number `at`, counted from 1, asks `act` what to do.

    Args:
        at: 0 counts alone.
        act: Does not return, or returns what to raise at that await.
        folder: Part of the path of the files whose coroutines count.
    """

    def __init__(self, at: int, act: Callable[[], BaseException | None], *, folder: str = TASKS) -> None:
        self.at = at
        self.count = 0
        self.where = ""
        self._act = act
        self._folder = folder

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Count in each asyncio task that begins on a loop from now on."""
        before: Any = loop.get_task_factory()
        folder = self._folder

        def make(on: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> Any:
            code = getattr(coro, "cr_code", None)
            counted = _Counted(coro, self) if code is not None and folder in code.co_filename else coro
            return asyncio.Task(counted, loop=on, **options) if before is None else before(on, counted, **options)

        loop.set_task_factory(make)

    def reached(self, coro: Any) -> BaseException | None:
        """Count one point; return what is to be raised there."""
        self.count += 1
        if self.count != self.at:
            return None
        self.where = _place(coro, self._folder)
        return self._act()


class _Counted(Coroutine[Any, Any, Any]):
    """A coroutine that says when it goes on behind an await."""

    def __init__(self, inner: Any, points: AwaitPoints) -> None:
        self._inner = inner
        self._points = points

    def __getattr__(self, name: str) -> Any:  # cr_code, cr_frame, …: who looks at it sees the inner one
        return getattr(self._inner, name)

    def send(self, value: Any) -> Any:
        error = self._points.reached(self._inner)
        return self._inner.send(value) if error is None else self._inner.throw(error)

    def throw(self, *error: Any) -> Any:
        return self._inner.throw(*error)

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        value: Any = yield from self._inner.__await__()
        return value


def _place(coro: Any, folder: str) -> str:
    """Return the innermost function of these files that waits, with its line."""
    where = coro.__qualname__
    while (frame := getattr(coro, "cr_frame", None)) is not None:
        if folder in frame.f_code.co_filename:
            where = f"{coro.__qualname__}:{frame.f_lineno}"
        coro = coro.cr_await
    return str(where)
