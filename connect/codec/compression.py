"""Compression of a record batch's records: the codecs by Kafka's number and name.

A codec is a row of the registry; what has a number in Kafka but no row is refused by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cramjam

from connect.api.errors import CorruptBatchError, LogError


@dataclass(frozen=True, slots=True)
class Codec:
    """One compression. `number` is what the three low bits of a batch's attributes hold."""

    number: int
    name: str
    compress: Callable[[bytes], bytes]
    decompress: Callable[[bytes], bytes]


def _same(data: bytes) -> bytes:
    return data


def _zstd_compress(data: bytes) -> bytes:
    return bytes(cramjam.zstd.compress(data, level=3))  # Kafka's default level


def _zstd_decompress(data: bytes) -> bytes:
    return bytes(cramjam.zstd.decompress(data))


NONE: Final = Codec(0, "none", _same, _same)
ZSTD: Final = Codec(4, "zstd", _zstd_compress, _zstd_decompress)

CODECS: Final[dict[int, Codec]] = {codec.number: codec for codec in (NONE, ZSTD)}
_KAFKA_NAMES: Final = {0: "none", 1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}


def codec_of_number(number: int) -> Codec:
    """Return the codec of a batch.

    Raises:
        LogError: log.unknown_codec; names the codec where Kafka knows the number.
    """
    codec = CODECS.get(number)
    if codec is None:
        name = _KAFKA_NAMES.get(number)
        known = f"compression {name}" if name else f"compression number {number}, which Kafka does not know"
        raise LogError(f"a record batch has {known}; supported: {_supported()}", code="log.unknown_codec")
    return codec


def codec_of_name(name: str) -> Codec:
    """Return the codec that `compression.type` names.

    Raises:
        LogError: log.unknown_codec.
    """
    for codec in CODECS.values():
        if codec.name == name:
            return codec
    raise LogError(f"compression.type {name!r} is not supported; supported: {_supported()}", code="log.unknown_codec")


def decompress(codec: Codec, data: bytes) -> bytes:
    """Decompress a batch's records.

    Raises:
        CorruptBatchError: The data is not what the codec makes.
    """
    try:
        return codec.decompress(data)
    except (cramjam.DecompressionError, ValueError, OSError) as error:
        raise CorruptBatchError(f"{codec.name} cannot decompress {len(data)} bytes of records: {error}") from error


def _supported() -> str:
    return ", ".join(codec.name for codec in CODECS.values())
