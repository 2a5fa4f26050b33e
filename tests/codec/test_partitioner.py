"""murmur2 is Kafka's, one key at a time and by the column."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.codec.partitioner import murmur2, murmur2_column, partitions_of

#: Kafka, UtilsTest.testMurmur2: keys with their signed hashes.
KAFKA_VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "expected"), KAFKA_VECTORS.items())
def test_murmur2_gives_kafka_s_hashes(key, expected):
    assert murmur2(key) == expected & 0xFFFFFFFF
    assert murmur2_column([key] * 20) == [expected & 0xFFFFFFFF] * 20


@given(st.lists(st.binary(max_size=12), max_size=200))
def test_a_column_hashes_as_its_keys_do(keys):
    assert murmur2_column(keys) == [murmur2(key) for key in keys]


def test_many_keys_of_one_length_hash_as_each_alone():
    keys = [b"key-%06d" % i for i in range(10_000)]
    assert murmur2_column(keys) == [murmur2(key) for key in keys]


def test_the_sign_bit_is_dropped_before_the_remainder():
    assert partitions_of([b"21", b"abc"], 10) == [(-973932308 & 0x7FFFFFFF) % 10, 479470107 % 10]
    assert partitions_of([b"21", b"abc"], 1) == [0, 0]
