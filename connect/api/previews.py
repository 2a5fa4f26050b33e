"""What a sink would write, as `SinkTask.preview` tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from connect.api.errors import ConnectError


@dataclass(frozen=True, slots=True)
class PreviewItem:
    """One thing that would be written: a statement, a row, a line, a file, a call.

    Attributes:
        text: It, for people: the SQL, the line, the path. Secrets that are known are taken out, and what is long is
            cut.
        parameters: The values that go with it, such as a statement's. None: it has none.
        records: The records that it would be written for, by their number over all batches that `preview` was given, in
            their order.
        error: Why the target would refuse it. None: it would not, as far as that was tried.
    """

    text: str
    parameters: Sequence[Any] | None = None
    records: Sequence[int] = ()
    error: ConnectError | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be written, in order.

    Attributes:
        kind: What the items are.
        note: What was not tried, or is otherwise than it would be, in words for people; '' for nothing.
    """

    kind: Literal["statements", "rows", "lines", "files", "records"]
    items: Sequence[PreviewItem] = ()
    note: str = ""
