"""Record batch v2 -> columns of bytes.

Three loops, each tried on the whole batch, the next one when a record does not have its shape. `_decode_plain` reads
what matters most (no keys, no headers, one timestamp, dense offsets) with a handful of byte look-ups a record, each of
which also proves that the shape holds. `_decode_flat` adds keys, headers and timestamps, `_decode_general` reads
everything, also what compaction left.

Source: Kafka, docs "Message Format", 5.3.2; DefaultRecord.java.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from connect.api.errors import CorruptBatchError
from connect.codec.compression import codec_of_number, decompress
from connect.codec.header import HEADER_BYTES, BatchHeader, check_crc, read_header
from connect.codec.varint import VARINTS, decode_varint, encode_varint
from connect.records import Columns, RawHeaders

#: Bytes of a batch's smallest record with its length; bounds what a damaged count can make us allocate.
_RECORD_BYTES_MIN: Final = 7

#: Lengths by their one or two bytes of zigzag. A negative one leads behind the end of every buffer, where the loops see
#: that a batch is damaged without asking at each length; a look-up costs no more than the shift that it replaces.
_LENGTHS: Final = [1 << 40 if zigzag & 1 else zigzag >> 1 for zigzag in range(1 << 14)]


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """A record batch, taken apart. `offsets` is a range where they are dense, a list where compaction left gaps."""

    header: BatchHeader
    offsets: range | list[int]
    columns: Columns


def decode(buffer: bytes, position: int = 0) -> DecodedBatch:
    """Decode the record batch at `position`; the buffer may run past it.

    Raises:
        CorruptBatchError: The batch is cut off, fails its CRC-32C, or makes no sense.
        LogError: log.unsupported_magic, log.unknown_codec.
    """
    header = read_header(buffer, position)
    check_crc(buffer, header)
    return decode_records(buffer, header)


class Records(NamedTuple):
    """Where a batch's records lie, decompressed."""

    buffer: bytes
    start: int
    end: int


def records_of(buffer: bytes, header: BatchHeader) -> Records:
    """Return the records of a batch as bytes.

    Raises:
        CorruptBatchError: They cannot be decompressed.
        LogError: log.unknown_codec.
    """
    codec = codec_of_number(header.codec_number)
    start, end = header.position + HEADER_BYTES, header.end
    if not codec.number:
        return Records(buffer, start, end)
    raw = decompress(codec, buffer[start:end])
    return Records(raw, 0, len(raw))


def decode_records(buffer: bytes, header: BatchHeader) -> DecodedBatch:
    """Decode the records of a batch whose header is read and whose CRC is checked."""
    buffer, start, end = records_of(buffer, header)
    if header.count * _RECORD_BYTES_MIN > end - start:
        raise CorruptBatchError(f"{header.count} records cannot fit {end - start} bytes")
    if header.count == header.last_offset_delta + 1:
        values = _decode_plain(buffer, start, end, header.count)
        columns = _decode_flat(buffer, start, end, header) if values is None else None
        if values is not None:
            columns = Columns(values, timestamps=_timestamps(header, []))
        if columns is not None:
            return DecodedBatch(header, range(header.base_offset, header.next_offset), columns)
    return _decode_general(buffer, start, end, header)


def record_bounds(records: Records, count: int) -> list[int]:
    """Return where each record begins, and behind them where the last one ends.

    Raises:
        CorruptBatchError: The lengths do not lead to the end.
    """
    buffer, position, end = records
    lengths = _LENGTHS
    bounds = [position]
    append = bounds.append
    try:
        for _ in range(count):
            length = buffer[position]
            if length < 0x80:
                position += 1 + lengths[length]
            elif (second := buffer[position + 1]) < 0x80:
                position += 2 + lengths[length & 0x7F | second << 7]
            else:
                position = _end_of_long(buffer, position)
            append(position)
    except IndexError:
        position = -1
    if position != end:
        raise CorruptBatchError(f"{count} records do not end where their batch does")
    return bounds


def decode_keys(records: Records, count: int) -> tuple[list[bytes | None], bool]:
    """Return the keys alone, and whether a value is null: what compaction looks at.

    The walk along the lengths is `record_bounds` once more, since a list of bounds costs a quarter of this loop.

    It is not checked that a key ends within its record, which would cost 6 to 9 % of this loop: a batch whose checksum
    is right holds what a producer wrote, and a decode of the whole finds such a record. Here it would have a wrong key.

    Raises:
        CorruptBatchError: A record makes no sense as far as its value, or the lengths do not lead to the end.
    """
    buffer, following, end = records
    lengths = _LENGTHS
    keys: list[bytes | None] = []
    append = keys.append
    has_null = False
    try:
        for _ in range(count):
            position = following
            length = buffer[position]
            if length < 0x80:
                position += 2  # and the attributes
                following = position - 1 + lengths[length]
            elif (second := buffer[position + 1]) < 0x80:
                position += 3
                following = position - 1 + lengths[length & 0x7F | second << 7]
            else:
                following = _end_of_long(buffer, position)
                position = decode_varint(buffer, position)[1] + 1
            while buffer[position] > 0x7F:  # timestamp delta
                position += 1
            position += 1
            while buffer[position] > 0x7F:  # offset delta
                position += 1
            length = buffer[position + 1]
            if length > 0x7F:
                key, position = _decode_field(buffer, position + 1)
                append(key)
            elif length == 1:
                append(None)
                position += 2
            else:
                append(buffer[position + 2 : (position := position + 2 + lengths[length])])
            if buffer[position] == 1:
                has_null = True
    except IndexError:
        following = -1
    if following != end:
        raise CorruptBatchError(f"{count} records do not end where their batch does")
    return keys, has_null


def _end_of_long(buffer: bytes, position: int) -> int:
    """Return where the record at `position` ends, whose length takes more than two bytes."""
    length, body = decode_varint(buffer, position)
    if length < 0:
        raise CorruptBatchError(f"a record of {length} bytes at byte {position}")
    return body + length


class _PlainShapes(dict[int, tuple[int, bytes]]):
    """By a plain record's length as zigzag: from its start to its value, and the bytes of that one's length.

    Only lengths that the shape allows are found; the rest are a KeyError.
    """

    def __init__(self, delta_bytes: int) -> None:
        self._fixed = 2 + delta_bytes + 1  # attributes, timestamp delta, offset delta, null key

    def __missing__(self, zigzag: int) -> tuple[int, bytes]:
        for prefix_bytes in (1, 2):
            value_bytes = (zigzag >> 1) - self._fixed - prefix_bytes - 1
            prefix = encode_varint(value_bytes)
            if len(prefix) == prefix_bytes and value_bytes >= 0 and not zigzag & 1:
                self[zigzag] = self._fixed + prefix_bytes, prefix
                return self[zigzag]
        raise KeyError(zigzag)


_PLAIN_SHAPES: Final = (_PlainShapes(1), _PlainShapes(2))
#: Attributes 0, timestamp delta 0, the offset delta, a null key.
_PLAIN_DELTAS: Final = [b"\x00\x00" + delta + b"\x01" for delta in VARINTS]


def _decode_plain(buffer: bytes, position: int, end: int, count: int) -> list[bytes | None] | None:
    """Return the values where all records have the plain shape, else None.

    A record is: length, 0, 0, offset delta, 1 (null key), value length, value, 0 (no headers). Its length alone gives
    the place and length of the value; then the bytes around the value must be the very ones that the shape demands.
    """
    if count > len(_PLAIN_DELTAS):
        return None
    values: list[bytes | None] = []
    append = values.append
    try:
        # Offset deltas below 2^6 take one byte, those below 2^13 two.
        for shapes, first, stop in zip(_PLAIN_SHAPES, (0, 1 << 6), (1 << 6, 1 << 13), strict=True):
            for delta in _PLAIN_DELTAS[first : min(stop, count)]:
                length = buffer[position]
                if length < 0x80:
                    body = position + 1
                else:
                    second = buffer[position + 1]
                    if second > 0x7F:
                        return None
                    body = position + 2
                    length = length & 0x7F | second << 7
                to_value, value_length = shapes[length]
                position = body + (length >> 1)
                value = body + to_value
                if buffer[body:value] != delta + value_length or buffer[position - 1]:
                    return None
                append(buffer[value : position - 1])
    except (IndexError, KeyError):
        return None
    return values if position == end else None


def _decode_flat(buffer: bytes, position: int, end: int, header: BatchHeader) -> Columns | None:
    """Return the columns where offsets are dense and lengths take at most two bytes, else None.

    As `_decode_plain`, but with keys, headers, and timestamps of their own. Key and value are read by the same lines
    twice, since a call for each field costs a tenth of this loop.
    """
    count = header.count
    if count > len(VARINTS):
        return None
    values: list[bytes | None] = []
    keys: list[bytes | None] = []
    stamps: list[int] = []
    blocks: dict[int, bytes] = {}  # by row: the bytes of its headers
    lengths = _LENGTHS
    append_value, append_key, append_stamp = values.append, keys.append, stamps.append
    try:
        for delta_bytes, first, stop in ((1, 0, 1 << 6), (2, 1 << 6, 1 << 13)):
            for delta in VARINTS[first : min(stop, count)]:
                length = buffer[position]
                if length < 0x80:
                    position += 1
                else:
                    second = buffer[position + 1]
                    if second > 0x7F:
                        return None
                    position += 2
                    length = length & 0x7F | second << 7
                record_end = position + lengths[length]
                stamp = buffer[position + 1]
                if stamp < 0x80:
                    position += 2
                    append_stamp(stamp)
                elif buffer[position + 2] < 0x80:
                    append_stamp(stamp & 0x7F | buffer[position + 2] << 7)
                    position += 3
                else:
                    stamp, position = decode_varint(buffer, position + 1)
                    append_stamp((stamp << 1) ^ (stamp >> 63))
                if buffer[position : position + delta_bytes] != delta:
                    return None
                position += delta_bytes
                length = buffer[position]
                if length == 1:
                    position += 1
                    append_key(None)
                else:
                    if length < 0x80:
                        position += 1
                    else:
                        second = buffer[position + 1]
                        if second > 0x7F:
                            return None
                        position += 2
                        length = length & 0x7F | second << 7
                    append_key(buffer[position : (position := position + lengths[length])])
                length = buffer[position]
                if length == 1:
                    position += 1
                    append_value(None)
                else:
                    if length < 0x80:
                        position += 1
                    else:
                        second = buffer[position + 1]
                        if second > 0x7F:
                            return None
                        position += 2
                        length = length & 0x7F | second << 7
                    append_value(buffer[position : (position := position + lengths[length])])
                if buffer[position]:
                    blocks[len(values) - 1] = buffer[position:record_end]
                    position = record_end
                elif (position := position + 1) != record_end:
                    return None
    except IndexError:
        return None
    if position != end:
        return None
    any_key = keys.count(None) != count
    headers = _decode_blocks(blocks, count) if blocks else None
    return Columns(values, keys if any_key else None, _timestamps(header, stamps), headers)


def _decode_blocks(blocks: dict[int, bytes], count: int) -> list[RawHeaders | None]:
    """Return the header lists. Records of one batch often have the very same headers, which are read once."""
    headers: list[RawHeaders | None] = [None] * count
    known: dict[bytes, RawHeaders] = {}
    for row, block in blocks.items():
        if block not in known:
            known[block], end = _decode_headers(block, 0)
            if end != len(block):
                raise CorruptBatchError(f"{len(block) - end} bytes follow the headers of a record")
        headers[row] = known[block].copy()
    return headers


def _timestamps(header: BatchHeader, zigzags: list[int]) -> list[int] | int:
    """Return the timestamps of deltas that are still in zigzag form."""
    if header.is_log_append_time:
        return header.max_timestamp
    base = header.base_timestamp
    if not any(zigzags):
        return base
    return [base + ((zigzag >> 1) ^ -(zigzag & 1)) for zigzag in zigzags]


def _decode_general(buffer: bytes, position: int, end: int, header: BatchHeader) -> DecodedBatch:
    """Read records of any shape, one varint after another."""
    values: list[bytes | None] = []
    keys: list[bytes | None] = []
    stamps: list[int] = []
    offset_deltas: list[int] = []
    headers: list[RawHeaders | None] = []
    for _ in range(header.count):
        length, start = decode_varint(buffer, position)
        delta, position = decode_varint(buffer, start + 1)  # after the attributes; none is defined for a record
        stamps.append((delta << 1) ^ (delta >> 63))
        delta, position = decode_varint(buffer, position)
        offset_deltas.append(delta)
        key, position = _decode_field(buffer, position)
        keys.append(key)
        value, position = _decode_field(buffer, position)
        values.append(value)
        if buffer[position : position + 1] == b"\x00":
            headers.append(None)
            position += 1
        else:
            record_headers, position = _decode_headers(buffer, position)
            headers.append(record_headers)
        if position != start + length:
            raise CorruptBatchError(f"a record ends at byte {position}, its length says {start + length}")
    if position != end:
        raise CorruptBatchError(f"the records end at byte {position}, their batch at {end}")
    columns = Columns(
        values,
        keys if keys.count(None) != header.count else None,
        _timestamps(header, stamps),
        headers if any(headers) else None,
    )
    return DecodedBatch(header, _offsets(header, offset_deltas), columns)


def _offsets(header: BatchHeader, deltas: list[int]) -> range | list[int]:
    base = header.base_offset
    if deltas == list(range(header.count)):
        return range(base, base + header.count)
    if any(later <= earlier for earlier, later in pairwise(deltas)) or deltas[0] < 0:
        raise CorruptBatchError(f"the offsets of the batch at offset {base} do not rise")
    if deltas[-1] > header.last_offset_delta:
        raise CorruptBatchError(f"the batch at offset {base} ends at {header.last_offset}, a record lies behind it")
    return [base + delta for delta in deltas]


def _decode_headers(buffer: bytes, position: int) -> tuple[RawHeaders, int]:
    count, position = decode_varint(buffer, position)
    if count < 1:
        raise CorruptBatchError(f"a record has {count} headers")
    headers: RawHeaders = []
    for _ in range(count):
        name, position = _decode_field(buffer, position)
        value, position = _decode_field(buffer, position)
        if name is None:
            raise CorruptBatchError("a header has no name")
        try:
            headers.append((name.decode(), value))
        except UnicodeDecodeError as error:
            raise CorruptBatchError(f"a header's name is not UTF-8: {name!r}") from error
    return headers, position


def _decode_field(buffer: bytes, position: int) -> tuple[bytes | None, int]:
    # Lengths below 64, which most are, without a further call.
    if position < len(buffer) and (length := buffer[position]) < 0x80:
        length, position = (length >> 1) ^ -(length & 1), position + 1
    else:
        length, position = decode_varint(buffer, position)
    if length == -1:
        return None, position
    if not 0 <= length <= len(buffer) - position:
        raise CorruptBatchError(f"a field of {length} bytes at byte {position} of {len(buffer)}")
    return buffer[position : position + length], position + length
