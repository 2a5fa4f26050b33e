"""Which partition each record of an append goes to: by murmur2 of its key, or, without one, where the last ones went.

Kafka's default partitioner, over columns. Both engines choose by it, so a key goes to the same partition on either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from connect.codec.partitioner import partitions_of
from connect.records import Columns

#: Kafka's `batch.size`: a sticky partition is left once an append to it was at least so large.
_STICKY_BYTES: Final = 16_384


class Placement:
    """One producer's choices. Records without a key share a partition of their topic until it had its fill."""

    def __init__(self) -> None:
        self._sticky: dict[str, int] = {}

    def partitions(self, topic: str, count: int, columns: Columns) -> int | list[int]:
        """Return the partition of all records, or that of each, of a topic that has `count` partitions."""
        if count == 1:
            return 0
        keys = columns.keys
        if keys is None:
            return self._stick(topic, count, columns)
        if None in keys:
            sticky = self._stick(topic, count, columns)
            hashed = iter(partitions_of([key for key in keys if key is not None], count))
            return [sticky if key is None else next(hashed) for key in keys]
        return partitions_of(keys, count)  # type: ignore[arg-type]

    def _stick(self, topic: str, count: int, columns: Columns) -> int:
        number = self._sticky.get(topic, 0) % count
        if approximate_bytes(columns) >= _STICKY_BYTES:
            self._sticky[topic] = number + 1
        return number


def approximate_bytes(columns: Columns) -> int:
    """Return about how many bytes the records take, headers aside. Costs time per record."""
    return sum(map(_column_bytes, (columns.values, columns.keys or ()))) + 10 * len(columns)


def _column_bytes(column: Sequence[bytes | None]) -> int:
    try:
        return sum(map(len, column))  # type: ignore[arg-type]
    except TypeError:
        return sum(len(item) for item in column if item is not None)
