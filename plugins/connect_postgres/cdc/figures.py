"""What a task tells of its stream and its snapshot in figures: gauges that begin with `streaming.` and `snapshot.`.

They are those that Debezium's connector tells by JMX, as far as there is such a thing here; the worker gives them its
names at /metrics. All of them count from the task's start.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from connect.api import Batch, SourceTaskContext
from connect_postgres.cdc.replication import BUFFER_BYTES


class Figures:
    """The gauges of one task. For the event loop, between its polls: each call is of a poll, never of a record."""

    def __init__(self, context: SourceTaskContext) -> None:
        self._gauges = context.gauges
        self._began_s = 0.0
        self._gauges |= {
            "streaming.connected": 0,
            "streaming.events": 0,
            "streaming.transactions": 0,
            "streaming.queue.bytes.max": BUFFER_BYTES,
            "streaming.queue.bytes.free": BUFFER_BYTES,
            "snapshot.running": 0,
            "snapshot.completed": 0,
            "snapshot.events": 0,
            "snapshot.seconds": 0,
            "snapshot.tables": 0,
            "snapshot.tables.left": 0,
        }

    def connected(self, is_connected: bool) -> None:
        """Tell whether the server sends its changes."""
        self._gauges["streaming.connected"] = int(is_connected)
        if not is_connected:
            self._gauges["streaming.queue.bytes.free"] = BUFFER_BYTES

    def streamed(self, batches: Sequence[Batch], *, transactions: int, commit_us: int, waiting_bytes: int) -> None:
        """Tell of a poll of the stream.

        Args:
            transactions: How many ended in it.
            commit_us: When the last one that is known was committed, µs since the epoch; 0: none is.
            waiting_bytes: What has come and was not taken.
        """
        gauges = self._gauges
        gauges["streaming.queue.bytes.free"] = max(0, BUFFER_BYTES - waiting_bytes)
        if batches or transactions:
            gauges["streaming.events"] += sum(map(len, batches))
            gauges["streaming.transactions"] += transactions
            now_us = time.time_ns() // 1000
            gauges["streaming.last.event.ms"] = now_us // 1000
            if commit_us:
                gauges["streaming.behind.ms"] = max(0, now_us - commit_us) // 1000

    def snapshot_begins(self, tables: int, left: int) -> None:
        """Tell of a snapshot that begins, or goes on.

        Args:
            left: How many of its tables are to be read still.
        """
        self._began_s = time.monotonic()
        self._gauges |= {"snapshot.running": 1, "snapshot.tables": tables, "snapshot.tables.left": left}

    def snapshot_read(self, batches: Sequence[Batch], *, is_last_of_table: bool) -> None:
        """Tell of a piece of it."""
        gauges = self._gauges
        gauges["snapshot.events"] += sum(map(len, batches))
        gauges["snapshot.last.event.ms"] = time.time_ns() // 1_000_000
        gauges["snapshot.seconds"] = time.monotonic() - self._began_s
        if is_last_of_table and gauges["snapshot.tables.left"]:
            gauges["snapshot.tables.left"] -= 1

    def snapshot_ends(self) -> None:
        """Tell that it is read."""
        self._gauges |= {"snapshot.running": 0, "snapshot.completed": 1, "snapshot.tables.left": 0}
