"""The fixed part of record batch v2, which stands before its records.

Source: Kafka, docs "Message Format", 5.3.1; DefaultRecordBatch.java.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from crc32c import crc32c

from connect.api.errors import CorruptBatchError, LogError

# All big-endian.
PREFIX: Final = struct.Struct(
    ">"
    "q"  # 0   base offset: assigned at append, outside the CRC
    "i"  # 8   batch length: bytes from 12 to the end
    "i"  # 12  partition leader epoch: assigned at append, outside the CRC
    "b"  # 16  magic: 2
    "I"  # 17  CRC-32C of bytes 21 to the end
)
CHECKED: Final = struct.Struct(
    ">"
    "h"  # 21  attributes: bits 0-2 compression, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon
    "i"  # 23  last offset delta: of the batch as produced, kept by compaction
    "q"  # 27  base timestamp: of the first record; deltas are relative to it
    "q"  # 35  max timestamp
    "q"  # 43  producer id, -1 for none
    "h"  # 51  producer epoch, -1 for none
    "i"  # 53  base sequence, -1 for none
    "i"  # 57  number of records
)
LENGTH: Final = struct.Struct(">qi")
CRC_POSITION: Final = 17
CHECKED_POSITION: Final = PREFIX.size
HEADER_BYTES: Final = PREFIX.size + CHECKED.size
assert PREFIX.size == 21
assert CHECKED.size == 40
assert HEADER_BYTES == 61
#: Base offset and batch length come before what the batch length counts.
LENGTH_OVERHEAD: Final = LENGTH.size
assert LENGTH_OVERHEAD == 12

MAGIC: Final = 2
NO_PRODUCER_ID: Final = -1
NO_PRODUCER_EPOCH: Final = -1
NO_SEQUENCE: Final = -1
NO_TIMESTAMP: Final = -1

COMPRESSION_MASK: Final = 0x07
LOG_APPEND_TIME: Final = 0x08
TRANSACTIONAL: Final = 0x10
CONTROL: Final = 0x20
DELETE_HORIZON: Final = 0x40

_MAGIC_POSITION: Final = 16
_BATCH_LENGTH_MIN: Final = HEADER_BYTES - LENGTH_OVERHEAD


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """A record batch's header. `position` is where the batch starts in the buffer, `size_bytes` covers all of it."""

    position: int
    size_bytes: int
    base_offset: int
    leader_epoch: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    count: int

    @property
    def last_offset(self) -> int:
        """The batch's last offset, also where compaction removed that record."""
        return self.base_offset + self.last_offset_delta

    @property
    def next_offset(self) -> int:
        """The offset after the batch."""
        return self.base_offset + self.last_offset_delta + 1

    @property
    def end(self) -> int:
        """The position after the batch."""
        return self.position + self.size_bytes

    @property
    def is_control(self) -> bool:
        """True for a transaction's marker, which consumers never see."""
        return bool(self.attributes & CONTROL)

    @property
    def is_transactional(self) -> bool:
        """True for records of a transaction."""
        return bool(self.attributes & TRANSACTIONAL)

    @property
    def is_log_append_time(self) -> bool:
        """True where every record's timestamp is `max_timestamp`."""
        return bool(self.attributes & LOG_APPEND_TIME)

    @property
    def has_delete_horizon(self) -> bool:
        """True where the base timestamp is the time from which compaction removes the batch's tombstones or marker."""
        return bool(self.attributes & DELETE_HORIZON)

    @property
    def codec_number(self) -> int:
        """The compression; see `connect.codec.compression`."""
        return self.attributes & COMPRESSION_MASK


def read_header(buffer: bytes, position: int = 0) -> BatchHeader:
    """Read and validate the header at `position`; the records may lie outside the buffer.

    Raises:
        CorruptBatchError: The header is cut off or contradicts itself.
        LogError: log.unsupported_magic, for a format before Kafka 0.11.
    """
    available = len(buffer) - position
    if available < HEADER_BYTES:
        _refuse_old_magic(buffer, position)
        raise CorruptBatchError(f"a record batch's header takes {HEADER_BYTES} bytes, {available} are there")
    base_offset, length, leader_epoch, magic, crc = PREFIX.unpack_from(buffer, position)
    if magic != MAGIC:
        _refuse_old_magic(buffer, position)
        raise CorruptBatchError(f"a record batch has magic {magic}, expected {MAGIC}")
    if length < _BATCH_LENGTH_MIN:
        raise CorruptBatchError(f"a record batch's length is {length}, expected at least {_BATCH_LENGTH_MIN}")
    fields = CHECKED.unpack_from(buffer, position + CHECKED_POSITION)
    header = BatchHeader(position, length + LENGTH_OVERHEAD, base_offset, leader_epoch, crc, *fields)
    if base_offset < 0 or header.last_offset_delta < 0 or not 0 <= header.count <= header.last_offset_delta + 1:
        raise CorruptBatchError(
            f"a record batch of {header.count} records from offset {base_offset} "
            f"to {header.last_offset} contradicts itself"
        )
    return header


def check_crc(buffer: bytes, header: BatchHeader) -> None:
    """Check a whole batch against its CRC-32C.

    Raises:
        CorruptBatchError: The batch is cut off, or the checksum differs.
    """
    if header.end > len(buffer):
        available = len(buffer) - header.position
        raise CorruptBatchError(
            f"the record batch at offset {header.base_offset} takes {header.size_bytes} bytes, {available} are there"
        )
    found = crc32c(memoryview(buffer)[header.position + CHECKED_POSITION : header.end])
    if found != header.crc:
        raise CorruptBatchError(
            f"the record batch at offset {header.base_offset} has CRC {header.crc:#010x} in its header, "
            f"its bytes give {found:#010x}"
        )


def iterate_batches(buffer: bytes, position: int = 0) -> Iterator[BatchHeader]:
    """Yield the headers of whole batches, back to back; stop where the rest is less than a whole batch.

    Raises:
        CorruptBatchError: A header makes no sense.
    """
    while len(buffer) - position >= LENGTH_OVERHEAD:
        _, length = LENGTH.unpack_from(buffer, position)
        if length >= _BATCH_LENGTH_MIN and position + length + LENGTH_OVERHEAD > len(buffer):
            return
        header = read_header(buffer, position)
        yield header
        position = header.end


def _refuse_old_magic(buffer: bytes, position: int) -> None:
    # Magic stands at byte 16 in all formats; before v2 only 0 and 1 were ever used.
    if len(buffer) - position > _MAGIC_POSITION and buffer[position + _MAGIC_POSITION] in (0, 1):
        magic = buffer[position + _MAGIC_POSITION]
        raise LogError(f"a record batch has magic {magic}; only magic {MAGIC} is read", code="log.unsupported_magic")
