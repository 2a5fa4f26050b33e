"""Plugin code that a request runs: checks of configs, and a look at the world outside (`Connector.check`).

It may block, so it runs on a thread of its own and has a deadline; a check that hangs is named, and left behind.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar, cast

from connect.api import ConnectError, Connector, PluginError
from connect.api.contract import problems_of
from connect.runtime.border.calls import PLUGIN_TIMEOUT, PluginTimeoutError, TaskThread, call
from connect.runtime.border.watchdog import Watchdog
from connect.runtime.plugins import PluginDesc
from connect.runtime.tasks.context import ConnectorContextImpl
from connect.runtime.validation.config_warnings import ConfigWarning

T = TypeVar("T")

CHECK_TIMEOUT_S: Final = 20.0
#: Checks under way at one time; further ones wait.
AT_ONCE_MAX: Final = 16
#: How long one waits for those before it, in seconds.
WAIT_S: Final = 60.0
#: Checks that did not end in time and still run; with so many, further ones are refused, so that requests cannot make
#: threads without end.
HANGING_MAX: Final = 16
#: How long a connector that was looked at may take to close.
CLOSE_S: Final = 2.0
#: The code of what a connector says of its surroundings.
CHECK: Final = "check"

logger = logging.getLogger(__name__)


class TooManyChecksError(PluginTimeoutError):
    """There is no thread for one more check."""


class Checks:
    """Runs plugin code for requests, off the loop, each on a thread of its own.

    At most `AT_ONCE_MAX` at one time, and no more once `HANGING_MAX` do not end. A cancelled caller leaves its thread
    running.

    Args:
        timeout_s: How long each may take, once it has begun.
    """

    def __init__(self, watchdog: Watchdog, *, timeout_s: float = CHECK_TIMEOUT_S) -> None:
        self._watchdog = watchdog
        self._timeout_s = timeout_s
        self._places = asyncio.Semaphore(AT_ONCE_MAX)
        self._hanging: set[TaskThread] = set()

    async def aside(self, what: str, function: Callable[[], T]) -> T:
        """Run a function that calls plugins, and return what it returns.

        Args:
            what: What is done, for people.

        Raises:
            PluginTimeoutError: It did not end in time; the message names the plugin that was at work.
            ConnectError: What it raised.
        """
        async with self._thread(what, "") as thread:
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await thread.run(function)
            except TimeoutError:
                raise thread.late("a call", self._timeout_s) from None

    async def check(self, desc: PluginDesc, config: Mapping[str, Any]) -> list[ConfigWarning]:
        """Have a connector look outside. It is configured, asked and closed, never started; what it raises is told."""
        name = str(config.get("name") or "")
        try:
            async with self._thread(f"check of connector {name}", desc.name) as thread:
                return await self._look(thread, desc, name, config)
        except (TimeoutError, PluginTimeoutError) as error:
            told = error.message if isinstance(error, TooManyChecksError) else None
            return [ConfigWarning("", PLUGIN_TIMEOUT, told or f"the check did not end within {self._timeout_s:g} s")]
        except ConnectError as error:
            if isinstance(error, PluginError):
                logger.warning("checking a config of %s failed", desc.name, exc_info=True)
            told = f"{error.message} ({error.hint})" if error.hint else error.message
            return [ConfigWarning(error.config_path or "", error.code, told)]

    async def _look(
        self, thread: TaskThread, desc: PluginDesc, name: str, config: Mapping[str, Any]
    ) -> list[ConfigWarning]:
        made: list[Connector] = []
        context = ConnectorContextImpl(name, reconfigure=lambda: None, fail=lambda error: None)

        def make() -> None:
            connector = cast(Connector, desc.cls())
            connector.context = context
            made.append(connector)
            connector.configure(connector.config_class.parse(config))

        try:
            async with asyncio.timeout(self._timeout_s):
                await thread.bounded(self._timeout_s, make)
                found = await call(thread, made[0].check, limit_s=self._timeout_s)
                problems = await thread.bounded(self._timeout_s, problems_of, made[0], found)
            return [ConfigWarning(problem.key, CHECK, problem.message) for problem in problems]
        finally:
            context.stopping.set()
            if made:
                await closed(thread, made[0])

    @asynccontextmanager
    async def _thread(self, what: str, plugin: str) -> AsyncIterator[TaskThread]:
        """Wait for a place among `AT_ONCE_MAX`, and lend a thread. The deadline of what runs there begins then."""
        try:
            async with asyncio.timeout(WAIT_S):
                await self._places.acquire()
        except TimeoutError:
            raise TooManyChecksError(
                f"{what} did not begin within {WAIT_S:g} s, since {AT_ONCE_MAX} others are under way"
            ) from None
        try:
            self._hanging = {thread for thread in self._hanging if thread.is_busy}
            if len(self._hanging) >= HANGING_MAX:
                names = ", ".join(sorted({thread.who for thread in self._hanging}))
                raise TooManyChecksError(
                    f"{len(self._hanging)} checks of configs are under way and do not end: {names}"
                )
            thread = TaskThread(
                "connect-check", who=what, plugin=plugin, watch=self._watchdog, deadline_s=self._timeout_s
            )
            try:
                yield thread
            finally:
                thread.close()
                if thread.is_busy:
                    self._hanging.add(thread)
        finally:
            self._places.release()


async def closed(thread: TaskThread, connector: Connector) -> None:
    """Close an instance that was only asked something, after the call it is in; a failure is logged."""
    try:
        await thread.bounded(CLOSE_S, connector.close)
    except ConnectError as error:
        logger.warning("closing what was asked: %s", error)


async def check(
    desc: PluginDesc, config: Mapping[str, Any], *, timeout_s: float = CHECK_TIMEOUT_S
) -> list[ConfigWarning]:
    """Have a connector look outside, without a worker around; see `Checks.check`."""
    return await Checks(Watchdog(), timeout_s=timeout_s).check(desc, config)
