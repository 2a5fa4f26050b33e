"""Async generators that are gone through as polls ask; see `flows.py`.

Apart, since only a plugin that has one needs asyncio: a command that reads the API is quick to start.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from connect.api.errors import PluginError
from connect.api.functions.flows import CLOSE_S, ITEMS, WAIT_S, kept, left_behind


class TaskFlow:
    """Goes through an async generator as a task of the running loop, for one other coroutine.

    Args:
        make: Makes the generator.
    """

    def __init__(self, make: Callable[[], AsyncIterator[Any]], name: str) -> None:
        self._make = make
        self._items: list[Any] = []
        self._wanted, self._came = asyncio.Event(), asyncio.Event()
        self._error: BaseException | None = None
        self._is_closing = False
        self._task = asyncio.ensure_future(self._go())
        self._task.set_name(name)

    @property
    def is_over(self) -> bool:
        """Whether the generator has ended, and all that it gave or raised was taken."""
        return self._task.done() and not self._items and self._error is None

    async def take(self) -> list[Any]:
        """Return the next items, [] where none came within half a second. May be cancelled: nothing is lost by it.

        Raises:
            BaseException: What the generator raised, once all in front of it was taken.
        """
        if not self._task.done():
            self._wanted.set()
            if not self._items:
                await self._wait(WAIT_S)
            if self._items and len(self._items) < ITEMS and not self._task.done():
                await asyncio.sleep(0)  # those that are there already come in one turn of the loop
        self._wanted.clear()
        items, self._items = self._items, []
        if not items and self._error is not None:
            error, self._error = self._error, None
            if isinstance(error, asyncio.CancelledError):
                # As it is, it would read as if the poll were cancelled.
                raise PluginError("the generator was cancelled from within") from error
            raise error
        return items

    async def aclose(self) -> None:
        """End the generator where it waits: it is cancelled there, and its `finally` blocks run, for `CLOSE_S` at most.
        May be called again.

        Raises:
            BaseException: What the generator raised, and nobody has taken yet.
            PluginError: It does not end.
        """
        self._is_closing = True
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=CLOSE_S)
        if not self._task.done():
            raise left_behind(self._task.get_name(), CLOSE_S)
        error, self._error = self._error, None
        if error is not None:
            raise error

    async def _wait(self, limit_s: float) -> None:
        self._came.clear()
        try:
            async with asyncio.timeout(limit_s):
                await self._came.wait()
        except TimeoutError:
            return  # nothing came: the caller sees that

    async def _go(self) -> None:
        try:
            generator = self._make()
            try:
                await self._through(generator)
            finally:
                if isinstance(generator, AsyncGenerator):
                    await generator.aclose()
        except BaseException as error:
            # Whatever it is: it is raised where it is taken, and not out of the loop.
            if not (self._is_closing and isinstance(error, asyncio.CancelledError)):
                self._error = error
        finally:
            self._came.set()

    async def _through(self, generator: AsyncIterator[Any]) -> None:
        async for item in generator:
            self._items.append(item if type(item) is not tuple else kept(item))
            self._came.set()
            if self._is_closing:
                return  # it went on though it was cancelled
            if len(self._items) >= ITEMS:
                self._wanted.clear()
            await self._wanted.wait()
