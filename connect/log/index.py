"""A segment's offset index and time index, in memory while the segment is written, in files afterwards.

Indexes only save time: what they say is checked against the log when it is used, and they are made again from the log
when they are missing or wrong. So they are written when a segment is rolled or closed, not with each append.
"""

from __future__ import annotations

import bisect
import itertools
from array import array
from pathlib import Path

from connect.codec.index import OFFSET_ENTRY, TIME_ENTRY


class Indexes:
    """The entries of both indexes; offsets here are relative to the segment's base offset.

    Readers look entries up while the one writer appends; so look-ups go by the column that is appended to last.
    """

    def __init__(self) -> None:
        self.offsets = array("Q")
        self.positions = array("Q")
        self.timestamps = array("q")
        self.timestamp_offsets = array("Q")

    def append(self, offset: int, position: int) -> None:
        """Add an offset entry: the last offset of a batch, and where that batch starts."""
        assert not self.offsets or offset > self.offsets[-1], "offset entries rise"
        self.offsets.append(offset)
        self.positions.append(position)

    def append_time(self, timestamp: int, offset: int) -> None:
        """Add a time entry unless an earlier one has so late a timestamp already."""
        if timestamp > (self.timestamps[-1] if self.timestamps else -1):
            self.timestamps.append(timestamp)
            self.timestamp_offsets.append(offset)

    def around(self, offset: int) -> list[tuple[int, int]]:
        """Return the entries that may lead to the batch of `offset`, the nearest first.

        An entry names its batch's last offset, so the first entry behind `offset` may be that of the very batch.
        """
        place = bisect.bisect_right(self.offsets, offset, 0, len(self.positions))
        places = (place, place - 1) if place < len(self.positions) else (place - 1,)
        return [(self.offsets[place], self.positions[place]) for place in places if place >= 0]

    def lookup_time(self, timestamp: int) -> int:
        """Return an offset before which every record is earlier than `timestamp`."""
        place = bisect.bisect_left(self.timestamps, timestamp, 0, len(self.timestamp_offsets)) - 1
        return 0 if place < 0 else self.timestamp_offsets[place]

    @property
    def last(self) -> tuple[int, int] | None:
        """The newest offset entry."""
        return (self.offsets[-1], self.positions[-1]) if self.offsets else None

    def save(self, offset_path: Path, time_path: Path) -> None:
        """Write both files; short ones, without the zeros that Kafka preallocates."""
        pack, pack_time = OFFSET_ENTRY.pack, TIME_ENTRY.pack
        offset_path.write_bytes(b"".join(map(pack, self.offsets, self.positions)))
        time_path.write_bytes(b"".join(map(pack_time, self.timestamps, self.timestamp_offsets)))

    @classmethod
    def load(cls, offset_path: Path, time_path: Path, log_bytes: int) -> Indexes | None:
        """Read both files; None where one is missing or cannot be right for a log of `log_bytes`."""
        try:
            raw, raw_time = offset_path.read_bytes(), time_path.read_bytes()
        except FileNotFoundError:
            return None
        if len(raw) % OFFSET_ENTRY.size or len(raw_time) % TIME_ENTRY.size:
            return None
        indexes = cls()
        entries = _without_zeros(list(OFFSET_ENTRY.iter_unpack(raw)))
        times = _without_zeros(list(TIME_ENTRY.iter_unpack(raw_time)))
        indexes.offsets.extend(offset for offset, _ in entries)
        indexes.positions.extend(position for _, position in entries)
        indexes.timestamps.extend(timestamp for timestamp, _ in times)
        indexes.timestamp_offsets.extend(offset for _, offset in times)
        return indexes if indexes._is_plausible(log_bytes) else None

    def _is_plausible(self, log_bytes: int) -> bool:
        rising = (self.offsets, self.positions, self.timestamps, self.timestamp_offsets)
        if any(earlier >= later for column in rising for earlier, later in itertools.pairwise(column)):
            return False
        return not self.positions or self.positions[-1] < log_bytes


def _without_zeros(entries: list[tuple[int, int]]) -> list[tuple[int, int]]:
    # A broker that did not stop cleanly leaves its preallocated tail. Only a first entry may be all zeros.
    end = len(entries)
    while end > 1 and entries[end - 1] == (0, 0):
        end -= 1
    return entries[:end]
