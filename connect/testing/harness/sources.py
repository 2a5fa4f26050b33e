"""A source at work: polled, committed, restarted and crashed by a test."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from connect.api import Batch, CommittedRecord, Record, RecordMetadata, SourceConnector, SourceTask
from connect.api.contract import check_acknowledged
from connect.runtime.tasks.context import SourceTaskContextImpl
from connect.runtime.tasks.source_task import listed
from connect.testing.harness.loops import DEADLINE_S
from connect.testing.harness.tasks import NAME, TaskHarness

#: A source partition and the offset in it.
SourceOffset = tuple[Mapping[str, Any], Mapping[str, Any]]


class SourceHarness(TaskHarness):
    """One task of a source connector, without a worker. Use as a context manager: it starts the task, and stops it.

        with SourceHarness(ticks, {"topic": "t", "count": "3"}) as source:
            assert [record.value for record in source.records(3)] == ["tick 1", "tick 2", "tick 3"]
            source.commit()
            source.restart()
            assert source.poll() == []

    Args:
        connector_class: The connector, or what `@source` made.
        config: As a user gives it: text by key.
        offsets: What is committed already.
        task, max_tasks: Which of how many tasks; the config of each is the connector's `task_configs`.
        deadline_s: How long one call of the plugin may take, and `records` in all.

    Attributes:
        connector, task: The plugin's instances, for a look into them.
        context: The task's `SourceTaskContext`.
    """

    def __init__(
        self,
        connector_class: type[SourceConnector],
        config: Mapping[str, str],
        *,
        offsets: Iterable[SourceOffset] = (),
        task: int = 0,
        max_tasks: int = 1,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        super().__init__(connector_class, config, task=task, max_tasks=max_tasks, deadline_s=deadline_s)
        self._committed: dict[str, dict[str, Any]] = {}
        for partition, offset in offsets:
            self._committed[partition_text(partition)] = dict(offset)
        self._polled: dict[str, dict[str, Any]] = {}
        self._told: list[CommittedRecord] = []
        self._places: dict[str, int] = {}

    # -- life --------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop task and connector as a worker does; nothing where they are stopped already."""
        self._end()

    def restart(self) -> None:
        """Stop, and start a new instance at the committed offsets."""
        self._end()
        self._start()

    def _context(self, number: int) -> SourceTaskContextImpl:
        return SourceTaskContextImpl(NAME, number, self._offset, _nothing)

    def _started(self) -> None:
        self._polled.clear()
        self._told.clear()

    # -- records -----------------------------------------------------------------------------------------------------

    def poll(self) -> list[Record]:
        """Poll once; return the records, [] where there are none now. Offsets are as they come back from their store.

        Raises:
            ConnectError: What the plugin raised, or plugin.broken for what it should not have returned.
        """
        found = []
        for batch in self.poll_batches():
            found += list(batch.records())
        return found

    def poll_batches(self) -> list[Batch]:
        """Poll once; return the batches."""
        task = self._running
        batches = listed(task.plugin, task.call("poll_batch"))
        hears = type(task.plugin).commit_records is not SourceTask.commit_records
        for batch in batches:
            if hears:
                check_acknowledged(task.plugin, "poll_batch", batch)
            self._note(batch)
        return batches

    def records(self, count: int, *, deadline_s: float | None = None) -> list[Record]:
        """Poll until `count` records came, and return them; more where the last poll gave more.

        Raises:
            AssertionError: They did not come within the deadline; says what came.
        """
        limit_s = self._deadline_s if deadline_s is None else deadline_s
        deadline = time.monotonic() + limit_s
        found: list[Record] = []
        while len(found) < count:
            assert time.monotonic() < deadline, (
                f"{len(found)} of {count} records came within {limit_s:g} s; the last ones: {found[-3:]}"
            )
            polled = self.poll()
            found += polled
            if not polled:
                time.sleep(0.005)  # as the runtime waits for the next poll
        return found

    def drain(self, *, polls: int = 3, deadline_s: float | None = None) -> list[Record]:
        """Poll until so many polls after each other gave nothing; return all that came.

        Raises:
            AssertionError: It still gave records at the deadline.
        """
        limit_s = self._deadline_s if deadline_s is None else deadline_s
        deadline = time.monotonic() + limit_s
        found: list[Record] = []
        quiet = 0
        while quiet < polls:
            assert time.monotonic() < deadline, f"after {limit_s:g} s and {len(found)} records there are still more"
            polled = self.poll()
            quiet = 0 if polled else quiet + 1
            found += polled
        return found

    # -- offsets -----------------------------------------------------------------------------------------------------

    @property
    def offsets(self) -> list[SourceOffset]:
        """What is committed, as pairs of partition and offset."""
        return [(json.loads(partition), dict(offset)) for partition, offset in self._committed.items()]

    def commit(self) -> None:
        """Have all that was polled be durable: offsets are committed, and the task hears of them, as of its records."""
        task = self._running
        self._committed |= self._polled
        told = [(json.loads(partition), offset) for partition, offset in self._polled.items()]
        self._polled = {}
        records, self._told = self._told, []
        if records and type(task.plugin).commit_records is not SourceTask.commit_records:
            task.call("commit_records", records)
        if told:
            task.call("commit", told)

    # -- inside ------------------------------------------------------------------------------------------------------

    @property
    def context(self) -> SourceTaskContextImpl:
        context: SourceTaskContextImpl = self._running.plugin.context
        return context

    def _offset(self, partition: Mapping[str, Any]) -> dict[str, Any] | None:
        found = self._committed.get(partition_text(partition))
        return None if found is None else dict(found)

    def _note(self, batch: Batch) -> None:
        """Keep what is to be committed, as the offset store would: through JSON."""
        if batch.source_partition is None:
            return
        partition = partition_text(batch.source_partition)
        offsets = batch.source_offsets or [None] * len(batch)
        for offset in offsets:
            if offset is not None:
                self._polled[partition] = json.loads(json.dumps(offset))
                place = self._places[batch.topic] = self._places.get(batch.topic, -1) + 1
                metadata = RecordMetadata(batch.topic, batch.partition or 0, place)
                self._told.append(CommittedRecord(batch.source_partition, offset, metadata))
        if batch.source_offset is not None:
            self._polled[partition] = json.loads(json.dumps(batch.source_offset))


def partition_text(partition: Mapping[str, Any]) -> str:
    """Return a source partition as text that is the same for the same partition."""
    return json.dumps(partition, sort_keys=True)


def _nothing() -> None:
    """A harness polls when the test says so."""
