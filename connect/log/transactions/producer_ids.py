"""Producer ids: never given out twice in the life of a data directory.

A block of them is reserved on disk before its first one is used; what is left of a block at the end is lost.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import orjson

from connect.api.errors import EnvironmentFault
from connect.log.storage.files import Disk, disk_faults

PRODUCER_IDS_FILE: Final = "connect-producer-ids.json"
#: As in Kafka.
_BLOCK: Final = 1000


class ProducerIds:
    """The counter. `take` blocks and is for the log's threads."""

    def __init__(self, directory: Path, disk: Disk) -> None:
        self._disk = disk
        self._path = directory / PRODUCER_IDS_FILE
        self._lock = threading.Lock()
        self._next = self._reserved = 0
        self._is_loaded = False

    def take(self) -> int:
        """Return an id that was never returned before.

        Raises:
            EnvironmentFault: environment.disk, or environment.data_dir where the file is damaged.
        """
        with self._lock:
            if not self._is_loaded:
                self._next = self._reserved = self._load()
                self._is_loaded = True
            if self._next == self._reserved:
                content = orjson.dumps({"version": 1, "next_producer_id": self._reserved + _BLOCK})
                with disk_faults("write", self._path):
                    self._disk.replace(self._path, content)
                self._reserved += _BLOCK
            self._next += 1
            return self._next - 1

    def _load(self) -> int:
        if not self._path.exists():
            return 0
        try:
            return int(orjson.loads(self._path.read_bytes())["next_producer_id"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EnvironmentFault(
                f"cannot read {self._path}: {error}",
                code="environment.data_dir",
                hint=f"Stop the worker, and run 'connect log repair --data-dir {self._path.parent}'.",
            ) from error
