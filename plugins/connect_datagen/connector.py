"""`Datagen`: a source that makes its records up.

A task makes records in blocks of `BLOCK_RECORDS`, each from a seed of its own, and each block's seed decides the next
one's. So the stream is the same however it is cut into batches, and a stored offset (how many records were made, and
the seed of the block that the next one is in) is enough to go on exactly where it ended: fields that count up count
on, and the random ones continue.

Source of the source partition and offset: confluentinc/kafka-connect-datagen, DatagenTask.java.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connect.api import (
    Batch,
    ConfigError,
    ExactlyOnceSupport,
    Repeated,
    Schema,
    SourceConnector,
    SourceTask,
    StructColumn,
)
from connect_datagen.avro import AvroType
from connect_datagen.columns import Column
from connect_datagen.config import DatagenConfig
from connect_datagen.fake import POOL_COUNT
from connect_datagen.pace import WAIT_S, Pace
from connect_datagen.related_run import TASKS_KEY, RelatedRun, read_related_offset

#: Records made at once, and so the largest batch. Part of the stream's definition: see the module's docstring.
BLOCK_RECORDS: Final = 2000
#: Records that fall due within so many ms travel together, so that a small max.interval costs no poll a record.
GATHER_MS: Final = 10.0

_TASK: Final = "task.id"
_GENERATION: Final = "task.generation"
_ITERATION: Final = "current.iteration"
_SEED: Final = "random.seed"
_POOLS: Final = "pools.seed"


@dataclass(frozen=True, slots=True)
class Block:
    """Records `first` to `first + BLOCK_RECORDS - 1` of the stream."""

    first: int
    seed: int
    next_seed: int
    values: list[dict[str, Any]]
    keys: list[Any] | None
    times: list[int] | None


class DatagenTask(SourceTask[DatagenConfig]):
    """Makes up one stream of records. Plain `def`: making a block is work for the processor, so on a thread.

    For a preview it waits for nothing: its records come at once.
    """

    previews = True

    def start(self) -> None:
        self.context.drained = False  # polls between records that are due bring nothing, too
        seeds = random.Random(
            None if self.config.random_seed is None else f"{self.config.random_seed}/{self.context.task}"
        )
        self._seed = seeds.getrandbits(63)
        self._related = RelatedRun(self.config, self.context, self._seed) if self.config.is_model else None
        if self._related is not None:
            return
        self._key = self.config.key_field
        self._pools: dict[str, int] = {}
        self._schema: Schema | None = None
        self._key_schema: Schema | None = None
        if self.config.is_json_schema:
            self._column = self.config.json_column()
        else:
            record, self._column = self._compiled(seeds)
            self._schema = record.schema
            if self._key is not None:
                assert record.fields is not None
                self._key_schema = record.fields[self._key].schema
        self._block: Block | None = None
        self._made = 0
        self._generation = 0
        self._partition = {_TASK: self.context.task}
        self._resume(self.context.offset(self._partition))
        self._times = self.config.times
        clock = self.config.clock
        if clock is None or self.context.is_preview:
            self._pace = None
        else:
            self._pace = Pace(self.context.stopping, clock.seconds, self.config.time_speedup)
        self._waits = random.Random()
        self._due_s = 0.0
        self._due_records = 0
        self._ended = False

    def poll_batch(self) -> Batch | list[Batch] | None:
        if self._related is not None:
            return self._related.poll()
        count = self._count_due()
        if self.config.iterations > 0:
            count = min(count, self.config.iterations - self._made)
        if count <= 0:
            return None
        block = self._block_at(self._made)
        start = self._made - block.first
        end = min(start + count, BLOCK_RECORDS)
        self._made = block.first + end
        return Batch(
            self.config.kafka_topic,
            block.values if end - start == len(block.values) else block.values[start:end],
            keys=None if block.keys is None else block.keys[start:end],
            timestamps=time.time_ns() // 1_000_000 if block.times is None else [*block.times[start:end]],
            key_schema=self._key_schema,
            value_schema=self._schema,
            source_partition=self._partition,
            source_offset={
                _GENERATION: self._generation,
                _ITERATION: self._made,
                _SEED: block.next_seed if end == BLOCK_RECORDS else block.seed,
                **self._pools,
            },
        )

    def _compiled(self, seeds: random.Random) -> tuple[AvroType, Column]:
        """Return the record's type and column; without a seed in the config, the offset keeps that of faker's pools."""
        if self.config.random_seed is not None:
            return self.config.compile(seeds, POOL_COUNT)
        stored = (self.context.offset({_TASK: self.context.task}) or {}).get(_POOLS)
        seed = stored if isinstance(stored, int) else seeds.getrandbits(63)
        rng = random.Random(seed)
        unused = rng.getstate()
        compiled = self.config.compile(rng, POOL_COUNT)
        if rng.getstate() != unused:
            self._pools = {_POOLS: seed}
        return compiled

    def _resume(self, offset: dict[str, Any] | None) -> None:
        if offset is not None:
            generation, self._made, self._seed = _read_offset(
                offset, f"the stored source offset of task {self.context.task}"
            )
            self._generation = generation + 1

    def _block_at(self, number: int) -> Block:
        """Return the block that record `number` is in: the present one, or the one after it."""
        block = self._block
        if block is not None and number < block.first + BLOCK_RECORDS:
            return block
        seed = self._seed if block is None else block.next_seed
        first = number - number % BLOCK_RECORDS
        rng = random.Random(seed)
        next_seed = rng.getrandbits(63)
        values = self._column(rng, first, BLOCK_RECORDS)
        keys = None if self._key is None else _column_of(values, self._key)
        times = None if self._times is None else self._times.column(first, BLOCK_RECORDS, rng)
        self._block = Block(first, seed, next_seed, values, keys, times)
        return self._block

    def _count_due(self) -> int:
        """Wait a moment where the rate, `max.interval` or the end asks for it; return how many records are due."""
        if 0 < self.config.iterations <= self._made:
            if not self._ended:
                self._ended = self.context.drained = True
                self.context.log.info("all %d records are made; task %d idles", self._made, self.context.task)
            self.context.stopping.wait(WAIT_S)
            return 0
        if self._pace is not None:
            return self._pace.count(self._made, BLOCK_RECORDS)
        if self.config.max_interval <= 0 or self.context.is_preview:
            return BLOCK_RECORDS
        if not self._due_records:
            self._plan_next()
        remaining_s = self._due_s - time.monotonic()
        if remaining_s > 0:
            self.context.stopping.wait(min(remaining_s, WAIT_S))
            if self.context.stopping.is_set() or remaining_s > WAIT_S:
                return 0
        count, self._due_records = self._due_records, 0
        return count

    def _plan_next(self) -> None:
        """Draw the next waits. Nothing is made up for after a pause: the plan starts now."""
        wait_ms = 0.0
        while wait_ms < GATHER_MS and self._due_records < BLOCK_RECORDS:
            wait_ms += self._waits.random() * self.config.max_interval
            self._due_records += 1
        self._due_s = time.monotonic() + wait_ms / 1000


class DatagenConnector(SourceConnector[DatagenConfig]):
    """Makes up records from a quickstart, an Avro schema or a model. Each task makes a stream of its own."""

    class_name = "io.confluent.kafka.connect.datagen.DatagenConnector"
    version = "0.1.0"
    task_class = DatagenTask

    def task_configs(self, max_tasks: int) -> list[dict[str, str]]:
        own = dict(self.config.originals)
        if not self.config.is_model:
            return [own] * max_tasks
        # Tables that are there from the start are shared out, and each task needs a row of each to refer to.
        tasks = min([max_tasks, *(table.count for table in self.config.tables() if table.count)])
        return [{**own, TASKS_KEY: str(tasks)} for _ in range(tasks)]

    def exactly_once_support(self) -> ExactlyOnceSupport:
        """Exactly once: each task's stream goes on behind its last committed record, by the number and the seed."""
        return ExactlyOnceSupport.SUPPORTED

    def alter_offsets(self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> bool:
        """Check that each says where a task's stream goes on."""
        for partition, offset in offsets:
            if offset is None:
                continue
            if not isinstance(partition.get(_TASK), int):
                raise ConfigError(f"partition {dict(partition)} has no key '{_TASK}' with the number of a task")
            what = f"the offset of task {partition[_TASK]}"
            if self.config.is_model:
                read_related_offset(offset, what)
            else:
                _read_offset(offset, what)
        return True


def _column_of(values: Sequence[dict[str, Any]], name: str) -> list[Any]:
    if isinstance(values, StructColumn) and not isinstance(column := values.fields.get(name), Repeated | None):
        return list(column)
    return [value.get(name) for value in values]


def _read_offset(offset: Mapping[str, Any], what: str) -> tuple[int, int, int]:
    """Return generation, records made and seed.

    Raises:
        ConfigError: It is no offset of this connector.
    """
    generation, made, seed = (offset.get(name) for name in (_GENERATION, _ITERATION, _SEED))
    if not (isinstance(generation, int) and isinstance(made, int) and made >= 0 and isinstance(seed, int)):
        raise ConfigError(
            f"{what} is {dict(offset)!r}; expected whole numbers for {_GENERATION}, {_ITERATION} and {_SEED}",
            hint="Alter or reset the connector's offsets.",
        )
    return generation, made, seed
