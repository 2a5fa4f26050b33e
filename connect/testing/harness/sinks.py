"""A sink at work: given records, flushed, restarted and crashed by a test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from connect.api import Batch, Record, SinkConnector, SinkTask
from connect.api.contract import flushed_of, resume_offsets_of
from connect.records import TopicPartition
from connect.runtime.tasks.context import SinkTaskContextImpl
from connect.testing.harness.factories import TOPIC
from connect.testing.harness.instances import Instance
from connect.testing.harness.loops import DEADLINE_S
from connect.testing.harness.tasks import NAME, TaskHarness


class SinkHarness(TaskHarness):
    """One task of a sink connector, without a worker. Use as a context manager: it starts the task, and stops it.

        with SinkHarness(collect, {"out": str(tmp_path / "out.txt")}) as sink:
            sink.put("a", "b", Record("topic", "c", key="k"))
            sink.flush()
        assert (tmp_path / "out.txt").read_text() == ...

    Args:
        connector_class: The connector, or what `@sink` made.
        config: As a user gives it: text by key; `topics` is filled in.
        partitions: What the task is given, as (topic, partition); more come by `assign`.
        task, max_tasks: Which of how many tasks.
        deadline_s: How long one call of the plugin may take.

    Attributes:
        committed: By (topic, partition) the offset of the next record; a restart goes on there.
    """

    def __init__(
        self,
        connector_class: type[SinkConnector],
        config: Mapping[str, str],
        *,
        partitions: Iterable[tuple[str, int]] = ((TOPIC, 0),),
        task: int = 0,
        max_tasks: int = 1,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._partitions = list(partitions)
        topics = ",".join(dict.fromkeys(topic for topic, _ in self._partitions))
        given = {"topics": topics, **config}
        super().__init__(connector_class, given, task=task, max_tasks=max_tasks, deadline_s=deadline_s)
        self.committed: dict[tuple[str, int], int] = {}
        #: Everything that was put, by partition: what a restart may have to put again.
        self._log: dict[tuple[str, int], list[Record]] = {}
        self._put: dict[tuple[str, int], int] = {}

    # -- life --------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Take the partitions away and stop task and connector, as a worker does; without a flush."""
        self._end()

    def restart(self, *, flush: bool = True) -> None:
        """Flush, stop, and start a new instance; what is not committed is put again.

        Args:
            flush: Without it, as where the flush of a stop failed: all that was put since the last one comes again.
        """
        if flush:
            self.flush()
        self.stop()
        self._start()

    def crash(self) -> None:
        """Start a new instance without a flush or a stop of the old one, as after a kill; what was put and is not
        committed is put again."""
        super().crash()

    def _context(self, number: int) -> SinkTaskContextImpl:
        return SinkTaskContextImpl(NAME, number)

    def _started(self) -> None:
        self._put = {}
        self._open(self._partitions)

    def _before_end(self, task: Instance) -> None:
        task.call("close_partitions", sorted(self._partitions))

    def _before_exit(self) -> None:
        self.flush()

    # -- records -----------------------------------------------------------------------------------------------------

    def put(self, *items: Any, topic: str | None = None, partition: int | None = None) -> None:
        """Have records put: each is a `Record`, or a value for the first of the task's partitions.

        They get the next offsets of their partition. Records of one partition come in one call, in their order, as from
        one fetch.

        Raises:
            ConnectError: What the plugin raised. Nothing of the call was kept, and the same can be put again; what of
                several partitions was put before stays.
        """
        for _, group in groupby(self._numbered(items, topic, partition), key=_at):
            self._put_all(list(group))

    def put_together(self, *items: Any) -> None:
        """Have records of several partitions put in one call, as from one fetch: by `put_batches` where the task has
        it, else batch by batch.

        Raises:
            ConnectError: What the plugin raised.
        """
        self._put_all(self._numbered(items, None, None))

    def flush(self) -> dict[tuple[str, int], int]:
        """Have the sink make durable what was put, commit, and return what is committed.

        Raises:
            ConnectError: What the plugin raised; nothing is committed.
        """
        task = self._running
        with self._reaching(self._put):
            flushed = flushed_of(task.plugin, task.call("flush"), self._put)
        self.committed |= self._put if flushed is None else flushed
        return dict(self.committed)

    def assign(self, *partitions: tuple[str, int]) -> None:
        """Give the task more partitions."""
        self._partitions += partitions
        self._open(partitions)

    def revoke(self, *partitions: tuple[str, int]) -> None:
        """Take partitions away, after a flush, as when another task gets them."""
        self.flush()
        self._running.call("close_partitions", sorted(partitions))
        self._partitions = [at for at in self._partitions if at not in partitions]
        self._assigned()

    # -- inside ------------------------------------------------------------------------------------------------------

    @property
    def context(self) -> SinkTaskContextImpl:
        context: SinkTaskContextImpl = self._running.plugin.context
        return context

    def _open(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Give the task partitions, and put again what of them is not committed."""
        task = self._running
        self._assigned()
        given = sorted(partitions)
        if not given:
            return
        task.call("open", given)
        goes_on = {at: self.committed.get(at, 0) for at in given}
        if type(task.plugin).resume_offsets is not SinkTask.resume_offsets:
            goes_on |= resume_offsets_of(task.plugin, task.call("resume_offsets", given), given)
        for at, offset in goes_on.items():
            self._put[at] = offset
            if again := self._log.get(at, [])[offset:]:
                self._call_put(again)

    def _assigned(self) -> None:
        context = self.context
        context.assigned = frozenset(TopicPartition(*at) for at in self._partitions)
        context.topic_ids = {topic: f"id of {topic}" for topic, _ in self._partitions}

    def _numbered(self, items: Iterable[Any], topic: str | None, partition: int | None) -> list[Record]:
        """Return what is to be put as records with the next offsets of their partitions."""
        at = self._partitions[0] if self._partitions else (TOPIC, 0)
        home = (at[0] if topic is None else topic, at[1] if partition is None else partition)
        records = [item if isinstance(item, Record) else Record(home[0], item) for item in items]
        placed = [_placed(record, home[1]) for record in records]
        numbered: list[Record] = []
        nexts = {at: len(self._log.get(at, [])) for at in {_at(record) for record in placed}}
        for at in nexts:
            assert at in self._partitions, f"{at[0]}-{at[1]} is not the task's; it has {self._partitions}"
        for record in placed:
            numbered.append(record.replace(offset=nexts[_at(record)]))
            nexts[_at(record)] += 1
        return numbered

    def _put_all(self, records: list[Record]) -> None:
        self._call_put(records)
        for record in records:
            self._log.setdefault(_at(record), []).append(record)

    def _call_put(self, records: list[Record]) -> None:
        task, batches = self._running, Batch.group(records)
        after = {**self._put, **{_at(record): (record.offset or 0) + 1 for record in records}}
        with self._reaching(after):
            if len(batches) > 1 and type(task.plugin).put_batches is not SinkTask.put_batches:
                task.call("put_batches", batches)
            else:
                for batch in batches:
                    task.call("put_batch", batch)
        self._put = after

    def _reaching(self, offsets: Mapping[tuple[str, int], int]) -> Any:
        return self.context.reaching({TopicPartition(*at): offset for at, offset in offsets.items()})


def _placed(record: Record, partition: int) -> Record:
    partition = partition if record.partition is None else record.partition
    return record.replace(partition=partition, original_topic=record.topic, original_partition=partition)


def _at(record: Record) -> tuple[str, int]:
    assert record.partition is not None, "it was placed"
    return record.topic, record.partition
