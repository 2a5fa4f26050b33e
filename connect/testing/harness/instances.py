"""Plugin instances as the runtime makes them: configured with what the config's text parses to."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Mapping
from typing import Any

from connect.api import Connector, PluginError, Task
from connect.api.connector import config_class_of
from connect.runtime.tasks.context import ConnectorContextImpl
from connect.testing.harness.loops import DEADLINE_S, LoopThread, PluginThread


class Instance:
    """One connector or task, from `configure` to `close`, with the thread of its plain methods.

    Args:
        made: The plugin, not configured yet.
    """

    def __init__(self, loop: LoopThread, name: str, made: Any, deadline_s: float) -> None:
        self.plugin = made
        #: What a connector reported from its background.
        self.failures: list[object] = []
        self._thread = PluginThread(loop, name, type(made).plugin_name(), deadline_s)

    def call(self, method: str, *args: Any) -> Any:
        """Call a method by its name, as the runtime does."""
        return self._thread.call(getattr(self.plugin, method), *args)

    def raise_failure(self) -> None:
        """Raise what the connector reported from its background, if anything."""
        if self.failures:
            failure = self.failures.pop(0)
            raise failure if isinstance(failure, BaseException) else PluginError(f"raise_error({failure!r})")

    def end(self) -> None:
        """Call `stop` and `close`, the second one also where the first raised; let the thread end."""
        try:
            self.call("stop")
        finally:
            try:
                self.call("close")
            finally:
                self._thread.close()

    def abandon(self) -> None:
        """Leave it as a crash would: no `stop`, no `close`."""
        self._thread.close()


def forget(abandoned: list[Instance]) -> None:
    """Let go of what was abandoned, as the end of a process does: what it holds open is closed, and nobody warns."""
    with warnings.catch_warnings():
        for category in (ResourceWarning, RuntimeWarning):  # files that are open; coroutines that never began
            warnings.simplefilter("ignore", category)
        abandoned.clear()
        gc.collect()


def started_connector(
    loop: LoopThread, connector_class: type[Connector], config: Mapping[str, str], name: str, deadline_s: float
) -> Instance:
    """Return a connector that was configured and started.

    Raises:
        ConfigError: The config is wrong; has every problem.
    """
    made = connector_class()
    instance = Instance(loop, name, made, deadline_s)
    made.context = ConnectorContextImpl(name, reconfigure=_nothing, fail=instance.failures.append)
    try:
        instance.call("configure", connector_class.config_class.parse(config))
        instance.call("start")
    except BaseException:
        _end_quietly(instance)
        raise
    return instance


def started_task(
    loop: LoopThread,
    connector_class: type[Connector],
    config: Mapping[str, str],
    context: Any,
    deadline_s: float = DEADLINE_S,
) -> Instance:
    """Return a task that was configured and started.

    Raises:
        ConfigError: As `started_connector`.
    """
    task_class: type[Task] = connector_class.task_class
    made = task_class()
    made.context = context
    instance = Instance(loop, f"{context.connector}-{context.task}", made, deadline_s)
    try:
        instance.call("configure", config_class_of(connector_class, task_class).parse(config))
        instance.call("start")
    except BaseException:
        _end_quietly(instance)
        raise
    return instance


def _end_quietly(instance: Instance) -> None:
    """End what could not be started: what it raised first is what counts."""
    try:
        instance.end()
    except Exception:
        logging.getLogger(__name__).warning("the end of what did not start failed, too", exc_info=True)


def _nothing() -> None:
    """A harness divides the work once."""
