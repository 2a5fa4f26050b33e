"""Ends what plugins' processes have started, once the worker is gone: also where it was killed and could not.

Theory of operation. The kernel ends a plugin's process with the worker, but not what that has started itself: a helper,
a pool, a compiler under pip. All of these are in the process group of what the worker started. So one small process for
a worker, started with the first group, is told of groups as they begin and end; it hears the worker's end as that of
its standard input, and then ends the groups that are left.

This file is run as a script without site packages, so it imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

_BEGUN = b"+"
_ENDED = b"-"


class Guardian:
    """The worker's side. For any thread; never blocks for longer than a process takes to be started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._of_others: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._groups: set[int] = set()

    def begun(self, group: int) -> None:
        """Watch over a process group.

        Raises:
            OSError: The guardian cannot be started.
        """
        with self._lock:
            if self._pid != os.getpid():  # this process was forked: another one's groups are not ours, nor its guardian
                self._hang_up()
                self._of_others = self._process
                self._process, self._pid, self._groups = None, os.getpid(), set()
            self._groups.add(group)
            if self._process is None or self._process.poll() is not None:
                self._start()
            else:
                self._tell(_BEGUN, group)

    def ended(self, group: int) -> None:
        """Let go of a group that has ended: its number may become another's."""
        with self._lock:
            self._groups.discard(group)
            self._tell(_ENDED, group)

    def _hang_up(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def _start(self) -> None:
        self._hang_up()
        self._process = subprocess.Popen(  # noqa: S603 - the interpreter, and this file
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
            cwd="/",
        )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        for group in self._groups:
            self._tell(_BEGUN, group)

    def _tell(self, what: bytes, group: int) -> None:
        if self._process is None or self._process.stdin is None:
            return
        with contextlib.suppress(OSError):  # it was ended, and the next group starts another
            os.write(self._process.stdin.fileno(), b"%b%d\n" % (what, group))


guardian = Guardian()


def main() -> None:
    """Hear of groups until the worker is gone, and end those that are left."""
    groups = set()
    for line in sys.stdin.buffer:
        group = int(line[1:])
        if line[:1] == _BEGUN:
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
