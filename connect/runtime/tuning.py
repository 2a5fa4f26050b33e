"""Settings of the process that make the data plane faster; called once, at the start of a worker."""

from __future__ import annotations

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


def give_back_memory() -> None:
    """Return freed memory to the system, wherever it lies in the heap (glibc only).

    Some ms for each 100 MiB: not on the loop.
    """
    if sys.platform == "linux":
        try:
            ctypes.CDLL(None).malloc_trim(0)
        except (OSError, AttributeError):  # another C library
            return
