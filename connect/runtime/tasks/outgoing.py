"""What leaves the pipeline of a source: bytes for a topic, which still know where in the source they are from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from connect.records import Columns


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Bytes on their way to a topic, with the source's coordinates as the batch had them; see `Batch`.

    Attributes:
        source_end: Of a part: where the source goes on after the whole.
        is_in_order: Each record of the poll is there, in the order in which the source gave them.
        size_bytes: Of keys and values; counted once, on the task's thread.
    """

    topic: str
    partition: int | None
    columns: Columns
    source_partition: Mapping[str, Any] | None = None
    source_offset: Mapping[str, Any] | None = None
    source_offsets: Sequence[Mapping[str, Any] | None] | None = None
    source_end: Mapping[str, Any] | None = None
    is_in_order: bool = True
    size_bytes: int = -1

    def __post_init__(self) -> None:
        if self.size_bytes < 0:
            object.__setattr__(self, "size_bytes", self.columns.size_bytes)

    def __len__(self) -> int:
        return len(self.columns)

    def cut(self, start: int, stop: int) -> Outgoing:
        """Return the records from `start` up to `stop`; `source_offset` stays with the last of all."""
        return Outgoing(
            self.topic,
            self.partition,
            self.columns.cut(start, stop),
            self.source_partition,
            self.source_offset if stop >= len(self) else None,
            None if self.source_offsets is None else self.source_offsets[start:stop],
            self.source_end or self.source_offset,
            self.is_in_order,
        )


def joined(parts: Sequence[Outgoing]) -> Outgoing:
    """Return what goes to one topic and partition as one append; where in the source it is from, the parts know.

    Args:
        parts: At least one, in order.
    """
    first = parts[0]
    columns = [part.columns for part in parts]
    stamps: Sequence[int] | int = first.columns.timestamps
    if not isinstance(stamps, int) or any(each.timestamps != stamps for each in columns):
        stamps = list(chain.from_iterable(each.stamps for each in columns))
    keys = headers = None
    if any(each.keys is not None for each in columns):
        keys = list(chain.from_iterable(each.keys or [None] * len(each) for each in columns))
    if any(each.headers is not None for each in columns):
        headers = list(chain.from_iterable(each.headers or [None] * len(each) for each in columns))
    values = list(chain.from_iterable(each.values for each in columns))
    size_bytes = sum(part.size_bytes for part in parts)
    return Outgoing(first.topic, first.partition, Columns(values, keys, stamps, headers), size_bytes=size_bytes)
