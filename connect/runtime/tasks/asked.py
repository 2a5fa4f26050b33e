"""What a task is asked for from outside: to stop, to pause, to go on; and its waits, which that ends.

Asking never waits. The task looks at it between steps; what waits on the loop waits for the events here, and what
waits on the task's thread for `interrupted`.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Final

#: Long idle waits end together, on multiples of this: a wake-up costs more than what it is for, half of it saved. Those
#: of many seconds on multiples of the second figure.
IDLE_TICK_S: Final = 0.1
LONG_TICK_S: Final = 1.0


class Asked:
    """What one task is asked for. For the event loop; `interrupted` is for its thread.

    Attributes:
        stopping: Set once it is to stop.
        resumed: Set unless it is to pause; a stop sets it, too.
        either: Set while it is to stop or to pause.
        interrupted: As `either`.
    """

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.resumed = asyncio.Event()
        self.resumed.set()
        self.either = asyncio.Event()
        self.interrupted = threading.Event()

    def stop(self) -> None:
        """Ask it to end."""
        self.stopping.set()
        self.resumed.set()
        self.either.set()
        self.interrupted.set()

    def pause(self) -> None:
        """Ask it to stand still."""
        self.resumed.clear()
        self.either.set()
        self.interrupted.set()

    def resume(self) -> None:
        """Let it go on; one that is to stop ends all the same."""
        self.resumed.set()
        if not self.is_stopping:
            self.either.clear()
            self.interrupted.clear()

    @property
    def is_stopping(self) -> bool:
        """Whether it is to end."""
        return self.stopping.is_set()

    @property
    def is_pausing(self) -> bool:
        """Whether it is to stand still."""
        return not self.resumed.is_set()

    async def wait_stopping(self, seconds: float) -> bool:
        """Wait so many seconds, or until the task is to stop; return whether it is."""
        if seconds > 0 and not self.is_stopping:
            try:
                async with asyncio.timeout(seconds):
                    await self.stopping.wait()
            except TimeoutError:
                return False
        return self.is_stopping


async def wait_idle(seconds: float, until: asyncio.Event) -> bool:
    """Wait that long, or a little longer if that is long, since there is nothing to do; return whether `until` was set,
    which ends it."""
    seconds = idle_wait_s(seconds)
    if not until.is_set():
        try:
            async with asyncio.timeout(seconds):
                await until.wait()
        except TimeoutError:
            return False
    return True


def idle_wait_s(seconds: float) -> float:
    """Return how long to wait, so that long waits of many tasks end together; for use on the loop."""
    tick_s = LONG_TICK_S if seconds >= 2 * LONG_TICK_S else IDLE_TICK_S
    if seconds <= tick_s:
        return seconds
    return seconds + tick_s - (asyncio.get_running_loop().time() + seconds) % tick_s
