"""Compression of a record batch's records: the codecs by Kafka's number and name.

gzip and zstd are plain streams of those formats. snappy is the framing of snappy-java, lz4 the LZ4 frame format as
Kafka's reader takes it: blocks that do not depend on one another. Both are put together here from single blocks.

A codec is added here: to `_CODECS`, and where it has levels to `LEVELS` and `_WITH_LEVEL`; its name, at its number, to
`COMPRESSION_TYPES` of `connect.records`, which the faces show. Topics and producers take what `CODECS` names; the key
of its level is declared in `connect.log.topic_config`.

Source: Kafka, CompressionType.java, Lz4BlockOutputStream.java; snappy-java, SnappyOutputStream.java; LZ4 frame format
1.6.3.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import cramjam

from connect.api.config_values import whole_number
from connect.api.errors import CorruptBatchError, LogError
from connect.records import COMPRESSION_TYPES

#: What the records of one batch may grow to. A batch of a few KiB that claims to hold gigabytes is an attack or damage.
DECOMPRESSED_BYTES_MAX: Final = 256 << 20


@dataclass(frozen=True, slots=True)
class Codec:
    """One compression at one level. `number` is what the three low bits of a batch's attributes hold."""

    number: int
    name: str
    compress: Callable[[bytes], bytes]
    decompress: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels that a codec takes, and what Kafka uses where none is set."""

    least: int
    most: int
    default: int


#: Kafka 4.3.1, TopicConfig.java and CompressionType.java; -1 is gzip's own default, 6.
LEVELS: Final = {"gzip": Levels(-1, 9, -1), "lz4": Levels(1, 17, 9), "zstd": Levels(-131_072, 22, 3)}


def _same(data: bytes) -> bytes:
    return data


def _within(decompress_into: Callable[[bytes, bytearray], int], name: str, data: bytes) -> bytes:
    """Decompress a stream that does not say how much it holds, into a buffer that grows up to the limit."""
    size = min(DECOMPRESSED_BYTES_MAX, max(1 << 17, 16 * len(data)))
    while True:
        buffer = bytearray(size)
        try:
            return bytes(memoryview(buffer)[: decompress_into(data, buffer)])
        except cramjam.DecompressionError as error:
            if "whole buffer" not in str(error):
                raise
        if size >= DECOMPRESSED_BYTES_MAX:
            raise ValueError(f"{name} data holds more than {DECOMPRESSED_BYTES_MAX} bytes")
        size = min(DECOMPRESSED_BYTES_MAX, size * 8)


# -- gzip, zstd ----------------------------------------------------------------------------------------------------


def _gzip_compress(level: int, data: bytes) -> bytes:
    return bytes(cramjam.gzip.compress(data, level=6 if level < 0 else level))


def _zstd_compress(level: int, data: bytes) -> bytes:
    return bytes(cramjam.zstd.compress(data, level=level))


# -- snappy --------------------------------------------------------------------------------------------------------

#: snappy-java's magic, then its version and the oldest version that can read it.
_SNAPPY_HEADER: Final = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)
_SNAPPY_BLOCK_BYTES: Final = 32 << 10
_INT: Final = struct.Struct(">i")


def _snappy_compress(data: bytes) -> bytes:
    pieces = [_SNAPPY_HEADER]
    for start in range(0, len(data), _SNAPPY_BLOCK_BYTES):
        block = bytes(cramjam.snappy.compress_raw(data[start : start + _SNAPPY_BLOCK_BYTES]))
        pieces += (_INT.pack(len(block)), block)
    return b"".join(pieces)


def _snappy_decompress(data: bytes) -> bytes:
    if not data.startswith(_SNAPPY_HEADER[:8]):
        return _snappy_block(data, 0)  # some clients write one bare block
    position, pieces, total = len(_SNAPPY_HEADER), [], 0
    while position < len(data):
        if len(data) - position < _INT.size:
            raise ValueError("a snappy block's length is cut off")
        (length,) = _INT.unpack_from(data, position)
        position += _INT.size
        if not 0 < length <= len(data) - position:
            raise ValueError(f"a snappy block of {length} bytes, {len(data) - position} are there")
        pieces.append(_snappy_block(data[position : position + length], total))
        total += len(pieces[-1])
        position += length
    return b"".join(pieces)


def _snappy_block(block: bytes, before: int) -> bytes:
    size = cramjam.snappy.decompress_raw_len(block)
    if size > DECOMPRESSED_BYTES_MAX - before:
        raise ValueError(f"snappy data holds more than {DECOMPRESSED_BYTES_MAX} bytes")
    return bytes(cramjam.snappy.decompress_raw(block))


# -- lz4 -----------------------------------------------------------------------------------------------------------

_LZ4_BLOCK_BYTES: Final = 64 << 10
#: Magic, version 01 with independent blocks and no checksums, blocks of up to 64 KiB, the checksum of those two bytes.
_LZ4_HEADER: Final = b"\x04\x22\x4d\x18" + b"\x60\x40\x82"
_LZ4_END: Final = bytes(4)
#: A block's size, with the highest bit set where the block is not compressed.
_LZ4_SIZE: Final = struct.Struct("<I")
_LZ4_BARE: Final = 1 << 31
_LZ4_FAST_LEVEL: Final = 9


def _lz4_compress(level: int, data: bytes) -> bytes:
    compress = _lz4_fast if level == _LZ4_FAST_LEVEL else partial(_lz4_high, level)
    pieces = [_LZ4_HEADER]
    for start in range(0, len(data), _LZ4_BLOCK_BYTES):
        block = data[start : start + _LZ4_BLOCK_BYTES]
        small = compress(block)
        if len(small) < len(block):
            pieces += (_LZ4_SIZE.pack(len(small)), small)
        else:
            pieces += (_LZ4_SIZE.pack(len(block) | _LZ4_BARE), block)
    pieces.append(_LZ4_END)
    return b"".join(pieces)


def _lz4_fast(block: bytes) -> bytes:
    """What Kafka uses at the default level."""
    return bytes(cramjam.lz4.compress_block(block, store_size=False))


def _lz4_high(level: int, block: bytes) -> bytes:
    """Compress with effort: the one block of a frame, since only frames are made with a level."""
    frame = bytes(cramjam.lz4.compress(block, level=min(level, 12)))
    (size,) = _LZ4_SIZE.unpack_from(frame, len(_LZ4_HEADER))
    start = len(_LZ4_HEADER) + _LZ4_SIZE.size
    return block if size & _LZ4_BARE else frame[start : start + size]


_GROWING: Final[dict[str, Callable[[bytes], bytes]]] = {
    name: partial(_within, getattr(cramjam, name).decompress_into, name) for name in ("gzip", "lz4", "zstd")
}

NONE: Final = Codec(0, "none", _same, _same)
_CODECS: Final = (
    NONE,
    Codec(1, "gzip", partial(_gzip_compress, LEVELS["gzip"].default), _GROWING["gzip"]),
    Codec(2, "snappy", _snappy_compress, _snappy_decompress),
    Codec(3, "lz4", partial(_lz4_compress, LEVELS["lz4"].default), _GROWING["lz4"]),
    Codec(4, "zstd", partial(_zstd_compress, LEVELS["zstd"].default), _GROWING["zstd"]),
)
CODECS: Final[dict[int, Codec]] = {codec.number: codec for codec in _CODECS}
assert {number: codec.name for number, codec in CODECS.items()} == dict(enumerate(COMPRESSION_TYPES))
ZSTD: Final = CODECS[4]
_WITH_LEVEL: Final[dict[str, Callable[[int, bytes], bytes]]] = {
    "gzip": _gzip_compress,
    "lz4": _lz4_compress,
    "zstd": _zstd_compress,
}


def codec_of_number(number: int) -> Codec:
    """Return the codec of a batch.

    Raises:
        LogError: log.unknown_codec.
    """
    codec = CODECS.get(number)
    if codec is None:
        message = f"a record batch has compression number {number}, which Kafka does not know; known: {_supported()}"
        raise LogError(message, code="log.unknown_codec")
    return codec


def codec_of_name(name: str, level: int | None = None) -> Codec:
    """Return the codec that `compression.type` names.

    Args:
        level: Of gzip, lz4 or zstd, within `LEVELS`; None is Kafka's default. The others have none.

    Raises:
        LogError: log.unknown_codec, or a level that the codec does not have.
    """
    codec = next((codec for codec in CODECS.values() if codec.name == name), None)
    if codec is None:
        raise LogError(f"compression.type {name!r} is not known; known: {_supported()}", code="log.unknown_codec")
    if level is None or name not in LEVELS:
        return codec
    levels = LEVELS[name]
    if not levels.least <= level <= levels.most or (name == "gzip" and level == 0):
        raise LogError(
            f"compression.{name}.level {level} is not from {levels.least} to {levels.most}", code="log.unknown_codec"
        )
    return Codec(codec.number, name, partial(_WITH_LEVEL[name], level), codec.decompress)


def decompress(codec: Codec, data: bytes) -> bytes:
    """Decompress a batch's records.

    Raises:
        CorruptBatchError: The data is not what the codec makes, or holds more than `DECOMPRESSED_BYTES_MAX`.
    """
    try:
        return codec.decompress(data)
    except (cramjam.DecompressionError, ValueError, OSError) as error:
        raise CorruptBatchError(f"{codec.name} cannot decompress {len(data)} bytes of records: {error}") from error


def codec_of_configs(raw: Mapping[str, str], name: str) -> Codec:
    """Return the codec of a `compression.type` with the level that `raw` holds for it (`compression.zstd.level`, …).

    Raises:
        LogError: log.unknown_codec.
    """
    text = str(raw.get(f"compression.{name}.level", "")).strip()
    if not text:
        return codec_of_name(name)
    level = whole_number(text)
    if level is None:
        raise LogError(f"compression.{name}.level {text!r:.60} is not a whole number", code="log.unknown_codec")
    return codec_of_name(name, level)


def _supported() -> str:
    return ", ".join(codec.name for codec in CODECS.values())
