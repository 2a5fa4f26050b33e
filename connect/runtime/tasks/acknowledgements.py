"""What becomes of each record of a source that wants to know: `SourceTask.commit_records`.

Theory of operation. A record is known by its source offset, as the very object: each poll's are copied, so that no two
are one, and transforms hand them on. An append tells where its records landed; when a poll has been appended, each
record of it has landed, or was dropped on the way. That is told once it is durable: what was appended before a flush
of the producer began is, when it returns. Of values nothing is kept, so what waits for a flush is small.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from connect.api import Batch, CommittedRecord, RecordMetadata, SourceTask
from connect.api.contract import check_acknowledged
from connect.records import Appended
from connect.runtime.tasks.outgoing import Outgoing

#: So many records may wait to be durable; then the next poll waits for a flush.
WAITING_MAX: Final = 100_000


class Acknowledgements:
    """The records of one source task between poll and acknowledgement.

    Attributes:
        is_waiting: Set while records wait for a flush.
    """

    def __init__(self, plugin: SourceTask) -> None:
        self.is_waiting = asyncio.Event()
        self._plugin = plugin
        #: Of the poll under way, by the identity of a record's offset.
        self._landed: dict[int, RecordMetadata] = {}
        self._appended: list[CommittedRecord] = []
        self._durable: list[CommittedRecord] = []

    @classmethod
    def of(cls, plugin: SourceTask) -> Acknowledgements | None:
        """Return those of a task that wants to hear of its records, None for all others."""
        is_wanted = type(plugin).commit_records is not SourceTask.commit_records
        return cls(plugin) if is_wanted else None

    @property
    def is_full(self) -> bool:
        """Whether so many records wait to be durable that the next poll has to wait."""
        return len(self._appended) >= WAITING_MAX

    def told_apart(self, batches: Iterable[Batch]) -> list[Batch]:
        """Return a poll's batches, each record with an offset object of its own. On the task's thread.

        Raises:
            PluginError: A record has no offset of its own.
        """
        return [self._told_apart(batch) for batch in batches]

    def _told_apart(self, batch: Batch) -> Batch:
        check_acknowledged(self._plugin, "poll", batch)
        return batch.replace(source_offsets=[dict(offset or {}) for offset in batch.source_offsets or ()])

    def landed(self, out: Outgoing, where: Appended | None) -> None:
        """Take note of where some records of the poll under way are."""
        offsets: Sequence[Mapping[str, Any] | None] = out.source_offsets or ()
        for offset, (partition, position) in zip(offsets, where.places() if where is not None else (), strict=False):
            self._landed[id(offset)] = RecordMetadata(out.topic, partition, position)

    def polled(self, batches: Iterable[Batch], *, is_whole: bool) -> None:
        """Take note that a poll was appended: what of it did not land was dropped.

        Args:
            is_whole: False where the append failed half-way: then only what landed is told.
        """
        landed, self._landed = self._landed, {}
        for batch in batches:
            assert batch.source_partition is not None
            for offset in batch.source_offsets or ():
                metadata = landed.get(id(offset))
                if offset is not None and (metadata is not None or is_whole):
                    self._appended.append(CommittedRecord(batch.source_partition, offset, metadata))
        if self._appended:
            self.is_waiting.set()

    def take(self) -> list[CommittedRecord]:
        """Return what waits for a flush, which is to begin now."""
        taken, self._appended = self._appended, []
        self.is_waiting.clear()
        return taken

    def put_back(self, records: Sequence[CommittedRecord]) -> None:
        """Take back what a flush that failed was for."""
        self._appended[:0] = records
        if records:
            self.is_waiting.set()

    def durable(self, records: Sequence[CommittedRecord]) -> None:
        """Take note that the flush has returned."""
        self._durable += records

    def news(self) -> list[CommittedRecord]:
        """Return what is to be told, in order, and hold nothing of it any more."""
        news, self._durable = self._durable, []
        return news
