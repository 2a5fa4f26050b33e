"""Entries of the indexes have the bytes that Kafka writes."""

from __future__ import annotations

from connect.codec.index import OFFSET_ENTRY, RELATIVE_OFFSET_MAX, TIME_ENTRY


def test_an_offset_entry_is_a_relative_offset_and_a_position() -> None:
    # Kafka, OffsetIndex.append: putInt((int) (offset - baseOffset)), putInt(position).
    assert OFFSET_ENTRY.pack(5, 1000) == bytes.fromhex("00000005000003e8")


def test_a_time_entry_is_a_timestamp_and_a_relative_offset() -> None:
    # Kafka, TimeIndex.maybeAppend: putLong(timestamp), putInt(relativeOffset(offset)).
    assert TIME_ENTRY.pack(1_700_000_000_000, 5) == bytes.fromhex("0000018bcfe5680000000005")
    assert TIME_ENTRY.unpack(bytes.fromhex("ffffffffffffffff00000000")) == (-1, 0)


def test_the_largest_relative_offset_is_java_s_largest_int() -> None:
    assert OFFSET_ENTRY.pack(RELATIVE_OFFSET_MAX, 0)[:4] == b"\x7f\xff\xff\xff"
