"""The room of one preview: a thread for plugin code, and the time that is left."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from connect.runtime.border.calls import PluginTimeoutError, TaskThread, Underway, call
from connect.runtime.border.failures import told
from connect.runtime.border.watchdog import Watchdog

T = TypeVar("T")

logger = logging.getLogger(__name__)

#: How long what was opened may take to be released, all together, beyond the preview's own time.
RELEASE_S: Final = 2.0


class OutOfTimeError(Exception):
    """The preview's time is up; nothing hangs."""


class Room:
    """Calls plugin code until the time is up. For the event loop.

    Args:
        timeout_s: For all calls together, from now on.
        step: Says which step of the pipeline is at work, for who is told what did not come back.
    """

    def __init__(self, name: str, plugin: str, watchdog: Watchdog, timeout_s: float) -> None:
        self._clock = asyncio.get_running_loop().time
        self._by = self._clock() + timeout_s
        #: Set as the end begins: steps in processes of their own have their grace time from then on.
        self.stopping = threading.Event()
        self._releases: list[tuple[str, Callable[[], Awaitable[Any]]]] = []
        self.thread = TaskThread(
            "connect-preview", who=f"preview of {name}", plugin=plugin, watch=watchdog, deadline_s=timeout_s
        )
        #: What works on the thread between calls of methods.
        self.step: Callable[[], Underway | None] = lambda: None
        self.thread.step = lambda: self.step()

    @property
    def left_s(self) -> float:
        """The time that is left.

        Raises:
            OutOfTimeError: None is.
        """
        left = self._by - self._clock()
        if left <= 0:
            raise OutOfTimeError
        return left

    async def call(self, method: Callable[..., Any], *args: Any) -> Any:
        """Call a plugin's method where it belongs. Raises what `calls.call` raises."""
        return await call(self.thread, method, *args, limit_s=self.left_s)

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Run our own code that calls plugins, on the thread.

        Raises:
            PluginTimeoutError: It did not end in time; it is left behind.
        """
        limit_s = self.left_s
        try:
            async with asyncio.timeout(limit_s):
                return await self.thread.run(function, *args)
        except TimeoutError:
            raise self.thread.late("a call", limit_s) from None

    def later(self, what: str, release: Callable[[], Awaitable[Any]]) -> None:
        """Have this done at the end, whatever happens; what was given last is done first."""
        self._releases.append((what, release))

    async def release(self) -> None:
        """Release what was opened. Bounded by `RELEASE_S` and a little more; never raises for what a plugin does.

        A caller that is cancelled meanwhile waits for the end all the same: of a preview whose reader has gone, and
        that of a worker that stops then, nothing stays open.
        """
        releasing = asyncio.create_task(self._release())
        cancelled: asyncio.CancelledError | None = None
        while not releasing.done():
            try:
                await asyncio.wait({releasing})
            except asyncio.CancelledError as error:
                cancelled = error
        releasing.result()
        if cancelled is not None:
            raise cancelled

    async def _release(self) -> None:
        self.stopping.set()
        by = self._clock() + RELEASE_S
        while self._releases:
            what, release = self._releases.pop()
            try:
                async with asyncio.timeout(max(0.05, by - self._clock())):
                    await release()
            except (TimeoutError, PluginTimeoutError):
                logger.warning("%s: %s did not end in time, and is left behind", self.thread.full_name, what)
            except Exception as error:
                logger.warning("%s: %s failed: %s", self.thread.full_name, what, told(error))
        self.thread.close()

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for an event, or so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, self.left_s)):
                await event.wait()
