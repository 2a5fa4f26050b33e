"""Offsets that must survive for each partition of a data directory, in Kafka's checkpoint files.

`log-start-offset-checkpoint` holds where a partition begins after records were deleted, `cleaner-offset-checkpoint` up
to where it was compacted, `recovery-point-offset-checkpoint` up to where its records are known to be on disk. A
partition that is not listed begins with its first segment, or was never compacted, or is known to be on disk up to its
newest segment.

Source: Kafka, CheckpointFile.java: version, number of entries, then "topic partition offset" lines.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from connect.log.storage.files import Disk, disk_faults

log = logging.getLogger(__name__)

LOG_START: Final = "log-start-offset-checkpoint"
CLEANED: Final = "cleaner-offset-checkpoint"
RECOVERY_POINT: Final = "recovery-point-offset-checkpoint"
_VERSION: Final = "0"


class Checkpoint:
    """One file. For the log's threads; setting is durable when it returns."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path = path
        self._disk = disk
        self._lock = threading.Lock()
        self._offsets = self._load()

    def get(self, partition: str) -> int | None:
        """Return the offset of a partition by the name of its directory, None when there is none."""
        return self._offsets.get(partition)

    def set(self, partition: str, offset: int, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Store an offset.

        Args:
            unless: Asked where no `forget` can come in between: True stores nothing.

        Raises:
            EnvironmentFault: environment.disk; the old one stays.
        """
        with self._lock:
            if not unless() and self._offsets.get(partition) != offset:
                self._save({**self._offsets, partition: offset})

    def set_all(self, offsets: Mapping[str, int]) -> None:
        """Store several offsets in one write; none where all are stored already.

        Raises:
            EnvironmentFault: environment.disk; the old ones stay.
        """
        with self._lock:
            if any(self._offsets.get(name) != offset for name, offset in offsets.items()):
                self._save({**self._offsets, **offsets})

    def forget(self, topic: str) -> None:
        """Forget the partitions of a topic that is deleted."""
        with self._lock:
            kept = {name: offset for name, offset in self._offsets.items() if name.rpartition("-")[0] != topic}
            if len(kept) != len(self._offsets):
                self._save(kept)

    def _save(self, offsets: dict[str, int]) -> None:
        assert min(offsets.values(), default=0) >= 0, "an offset is no negative number"
        rows = [
            f"{topic} {number} {offset}"
            for name, offset in offsets.items()
            for topic, _, number in [name.rpartition("-")]
        ]
        with disk_faults("write", self._path):
            self._disk.replace(self._path, "\n".join([_VERSION, str(len(rows)), *rows, ""]).encode())
        self._offsets = offsets

    def _load(self) -> dict[str, int]:
        try:
            version, count, *rows = self._path.read_text("ascii").split("\n")
        except FileNotFoundError:
            return {}
        except (UnicodeDecodeError, ValueError):
            version, count, rows = "", "0", []
        offsets: dict[str, int] = {}
        for row in rows:
            parts = row.split(" ")
            if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit() and max(map(len, parts[1:])) < 20:
                offsets[f"{parts[0]}-{parts[1]}"] = int(parts[2])
        if version != _VERSION or str(len(offsets)) != count:
            # Harmless: records that were deleted but are still there come back, compaction begins anew.
            log.warning("%s is damaged; %d of %s entries were read", self._path, len(offsets), count)
        return offsets
