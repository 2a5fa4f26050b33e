"""How far a job is, as anybody can see who looks from outside: a topic's end offset, a file's or a table's bytes.

So both workers are measured in the same way, without their start: from the first records that are there to the last.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, TopicPartition

from bench.kafka.workers import cpu_s

TIMEOUT_S: Final = 300
LOOK_S: Final = 0.005
#: How long nothing more must come until it is counted whether all is there.
QUIET_S: Final = 0.5
_CHECK_S: Final = 1.0
_BLOCK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Measured:
    """Of the records that came after the first look that saw any: how many, and the seconds they took."""

    records: float
    wall_s: float
    worker_cpu_s: float
    broker_cpu_s: float


class TopicEnd:
    """A topic of one partition, by its end offset."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-watch"})
        self._at = TopicPartition(topic, 0)

    def reached(self) -> int:
        """Return how many records there are."""
        return int(self._consumer.get_watermark_offsets(self._at, 10.0, cached=False)[1])

    def count(self) -> int:
        """Return how many records there are."""
        return self.reached()


class FileSize:
    """A file of lines, by its bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def reached(self) -> int:
        """Return how many bytes there are."""
        return self._path.stat().st_size if self._path.exists() else 0

    def count(self) -> int:
        """Return how many lines there are."""
        with self._path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK_BYTES), b""))


class TableSize:
    """A table, by its bytes.

    Args:
        execute: Runs a query that has one value.
    """

    def __init__(self, execute: Callable[[str], int], table: str) -> None:
        self._execute, self._table = execute, table

    def reached(self) -> int:
        """Return how many bytes there are."""
        return self._execute(f"SELECT pg_relation_size('\"{self._table}\"')")

    def count(self) -> int:
        """Return how many rows there are."""
        return self._execute(f'SELECT count(*) FROM "{self._table}"')


def measure(target: Any, records: int, worker: int, broker: int, check: Callable[[], None]) -> Measured:
    """Look until all records are there.

    Args:
        worker, broker: Process ids, whose processor time is taken.
        check: Called now and then; raises where there is nothing to wait for any more.
    """
    deadline, check_at = time.monotonic() + TIMEOUT_S, 0.0
    first = last = (0.0, 0, 0.0, 0.0)
    while True:
        now, reached = time.perf_counter(), target.reached()
        if reached > last[1]:
            last = (now, reached, cpu_s(worker), cpu_s(broker))
            first = first if first[1] else last
        elif last[1] and now - last[0] > QUIET_S:
            if (count := target.count()) == records:
                break
            if count > records or now - last[0] > 20:
                raise RuntimeError(f"{count} records came of {records}")
        if time.monotonic() > check_at:
            check()
            check_at = time.monotonic() + _CHECK_S
        if time.monotonic() > deadline:
            raise TimeoutError(f"not done after {TIMEOUT_S} s: {last[1]}")
        time.sleep(LOOK_S)
    share = 1 - first[1] / last[1]
    wall, _, worker_cpu, broker_cpu = (b - a for a, b in zip(first, last, strict=True))
    return Measured(records * share, wall, worker_cpu, broker_cpu)
