"""Which message of its schema a record is of: indexes in front of its data.

| what               | bytes                                                     |
|--------------------|-----------------------------------------------------------|
| the first message  | 0                                                         |
| any other          | how many indexes, then each: varints of zigzag            |

Source: Confluent's documentation, "Formats, Serializers, and Deserializers", Wire format.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from connect.api import DataError
from connect_schemas.errors import WIRE_FORMAT

FIRST: Final[tuple[int, ...]] = (0,)
_COUNT_MAX: Final = 64
_VARINT_BYTES_MAX: Final = 5


def written(indexes: Sequence[int]) -> bytes:
    """Return indexes as bytes."""
    if tuple(indexes) == FIRST:
        return b"\0"
    return b"".join(_varint(number) for number in (len(indexes), *indexes))


def read(data: bytes, start: int) -> tuple[tuple[int, ...], int]:
    """Return the indexes that begin at `start`, and where they end.

    Raises:
        DataError: There are none.
    """
    count, end = _read(data, start)
    if not count:
        return FIRST, end
    if not 0 < count <= _COUNT_MAX:
        raise _wrong(f"it says that {count} indexes of a message follow")
    found = []
    for _ in range(count):
        index, end = _read(data, end)
        found.append(index)
    return tuple(found), end


def _varint(number: int) -> bytes:
    rest = number << 1
    made = bytearray()
    while rest > 0x7F:
        made.append(rest & 0x7F | 0x80)
        rest >>= 7
    made.append(rest)
    return bytes(made)


def _read(data: bytes, start: int) -> tuple[int, int]:
    number = 0
    for place, byte in enumerate(data[start : start + _VARINT_BYTES_MAX]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), start + place + 1
    raise _wrong("the indexes of its message do not end")


def _wrong(why: str) -> DataError:
    return DataError(f"not written with a Protobuf schema: {why}", code=WIRE_FORMAT)
