"""The codecs: both ways, at every level, and what they refuse."""

from __future__ import annotations

import os

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api.errors import CorruptBatchError, LogError
from connect.codec import compression
from connect.codec.compression import CODECS, LEVELS, codec_of_configs, codec_of_name, codec_of_number, decompress

COMPRESSING = [codec for codec in CODECS.values() if codec.number]
REPETITIVE = b"the same words again, " * 20_000


@pytest.mark.parametrize("codec", COMPRESSING, ids=lambda codec: codec.name)
@given(data=st.one_of(st.binary(max_size=5_000), st.binary(max_size=50).map(lambda piece: piece * 4_000)))
def test_what_is_compressed_comes_back(codec, data):
    assert decompress(codec, codec.compress(data)) == data


@pytest.mark.parametrize("name", LEVELS)
def test_every_level_comes_back(name):
    levels = LEVELS[name]
    for level in {levels.least, max(levels.least, 1), levels.default, levels.most}:
        codec = codec_of_name(name, level)
        small = codec.compress(REPETITIVE)
        assert len(small) < len(REPETITIVE) + 100  # the least level of zstd only copies
        assert decompress(codec_of_number(codec.number), small) == REPETITIVE


def test_a_higher_level_makes_less_of_it():
    data = b"".join(
        b'{"id":%d,"name":"user-%d","town":"town-%d"}' % (n, n * 7919 % 10_007, n % 50) for n in range(3_000)
    )
    for name, low, high in (("gzip", 1, 9), ("lz4", 9, 12), ("zstd", 1, 19)):
        assert len(codec_of_name(name, high).compress(data)) < len(codec_of_name(name, low).compress(data))


@pytest.mark.parametrize("codec", COMPRESSING, ids=lambda codec: codec.name)
def test_what_cannot_be_decompressed_is_corrupt(codec):
    whole = codec.compress(os.urandom(1_000))
    for data in (b"", b"x", whole[:-20], b"\x00" * 40, os.urandom(100)):
        with pytest.raises(CorruptBatchError, match=f"{codec.name} cannot decompress {len(data)} bytes"):
            decompress(codec, data)


@pytest.mark.parametrize("codec", COMPRESSING, ids=lambda codec: codec.name)
def test_a_few_bytes_that_hold_too_much_are_refused(codec, monkeypatch):
    monkeypatch.setattr(compression, "DECOMPRESSED_BYTES_MAX", 1 << 20)
    with pytest.raises(CorruptBatchError, match="holds more than 1048576 bytes"):
        decompress(codec, codec.compress(bytes((1 << 20) + 1)))


def test_snappy_reads_a_bare_block_as_some_clients_write_it():
    assert decompress(CODECS[2], bytes(cramjam.snappy.compress_raw(b"bare"))) == b"bare"


def test_snappy_is_framed_as_snappy_java_does():
    assert CODECS[2].compress(b"abc").startswith(b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x05")


def test_lz4_frames_have_independent_blocks_which_is_all_that_kafka_reads():
    frame = CODECS[3].compress(REPETITIVE)
    assert frame[:4] == b"\x04\x22\x4d\x18"
    assert frame[4] & 0b0010_0000
    assert bytes(cramjam.lz4.decompress(frame)) == REPETITIVE


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"compression.zstd.level": "23"}, "compression.zstd.level 23 is not from"),
        ({"compression.zstd.level": "fast"}, "'fast' is not a whole number"),
        ({"compression.zstd.level": "1_0"}, "'1_0' is not a whole number"),
        ({"compression.gzip.level": "0"}, "compression.gzip.level 0 is not"),
        ({"compression.lz4.level": "18"}, "compression.lz4.level 18 is not"),
    ],
)
def test_a_wrong_level_is_refused(raw, message):
    name = next(iter(raw)).split(".")[1]
    with pytest.raises(LogError, match=message):
        codec_of_configs(raw, name)


def test_a_compression_type_that_is_not_known_is_refused():
    assert codec_of_name("zstd") is CODECS[4]
    with pytest.raises(LogError, match="'brotli' is not known; known: none, gzip, snappy, lz4, zstd"):
        codec_of_name("brotli")
