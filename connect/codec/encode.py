"""Columns of bytes -> record batch v2.

Python pays per call, so nothing here calls Python once a record: each part of a record is a column of byte pieces,
made by C-level maps over tables of ready varints, the columns are laid side by side in one list, and one join makes
the batch. Every record is

    length varint | attributes 0 | timestamp delta | offset delta | key length | key | value length | value | headers

Source: Kafka, docs "Message Format", 5.3.2; DefaultRecord.java.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from operator import add
from typing import Final

from crc32c import crc32c

from connect.codec import header as h
from connect.codec.compression import NONE, Codec
from connect.codec.varint import VARINTS, VarintTable, encode_varint
from connect.records import Columns, RawHeaders

#: Where the varint of an offset delta grows by a byte: deltas below 2^6 take one byte, below 2^13 two, and so on.
_DELTA_LIMITS: Final = tuple(1 << 7 * size - 1 for size in range(1, 6))

_NO_HEADERS: Final = b"\x00"
_LENGTHS: Final = VarintTable()


class _FieldSizes(dict[int, int]):
    """`sizes[n]` is the bytes of a length-prefixed field of n bytes; -1 is null, which is the prefix alone."""

    def __missing__(self, length: int) -> int:
        size = len(_LENGTHS[length]) + max(length, 0)
        if length <= 1 << 14:
            self[length] = size
        return size


_SIZES: Final = _FieldSizes()

#: For the shape that matters most (no keys, no headers, one timestamp), by bytes of the offset delta: from the end of
#: the record before (no headers) to the offset delta. The index is the size of the value's field.
_PLAIN_HEADS: Final = {
    size: VarintTable(_NO_HEADERS, b"\x00\x00", add=1 + 1 + size + 1 + 1) for size in range(1, len(_DELTA_LIMITS) + 1)
}
#: From the offset delta to the value's length: a null key.
_PLAIN_DELTAS: Final[list[bytes]] = [delta + b"\x01" for delta in VARINTS]


#: Where the producer id is in the header's checked part.
_PRODUCER_ID: Final = slice(43 - h.CHECKED_POSITION, 51 - h.CHECKED_POSITION)


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """A record batch that lacks only what the log assigns: base offset and leader epoch, which the CRC leaves out.

    Attributes:
        checked: Header bytes 21 to 60.
        payload: The records, compressed where the attributes say so.
        crc: Of `checked` and `payload`.
    """

    count: int
    max_timestamp: int
    crc: int
    checked: bytes
    payload: bytes | memoryview

    @property
    def size_bytes(self) -> int:
        """Bytes of the whole batch."""
        return h.HEADER_BYTES + len(self.payload)

    @property
    def is_sequenced(self) -> bool:
        """True for a batch with a producer id, which is appended once however often it comes."""
        return self.checked[_PRODUCER_ID] != b"\xff" * 8

    @property
    def header(self) -> h.BatchHeader:
        """The header with base offset 0."""
        return h.BatchHeader(0, self.size_bytes, 0, 0, self.crc, *h.CHECKED.unpack(self.checked))

    def head(self, base_offset: int, leader_epoch: int = 0) -> bytes:
        """Return the 61 bytes before the payload."""
        assert base_offset >= 0, "the log assigns offsets from 0 on"
        length = self.size_bytes - h.LENGTH_OVERHEAD
        return h.PREFIX.pack(base_offset, length, leader_epoch, h.MAGIC, self.crc) + self.checked


def encode(
    columns: Columns,
    *,
    codec: Codec = NONE,
    attributes: int = 0,
    max_timestamp: int | None = None,
    producer_id: int = h.NO_PRODUCER_ID,
    producer_epoch: int = h.NO_PRODUCER_EPOCH,
    base_sequence: int = h.NO_SEQUENCE,
) -> EncodedBatch:
    """Encode n > 0 records as one batch.

    Args:
        attributes: Timestamp type, transactional and control flags of `connect.codec.header`; compression is added.
        max_timestamp: The log append time, where the attributes have that type.
    """
    count = len(columns.values)
    assert count > 0, "a record batch has at least one record"
    payload, base_timestamp, newest = _encode_records(columns, count)
    payload = codec.compress(payload)
    newest = newest if max_timestamp is None else max_timestamp
    checked = h.CHECKED.pack(
        attributes | codec.number, count - 1, base_timestamp, newest, producer_id, producer_epoch, base_sequence, count
    )
    return EncodedBatch(count, newest, crc32c(payload, crc32c(checked)), checked, payload)


def with_producer(
    batch: EncodedBatch, producer_id: int, epoch: int, base_sequence: int, *, is_transactional: bool
) -> EncodedBatch:
    """Return the batch as one of a producer, with the sequence number of its first record."""
    attributes, last_delta, base_timestamp, newest, _, _, _, count = h.CHECKED.unpack(batch.checked)
    if is_transactional:
        attributes |= h.TRANSACTIONAL
    checked = h.CHECKED.pack(attributes, last_delta, base_timestamp, newest, producer_id, epoch, base_sequence, count)
    return replace(batch, checked=checked, crc=crc32c(batch.payload, crc32c(checked)))


def encode_retained(
    header: h.BatchHeader, offsets: Sequence[int], columns: Columns, codec: Codec, delete_horizon_ms: int | None
) -> bytes:
    """Encode what compaction keeps of a batch, which stays the same batch: offsets, sequence numbers, flags.

    Args:
        offsets: Of the records that are kept, by rising offset; may be none.
        delete_horizon_ms: When the tombstones, or the marker, may go; None for a batch without. It takes the place of
            the base timestamp, as in Kafka.
    """
    count = len(offsets)
    stamps = columns.stamps
    attributes, base_timestamp = header.attributes & ~(h.COMPRESSION_MASK | h.DELETE_HORIZON), header.base_timestamp
    if delete_horizon_ms is not None:
        attributes, base_timestamp = attributes | h.DELETE_HORIZON, delete_horizon_ms
    elif header.has_delete_horizon:
        base_timestamp = stamps[0] if stamps else h.NO_TIMESTAMP
    newest = header.max_timestamp if header.is_log_append_time or not stamps else max(stamps)
    if count:
        deltas = [offset - header.base_offset for offset in offsets]
        stamp_deltas = [stamp - base_timestamp for stamp in stamps]
        payload = codec.compress(
            _encode_general(columns.values, columns.keys, stamp_deltas, columns.headers, count, deltas)
        )
        attributes |= codec.number
    else:
        payload = b""
    checked = h.CHECKED.pack(
        attributes,
        header.last_offset_delta,
        base_timestamp,
        newest,
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
        count,
    )
    batch = EncodedBatch(count, newest, crc32c(payload, crc32c(checked)), checked, payload)
    return batch.head(header.base_offset, header.leader_epoch) + payload


def encode_kept(header: h.BatchHeader, pieces: Sequence[bytes], codec: Codec) -> bytes:
    """Encode what compaction keeps of a batch whose records stay as they are, byte for byte.

    Args:
        pieces: The kept records, by rising offset; at least one.
    """
    payload = codec.compress(b"".join(pieces))
    checked = h.CHECKED.pack(
        header.attributes,
        header.last_offset_delta,
        header.base_timestamp,
        header.max_timestamp,
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
        len(pieces),
    )
    batch = EncodedBatch(len(pieces), header.max_timestamp, crc32c(payload, crc32c(checked)), checked, payload)
    return batch.head(header.base_offset, header.leader_epoch) + payload


def encode_gap(base_offset: int, last_offset: int) -> bytes:
    """Encode a batch without records that stands for offsets whose records compaction removed."""
    checked = h.CHECKED.pack(
        0,
        last_offset - base_offset,
        h.NO_TIMESTAMP,
        h.NO_TIMESTAMP,
        h.NO_PRODUCER_ID,
        h.NO_PRODUCER_EPOCH,
        h.NO_SEQUENCE,
        0,
    )
    return EncodedBatch(0, h.NO_TIMESTAMP, crc32c(checked), checked, b"").head(base_offset)


def _encode_records(columns: Columns, count: int) -> tuple[bytes, int, int]:
    """Return the records with their base and max timestamp."""
    values, keys, timestamps, headers = columns.values, columns.keys, columns.timestamps, columns.headers
    assert keys is None or len(keys) == count, "as many keys as values"
    if isinstance(timestamps, int):
        if keys is None and headers is None:
            return _encode_plain(values, count), timestamps, timestamps
        return _encode_general(values, keys, None, headers, count), timestamps, timestamps
    assert len(timestamps) == count, "as many timestamps as values"
    base, newest = timestamps[0], max(timestamps)
    if newest == base and min(timestamps) == base:
        return _encode_records(Columns(values, keys, base, headers), count)
    deltas = [timestamp - base for timestamp in timestamps]
    return _encode_general(values, keys, deltas, headers, count), base, newest


def _encode_plain(values: Sequence[bytes | None], count: int) -> bytes:
    lengths, contents = _measure(values)
    sizes = list(map(_SIZES.__getitem__, lengths))
    # Four pieces a record; piece 0 begins with the end of the record before, so the first loses one byte.
    pieces: list[bytes] = [b""] * (4 * count + 1)
    start = 0
    for delta_bytes, limit in enumerate(_DELTA_LIMITS, 1):
        end = min(limit, count)
        heads = _PLAIN_HEADS[delta_bytes].__getitem__
        pieces[4 * start : 4 * end : 4] = list(map(heads, sizes[start:end]))
        start = end
        if end == count:
            break
    pieces[1:-1:4] = _column(_PLAIN_DELTAS, count, b"\x01")
    pieces[2::4] = list(map(_LENGTHS.__getitem__, lengths))
    pieces[3::4] = contents
    pieces[0] = pieces[0][1:]
    pieces[-1] = _NO_HEADERS
    return b"".join(pieces)


def _encode_general(
    values: Sequence[bytes | None],
    keys: Sequence[bytes | None] | None,
    timestamp_deltas: list[int] | None,
    headers: Sequence[RawHeaders | None] | None,
    count: int,
    offset_deltas: Sequence[int] | None = None,
) -> bytes:
    value_lengths, value_contents = _measure(values)
    sizes = list(map(_SIZES.__getitem__, value_lengths))
    columns: list[Sequence[bytes]] = []
    if timestamp_deltas is not None:
        columns.append(list(map(_LENGTHS.__getitem__, timestamp_deltas)))
        sizes = list(map(add, sizes, map(len, columns[-1])))
    else:
        sizes = list(map(add, sizes, repeat(1)))
        columns.append([b"\x00"] * count)
    columns.append(_column(VARINTS, count, b"") if offset_deltas is None else list(map(encode_varint, offset_deltas)))
    sizes = list(map(add, sizes, map(len, columns[-1])))
    if keys is None:
        columns.append([b"\x01"] * count)
        sizes = list(map(add, sizes, repeat(1)))
    else:
        key_lengths, key_contents = _measure(keys)
        columns += [list(map(_LENGTHS.__getitem__, key_lengths)), key_contents]
        sizes = list(map(add, sizes, map(_SIZES.__getitem__, key_lengths)))
    columns += [list(map(_LENGTHS.__getitem__, value_lengths)), value_contents]
    if headers is None:
        columns.append([_NO_HEADERS] * count)
        sizes = list(map(add, sizes, repeat(1)))
    else:
        assert len(headers) == count, "as many header lists as values"
        columns.append([_encode_headers(record) if record else _NO_HEADERS for record in headers])
        sizes = list(map(add, sizes, map(len, columns[-1])))
    return b"".join(chain.from_iterable(zip(map(_GENERAL_HEADS.__getitem__, sizes), *columns, strict=True)))


#: A record's length, of everything behind it, and its attributes; the index leaves the attributes byte out.
_GENERAL_HEADS: Final = VarintTable(b"", b"\x00", add=1)


def _measure(column: Sequence[bytes | None]) -> tuple[list[int], Sequence[bytes]]:
    """Return the lengths, -1 for null, and the contents, nothing for null."""
    try:
        return list(map(len, column)), column  # type: ignore[arg-type, return-value]
    except TypeError:
        lengths = [-1 if item is None else len(item) for item in column]
        return lengths, [b"" if item is None else item for item in column]


def _column(table: list[bytes], count: int, after: bytes) -> list[bytes]:
    """Return the offset deltas 0 to count - 1, from a table as far as it goes."""
    if count <= len(table):
        return table[:count]
    return table + [encode_varint(delta) + after for delta in range(len(table), count)]


def _encode_headers(headers: RawHeaders) -> bytes:
    pieces = [_LENGTHS[len(headers)]]
    for name, value in headers:
        raw = name.encode()
        pieces += [_LENGTHS[len(raw)], raw, _LENGTHS[-1 if value is None else len(value)], value or b""]
    return b"".join(pieces)
