"""Files of tests in memory: what is gone after the test need not be on a disk.

A worker that starts and ends waits for the disk some thirty times, which is more than everything else that it does; a
test process waits with it. The night writes to the disk, as users do.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from tests.support.lengths import IS_LONG

_MEMORY: Final = Path("/dev/shm")
#: Databases of a run and what its tests write at a time take some 2 GB; that much is to be left to the machine.
_FREE_MIN: Final = 8 << 30


def memory_folder() -> str | None:
    """Return a folder whose files are in memory, None where the system has none, or none that is roomy."""
    roomy = _MEMORY.is_dir() and min(shutil.disk_usage(_MEMORY).free, _available()) > _FREE_MIN
    runs = roomy and not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC  # a container's: tests run what they have written
    return str(_MEMORY) if runs else None


def _available() -> int:
    """Return how much memory is there for new things: the folder's own size is a limit, and no promise."""
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) << 10
    except (OSError, KeyError, ValueError):
        return 0


def have_temporary_files_in_memory() -> None:
    """Let this process and those that it starts have their temporary files in memory, unless `TMPDIR` says where."""
    if not IS_LONG and "TMPDIR" not in os.environ and (folder := memory_folder()) is not None:
        os.environ["TMPDIR"] = tempfile.tempdir = folder
