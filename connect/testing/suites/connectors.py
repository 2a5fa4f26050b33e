"""What the certificates of sources and sinks have in common: the life of a task, and what its connector says."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import pytest

from connect.api import ConfigError, ExactlyOnceSupport
from connect.api.connector import config_class_of
from connect.runtime.border.calls import PluginTimeoutError
from connect.runtime.tasks.context import ConnectorContextImpl
from connect.testing.crash import Report
from connect.testing.harness.tasks import NAME, TaskHarness
from connect.testing.suites.base import Suite, ended, other_tasks
from connect.testing.suites.crashes import module_of

#: For how long the loop may stand still, in seconds; and how often in a row it has to, since a busy machine stops all.
_BLOCKED_S: Final = 0.5
_BLOCKED_ROUNDS: Final = 3


class ConnectorSuite(Suite):
    """Checks of a source's or a sink's connector and task. `SourceSuite` and `SinkSuite` stand on it."""

    # -- for the suites ----------------------------------------------------------------------------------------------

    def _begun(self, folder: Path) -> AbstractContextManager[Any]:
        """Return a harness of the suite's config, which starts a task and stops it."""
        raise NotImplementedError

    def _work(self, harness: Any) -> None:
        """Have the task do what it is for."""
        raise NotImplementedError

    # -- life --------------------------------------------------------------------------------------------------------

    def test_life_stops_twice(self, tmp_path: Path) -> None:
        """A second stop is nothing to fail for: the first one may have been given up half-way."""
        with self._begun(tmp_path) as harness:
            task = harness.task
            self._ends(harness, "it cannot stop")
            self._ended(task, "a second {method}")

    def test_life_stops_when_it_was_not_started(self, tmp_path: Path) -> None:
        """`stop` and `close` work on a task whose start failed, or never came."""
        with self._begun(tmp_path) as harness:
            config, context = harness.task_configs(1)[0], harness.fresh_context()
        connector: Any = self.plugin_class()
        task = connector.task_class()
        task.context = context
        task.configure(config_class_of(connector, connector.task_class).parse(config))
        self._ended(task, "{method} of a task that was not started")

    def test_life_leaves_no_asyncio_task(self, tmp_path: Path) -> None:
        """What it began on the event loop has ended behind a stop."""
        with self._begun(tmp_path) as harness:
            self._work(harness)
            self._ends(harness, "it cannot stop")
            left = harness.loop.run(other_tasks())
            if left:
                self.broken(f"on the event loop {', '.join(left)} is left over; cancel it in stop, and await it")

    # -- what the connector says -------------------------------------------------------------------------------------

    def test_tasks_are_as_many_as_allowed(self, tmp_path: Path) -> None:
        """`task_configs(n)` gives at least one config and at most n, each of text."""
        with self._begun(tmp_path) as harness:
            for allowed in (1, 2, 7):
                configs = harness.task_configs(allowed)
                if not 1 <= len(configs) <= allowed:
                    self.broken(f"task_configs({allowed}) gives {len(configs)} configs; expected 1 to {allowed}")
                for config in configs:
                    odd = {name: value for name, value in config.items() if not isinstance(value, str)}
                    if odd:
                        self.broken(f"task_configs gives {odd} in a config; expected text, as a user writes it")

    def test_promise_is_made_in_words(self, tmp_path: Path) -> None:
        """Whether it delivers exactly once is answered: SUPPORTED, UNSUPPORTED, not known, or refused with a reason."""
        try:
            promised = self._configured(self.make_config(tmp_path)).exactly_once_support()
        except ConfigError as error:
            promised = None
            if len(error.message) < 5:
                self.broken("exactly_once_support refuses without a reason")
        if promised is not None and not isinstance(promised, ExactlyOnceSupport):
            self.broken(f"exactly_once_support returns {promised!r}; expected an ExactlyOnceSupport, or None")

    # -- pressure ----------------------------------------------------------------------------------------------------

    def test_pressure_the_loop_is_not_blocked(self, tmp_path: Path) -> None:
        """`async def` methods do not block the event loop, on which everybody else's run."""
        shortest = float("inf")
        for number in range(_BLOCKED_ROUNDS):
            folder = tmp_path / f"blocked-{number}"
            folder.mkdir()
            with self._begun(folder) as harness, harness.loop.longest_block() as longest:
                self._work(harness)
            shortest = min(shortest, longest.seconds)
            if shortest <= _BLOCKED_S:
                return
        self.broken(
            f"the event loop stood still for {shortest:.1f} s within async def; await what waits, or write a plain "
            "def, which has a thread of its own"
        )

    # -- inside ------------------------------------------------------------------------------------------------------

    def _configured(self, config: Mapping[str, str]) -> Any:
        """Return a connector that was configured, and not started."""
        made: Any = self.plugin_class()()
        made.context = ConnectorContextImpl(NAME, reconfigure=_nothing, fail=_nothing)
        made.configure(self._config_class.parse(config))
        return made

    def _promises_exactly_once(self, config: Mapping[str, str]) -> bool:
        try:
            promised: object = self._configured(config).exactly_once_support()
        except ConfigError:  # why not, in words: that is an answer, too
            return False
        return promised is ExactlyOnceSupport.SUPPORTED

    def _needs_its_module(self) -> None:
        """Skip a check for which a worker of its own has to find the class by its module."""
        try:
            module_of(self.plugin_class())
        except ValueError as error:
            pytest.skip(str(error))

    def _killed(self, report: Report) -> Report:
        """Return the report of a crashed run; fail where nothing came to be killed."""
        if not report.kills:
            self.broken(
                "no worker came to a mark at which it is killed, so nothing was tried: give it more records, and see "
                f"whether its offsets are committed at all:\n{report}"
            )
        return report

    def _ends(self, harness: Any, what: str) -> None:
        try:
            harness.stop()
        except Exception as error:
            self.broken(f"{what}: {error}")

    def _ended(self, task: Any, what: str) -> None:
        """Call `stop` and `close`. `what`: which of them, where one raises."""
        for method in ("stop", "close"):
            try:
                ended(task, method)
            except Exception as error:
                self.broken(f"{what.format(method=method)} raises {type(error).__name__}: {error}")

    def _stops_within(
        self, harness: TaskHarness, call: Callable[[], Any], what: str, *, is_cancelled: bool = False
    ) -> None:
        """Stop a task while a call waits; fail where either goes on beyond the deadline.

        Args:
            what: 'a poll'.
            is_cancelled: Whether a stop cancels the call, as the runtime does with an `async def` poll.
        """
        late: list[PluginTimeoutError] = []
        has_begun = threading.Event()

        def run() -> None:
            has_begun.set()
            try:
                call()
            except PluginTimeoutError as error:
                late.append(error)
            except Exception as error:
                # Told of here, by the end; what it raises as it is stopped is its own matter.
                harness.task.context.log.debug("%s that was stopped raised %s", what, error)

        waiting = threading.Thread(target=run, daemon=True)
        waiting.start()
        has_begun.wait(self.deadline_s)
        time.sleep(0.05)  # it waits by now, or has nothing to wait for
        begun = time.monotonic()
        harness.task.context.stopping.set()
        if is_cancelled:
            harness.loop.cancel_calls()
        waiting.join(self.deadline_s)
        if waiting.is_alive() or late:
            self.broken(f"{what} goes on for {self.deadline_s:g} s behind a stop; wait on context.stopping")
        self._ends(harness, f"it cannot stop behind {what} that waited")
        if is_cancelled and (left := harness.loop.run(other_tasks())):
            self.broken(f"{what} that a stop cancels goes on ({', '.join(left)}); let CancelledError pass")
        if time.monotonic() - begun > self.deadline_s:
            self.broken(f"a stop takes more than {self.deadline_s:g} s")

    def _cancelled(self, harness: TaskHarness, awaitable: Awaitable[Any] | None, turns: int, what: str) -> Any:
        """Cancel a call after so many turns of the loop; return what it gave, if it was done by then."""
        if not inspect.isawaitable(awaitable):
            return awaitable
        try:
            return harness.loop.run(cancelled_after(awaitable, turns), limit_s=self.deadline_s)
        except TimeoutError:
            self.broken(f"{what} goes on for {self.deadline_s:g} s behind its cancellation; let CancelledError pass")


async def cancelled_after(awaitable: Awaitable[Any] | None, turns: int) -> Any:
    """Await, and cancel that after so many turns of the loop; return what it gave, if it was done by then."""
    if awaitable is None:
        return None
    task = asyncio.ensure_future(awaitable)
    for _ in range(turns + 1):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    return None if task.cancelled() else task.result()


def _nothing(*_: object) -> None:
    """A connector that is only configured divides nothing, and has no background."""
