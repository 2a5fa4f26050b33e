"""Kafka's partitioner for records with a key: toPositive(murmur2(key)) % partitions.

A hash in pure Python costs microseconds a key. So keys of one length are hashed together: word j of every key goes
into one great integer, a 32-bit word in each 64-bit lane, and one multiplication, shift or mask of that integer is
that operation on every key. A product of two words fits its lane, so lanes never touch.

Source: Kafka, Utils.murmur2, BuiltInPartitioner.java.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from typing import Final

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF
_POSITIVE: Final = 0x7FFFFFFF

#: Below this many keys of one length, the setting up costs more than it saves.
_LANES_MIN: Final = 8
#: Above this many, the integers leave the processor's cache.
_LANES_MAX: Final = 4096

assert array("I").itemsize == 4
assert sys.byteorder == "little", "wheels exist for little-endian processors alone"


def murmur2(key: bytes) -> int:
    """Return Kafka's murmur2 of one key as an unsigned 32-bit number."""
    length = len(key)
    h = _SEED ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at : at + 4], "little") * _M & _MASK
        k = (k ^ k >> 24) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    if length != whole:
        h = (h ^ int.from_bytes(key[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def partitions_of(keys: Sequence[bytes], partitions: int) -> list[int]:
    """Return the partition of each key."""
    if partitions == 1:
        return [0] * len(keys)
    return [(value & _POSITIVE) % partitions for value in murmur2_column(keys)]


def murmur2_column(keys: Sequence[bytes]) -> list[int]:
    """Return murmur2 of each key, as unsigned 32-bit numbers."""
    lengths = list(map(len, keys))
    distinct = set(lengths)
    if len(distinct) == 1:
        return _hash_equal_lengths(keys, lengths[0])
    places: dict[int, list[int]] = {length: [] for length in distinct}
    for place, length in enumerate(lengths):
        places[length].append(place)
    hashes = [0] * len(keys)
    for length, bucket in places.items():
        values = _hash_equal_lengths([keys[place] for place in bucket], length)
        for place, value in zip(bucket, values, strict=True):
            hashes[place] = value
    return hashes


def _hash_equal_lengths(keys: Sequence[bytes], length: int) -> list[int]:
    if len(keys) < _LANES_MIN:
        return [murmur2(key) for key in keys]
    hashes: list[int] = []
    for start in range(0, len(keys), _LANES_MAX):
        hashes += _hash_lanes(keys[start : start + _LANES_MAX], length)
    return hashes


def _hash_lanes(keys: Sequence[bytes], length: int) -> list[int]:
    count = len(keys)
    ones = int.from_bytes(b"\x01\0\0\0\0\0\0\0" * count, "little")  # 1 in every lane
    mask = ones * _MASK
    h = ones * (_SEED ^ length)
    words = _word_columns(keys, length)
    for index, k in enumerate(words):
        if index < length // 4:
            k = k * _M & mask
            k = (k ^ k >> 24 & mask) * _M & mask
            h = (h * _M & mask) ^ k
        else:  # the last one to three bytes
            h = (h ^ k) * _M & mask
    h = (h ^ h >> 13 & mask) * _M & mask
    h ^= h >> 15
    lanes = array("I", (h & mask).to_bytes(count * 8, "little"))
    return lanes[::2].tolist()


def _word_columns(keys: Sequence[bytes], length: int) -> list[int]:
    """Return word j of all keys, one in each 64-bit lane, for every j; the last is padded with zero bytes."""
    words = (length + 3) // 4
    if not words:
        return []
    padding = bytes(words * 4 - length)
    joined = array("I", padding.join(keys) + padding)
    lanes = array("I", bytes(8 * len(keys)))
    columns = []
    for index in range(words):
        lanes[::2] = joined[index::words]
        columns.append(int.from_bytes(lanes.tobytes(), "little"))
    return columns
