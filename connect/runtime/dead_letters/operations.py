"""Work on queues that takes its time: replays and discards, in the background, one at a time for each queue.

What is told of an operation is kept in memory, of the last `KEPT_MAX`; what it did is in the store and survives. So an
operation whose worker was killed is begun again, and goes on where it ended.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from connect.api import ConflictError, ConnectError, NotFoundError
from connect.api.error_codes import register_code
from connect.runtime.secrets import redact

logger = logging.getLogger(__name__)

BUSY = register_code(
    "dlq.busy",
    "Another operation works on the dead letter queue, or as many as may run at one time are under way.",
    "Wait for the end of one, or cancel it with 'connect dlq cancel ID'.",
)
#: Operations at one time, dry runs too: each reads a whole queue.
RUNNING_MAX: Final = 16
#: Operations that are remembered once they have ended.
KEPT_MAX: Final = 100
#: Letters of an operation whose problems are told one by one.
PROBLEMS_MAX: Final = 100
#: How long the operations may take to end when the worker does; then they are cut off, which harms nothing.
END_S: Final = 5.0

State = Literal["running", "done", "cancelled", "failed"]


@dataclass(slots=True)
class Operation:
    """An operation as it is now. It holds nothing of its fix.

    Attributes:
        scanned, total: Offsets of the queue that were read, of how many.
        matched: Letters that the condition holds for and nothing was done about before.
        done: Letters that were replayed or discarded; with `dry_run` those that would be.
        duplicates: Second letters of one failure, settled with the first.
        held_back: Letters left where they are, since an earlier one of their key was.
        refused: Letters left where they are for another reason.
        problems: Why, of the first `PROBLEMS_MAX`: letter and reason.
        previews: With `dry_run`: what would be sent.
    """

    id: str
    kind: Literal["replay", "discard"]
    queue: str
    where: str
    dry_run: bool
    started_ms: int
    to: str | None = None
    reason: str | None = None
    state: State = "running"
    ended_ms: int | None = None
    error: ConnectError | None = None
    scanned: int = 0
    total: int = 0
    matched: int = 0
    done: int = 0
    duplicates: int = 0
    held_back: int = 0
    refused: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    previews: list[dict[str, Any]] = field(default_factory=list)
    is_cancelled: bool = False

    def leave(self, letter: str, why: str, *, held_back: bool = False) -> None:
        """Count a letter that is left where it is."""
        if held_back:
            self.held_back += 1
        else:
            self.refused += 1
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append((letter, redact(why)[:500]))


class Operations:
    """The operations of one worker. For the event loop."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._known: dict[str, Operation] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def new_id(self) -> str:
        """Return an id that no operation had."""
        return secrets.token_hex(6)

    def begin(self, operation: Operation, work: Callable[[Operation], Awaitable[None]]) -> Operation:
        """Begin an operation.

        Raises:
            ConflictError: dlq.busy: another one works on the queue; dry runs disturb nobody. Or very many run.
        """
        if len(self._tasks) >= RUNNING_MAX:
            raise ConflictError(f"{len(self._tasks)} operations are under way, and no more run at one time", code=BUSY)
        if not operation.dry_run:
            for other in self._known.values():
                if other.state == "running" and other.queue == operation.queue and not other.dry_run:
                    raise ConflictError(f"queue {operation.queue!r} is worked on by {other.kind} {other.id}", code=BUSY)
        self._forget()
        self._known[operation.id] = operation
        self._tasks[operation.id] = asyncio.create_task(self._run(operation, work))
        return operation

    async def _run(self, operation: Operation, work: Callable[[Operation], Awaitable[None]]) -> None:
        try:
            await work(operation)
            operation.state = "cancelled" if operation.is_cancelled else "done"
        except asyncio.CancelledError:
            operation.state = "cancelled"
            raise
        except ConnectError as error:
            operation.state, operation.error = "failed", error
            logger.error("%s %s of queue %s failed: %s", operation.kind, operation.id, operation.queue, error.message)
        except Exception as error:
            operation.state = "failed"
            operation.error = ConnectError(f"{type(error).__name__}: {error}")
            logger.error("%s %s of queue %s failed", operation.kind, operation.id, operation.queue, exc_info=True)
        finally:
            operation.ended_ms = self._clock_ms()
            self._tasks.pop(operation.id, None)

    def _forget(self) -> None:
        ended = [one.id for one in self._known.values() if one.state != "running"]
        for id_ in ended[: max(0, len(ended) - KEPT_MAX + 1)]:
            del self._known[id_]

    def all(self) -> list[Operation]:
        """Return what is known, the newest first."""
        return list(reversed(self._known.values()))

    def get(self, id_: str) -> Operation:
        """Return an operation.

        Raises:
            NotFoundError: None of this worker's life has that id, or it was long ago.
        """
        found = self._known.get(id_)
        if found is None:
            raise NotFoundError(
                f"there is no operation {id_!r}", hint="List them with GET /v1/dlq-operations; a restart forgets them."
            )
        return found

    def cancel(self, id_: str) -> Operation:
        """Ask an operation to end behind the step that it is at; what was done stays done."""
        operation = self.get(id_)
        operation.is_cancelled = operation.is_cancelled or operation.state == "running"
        return operation

    async def wait(self, id_: str, timeout_s: float) -> Operation:
        """Return an operation when it has ended, or after a while."""
        task = self._tasks.get(id_)
        if task is not None:
            await asyncio.wait([task], timeout=timeout_s)
        return self.get(id_)

    async def aclose(self) -> None:
        """Let all end, and wait for it."""
        for operation in self._known.values():
            operation.is_cancelled = operation.is_cancelled or operation.state == "running"
        tasks = list(self._tasks.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=END_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=END_S)
