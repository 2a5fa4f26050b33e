"""The border to plugins: every call into code that is not ours crosses this module.

The law, which `tests/integration/test_odd_plugins.py` tries with plugins that break it:

- **A place.** `async def` runs on the event loop; everything else of a plugin (methods, constructors, config classes,
  `close`) runs on a daemon thread of the task's own, so its plugin never sees two calls at once, and one that blocks
  for ever can be left behind.
- **An end.** Every call has a deadline (`plugin.call.timeout.ms`), except `poll` and `put`, which may rightly block:
  those are watched (`watchdog.py`), told of in /v1/warnings, and ended with the task. A call that is late raises
  `PluginTimeoutError`; its thread is left behind and named for as long as it lives.
- **A class.** An ordinary `ConnectError` of a plugin crosses as it is. Whatever else is raised (SystemExit,
  KeyboardInterrupt, GeneratorExit, StopIteration, groups, a CancelledError that nobody of ours asked for, an exception
  that cannot even be printed) becomes a `PluginError`, plugin.failed, with what was raised first, then the method and
  the plugin; the exception itself is its `__cause__`.

What was raised becomes an error in `failures.py`; what a plugin returns is looked at in `connect.api.contract`. What
cannot be contained is in decision 0010.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import queue
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from connect.api import PluginError
from connect.api.error_codes import register_code
from connect.runtime.border.failures import fail, failure_of, told

T = TypeVar("T")

PLUGIN_TIMEOUT = register_code(
    "plugin.timeout",
    "A plugin did not come back from a call in time; what it ran on is left behind.",
    "See what the plugin waits for; raise the named timeout if that is right.",
)
#: What may rightly block, so that nothing but a stop ends it.
MAY_BLOCK: Final = frozenset({"poll", "poll_batch", "put", "put_batch", "put_batches"})
#: What the runtime calls; see `connect.api.connector`.
_CONTRACT: Final = (
    "poll", "poll_batch", "put", "put_batch", "put_batches", "start", "stop", "task_configs", "check",
    "alter_offsets", "offset_within", "commit_records", "resume_offsets", "commit", "open", "flush",
    "close_partitions", "configure", "close", "signal", "preview",
)  # fmt: skip
#: How long a coroutine that was cancelled may take to clean up before it is left behind.
CANCEL_S: Final = 0.5
#: The deadline of calls where no worker's config gives one.
DEADLINE_S: Final = 300.0

#: The `TaskThread` whose thread this is.
_here = threading.local()

_Item = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", contextvars.Context, Callable[[], Any]]


class PluginTimeoutError(PluginError):
    """A plugin did not come back in time."""

    default_code = PLUGIN_TIMEOUT
    status = 503


@dataclass(frozen=True, slots=True)
class Underway:
    """A call that is under way: what is called, since when (monotonic, s), and of which plugin, where the thread's own
    is not meant."""

    what: str
    since: float
    whom: str = ""


class Watcher(Protocol):
    """Who looks after calls that take long; see `watchdog.py`."""

    def add(self, thread: TaskThread) -> None:
        """Look after a thread, from its start to its end."""

    def stray(self, who: str, what: str, task: asyncio.Task[Any]) -> None:
        """Take note of a coroutine that does not end though it was cancelled."""


class TaskThread:
    """Runs calls one by one, in order, off the event loop. The thread starts with the first call.

    The queue is bounded by its users: a task awaits each call before the next, so it holds one item, two where a
    cancelled call is still running. A cancelled caller leaves its call running; the next one waits for it.

    Args:
        name: The thread's name.
        who: Whose calls these are, for people: 'task x-0', 'connector x'.
        plugin: The plugin's class name.
        watch: Who looks after calls that take long; None for what is short and bounded by its caller.
        deadline_s: How long a call may take that is not `poll` or `put`.
    """

    def __init__(
        self,
        name: str,
        *,
        who: str = "",
        plugin: str = "",
        watch: Watcher | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.name = name
        self.who = who or name
        self.plugin = plugin
        self.deadline_s = deadline_s
        #: What works on the thread between calls of methods: the pipeline tells of its steps here.
        self.step: Callable[[], Underway | None] = _nothing
        self.closed_at: float | None = None
        #: Calls that did not come back within their deadline.
        self.late_calls = 0
        #: Of the thread, once it runs: what it has computed, for `time.clock_gettime`. Asking for the clock of a thread
        #: that has ended is a segmentation fault; asking what such a clock says is an OSError.
        self.cpu_clock: int | None = None
        #: Held while the thread ends, so that who holds it too knows that its identity is not another's yet.
        self.ending = threading.Lock()
        self.has_ended = False
        self._watch = watch
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        # Two counts, each written by one thread only.
        self._given = 0
        self._done = 0
        self._nested: Underway | None = None
        self._now: tuple[Callable[..., Any], float] | None = None
        self._item: _Item | None = None

    # -- looking -----------------------------------------------------------------------------------------------------

    @property
    def full_name(self) -> str:
        """Who calls, and which plugin's code."""
        return f"{self.who}, {self.plugin}" if self.plugin else self.who

    @property
    def is_busy(self) -> bool:
        """Whether a call runs or waits."""
        return self._given != self._done

    @property
    def subject(self) -> str:
        """What a warning is about: 'x-0' of 'task x-0'."""
        return self.who.rpartition(" ")[2]

    @property
    def is_alive(self) -> bool:
        """Whether the thread is there, or about to be."""
        return self._thread is None or self._thread.ident is None or self._thread.is_alive()

    @property
    def ident(self) -> int | None:
        """The thread's identity, None before its first call."""
        return None if self._thread is None else self._thread.ident

    def underway(self) -> Underway | None:
        """Return the plugin's call that is under way, on the thread or on the loop. From any thread."""
        nested, now = self._nested, self._now
        if nested is not None:
            return nested
        if now is not None:
            return Underway(name_of(now[0]), now[1])
        return self.step()

    # -- calling -----------------------------------------------------------------------------------------------------

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Run `function(*args)` on the thread and return what it returns, or raise what it raises.

        For our own code that calls plugins within (`inside`). An Exception comes as it is, other BaseExceptions as a
        `PluginError`, so that none of them can end the loop.
        """
        return await self._submit(function, args)

    async def bounded(self, limit_s: float | None, method: Callable[..., T], *args: Any) -> T:
        """Call a plugin's plain method on the thread.

        Raises:
            PluginTimeoutError: It did not return within `limit_s`; the call goes on, and nobody waits for it.
        """
        future = self._submit(functools.partial(self.inside, method), args)
        try:
            await asyncio.wait({future}, timeout=limit_s)
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                _drop(future.result())
            raise
        finally:
            if not future.done():
                future.cancel()
        if future.cancelled():
            assert limit_s is not None, "without a limit it is waited for"
            raise self.late(name_of(method), limit_s)
        return future.result()

    def inside(self, method: Callable[..., T], *args: Any) -> T:
        """Call a plugin's plain method from code that runs on this thread already."""
        self._now = (method, time.monotonic())
        try:
            return method(*args)
        except BaseException as error:
            fail(error, name_of(method), self.full_name)
        finally:
            self._now = None

    async def awaited(self, limit_s: float | None, method: Callable[..., Any], awaitable: Awaitable[Any]) -> Any:
        """Await what an `async def` of a plugin gave, on the loop.

        Raises:
            PluginTimeoutError: It did not end within `limit_s`; it was cancelled, and left behind if that did not help.
        """
        if limit_s is None:
            return await self._awaited(method, awaitable)
        # In a task of its own: a plugin that swallows its cancellation cannot keep us.
        task = asyncio.ensure_future(self._awaited(method, awaitable))
        try:
            await asyncio.wait({task}, timeout=limit_s)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=min(CANCEL_S, limit_s))
                if not task.done() and self._watch is not None:
                    self._watch.stray(self.full_name, name_of(method), task)
        if not task.done() or task.cancelled():
            raise self.late(name_of(method), limit_s)
        return task.result()

    def expire(self, underway: Underway, limit_s: float) -> None:
        """Give up a step that is late: who waits for it gets a `PluginTimeoutError`. From any thread."""
        item = self._item
        if item is None or self.underway() != underway:
            return
        loop, future, _, _ = item
        self.late_calls += 1
        error = PluginTimeoutError(_too_late(underway.what, self._whom(underway), limit_s))
        loop.call_soon_threadsafe(_settle, future, None, error)

    def late(self, what: str, limit_s: float) -> PluginTimeoutError:
        """Return the error for a call that is late: it names what holds the thread, or else `what`."""
        self.late_calls += 1
        held = self.underway() or Underway(what, 0.0)
        return PluginTimeoutError(_too_late(held.what, self._whom(held), limit_s))

    def close(self) -> None:
        """Let the thread end after the calls it has. Never waits."""
        if self.closed_at is None:
            self.closed_at = time.monotonic()
            self._queue.put(None)

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _awaited(self, method: Callable[..., Any], awaitable: Awaitable[Any]) -> Any:
        self._now = (method, time.monotonic())
        try:
            return await awaitable
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and _was_asked():
                raise
            fail(error, name_of(method), self.full_name)
        finally:
            self._now = None

    def _carried(self, error: BaseException) -> Exception:
        failure = failure_of(error, "a call", self.full_name)
        failure.__cause__ = error
        return failure

    def _whom(self, underway: Underway) -> str:
        return f"{underway.whom} ({self.who})" if underway.whom else self.full_name

    def _submit(self, function: Callable[..., T], args: tuple[Any, ...]) -> asyncio.Future[T]:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
            if self._watch is not None:
                self._watch.add(self)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._given += 1
        self._queue.put((loop, future, contextvars.copy_context(), functools.partial(function, *args)))
        return future

    def _work(self) -> None:
        if hasattr(time, "pthread_getcpuclockid"):
            self.cpu_clock = time.pthread_getcpuclockid(threading.get_ident())
        try:
            self._work_off()
        finally:
            with self.ending:
                self.has_ended = True

    def _work_off(self) -> None:
        _here.thread = self
        while (item := self._queue.get()) is not None:
            self._item = item
            loop, future, context, call = item
            result: Any = None
            error: BaseException | None = None
            try:
                result = context.run(call)
            except Exception as raised:
                error = self._carried(raised) if isinstance(raised, StopIteration) else raised
            except BaseException as raised:  # nothing of a plugin ends the loop that waits for it
                error = self._carried(raised)
            self._item = None
            self._done += 1
            try:
                loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:  # the loop was closed: nobody waits any more
                continue
            finally:
                del item, future, context, call, result, error


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        _drop(result)
    elif error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _drop(result: object) -> None:
    """Close what came when nobody waited any more: a coroutine of a base class's batch form, over an async one."""
    if inspect.iscoroutine(result):
        result.close()


async def call(thread: TaskThread, method: Callable[..., Any], *args: Any, limit_s: float | None = None) -> Any:
    """Call a plugin's method where it belongs and return its result.

    Args:
        limit_s: How long it may take; left out, the thread's deadline, or none for `poll` and `put`.

    Raises:
        ConnectError: What the plugin raised: its own `ConnectError`, or a `PluginError` for anything else.
        PluginTimeoutError: It did not come back in time.
    """
    if limit_s is None and name_of(method) not in MAY_BLOCK:
        limit_s = thread.deadline_s
    if inspect.iscoroutinefunction(method):
        try:
            made = method(*args)
        except BaseException as error:  # arguments that it does not take
            fail(error, name_of(method), thread.full_name)
        return await thread.awaited(limit_s, method, made)
    result = await thread.bounded(limit_s, method, *args)
    # A base class's batch form may hand on the awaitable of a single form that is `async def`.
    return await thread.awaited(limit_s, method, result) if inspect.isawaitable(result) else result


def within(whom: str, what: str, function: Callable[..., T], *args: Any) -> T:
    """Call code of another plugin than the thread's own, from any thread, under its name: nested in a call or alone.

    Raises:
        ConnectError: What it raised: its own `ConnectError`, or a `PluginError` for anything else.
    """
    thread: TaskThread | None = getattr(_here, "thread", None)
    before = None
    if thread is not None:
        before, thread._nested = thread._nested, Underway(what, time.monotonic(), whom)
    try:
        return function(*args)
    except BaseException as error:
        fail(error, what, whom)
    finally:
        if thread is not None:
            thread._nested = before


def on_loop(plugin: object, *methods: str) -> bool:
    """Return whether any of the plugin's methods is `async def`, so that calls belong on the event loop."""
    return any(inspect.iscoroutinefunction(getattr(plugin, method)) for method in methods)


def aside(function: Callable[[], T], limit_s: float, what: str) -> T:
    """Run plugin code on a daemon thread and wait for it, for callers without a loop: imports, above all.

    Raises:
        PluginError: It raised something that is no Exception, or (plugin.timeout) did not end within `limit_s`.
        Exception: What it raised.
    """
    box: list[tuple[T | None, BaseException | None]] = []

    def work() -> None:
        try:
            box.append((function(), None))
        except BaseException as error:
            box.append((None, error))

    thread = threading.Thread(target=work, name=f"connect-{what}", daemon=True)
    thread.start()
    thread.join(limit_s)
    if not box:
        raise PluginTimeoutError(f"it did not end within {limit_s:g} s")
    result, error = box[0]
    if isinstance(error, Exception):
        raise error
    if error is not None:
        raise PluginError(f"it raised {told(error)}") from error
    return result  # type: ignore[return-value]


def name_of(method: Callable[..., Any]) -> str:
    """Return a method's name in the contract, also where a decorator gave it another; else its own."""
    while isinstance(method, functools.partial):
        method = method.func
    name, function = getattr(method, "__name__", None), getattr(method, "__func__", None)
    if name in _CONTRACT:
        return str(name)
    if function is not None:
        cls = type(method.__self__)  # type: ignore[attr-defined]
        name = next((known for known in _CONTRACT if getattr(cls, known, None) is function), name)
    if name in ("<lambda>", "_make"):
        return "its set-up"
    return name if isinstance(name, str) else type(method).__name__


def _was_asked() -> bool:
    """Whether the running asyncio task was cancelled by somebody, so that a CancelledError is no slip of a plugin."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _too_late(what: str, whom: str, limit_s: float) -> str:
    return f"{what} of {whom} did not return within {limit_s:g} s"


def _nothing() -> Underway | None:
    return None
