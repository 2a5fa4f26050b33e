"""Tells plugins what happens: the calling side of the observing hooks.

Theory of operation. Whoever has something to tell puts it into a queue and goes on; one thread calls the hooks, event
by event. The queue holds `CAPACITY` events. What comes when it is full is dropped: the data plane never waits for an
observer. A call that does not come back is given up after `LIMIT_S`: its thread is left behind, its plugin hears
nothing more, and the others hear on; of the event under way, those that come after it in order hear nothing.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections import deque
from typing import Any, Final

from connect.runtime.border.calls import TaskThread
from connect.runtime.border.watchdog import Notice, Watchdog
from connect.runtime.clock import now_ms
from connect.runtime.hook_calls import HookCalls
from connect.runtime.plugins import PluginHost

logger = logging.getLogger(__name__)

#: How many events wait at most.
CAPACITY: Final = 1000
#: How long one call of an observer may take, in seconds.
LIMIT_S: Final = 10.0
#: How long the last events of a worker may take.
LAST_S: Final = 0.5
#: So many are told in one hop to the thread.
_ROUND: Final = 100

#: A hook, its arguments, and who is called where these are not all plugins of now.
_Event = tuple[str, dict[str, Any], "tuple[HookCalls, frozenset[str]] | None"]


class Observers:
    """Tells the plugins of one worker. Made and closed on the loop; `tell` may be called from any thread.

    Attributes:
        dropped: Events that were told to nobody, since the queue was full.
    """

    def __init__(self, plugins: PluginHost, watch: Watchdog, *, limit_s: float = LIMIT_S) -> None:
        self.dropped = 0
        self._plugins = plugins
        self._watch = watch
        self._limit_s = limit_s
        self._queue: deque[_Event] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._is_awake = self._is_closing = False
        self._silent: set[str] = set()
        self._thread: TaskThread | None = None
        self._teller: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell, from the running loop."""
        self._loop = asyncio.get_running_loop()
        self._teller = asyncio.create_task(self._tell_forever(), name="observers")

    async def aclose(self) -> None:
        """Tell what is left, for `LAST_S` at most, and end. Safe to call twice."""
        if self._teller is None:
            return
        teller, self._teller = self._teller, None
        self._is_closing = True
        self._wake.set()
        await asyncio.wait({teller}, timeout=LAST_S)
        teller.cancel()
        await asyncio.gather(teller, return_exceptions=True)
        if self._thread is not None:
            self._thread.close()
        if self._queue:
            logger.warning("%d events were not told: observers did not come to them in time", len(self._queue))

    def wants(self, hook: str) -> bool:
        """Whether anybody has a hook: for who would have to compute what to tell."""
        return hook in self._plugins.calls.observing

    def tell(self, hook: str, **arguments: Any) -> None:
        """Have the hook called with these arguments and `time_ms`, soon. Never waits. From any thread."""
        if self._teller is not None and hook in self._plugins.calls.observing:
            self._put(hook, arguments, None)

    def tell_some(self, calls: HookCalls, plugins: frozenset[str], hook: str, **arguments: Any) -> None:
        """As `tell`, to some plugins alone, by their names: those that come while the worker runs, or go. Of these one
        that was left behind before is called again."""
        if self._teller is not None and hook in calls.observing:
            self._silent -= plugins
            self._put(hook, arguments, (calls, plugins))

    def _put(self, hook: str, arguments: dict[str, Any], whom: tuple[HookCalls, frozenset[str]] | None) -> None:
        if len(self._queue) >= CAPACITY:
            self.dropped += 1
            if self.dropped == 1:
                logger.warning("observers do not keep up: events are dropped, beginning with a %s", hook)
            return
        self._queue.append((hook, {**arguments, "time_ms": now_ms()}, whom))
        if not self._is_awake:
            self._is_awake = True
            assert self._loop is not None, "somebody tells"
            self._loop.call_soon_threadsafe(self._wake.set)

    def notices(self) -> list[Notice]:
        """Return what someone should act on: events that were dropped."""
        if not self.dropped:
            return []
        told = f"{self.dropped} events were dropped, since observers of plugins did not keep up"
        return [Notice("hook.dropped", "observers", told)]

    # -- telling ---------------------------------------------------------------------------------------------------

    async def _tell_forever(self) -> None:
        while self._queue or not self._is_closing:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._tell_some()
            self._is_awake = False
            if self._queue:  # it came in between, and woke nobody
                self._is_awake = True
                self._wake.set()

    async def _tell_some(self) -> None:
        """Tell some events on the thread; leave it behind where one of the calls does not come back."""
        if self._thread is None:
            self._thread = TaskThread("connect-observers", who="observers", watch=self._watch, deadline_s=self._limit_s)
        thread, some = self._thread, _Round(self._plugins.calls, self._silent)
        while self._queue and len(some.events) < _ROUND:
            some.events.append(self._queue.popleft())
        telling = asyncio.ensure_future(thread.run(some.tell))
        left_s = self._limit_s
        while not telling.done():
            await asyncio.wait({telling}, timeout=left_s)
            call = thread.underway()
            if not telling.done() and call is not None and time.monotonic() - call.since >= self._limit_s:
                some.is_over = True
                self._silent.add(call.whom)
                logger.error(
                    "plugin %s did not come back from %s within %g s: it is left behind, and hears nothing more",
                    call.whom,
                    call.what,
                    self._limit_s,
                )
                thread.close()
                telling.cancel()
                self._thread = None
                self._queue.extendleft(reversed(some.events))
                return
            # A call begins later than the wait for it: what it has left is less than another limit.
            left_s = self._limit_s if call is None else call.since + self._limit_s - time.monotonic()
        telling.result()


class _Round:
    """Some events, told in their order on the thread. What is not told yet stays in `events`."""

    def __init__(self, calls: HookCalls, silent: set[str]) -> None:
        self.events: deque[_Event] = deque()
        self.is_over = False
        self._calls = calls
        self._silent = silent

    def tell(self) -> None:
        while self.events and not self.is_over:
            hook, arguments, whom = self.events.popleft()
            if whom is None:
                self._calls.tell(hook, arguments, self._hears)
            else:
                calls, among = whom
                calls.tell(hook, arguments, functools.partial(self._hears_of, among))

    def _hears_of(self, among: frozenset[str], plugin: str) -> bool:
        return plugin in among and self._hears(plugin)

    def _hears(self, plugin: str) -> bool:
        """Whether a plugin is called: not once a call of it, or of another in this round, was given up."""
        return not self.is_over and plugin not in self._silent
