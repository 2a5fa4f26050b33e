"""Zigzag varints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connect.api.errors import CorruptBatchError
from connect.codec.varint import VARINTS, VarintTable, decode_varint, encode_varint


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_every_int64_comes_back(value):
    encoded = encode_varint(value)
    assert decode_varint(b"x" + encoded + b"y", 1) == (value, 1 + len(encoded))


@pytest.mark.parametrize(
    ("value", "encoded"), [(0, "00"), (-1, "01"), (1, "02"), (63, "7e"), (64, "8001"), (-65, "8101")]
)
def test_known_encodings(value, encoded):
    assert encode_varint(value).hex() == encoded


@pytest.mark.parametrize(
    "damaged", [b"", b"\x80", b"\xff" * 11, b"\xff" * 9 + b"\x7f", b"\x80" * 9 + b"\x02", b"\x80" * 10 + b"\0"]
)
def test_a_varint_that_does_not_end_in_time_is_corrupt(damaged):
    with pytest.raises(CorruptBatchError):
        decode_varint(damaged, 0)


def test_the_numbers_of_up_to_two_bytes_are_there_in_their_order():
    assert [encode_varint(number) for number in range(1 << 13)] == VARINTS
    assert len(encode_varint(len(VARINTS))) == 3


def test_a_table_keeps_small_numbers_and_makes_large_ones_anew():
    table = VarintTable(b"<", b">", add=1)
    assert table[5] == b"<" + encode_varint(6) + b">"
    assert table[1 << 40] == b"<" + encode_varint((1 << 40) + 1) + b">"
    assert set(table) == {5}


def test_a_table_that_is_told_nothing_gives_the_number_alone():
    assert VarintTable()[300] == encode_varint(300) == bytes.fromhex("d804")


@pytest.mark.parametrize(("number", "is_kept"), [(-2, False), (-1, True), (1 << 14, True), ((1 << 14) + 1, False)])
def test_a_table_is_bounded(number, is_kept):
    table = VarintTable()
    assert table[number] == encode_varint(number)
    assert (number in table) == is_kept


def test_what_needs_more_than_64_bits_is_a_mistake_of_ours():
    assert len(encode_varint(-(1 << 63))) == 10
    assert encode_varint(-(1 << 63))[-1] == 1
