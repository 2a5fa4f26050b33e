"""All records of one partition, one after another, for the log's own topics. Blocks; for the log's threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from connect.codec.decode import DecodedBatch, decode_records
from connect.log.partition import Partition

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


def walk_records(partition: Partition) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Yield keys and values of all records that are part of no transaction."""
    for batch in walk_batches(partition):
        if batch.header.is_control or batch.header.is_transactional:
            continue
        columns = batch.columns
        yield from zip(columns.keys or [None] * len(columns), columns.values, strict=True)
