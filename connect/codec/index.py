"""Entries of a segment's two indexes. Both are sparse: they lead to a batch at or before the one that is sought.

Source: Kafka, OffsetIndex.java, TimeIndex.java.
"""

from __future__ import annotations

import struct
from typing import Final

# All big-endian; offsets are relative to the segment's base offset.
OFFSET_ENTRY: Final = struct.Struct(
    ">"
    "I"  # 0  last offset of a batch
    "I"  # 4  position of that batch in the log file
)
TIME_ENTRY: Final = struct.Struct(
    ">"
    "q"  # 0  largest timestamp of the segment so far
    "I"  # 8  last offset of the batch that holds it
)
assert OFFSET_ENTRY.size == 8
assert TIME_ENTRY.size == 12

#: A relative offset is a signed int32 in Java.
RELATIVE_OFFSET_MAX: Final = (1 << 31) - 1
