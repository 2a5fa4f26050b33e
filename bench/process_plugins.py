"""Plugins that `bench.processes` measures: a source from memory, a sink in Python, a transform that computes."""

from __future__ import annotations

from collections.abc import Sequence

from connect.api import (
    Batch,
    Config,
    Connector,
    SinkConnector,
    SinkTask,
    SourceConnector,
    SourceTask,
    Transform,
    config_key,
    hookimpl,
)

BATCH = 1000


class MemoryConfig(Config):
    """Records from memory."""

    topic: str = config_key("Topic.")
    count: int = config_key("Records in all.", ge=1, type="LONG")


class MemoryTask(SourceTask[MemoryConfig]):
    given = 0

    def start(self) -> None:
        self.values = [record(n) for n in range(BATCH)]

    def poll_batch(self) -> Batch | None:
        count = min(BATCH, self.config.count - self.given)
        if count <= 0:
            return None
        self.given += count
        return Batch(self.config.topic, self.values[:count])


class MemorySource(SourceConnector[MemoryConfig]):
    class_name = "bench.MemorySource"
    task_class = MemoryTask


def record(number: int) -> dict[str, object]:
    """Return a record of ten fields, some 200 bytes of JSON."""
    return {
        "id": number, "name": f"name {number}", "email": f"user{number}@example.com", "amount": number * 1.5,
        "tags": ["a", "b"], "ok": True, "note": None, "city": "Graz", "count": number * 7, "at": "2026-01-01T00:00:00Z",
    }  # fmt: skip


class NoConfig(Config):
    """Nothing to say."""


class RowsTask(SinkTask[NoConfig]):
    """Makes a row of text of each record, as a sink does that writes to a file or a wire."""

    def put_batch(self, batch: Batch) -> None:
        self.rows = [",".join(map(str, value.values())) for value in batch.values]


class RowsSink(SinkConnector[NoConfig]):
    class_name = "bench.RowsSink"
    task_class = RowsTask


class NoneTask(SinkTask[NoConfig]):
    """Does nothing with a record: what crossing costs shows whole."""

    def put_batch(self, batch: Batch) -> None:
        return None


class NoneSink(SinkConnector[NoConfig]):
    class_name = "bench.NoneSink"
    task_class = NoneTask


class BurnConfig(Config):
    """How much to compute."""

    rounds: int = config_key("Rounds of a loop a record.", default=500)


class Burn(Transform[BurnConfig]):
    class_name = "bench.Burn"

    def apply_batch(self, batch: Batch) -> Batch:
        rounds = range(self.config.rounds)
        return batch.replace(values=[{**value, "sum": burnt(rounds)} for value in batch.values])


def burnt(rounds: Sequence[int]) -> int:
    """Compute for a while, in Python."""
    total = 0
    for n in rounds:
        total += n * n % 7
    return total


@hookimpl
def connect_connectors() -> list[type[Connector]]:
    return [MemorySource, RowsSink, NoneSink]


@hookimpl
def connect_transforms() -> list[type[Transform]]:
    return [Burn]
