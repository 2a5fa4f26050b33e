"""Where a harness runs: an event loop on a thread of its own, and a thread for a plugin's plain methods."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from connect.runtime.border.calls import TaskThread, call

T = TypeVar("T")

#: How long a step of a test may take in all, in seconds, where the test does not say.
DEADLINE_S: Final = 10.0


#: How often it is looked whether the loop turns, in seconds.
_BEAT_S: Final = 0.01


@dataclass(slots=True)
class Block:
    """For how long at most a loop stood still, in seconds."""

    seconds: float = 0.0
    is_over: bool = False


class LoopThread:
    """An event loop that runs on a thread of its own. For any thread but that one.

    Attributes:
        loop: Where coroutines run.
    """

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        #: What runs on it for somebody who waits.
        self._calls: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T], *, limit_s: float = DEADLINE_S, what: str = "it") -> T:
        """Run a coroutine to its end and return its result, or raise what it raises. Blocks.

        Raises:
            TimeoutError: It was not over within `limit_s`; it was cancelled.
        """
        future = asyncio.run_coroutine_threadsafe(self._call(coroutine), self.loop)
        try:
            return future.result(limit_s)
        except TimeoutError:
            if future.done():
                raise  # its own
            future.cancel()
            raise TimeoutError(f"{what} was not over within {limit_s:g} s") from None

    def cancel_calls(self) -> None:
        """Cancel what runs now; who waits for it gets the cancellation once its clean-up is over. Any thread."""
        self.loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._calls])

    @contextmanager
    def longest_block(self) -> Iterator[Block]:
        """Give what tells, once it is left, for how long something held the loop at a stretch meanwhile."""
        block = Block()

        async def watch() -> None:
            while not block.is_over:
                begun = time.perf_counter()
                await asyncio.sleep(_BEAT_S)
                block.seconds = max(block.seconds, time.perf_counter() - begun - _BEAT_S)

        future = asyncio.run_coroutine_threadsafe(watch(), self.loop)
        try:
            yield block
        finally:
            block.is_over = True
            future.result(DEADLINE_S)

    def close(self) -> None:
        """Cancel what still runs on the loop, and end it."""
        if self.loop.is_closed():
            return
        self.run(_cancel_others(), what="what is left on the loop")
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive(), "the loop does not end: something blocks it"
        self.loop.close()

    def freeze(self) -> None:
        """Let nothing on the loop go on, as the end of a process does: no task is cancelled, and none cleans up."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive(), "the loop does not end: something blocks it"

    def forget(self) -> None:
        """Close the loop of one that was frozen, and say nothing of what was under way."""
        for task in asyncio.all_tasks(self.loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.loop.close()

    async def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        assert task is not None, "it runs on the loop"
        self._calls.add(task)
        try:
            return await coroutine
        finally:
            self._calls.discard(task)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()


class PluginThread:
    """Calls methods of one plugin instance's, each where it belongs, with a deadline."""

    def __init__(self, loop: LoopThread, name: str, plugin: str, deadline_s: float) -> None:
        self._loop = loop
        self._deadline_s = deadline_s
        self._thread = TaskThread(f"harness-{name}", who=f"task {name}", plugin=plugin, deadline_s=deadline_s)

    def call(self, method: Callable[..., Any], *args: Any) -> Any:
        """Call a method as the runtime does.

        Raises:
            ConnectError: What the plugin raised: its own, or a `PluginError` for anything else.
            PluginTimeoutError: It did not come back within the deadline.
        """
        return self._loop.run(call(self._thread, method, *args, limit_s=self._deadline_s), limit_s=self._deadline_s + 5)

    def close(self) -> None:
        """Let the thread end, and wait for that unless a call holds it."""
        self._thread.close()
        deadline = time.monotonic() + DEADLINE_S
        while self._thread.ident is not None and self._thread.is_alive and not self._thread.is_busy:
            assert time.monotonic() < deadline, f"the thread {self._thread.name} does not end"
            time.sleep(0.001)


def until(condition: Callable[[], Any], *, deadline_s: float = DEADLINE_S, what: str = "") -> None:
    """Wait until a condition holds. Blocks.

    Raises:
        AssertionError: It does not hold within the deadline; says `what`, or which condition.
    """
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {deadline_s:g} s: {what or condition}"
        time.sleep(0.005)


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=DEADLINE_S / 2)
