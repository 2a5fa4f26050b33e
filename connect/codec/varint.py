"""Variable-length integers as in Kafka's records: zigzag, then seven bits a byte, the lowest first.

Source: Kafka, docs "Message Format", 5.3; ByteUtils.java. Protocol Buffers call the same thing sint32 and sint64.
"""

from __future__ import annotations

from typing import Final

from connect.api.errors import CorruptBatchError

#: An int64 takes ten bytes of seven bits.
_VARLONG_BYTES_MAX: Final = 10

#: Values up to here stay in a table once met; larger ones are made anew, so that a table is bounded.
_TABLE_MAX: Final = 1 << 14


def encode_varint(value: int) -> bytes:
    """Encode an int64."""
    rest = (value << 1) ^ (value >> 63)
    assert rest >= 0, f"{value} does not fit 64 bits"
    if rest < 0x80:
        return bytes((rest,))
    out = bytearray()
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def decode_varint(buffer: bytes, position: int) -> tuple[int, int]:
    """Return the value at `position` and the position after it.

    Raises:
        CorruptBatchError: The buffer ends inside, or the number has more than 64 bits.
    """
    result = shift = 0
    for index in range(position, min(position + _VARLONG_BYTES_MAX, len(buffer))):
        byte = buffer[index]
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            if result >> 64:
                break
            return (result >> 1) ^ -(result & 1), index + 1
        shift += 7
    raise CorruptBatchError(f"no variable-length integer at byte {position} of {len(buffer)}")


def _of_two_bytes() -> list[bytes]:
    """Return the encodings of 0 to 2^13 - 1, quicker than one after the other: every start waits for it."""
    second = [bytes((high,)) for high in range(1, 1 << 7)]
    first = [bytes((low | 0x80,)) for low in range(0, 1 << 7, 2)]
    return [bytes((low,)) for low in range(0, 1 << 7, 2)] + [low + high for high in second for low in first]


#: The encodings of the numbers from 0 on that take up to two bytes: `VARINTS[n]` is that of n.
VARINTS: Final[list[bytes]] = _of_two_bytes()


class VarintTable(dict[int, bytes]):
    """`table[n]` is `before + varint(n + add) + after`; made on first use and kept while n is small.

    A dict with `__missing__` lets `map(table.__getitem__, column)` encode a column without a Python call per record.
    """

    def __init__(self, before: bytes = b"", after: bytes = b"", *, add: int = 0) -> None:
        self._before = before
        self._after = after
        self._add = add

    def __missing__(self, value: int) -> bytes:
        encoded = self._before + encode_varint(value + self._add) + self._after
        if -1 <= value <= _TABLE_MAX:
            self[value] = encoded
        return encoded
