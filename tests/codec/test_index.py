"""Entries of Kafka's two indexes, byte for byte."""

from __future__ import annotations

from connect.codec.index import OFFSET_ENTRY, RELATIVE_OFFSET_MAX, TIME_ENTRY


def test_an_offset_entry_is_a_relative_offset_and_a_position():
    assert OFFSET_ENTRY.pack(258, 4096) == b"\x00\x00\x01\x02\x00\x00\x10\x00"


def test_a_time_entry_is_a_timestamp_and_a_relative_offset():
    assert TIME_ENTRY.pack(1, 2) == b"\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02"


def test_the_largest_relative_offset_is_java_s_largest_int():
    assert OFFSET_ENTRY.pack(RELATIVE_OFFSET_MAX, 0)[:4] == b"\x7f\xff\xff\xff"
