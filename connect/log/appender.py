"""What the groups, the transactions and a producer's session need of a producer: a place to append to.

It stands below all of them, so that none of them knows who appends: `LogCluster` hands a producer's `append` in.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from connect.ports import Acks
from connect.records import Columns


class Appender(Protocol):
    """Appends columns to a topic as `connect.ports.Producer.append` does; the call takes its place in the log's queue.

    Appends to one topic land in the order in which the calls first run, whether or not earlier ones have ended.
    """

    def __call__(
        self, topic: str, columns: Columns, *, partition: int | None = None, acks: Acks = "written"
    ) -> Coroutine[Any, Any, object]:
        """Return once the columns are as safe as `acks` says. A cancelled caller leaves the append to its end."""
