"""The worker's event loop, kept from the plugins that share it.

`async def` code of a plugin may clean up with too broad a broom: cancel all that `asyncio.all_tasks()` gives, stop the
loop, shut its executor down. On this loop such a call does nothing to what is the worker's or another plugin's, and is
logged with who made it. What a plugin began by itself it may end, and its own call as well.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from connect.runtime.border.watchdog import is_ours, is_plugins, meddler
from connect.runtime.connector_context import connector_context

if TYPE_CHECKING:
    Base = asyncio.SelectorEventLoop
else:
    try:
        from uvloop import Loop as Base
    except ImportError:
        Base = getattr(asyncio, "ProactorEventLoop", asyncio.SelectorEventLoop)

logger = logging.getLogger(__name__)


class KeptLoop(Base):
    """An event loop that only the worker's own code can stop, and whose tasks of the worker only it can cancel."""

    def __init__(self) -> None:
        super().__init__()
        self.set_task_factory(_task)

    def stop(self) -> None:
        if not _is_refused("stop the event loop"):
            super().stop()

    async def shutdown_default_executor(self, *args: Any) -> None:
        if not _is_refused("shut down the event loop's executor"):
            await super().shutdown_default_executor(*args)


class _KeptTask(asyncio.Task[Any]):
    """A task that is the worker's: a plugin can cancel it where it is what runs the plugin, nowhere else."""

    of: Context

    def cancel(self, msg: Any | None = None) -> bool:
        if self.done() or self._is_of_caller() or _is_of_a_scope() or not _is_refused(f"cancel {self.get_name()}"):
            return super().cancel(msg)
        return False

    def _is_of_caller(self) -> bool:
        caller = connector_context.get()
        return caller != "" and self.of.get(connector_context) == caller


def _is_of_a_scope() -> bool:
    """Whether anyio asks, whose scopes cancel none but the tasks that have entered them: a client's timeout is one."""
    return sys._getframe(2).f_globals.get("__name__") == "anyio._backends._asyncio"


def _task(loop: asyncio.AbstractEventLoop, coro: Any, *, context: Context | None = None) -> asyncio.Task[Any]:
    if not _is_workers(coro):
        return asyncio.Task(coro, loop=loop, context=context)
    of = copy_context() if context is None else context
    task = _KeptTask(coro, loop=loop, context=of)
    task.of = of
    return task


def _is_workers(coro: Any) -> bool:
    """Whether a coroutine is the worker's: its code, or the standard library's that no plugin has asked for."""
    file = getattr(getattr(coro, "cr_code", None), "co_filename", "")
    return is_ours(file) or (not is_plugins(file) and meddler(sys._getframe(2)) is None)


def _is_refused(what: str) -> bool:
    """Whether a plugin's code asks for this; it is told of in the log, with its place."""
    frame = meddler(sys._getframe(1).f_back)
    if frame is None:
        return False
    who = connector_context.get().strip(" []") or "a thread of a plugin"
    code = frame.f_code
    logger.error(
        "%s tried to %s, and was refused (%s:%d in %s)", who, what, code.co_filename, frame.f_lineno, code.co_name
    )
    return True
