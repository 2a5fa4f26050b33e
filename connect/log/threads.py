"""The threads on which the log does its file work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from connect.api.errors import LogError

T = TypeVar("T")

#: Enough that some may wait for a disk while others go on.
_THREADS: Final = 8


class Threads:
    """A pool for blocking calls; all of one log share it."""

    def __init__(self) -> None:
        self._is_closed = False
        self.executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="connect-log")

    async def run(self, call: Callable[[], T]) -> T:
        """Run a blocking call. When the caller is cancelled, the call still ends by itself.

        Raises:
            LogError: The log is closed.
        """
        if self._is_closed:
            raise LogError("the log is closed")
        return await asyncio.get_running_loop().run_in_executor(self.executor, call)

    async def aclose(self) -> None:
        """Wait for what is running, and end the threads."""
        self._is_closed = True
        await asyncio.to_thread(self.executor.shutdown)
