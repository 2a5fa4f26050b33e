"""Questions that are under way: whoever asks the same waits for the one answer.

A question is asked on a thread of its own, so that who waits can leave at once when its task is to stop: a request
cannot be broken off, and may take a minute. The last one that leaves ends the tries.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from connect.api import RetriableError
from connect_schemas.errors import UNREACHABLE

#: How soon who waits notices that its task is to stop.
_LOOK_S: Final = 0.05


class Flight:
    """One question that is under way. `waiting` is for its owner, under the owner's lock.

    Args:
        ask: Given an event that is set when nobody waits any more. On a thread of its own.
        landed: Told that there is an answer, or none, on that thread, before anybody who waits.
    """

    def __init__(self, ask: Callable[[threading.Event], Any], landed: Callable[[Flight], None]) -> None:
        self.waiting = 0
        self.abandoned = threading.Event()
        self.answer: Any = None
        self.error: BaseException | None = None
        self._ask = ask
        self._landed = landed
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schema-registry", daemon=True)

    def start(self) -> None:
        """Ask."""
        self._thread.start()

    def result(self, interrupted: threading.Event) -> Any:
        """Wait for the answer. Blocks, no longer than until `interrupted` is set.

        Raises:
            RetriableError: `interrupted` is set; or what the question raised, as of any other error.
        """
        while not self._done.wait(_LOOK_S):
            if interrupted.is_set():
                raise RetriableError("the task is to stop, and the schema registry has not answered", code=UNREACHABLE)
        if self.error is not None:
            raise self.error
        return self.answer

    def _run(self) -> None:
        try:
            self.answer = self._ask(self.abandoned)
        except BaseException as error:  # whoever waits has it
            self.error = error
        self._landed(self)
        self._done.set()
