"""Where tasks tell of their batches to who traces them: nobody, unless the worker's config says so.

A source's batch is one span, from its poll until it is in the log; its records carry the span's context in a header,
`traceparent` as W3C has it. A sink's fetch is one too, below the span that the first of its records names. Which
batches are traced is the tracer's to say; the others cost a look at an attribute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from connect.records import FetchedBatch
from connect.runtime.model import TaskId
from connect.runtime.tasks.outgoing import Outgoing

#: The header of a record that says which span it is from.
TRACEPARENT: Final = "traceparent"


class Span(Protocol):
    """A batch that is under way. `end` is called once, from any thread; one that is not ended is not told of."""

    def end(self, error: BaseException | None = None) -> None:
        """Tell that the batch has arrived, or what kept it from that."""


class Tracer(Protocol):
    """Begins spans. From any thread; never waits."""

    def polled(self, task: TaskId, outgoing: Sequence[Outgoing], took_s: float) -> tuple[list[Outgoing], Span] | None:
        """Begin the span of what a source has polled; return its records with the header, None where it is not traced.

        Args:
            took_s: How long ago the poll began.
        """

    def fetched(self, task: TaskId, batches: Sequence[FetchedBatch]) -> Span | None:
        """Begin the span of what a sink has fetched; None where it is not traced."""


@dataclass(slots=True)
class Traces:
    """Who traces the batches of a worker's tasks just now; None: nobody does."""

    tracer: Tracer | None = None


def end_all(spans: Sequence[Span], error: BaseException | None = None) -> None:
    """End spans of batches that have come to the same."""
    for span in spans:
        span.end(error)
