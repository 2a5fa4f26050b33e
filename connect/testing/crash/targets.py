"""Where records arrive: what is there now, in its order. Read from outside, also while the worker writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from connect.api import ConnectError
from connect.app import inspect_log
from connect.inspection import StoredBatch
from connect.records import TopicPartition
from connect.testing.crash.report import Seen

#: The text of a record that the kit's upstreams write: its key, and its number in ten digits.
TEXT: Final = re.compile(r"(\S+) (\d{10})")


def text_of(seen: Seen) -> str:
    """Return a record as the kit's upstreams write it."""
    return f"{seen.key} {seen.number:010d}"


def parse_text(value: Any) -> Seen | None:
    """Return the record that a value stands for, as `text_of` wrote it; None where it is none, such as a torn line."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    found = TEXT.search(text)
    return None if found is None else Seen(found[1].lstrip('"'), int(found[2]))


class Target(Protocol):
    """Where records arrive."""

    def seen(self) -> Sequence[Seen]:
        """Return all that is there, in its order, repetitions included."""

    def count(self) -> int:
        """Return how many records are there, as cheaply as that can be had: asked often, a mark of progress alone."""


class CallTarget:
    """A target that a function reads: `CallTarget(lambda: [Seen(row.key, row.number) for row in ...])`."""

    def __init__(self, read: Callable[[], Sequence[Seen]], count: Callable[[], int] | None = None) -> None:
        self._read = read
        self._count = count

    def seen(self) -> Sequence[Seen]:
        """Return what the function returns."""
        return self._read()

    def count(self) -> int:
        """Return what the second function counts, else how many the first one returns."""
        return len(self._read()) if self._count is None else self._count()


class FileTarget:
    """The lines of a file.

    Args:
        parse: Gives the record of a line, None for what is no whole line.
    """

    def __init__(self, path: Path, parse: Callable[[str], Seen | None] = parse_text) -> None:
        self.path = path
        self._parse = parse

    def seen(self) -> Sequence[Seen]:
        """Return the record of each line that has one; a line that a crash cut short has none."""
        if not self.path.exists():
            return []
        whole = self.path.read_bytes().decode("utf-8", "replace").split("\n")[:-1]
        return [found for line in whole if (found := self._parse(line)) is not None]

    def count(self) -> int:
        """Return how many lines there are."""
        return self.path.read_bytes().count(b"\n") if self.path.exists() else 0


class LogTarget:
    """A topic of the worker's log, for sources: what a `read_committed` consumer would read, partition by partition.

    Args:
        data_dir: The worker's: `CrashTest.data_dir`, which is `folder / "data"`.
        parse: Gives the record of a value.
    """

    def __init__(
        self, data_dir: Path, topic: str, parse: Callable[[bytes], Seen | None] = parse_text, *, partitions: int = 1
    ) -> None:
        self._data_dir = data_dir
        self._parse = parse
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]
        self._counted = dict.fromkeys(self._partitions, 0)

    def seen(self) -> Sequence[Seen]:
        """Return the records of committed transactions and of none, up to the first transaction that is open."""
        return [found for v in self.values() if v is not None and (found := self._parse(v)) is not None]

    def values(self) -> list[bytes | None]:
        """Return the values of the same, as they are; None is a tombstone."""
        return [value for partition in self._partitions for value in self._committed(partition)]

    def count(self) -> int:
        """Return the log end offsets, added up."""
        for partition in self._partitions:
            for batch in self._batches(partition, self._counted[partition]):
                self._counted[partition] = batch.last_offset + 1
        return sum(self._counted.values())

    def _committed(self, partition: TopicPartition) -> list[bytes | None]:
        batches: list[tuple[bool, list[bytes | None]]] = []
        #: Of each producer with an open transaction: where its batches are in the list.
        open_of: dict[int, list[int]] = {}
        for batch in self._batches(partition, 0):
            if batch.marker is not None:
                for place in open_of.pop(batch.producer_id, ()):
                    batches[place] = (batch.marker == "COMMIT", batches[place][1])
            elif batch.records is not None and "control" not in batch.flags:
                is_open = "transactional" in batch.flags
                if is_open:
                    open_of.setdefault(batch.producer_id, []).append(len(batches))
                batches.append((not is_open, list(batch.records.columns.values)))
        first_open = min((places[0] for places in open_of.values()), default=len(batches))
        return [value for is_committed, values in batches[:first_open] if is_committed for value in values]

    def _batches(self, partition: TopicPartition, offset: int) -> Iterator[StoredBatch]:
        inspector = inspect_log(self._data_dir)
        try:
            if partition in inspector.partitions():
                yield from (
                    batch
                    for batch in inspector.dump(partition, offset)
                    if isinstance(batch, StoredBatch) and batch.last_offset >= offset
                )
        except (ConnectError, FileNotFoundError):
            # The worker has not made the log yet, or deletes a segment just now: the next look sees it.
            return
