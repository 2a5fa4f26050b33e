"""The threads on which calls into librdkafka are made, and how the event loop waits for them: never without a limit.

A client that has a life of its own, a producer or a consumer, has one thread, on which all of its calls are made, one
after the other, and between them a *step*: the next slice of what it does by itself. Other calls share a pool. All of
these threads are daemons, so that none keeps the process from ending.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeVar

from connect.api.errors import ConnectError, EnvironmentFault, LogError
from connect.kafka.errors import UNREACHABLE, Access, ours
from connect.pool import Pool

log = logging.getLogger(__name__)

T = TypeVar("T")

#: How long one request may take, from the first try to the last.
REQUEST_S: Final = 30.0
#: How long the broker that is said to lead a partition has to answer before it is asked again who does.
LEADER_S: Final = 5.0
#: What the event loop waits longer than librdkafka does, which has more to say of a request that timed out.
MARGIN_S: Final = 5.0
_POOL_THREADS: Final = 16
#: Those of consumers that look at topics, which may take long: they share what they find.
_LOOKING_THREADS: Final = 4
#: How long a client whose step fails waits before the next one.
_AGAIN_S: Final = 1.0
CLOSED: Final = "the Kafka cluster's clients are closed"


class Threads:
    """The threads of one cluster that are no client's own."""

    def __init__(self) -> None:
        self._pool = Pool(_POOL_THREADS, "connect-kafka", closed=CLOSED)
        self._looking = Pool(_LOOKING_THREADS, "connect-kafka-look", closed=CLOSED)
        self._local = Pool(1, "connect-kafka-local", closed=CLOSED)

    def look(self, call: Callable[[], T]) -> concurrent.futures.Future[T]:
        """Make a call that looks at topics, in its turn; any thread. It may block for long.

        Raises:
            LogError: The clients are closed.
        """
        return self._looking.submit(call)

    async def run(
        self,
        call: Callable[[], T],
        doing: str,
        *,
        timeout_s: float = REQUEST_S + MARGIN_S,
        needs: Access | None = None,
        is_local: bool = False,
    ) -> T:
        """Make a call that blocks. What it raises of librdkafka becomes an error of ours; one that is cancelled, or
        takes too long, ends by itself.

        Args:
            needs: What it takes to be allowed to, for the error of who is not.
            is_local: A client answers by itself: the call does not wait behind those that wait for brokers.

        Raises:
            EnvironmentFault: It took longer than `timeout_s`.
        """
        pool = self._local if is_local else self._pool
        return await answered(pool.submit(call), doing, timeout_s=timeout_s, needs=needs)

    def close(self) -> None:
        """Take no more calls."""
        self._pool.close()
        self._looking.close()
        self._local.close()


async def answered(
    future: concurrent.futures.Future[T],
    doing: str,
    *,
    timeout_s: float = REQUEST_S + MARGIN_S,
    needs: Access | None = None,
) -> T:
    """Wait for what another thread answers; see `Threads.run`."""
    return await bounded(asyncio.wrap_future(future), doing, timeout_s=timeout_s, needs=needs)


async def bounded(future: asyncio.Future[T], doing: str, *, timeout_s: float, needs: Access | None = None) -> T:
    """Wait for an answer; see `Threads.run`."""
    try:
        async with asyncio.timeout(timeout_s):
            return await future
    except TimeoutError:
        raise EnvironmentFault(f"{doing}: no answer within {timeout_s:g} s", code=UNREACHABLE) from None
    except (ConnectError, asyncio.CancelledError):
        raise
    except Exception as error:
        raise ours(error, doing, needs=needs) from error


class ClientThread:
    """One client's thread. What it does beside calls is its step.

    Calls are made in their order. Their number is bounded by the callers, who each wait for an answer. A cancelled
    caller's call is not made, unless it has begun, and then it ends by itself.

    Args:
        step: Called between calls, and when its time has come; returns how long until the next one, in seconds; None:
            not before the next call.
    """

    def __init__(self, name: str, step: Callable[[], float | None]) -> None:
        self._step = step
        self._changed = threading.Condition(threading.Lock())
        self._calls: deque[Callable[[], None]] = deque()
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def has_calls(self) -> bool:
        """Whether a call waits for the step to end. Any thread."""
        return bool(self._calls)

    def call(self, call: Callable[[], T]) -> asyncio.Future[T]:
        """Make a call; for the event loop. Raises `LogError` once the thread is to end."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            if future.cancelled():
                return
            try:
                result = call()
            except BaseException as error:
                tell(loop, future, error=error)
            else:
                tell(loop, future, result)

        self.post(work)
        return future

    def post(self, work: Callable[[], None]) -> None:
        """Make a call of which nobody hears, and which does not raise. Any thread."""
        with self._changed:
            if self._is_ending:
                raise LogError(CLOSED)
            self._calls.append(work)
            self._changed.notify()

    def wake(self) -> None:
        """Let the next step begin now. Any thread."""
        with self._changed:
            if not self._is_ending:
                self._calls.append(_nothing)
                self._changed.notify()

    async def close(self, last: Callable[[], None], doing: str, *, timeout_s: float) -> None:
        """Make the last call and end the thread. It is made also where nobody waits for it any more, once those before
        it let it: else what the client holds, as a place in a group, would be held by nobody.

        Raises:
            EnvironmentFault: It took longer than `timeout_s`.
        """
        loop = asyncio.get_running_loop()
        closed: asyncio.Future[None] = loop.create_future()

        def work() -> None:
            try:
                last()
            except BaseException as error:
                if closed.cancelled():
                    log.warning("%s, later than it was waited for: %s: %s", doing, type(error).__name__, error)
                tell(loop, closed, error=error)
            else:
                tell(loop, closed)

        self.post(work)
        self.end()
        await bounded(closed, doing, timeout_s=timeout_s)

    def end(self) -> None:
        """End the thread once the calls so far are made. Safe to call twice; any thread."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; return whether it has come. Blocks."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        wait_s: float | None = None
        while True:
            with self._changed:
                if not self._calls and not self._is_ending and wait_s != 0:
                    self._changed.wait(wait_s)
                calls = list(self._calls)
                self._calls.clear()
                is_ending = self._is_ending
            for each in calls:
                each()
            if is_ending:
                return
            try:
                wait_s = self._step()
            except BaseException:
                log.exception("a step of %s failed", threading.current_thread().name)
                wait_s = _AGAIN_S


def _nothing() -> None:
    pass


def tell(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], result: Any = None, error: BaseException | None = None
) -> None:
    """Settle a future of an event loop from another thread; one that is settled or cancelled is left alone."""

    def settle() -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    on_loop(loop, settle)


def on_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Make a call on an event loop, if there still is one. Any thread."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:  # it is closed, and nobody waits
        log.debug("nobody waits for an answer any more")
