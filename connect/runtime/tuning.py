"""Settings of the process that make the data plane faster; called once, at the start of a worker."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3
#: A batch's objects come and go together. glibc would give their memory back to the system after each one, and fetch
#: it again for the next: 1.7 us for each JSON value, measured.
_HEAP_BYTES: Final = 8 << 20
_KEEP_BYTES: Final = 64 << 20
#: Batches are short-lived trees without cycles; collecting every 700 objects looks at each of them for nothing.
_GC_THRESHOLD: Final = 50_000
#: From the end of a task to the look for its cycles: a hundred that end together are looked for once.
SWEEP_WAIT_S: Final = 5.0
_is_settled = False


def tune_process() -> None:
    """Keep freed memory for the next batch (glibc only) and collect cycles less often."""
    gc.set_threshold(_GC_THRESHOLD, 20, 50)
    if sys.platform == "linux":
        try:
            mallopt = ctypes.CDLL(None).mallopt
        except (OSError, AttributeError):  # another C library: its defaults stay
            return
        mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES)
        mallopt(_M_TOP_PAD, 1 << 20)
        mallopt(_M_MMAP_THRESHOLD, _HEAP_BYTES)


def settle_process() -> None:
    """Leave what is there now out of all later looks for cycles; called once a worker has started, and again where it
    has joined its group again.

    Most of it is modules and classes, which stay: a look takes a quarter of the time without them. What the life before
    has left behind is looked for first, which takes some 50 ms: else it would stay for ever.
    """
    global _is_settled
    if _is_settled:
        gc.unfreeze()
        gc.collect()
    gc.freeze()
    _is_settled = True


class Sweeper:
    """Looks for cycles a while after something large has ended; for the event loop.

    A task, its plugin and its context know each other, so what they hold goes with the next full look for cycles alone,
    and with the thresholds of `tune_process` a worker that is often changed, and moves little, has none for hours.
    """

    def __init__(self, wait_s: float = SWEEP_WAIT_S) -> None:
        self._wait_s = wait_s
        self._timer: asyncio.TimerHandle | None = None
        self._sweeping: asyncio.Task[int] | None = None

    def soon(self) -> None:
        """Look for cycles once `wait_s` is over, for all that ask until then."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._wait_s, self._begin)

    def _begin(self) -> None:
        self._timer = None
        if self._sweeping is not None and not self._sweeping.done():
            self.soon()
            return
        # What is found may be a plugin's, with a `__del__` that blocks: on a thread, it holds nobody up.
        self._sweeping = asyncio.create_task(asyncio.to_thread(gc.collect), name="sweep")

    def close(self) -> None:
        """Look no more; one look that is under way goes on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def give_back_memory() -> None:
    """Return freed memory to the system, wherever it lies in the heap (glibc only).

    Some ms for each 100 MiB: not on the loop.
    """
    if sys.platform == "linux":
        try:
            ctypes.CDLL(None).malloc_trim(0)
        except (OSError, AttributeError):  # another C library
            return
