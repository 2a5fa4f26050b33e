"""The end of the process: in time after a signal, whatever hangs.

Signals are taken by a plain Python handler, which also runs while code on the event loop's own thread blocks or
computes. A loop that waits is woken by a byte in a socket of ours: the handler runs on the loop's thread alone, and a
signal that another thread took, or that came just before the wait, would be heard with the next event only. The first
one asks the worker to stop; from then on a thread of its own looks at the clock:

- Where the event loop stands, since `async def` code blocks it, that code is interrupted: the handler runs again, on
  the loop's thread, and raises `Held` in it, which ends a sleep as well as a loop. The stop then goes on.
- After the grace time and `EXTRA_S` the process ends as it is: what hung is named, the log's clean mark is not written.
  Where the log was closed before, and only the interpreter cannot end for threads that plugins left, the exit code is
  that of the clean stop.

What computes in C and never lets go of the interpreter can be ended by SIGKILL alone. A second signal ends at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, NoReturn

from connect.runtime.border.watchdog import holder_of, is_foreign

logger = logging.getLogger(__name__)

#: After the grace time, for everything that follows: cancelling, closing the log, writing the clean mark.
EXTRA_S: Final = 1.7
#: How long the interpreter may take to end, once everything is closed.
TEARDOWN_S: Final = 1.0
#: The loop stands when it has not answered for so long, and a stop was asked for.
STANDS_S: Final = 0.5
_TICK_S: Final = 0.1


class Held(BaseException):
    """Raised in `async def` code of a plugin that holds the event loop while the worker is to stop."""


class Ending:
    """Ends one process in time. Made on the running event loop, in the main thread.

    Args:
        stop: Asks the worker to stop; called on the loop, once.
        grace_s: What the worker gives to everything that is to stop.

    Attributes:
        named: Names what plugins do now, for the last log lines; set once there is somebody to ask.
    """

    def __init__(self, stop: Callable[[], None], *, grace_s: float) -> None:
        self.named: Callable[[], list[str]] = list
        self._stop = stop
        self.grace_s = grace_s
        self._loop = asyncio.get_running_loop()
        self._main = threading.get_ident()
        self._number: int | None = None
        self._interrupting = False
        self._beat = 0.0
        self._code: int | None = None
        self._closed_at = self._asked_at = 0.0
        self._asked: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._woken, self._waking = socket.socketpair()
        threading.Thread(target=self._look, name="connect-ending", daemon=True).start()

    @property
    def asked_by(self) -> int | None:
        """The signal that asked the worker to stop, None where none did."""
        return self._number

    def take_signals(self) -> None:
        """Take SIGINT and SIGTERM from now on. On the main thread, once."""
        for end in (self._woken, self._waking):
            end.setblocking(False)
        self._loop.add_reader(self._woken, self._wake)
        self._wake_by_signals()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def keep_signals(self) -> None:
        """Take the signals again, where code in `async def` has taken them away. On the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) != self._on_signal:
                logger.warning("a plugin took %s from the worker, which takes it back", signal.Signals(number).name)
                signal.signal(number, self._on_signal)
        self._wake_by_signals()

    def closed(self, code: int) -> None:
        """Take note that everything is closed: the process is to end with this code, soon.

        Where plugins left something behind that the interpreter would wait for, or much of the time is used up, it
        ends here and now.
        """
        self._code, self._closed_at = code, time.monotonic()
        self._asked.put(None)
        left = self.named()
        if left:
            logger.warning("ending without %s", "; ".join(left))
        if left or (self._asked_at and self._closed_at - self._asked_at > self.grace_s / 2):
            _leave(code)

    # -- the loop's thread -----------------------------------------------------------------------------------------

    def _wake_by_signals(self) -> None:
        """Let each signal wake the loop. Where `loop.add_signal_handler` was called, the loop sees to that itself."""
        before = signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)
        if before not in (-1, self._waking.fileno()):
            signal.set_wakeup_fd(before)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(4096)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._interrupting:
            self._interrupting = False
            if holder_of(frame) is not None or is_foreign(frame):
                raise Held("the worker is to stop, and this code holds its event loop")
            return
        if self._number is not None:
            # Not through logging, whose locks the interrupted code may hold.
            os.write(2, b"stopping was asked for twice: leaving at once\n")
            os._exit(128 + number)
        self._number, self._asked_at = number, time.monotonic()
        self._asked.put(None)
        self._loop.call_soon_threadsafe(self._stop)

    # -- the thread that looks at the clock ------------------------------------------------------------------------

    def _look(self) -> None:
        self._asked.get()
        began = self._beat = asked = time.monotonic()
        last_s = began + self.grace_s + EXTRA_S
        interrupt_s = began + min(self.grace_s / 2, 2.0)
        while True:
            time.sleep(_TICK_S)
            now = time.monotonic()
            if self._code is not None and now - self._closed_at >= TEARDOWN_S:
                self._end(self._code, "the interpreter does not end")
            if now >= last_s:
                code = self._code if self._code is not None else 128 + (self._number or signal.SIGTERM)
                self._end(code, "the worker did not stop in time")
            if self._code is not None:
                continue
            if self._beat >= asked:
                asked = now
                self._ping()
            elif now - asked >= STANDS_S and now >= interrupt_s:
                interrupt_s = now + STANDS_S
                self._interrupt()

    def _ping(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._answer)
        except RuntimeError:  # the loop is closed: only the interpreter is left to end
            self._beat = float("inf")

    def _answer(self) -> None:
        self._beat = time.monotonic()

    def _interrupt(self) -> None:
        """Interrupt what holds the loop: a system call too, which a signal ends."""
        if hasattr(signal, "pthread_kill"):
            self._interrupting = True
            signal.pthread_kill(self._main, signal.SIGTERM)

    def _end(self, code: int, why: str) -> NoReturn:
        # In a thread of its own: what hangs may hold a lock that logging needs.
        said = threading.Thread(target=self._say, args=(why,), daemon=True)
        said.start()
        said.join(0.3)
        if said.is_alive():
            os.write(2, f"{why}: leaving at once\n".encode())
        _leave(code)

    def _say(self, why: str) -> None:
        left = self.named()
        threads = [t.name for t in threading.enumerate() if not t.daemon and t is not threading.main_thread()]
        if threads:
            left.append(f"threads {', '.join(threads)}")
        logger.error("%s; left behind: %s", why, "; ".join(left) or "nothing that is known")


def _leave(code: int) -> NoReturn:
    """End the process now, with what was logged and printed."""
    done = threading.Thread(target=_flush, daemon=True)
    done.start()
    done.join(0.2)
    os._exit(code)


def _flush() -> None:
    streams: list[Any] = [*logging.getLogger().handlers, sys.stdout, sys.stderr]
    for stream in streams:
        with contextlib.suppress(Exception):  # a stream that is closed has nothing to flush
            stream.flush()
