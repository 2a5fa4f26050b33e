"""A segment's offset index and time index, in memory while the segment is written, in files afterwards.

Indexes only save time: what they say is checked against the log when it is used, and they are made again from the log
when they are missing or wrong. So they are written when a segment is rolled or closed, not with each append.
"""

from __future__ import annotations

import bisect
import sys
from array import array
from pathlib import Path

from connect.codec.index import OFFSET_ENTRY, TIME_ENTRY
from connect.log.storage.files import Disk


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
        assert not self.positions or position > self.positions[-1], "positions rise with them"
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

    def save(self, disk: Disk, offset_path: Path, time_path: Path) -> None:
        """Write both files; short ones, without the zeros that Kafka preallocates."""
        assert len(self.offsets) == len(self.positions), "an offset entry has a position"
        assert len(self.timestamps) == len(self.timestamp_offsets), "a time entry has an offset"
        pack, pack_time = OFFSET_ENTRY.pack, TIME_ENTRY.pack
        disk.write(offset_path, b"".join(map(pack, self.offsets, self.positions)))
        disk.write(time_path, b"".join(map(pack_time, self.timestamps, self.timestamp_offsets)))

    @classmethod
    def load(cls, offset_path: Path, time_path: Path, log_bytes: int) -> Indexes | None:
        """Read both files; None where one is missing or cannot be right for a log of `log_bytes`."""
        indexes = cls.load_offsets(offset_path, log_bytes)
        times = load_times(time_path)
        if indexes is None or times is None:
            return None
        indexes.timestamps, indexes.timestamp_offsets = times
        return indexes

    @classmethod
    def load_offsets(cls, path: Path, log_bytes: int) -> Indexes | None:
        """Read the offset index alone, which is all that finding an offset takes."""
        raw = _read(path, OFFSET_ENTRY.size)
        if raw is None:
            return None
        pairs = array("I", raw)
        if sys.byteorder == "little":
            pairs.byteswap()
        indexes = cls()
        indexes.offsets, indexes.positions = array("Q", pairs[0::2]), array("Q", pairs[1::2])
        if not (_rises(indexes.offsets) and _rises(indexes.positions)):
            return None
        return None if indexes.positions and indexes.positions[-1] >= log_bytes else indexes


def load_times(path: Path) -> tuple[array[int], array[int]] | None:
    """Read a time index: timestamps and relative offsets; None where it is missing or cannot be right."""
    raw = _read(path, TIME_ENTRY.size)
    if raw is None:
        return None
    entries = list(TIME_ENTRY.iter_unpack(raw))
    timestamps = array("q", [timestamp for timestamp, _ in entries])
    offsets = array("Q", [offset for _, offset in entries])
    return (timestamps, offsets) if _rises(timestamps) and _rises(offsets) else None


def _read(path: Path, entry_bytes: int) -> bytes | None:
    """Return whole entries, without the zeros that a broker preallocates and leaves when it does not stop cleanly."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(raw) % entry_bytes:
        return None
    # Only a first entry may be all zeros.
    held = -(-len(raw.rstrip(b"\0")) // entry_bytes) * entry_bytes
    return raw[: max(held, min(len(raw), entry_bytes))]


def _rises(column: array[int]) -> bool:
    values = column.tolist()
    return values == sorted(set(values))
