"""All records of one partition, one after another, for the log's own topics. Blocks; for the log's threads."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

from connect.codec.decode import DecodedBatch, decode_records
from connect.log.storage.partition import Partition

log = logging.getLogger(__name__)

_READ_BYTES: Final = 1 << 20


def walk_batches(partition: Partition) -> Iterator[DecodedBatch]:
    """Yield every batch up to where the log ends now, also control batches and those of open transactions.

    Raises:
        CorruptBatchError: At the first damaged batch.
    """
    partition.open()
    offset, end = partition.log_start_offset, partition.log_end_offset
    cursor = None
    while offset < end:
        stored = partition.read(offset, max_bytes=_READ_BYTES, cursor=cursor)
        if not stored.headers:
            return  # a broker's compaction left nothing up to the end
        for header in stored.headers:
            yield decode_records(stored.data, header)
        offset, cursor = stored.headers[-1].next_offset, stored.cursor


def records_in(batch: DecodedBatch) -> Iterator[tuple[int, bytes | None, bytes | None]]:
    """Yield offset, key and value of a batch's records."""
    columns = batch.columns
    yield from zip(batch.offsets, columns.keys or [None] * len(columns), columns.values, strict=True)


class PassedOver:
    """The records of one partition that cannot be read.

    The first `_LOGGED_MAX` are logged with their offset, those beyond as a number.
    """

    _LOGGED_MAX: Final = 100

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0

    def take(self, offset: int, problem: str) -> None:
        """Take note of a record."""
        self._count += 1
        if self._count <= self._LOGGED_MAX:
            log.error("%s: the record at offset %d cannot be read and is passed over: %s", self._name, offset, problem)

    def close(self) -> None:
        """Tell how many were not logged one by one."""
        if self._count > self._LOGGED_MAX:
            log.error(
                "%s: %d more records cannot be read and are passed over", self._name, self._count - self._LOGGED_MAX
            )
