"""Hash codes of values, as Java has them and as Debezium's MurmurHash: numbers of 32 bits that choose a partition.

Source: Debezium 3.6.1, MurmurHash3.java; java.lang's, java.nio's and java.math's hashCode.
"""

from __future__ import annotations

import datetime as dt
import struct
from decimal import Decimal
from typing import Any, Final

from connect.api import DataError, Schema, SchemaType
from connect.api.java import java_class

_32: Final = (1 << 32) - 1
_64: Final = (1 << 64) - 1
_SEED: Final = 9001
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MS: Final = dt.timedelta(milliseconds=1)


def java_hash(value: Any, schema: Schema) -> int:
    """Return the hashCode of what Java has for a value of a schema, as a signed number of 32 bits.

    Raises:
        DataError: It has none that is the same in every process, or the value is of another type.
    """
    if isinstance(value, bool):
        return 1231 if value else 1237
    if isinstance(value, int):
        return _signed((value ^ value >> 32) if schema.type is SchemaType.INT64 else value)
    if isinstance(value, float):
        return _float_hash(value, schema)
    if isinstance(value, str):
        return _text_hash(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes_hash(bytes(value))
    if isinstance(value, Decimal) and value.is_finite():
        return _decimal_hash(value)
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
        return _date_hash((aware - _EPOCH) // _MS)
    if isinstance(value, dt.date):
        return _date_hash((value - _EPOCH.date()).days * 86_400_000)
    if isinstance(value, dt.time):
        since = dt.datetime.combine(_EPOCH.date(), value.replace(tzinfo=dt.UTC)) - _EPOCH
        return _date_hash(since // _MS)
    raise DataError(f"no partition is chosen by a {java_class(value)}: name a field that holds a text, number or date")


def _signed(number: int) -> int:
    number &= _32
    return number - (1 << 32) if number >> 31 else number


def _text_hash(text: str) -> int:
    units = text.encode("utf-16-be", "surrogatepass")
    total = 0
    for (unit,) in struct.iter_unpack(">H", units):
        total = (31 * total + unit) & _32
    return _signed(total)


def _bytes_hash(data: bytes) -> int:
    # ByteBuffer's: from its end, as signed bytes. An array of bytes has another in each process.
    total = 1
    for (byte,) in struct.iter_unpack("b", data[::-1]):
        total = (31 * total + byte) & _32
    return _signed(total)


def _float_hash(value: float, schema: Schema) -> int:
    if schema.type is SchemaType.FLOAT32:
        try:
            (bits,) = struct.unpack(">I", struct.pack(">f", value))
        except OverflowError:
            raise DataError(f"{value} is no float32") from None
        return _signed(0x7FC00000 if value != value else bits)
    (bits,) = struct.unpack(">Q", struct.pack(">d", value))
    bits = 0x7FF8000000000000 if value != value else bits
    return _signed(bits ^ bits >> 32)


def _date_hash(ms: int) -> int:
    return _signed(ms ^ ms >> 32)


def _decimal_hash(value: Decimal) -> int:
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), "only finite ones come here"
    number = int("".join(map(str, digits)))
    # A BigInteger's is that of its words of 32 bits, the highest first; BigDecimal's of a small one comes to the same.
    total = 0
    for shift in range((max(number.bit_length(), 1) - 1) // 32 * 32, -1, -32):
        total = (31 * total + (number >> shift & _32)) & _32
    return _signed(31 * (-total if sign else total) - exponent)


def murmur_hash(value: Any, schema: Schema) -> int:
    """Return Debezium's MurmurHash of a text, or of the hashCode of any other value: a signed number of 32 bits.

    Raises:
        DataError: As `java_hash`.
    """
    if isinstance(value, str):
        return _murmur(value.encode("utf-8", "replace"))
    return _murmur(struct.pack("<i", java_hash(value, schema)))


def _murmur(data: bytes) -> int:
    """Return the upper half of the first word of MurmurHash3, 64 bits a word, in the variant of its first edition."""
    state = _State()
    whole = len(data) // 16 * 16
    for start in range(0, whole, 16):
        state.mix(*struct.unpack_from("<QQ", data, start))
    if len(data) > whole:
        # Bytes behind the last whole block are signed, as in Java: a negative one turns all bits above it over.
        words = [0, 0]
        for index, (byte,) in enumerate(struct.iter_unpack("b", data[whole:])):
            words[index // 8] ^= byte << 8 * (index % 8) & _64
        state.mix(*words)
    first, second = state.first, state.second ^ len(data)
    first = (first + second) & _64
    second = (second + first) & _64
    return _signed((_final(first) + _final(second) & _64) >> 32)


class _State:
    """The two words of the hash, and the factors that change with each block."""

    def __init__(self) -> None:
        self.first = 0x9368E53C2F6AF274 ^ _SEED
        self.second = 0x586DCD208F7CD3FD ^ _SEED
        self._factors = 0x87C37B91114253D5, 0x4CF5AD432745937F

    def mix(self, low: int, high: int) -> None:
        """Take in a block of two words."""
        one, two = self._factors
        first, second = self.first, self.second
        first ^= _rotated(low * one & _64, 23) * two & _64
        first = (first + second) & _64
        second = _rotated(second, 41) ^ _rotated(high * two & _64, 23) * one & _64
        second = (second + first) & _64
        self.first = (first * 3 + 0x52DCE729) & _64
        self.second = (second * 3 + 0x38495AB5) & _64
        self._factors = (one * 5 + 0x7B7D159C) & _64, (two * 5 + 0x6BCE6396) & _64


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> 64 - bits) & _64


def _final(word: int) -> int:
    word ^= word >> 33
    word = word * 0xFF51AFD7ED558CCD & _64
    word ^= word >> 33
    word = word * 0xC4CEB9FE1A85EC53 & _64
    return word ^ word >> 33
