"""Threads for calls that block, which never keep the process from ending."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from connect.api.errors import LogError

log = logging.getLogger(__name__)

T = TypeVar("T")


class Pool(Executor):
    """Threads made on demand, up to a limit; work waits in one queue, in order.

    The threads are daemons: one that hangs in a disk or a network does not keep the process from ending.

    Args:
        closed: What a call is refused with, once the pool is closed.
    """

    def __init__(self, limit: int, name: str, *, closed: str = "the pool is closed") -> None:
        self._closed = closed
        self._limit = limit
        self._name = name
        self._changed = threading.Condition(threading.Lock())
        self._work: deque[Callable[[], None]] = deque()
        self._threads: list[threading.Thread] = []
        self._idle = 0  # threads that wait for work, also those that were just woken
        self._is_closed = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a call on a thread; see `Executor`."""
        future: Future[T] = Future()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:
                    future.set_exception(error)

        self.start(work)
        return future

    def start(self, work: Callable[[], None]) -> None:
        """Run a call on a thread, of which nobody awaits the end. What it raises is logged.

        Raises:
            LogError: The pool is closed.
        """
        with self._changed:
            if self._is_closed:
                raise LogError(self._closed)
            self._work.append(work)
            if self._idle >= len(self._work):
                self._changed.notify()
            elif len(self._threads) < self._limit:
                name = f"{self._name}-{len(self._threads)}"
                self._begin(threading.Thread(target=self._run, name=name, daemon=True))

    def _begin(self, thread: threading.Thread) -> None:
        try:
            thread.start()
        except RuntimeError:  # the system has no more of them: one that is there does the work when it is free
            if not self._threads:
                self._work.pop()
                raise
        else:
            self._threads.append(thread)

    def close(self) -> None:
        """Take no more work; the threads end once what was given is done."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def join(self, deadline: float | None = None) -> list[str]:
        """Wait until the threads have ended, to a moment of `time.monotonic`.

        Return the names of those that have not.
        """
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return [thread.name for thread in self._threads if thread.is_alive()]

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._work:
                    if self._is_closed:
                        return
                    self._idle += 1
                    self._changed.wait()
                    self._idle -= 1
                work = self._work.popleft()
            try:
                work()
            except BaseException:
                log.exception("work on thread %s failed", threading.current_thread().name)
            del work  # what it holds is free while this waits
