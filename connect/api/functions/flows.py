"""Generators that are gone through as polls ask: each poll takes what is there, and no more is made than is taken.

    poll ── wants ──> generator runs, on a thread of its own or as a task of the loop ── items ──> poll

A generator waits wherever its author likes: for a socket, for an hour. So it runs beside the polls, and what it gave is
handed over before it gives the next; a poll takes what came within a moment of the first item. While nobody polls it
stands still, at most one item ahead, so what is in memory is bounded by one poll.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from connect.api.errors import PluginError

#: How many items one poll takes at most.
ITEMS: Final = 1000
#: How long a poll waits for the first item, in seconds.
WAIT_S: Final = 0.5
#: Deeper than what may be an offset.
_DEEP: Final = 100
#: How long it waits for more behind the first, in seconds.
MORE_S: Final = 0.005
#: How long a generator may take to end once it is closed, in seconds: as long as any call of a plugin.
CLOSE_S: Final = 300.0


def left_behind(name: str, limit_s: float) -> PluginError:
    """Return the error for a generator that does not end."""
    return PluginError(f"the generator of {name} did not end within {limit_s:g} s of its stop, and is left behind")


def kept(item: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return an item as it is now: the generator may go on with the same offset, and change it."""
    return item[0:1] + tuple(map(copied, item[1:]))


def copied(value: Any, depth: int = 0) -> Any:
    """Return an offset, or a source partition, that nobody else has. What JSON cannot hold stays as it is."""
    if value is None or isinstance(value, str | int | float) or depth == _DEEP:
        return value
    if isinstance(value, Mapping):
        return {key: copied(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [copied(inner, depth + 1) for inner in value]
    return value


class ThreadFlow:
    """Goes through a plain generator on a thread of its own. `take` and `close` are for one other thread.

    Items pass without the lock, since each costs a microsecond or two: one thread adds them, the other takes them. The
    lock is for waiting, and for telling who waits.

    Args:
        make: Makes the generator; called on the thread.
        stopping: Set when the task is asked to stop: waits end.
    """

    def __init__(self, make: Callable[[], Iterator[Any]], stopping: threading.Event, name: str) -> None:
        self._make = make
        self._stopping = stopping
        self._changed = threading.Condition()
        self._items: deque[Any] = deque()
        self._is_wanted = self._is_closed = self._has_ended = False
        self._error: BaseException | None = None
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._go,), name=name, daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether the generator has ended, and all that it gave or raised was taken."""
        return self._has_ended and not self._items and self._error is None

    def take(self) -> list[Any]:
        """Return the next items, [] where none came. Blocks for at most half a second.

        Raises:
            BaseException: What the generator raised, once all in front of it was taken.
        """
        with self._changed:
            if not self._has_ended and len(self._items) < ITEMS:
                self._is_wanted = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._items or self._has_ended or self._stopping.is_set(), WAIT_S)
                self._changed.wait_for(lambda: self._has_ended or len(self._items) >= ITEMS, MORE_S)
            self._is_wanted = False
            items = [self._items.popleft() for _ in range(len(self._items))]
            if not items and self._error is not None:
                error, self._error = self._error, None
                raise error
            return items

    def close(self) -> None:
        """Have the generator closed, where it stands, and wait for that. Blocks for as long as it does not yield,
        `CLOSE_S` at most. May be called again.

        Raises:
            BaseException: What the generator raised, and nobody has taken yet.
            PluginError: It does not end.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            raise left_behind(self._thread.name, CLOSE_S)
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _go(self) -> None:
        error: BaseException | None = None
        try:
            generator = self._make()
            try:
                self._through(generator)
            finally:
                if hasattr(generator, "close"):
                    generator.close()
        except BaseException as raised:
            error = raised
        with self._changed:
            self._error, self._has_ended = error, True
            self._changed.notify_all()

    def _through(self, generator: Iterator[Any]) -> None:
        items = self._items
        while self._may_go_on():
            for item in generator:
                items.append(item if type(item) is not tuple else kept(item))
                # Who waits is told of the first item, and of the last one; between them it looks on its own clock.
                count = len(items)
                if count == 1 or count >= ITEMS:
                    with self._changed:
                        self._is_wanted = self._is_wanted and count < ITEMS
                        self._changed.notify_all()
                if not self._is_wanted or self._is_closed:
                    break
            else:
                return

    def _may_go_on(self) -> bool:
        """Wait until the next item is wanted, and return True; or False, since no more will be."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_wanted or self._is_closed)
            return not self._is_closed
