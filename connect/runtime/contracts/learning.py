"""What a task knows of its topics, and how it learns more: from its thread, of a store that is the event loop's."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as NotYetError
from typing import Any, Final, Protocol

from connect.api import RetriableError, Schema
from connect.runtime.border.watchdog import Abandoned
from connect.stores.contracts import ContractStore, Known

#: How long it may take to write what was learned; and how long is waited before it is looked at who wants a stop.
LEARN_S: Final = 30.0
_LOOK_S: Final = 0.1


class Knowledge(Protocol):
    """What is known of the topics of one connector. For the task's thread."""

    @property
    def generation(self) -> int:
        """Another number with each change."""

    def get(self, topic: str) -> Known | None:
        """Return what is known of a topic."""

    def learn(self, topic: str, schema: Schema, *, after: int, earlier: Sequence[Schema] = ()) -> Known | None:
        """Know another schema from now on, unless somebody was faster; return what is known now. Blocks until it is
        durable.

        Raises:
            Abandoned: The task is to stop or to pause.
            RetriableError: It cannot be written just now.
        """


class Learning:
    """A task's `Knowledge`, out of the worker's store.

    Args:
        loop: The event loop of the store.
        interrupted: Set while the task is asked to stop or to pause.
        by: Who learns, for people.
    """

    def __init__(
        self,
        store: ContractStore,
        connector: str,
        loop: asyncio.AbstractEventLoop,
        interrupted: threading.Event,
        *,
        by: str,
    ) -> None:
        self._store = store
        self._connector = connector
        self._loop = loop
        self._interrupted = interrupted
        self._by = by

    @property
    def generation(self) -> int:
        """Another number with each change."""
        return self._store.generation(self._connector)

    def get(self, topic: str) -> Known | None:
        """Return what is known of a topic."""
        return self._store.get(self._connector, topic)

    def learn(self, topic: str, schema: Schema, *, after: int, earlier: Sequence[Schema] = ()) -> Known | None:
        """Have the store learn; see `Knowledge`."""
        learning = self._store.learn(self._connector, topic, schema, after=after, by=self._by, earlier=earlier)
        return self._waited(learning)

    def _waited(self, learning: Coroutine[Any, Any, Known | None]) -> Known | None:
        future = asyncio.run_coroutine_threadsafe(learning, self._loop)
        ends_s = time.monotonic() + LEARN_S
        while True:
            try:
                return future.result(_LOOK_S)
            except NotYetError:
                if future.done():  # it raised this itself
                    raise
            except CancelledError:
                raise Abandoned from None
            if self._interrupted.is_set():
                raise Abandoned
            if time.monotonic() > ends_s:
                raise RetriableError(f"what was learned of the schema is not written after {LEARN_S:g} s")


class Remembered:
    """A `Knowledge` that forgets with its process, and leaves no trace: for who only tries what a config does.

    Args:
        known: What is known to begin with, by topic.
    """

    def __init__(self, known: Mapping[str, Known] | None = None) -> None:
        self.generation = 0
        self._known = dict(known or {})

    def get(self, topic: str) -> Known | None:
        """Return what is known of a topic."""
        return self._known.get(topic)

    def learn(self, topic: str, schema: Schema, *, after: int, earlier: Sequence[Schema] = ()) -> Known | None:
        """Remember it."""
        known = self._known[topic] = Known(after + 1, schema, 0, "preview", tuple(earlier))
        self.generation += 1
        return known
