"""A stream of related tables: rows, their updates and their ends, with keys that fit, from a model.

The stream is made of steps. First those that load the tables which are there from the start, `LOAD_ROWS` rows each;
then rounds, in each of which every other table gets its new rows, behind them updates, and in the end deletes, the
parents' behind their children's. Steps are made in blocks, each from a seed of its own; what a row will go through is
drawn with the row. So the stream is the same however it is cut, and a restart makes the blocks again whose rows are
not through yet: as many rounds as the longest `within` of the model, and no more.
"""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from connect.api import STRING, Batch, Schema
from connect.api.java import EPOCH
from connect_datagen import life, model
from connect_datagen.columns import Column, rows
from connect_datagen.generate import Compiler
from connect_datagen.timing import Times

#: Rows in a step of loading, and in a block. Part of the stream's definition.
LOAD_ROWS: Final = 1000
BLOCK_ROWS: Final = 2000

_INSERT, _UPDATE, _DELETE = range(3)
_OPERATIONS: Final = ("c", "u", "d")


@dataclass(slots=True)
class _Source:
    """A table, compiled."""

    table: model.Table
    topic: str
    rows: life.Rows
    schema: Schema
    names: tuple[str, ...]
    columns: dict[str, Column]
    #: Rounds from a row's insert until nothing can happen to it any more; 0 where nothing ever does.
    lives_within: int
    first: int  # the key's number of row 0
    stride: int


@dataclass(slots=True)
class _Events:
    """What happens to one table in a block, in order; `parts` has inserts, updates and deletes for each step."""

    keys: list[Any] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    parts: list[tuple[int, int, int]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Block:
    first: int
    count: int
    events: list[_Events]


class RelatedStream:
    """The stream of one task.

    Args:
        tables: In the order of `model.parse`.
        seed: Decides everything; kept in the offset.
        task, tasks: The task's number, and how many share the model: it makes every `tasks`-th row of each table.
        topic_of: A table's topic.
        times: Event times; None where records have the time at which they are polled.

    Raises:
        AvroProblem: A field cannot be generated.
    """

    def __init__(
        self,
        tables: Sequence[model.Table],
        *,
        seed: int,
        task: int,
        tasks: int,
        topic_of: Callable[[str], str],
        times: Times | None,
        pool_count: int,
    ) -> None:
        self._seed = seed
        self._times = times
        self._sources: list[_Source] = []
        compiled: dict[str, life.Rows] = {}
        by_name = {table.name: table for table in tables}
        for table in tables:
            compiled[table.name] = _rows_of(table, by_name, compiled, seed, task, tasks)
            compiler = Compiler(random.Random(f"{seed}/{table.name}/pools"), pool_count)
            columns = {} if table.record is None else compiler.fields(table.record)
            self._sources.append(
                _Source(
                    table,
                    topic_of(table.topic),
                    compiled[table.name],
                    _schema(table, by_name),
                    _names(table, columns),
                    columns,
                    table.lives_within(by_name),
                    table.key.start + task,
                    tasks,
                )
            )
        self._by_name = {source.table.name: source for source in self._sources}
        self._loads = [
            (source, start, min(start + LOAD_ROWS, source.rows.fixed_count))
            for source in self._sources
            if source.rows.rows is None
            for start in range(0, source.rows.fixed_count, LOAD_ROWS)
        ]
        self._loaded = [0, *itertools.accumulate(high - low for _, low, high in self._loads)]
        self._growing = [source for source in self._sources if source.rows.rows is not None]
        rows_in_round = sum((source.rows.rows for source in self._growing if source.rows.rows), Fraction(0))
        self._records_in_round = float(sum(_records(source, self._by_name) for source in self._growing))
        self._rounds_in_block = max(1, int(BLOCK_ROWS / rows_in_round)) if self._growing else 1
        self._window = max(source.lives_within for source in self._sources)
        self._due: defaultdict[int, list[tuple[int, int, Any, Any]]] = defaultdict(list)
        self._block: _Block | None = None
        self._born_by: int | None = None  # the round up to which rows are known, in `_due` too

    @property
    def steps(self) -> int | None:
        """How many steps there are; None where the stream has no end."""
        if self._growing:
            return None
        return len(self._loads) + (self._window + 1 if self._window else 0)

    def records_before(self, step: int) -> float:
        """Return how many records there are before a step, in the mean."""
        loaded = self._loaded[min(step, len(self._loads))]
        return loaded + max(step - len(self._loads), 0) * max(self._records_in_round, 1.0)

    def batches(self, step: int, count: int) -> tuple[list[Batch], int]:
        """Make the records of up to `count` steps, one batch or more for each table.

        Returns:
            The batches, without source partition and offset, and the step that comes next.
        """
        block = self._block_at(step)
        start, end = step - block.first, min(step - block.first + count, block.count)
        batches: list[Batch] = []
        for source, events in zip(self._sources, block.events, strict=True):
            low, high = events.ends[start], events.ends[end]
            if low < high:
                batches += _batches(source, events, low, high)
        return batches, block.first + end

    # -- blocks ----------------------------------------------------------------------------------------------------

    def _block_at(self, step: int) -> _Block:
        block = self._block
        if block is not None and block.first <= step < block.first + block.count:
            return block
        loads = len(self._loads)
        if step < loads:
            self._block = self._load(step)
            return self._block
        first = (step - loads) - (step - loads) % self._rounds_in_block
        self._catch_up(first)
        events = [_Events() for _ in self._sources]
        born = [self._born(index, source, first) for index, source in enumerate(self._sources)]
        self._born_by = first + self._rounds_in_block
        for round_ in range(first, self._born_by):
            self._gather(round_, first, events, born)
        self._block = self._finished(loads + first, self._rounds_in_block, events)
        return self._block

    def _load(self, step: int) -> _Block:
        source, low, high = self._loads[step]
        events = [_Events() for _ in self._sources]
        index = self._sources.index(source)
        keys, values = self._inserts(index, source, range(low, high), f"load/{low}")
        for other in events:
            other.parts.append((0, 0, 0))
        events[index].keys, events[index].values = keys, values
        events[index].parts = [(len(keys), 0, 0)]
        return self._finished(step, 1, events)

    def _catch_up(self, first: int) -> None:
        """Know what is due from round `first` on of all rows that are older: by their births, made again if need be."""
        if self._born_by == first or not self._window:
            return
        self._due.clear()
        oldest = max(0, first - self._window)
        if first <= self._window:
            for source, low, high in self._loads:
                if source.lives_within:
                    self._inserts(self._sources.index(source), source, range(low, high), f"load/{low}")
        for start in range(oldest - oldest % self._rounds_in_block, first, self._rounds_in_block):
            for index, source in enumerate(self._sources):
                self._born(index, source, start)
        for round_ in [round_ for round_ in self._due if round_ < first]:
            del self._due[round_]

    def _born(self, index: int, source: _Source, first: int) -> tuple[list[Any], list[Any]]:
        """Make the rows of a block of rounds; what they will go through goes into `_due`."""
        if source.rows.rows is None:
            return [], []
        numbers = range(source.rows.count_by(first - 1), source.rows.count_by(first + self._rounds_in_block - 1))
        return self._inserts(index, source, numbers, str(first))

    def _inserts(self, index: int, source: _Source, numbers: range, name: str) -> tuple[list[Any], list[Any]]:
        rng = random.Random(f"{self._seed}/{source.table.name}/{name}")
        count = len(numbers)
        if not count:
            return [], []
        keys = _keys(source, numbers)
        columns = [keys]
        parents = [source.rows.parent_column(reference, numbers) for reference in source.rows.references]
        for reference, chosen in zip(source.rows.references, parents, strict=True):
            columns.append(_keys(self._by_name[reference.parent_name], chosen))
        columns += [column(rng, numbers.start, count) for column in source.columns.values()]
        columns += [[None] * count] * (source.table.time_field is not None)
        columns += [["c"] * count] * (source.table.operation_field is not None)
        values = rows(source.names, columns)
        if source.lives_within:
            ends = source.rows.deleted_column(numbers, parents) if source.rows.mortal else [life.NEVER] * count
            self._live(index, source, numbers, keys, values, ends, rng)
        return keys, values

    def _live(
        self,
        index: int,
        source: _Source,
        numbers: range,
        keys: list[Any],
        values: list[Any],
        ends: list[int],
        rng: random.Random,
    ) -> None:
        """Draw what the rows will go through."""
        table = source.table
        whole, part = int(table.updates), float(table.updates % 1)
        counts = [whole + (rng.random() < part) for _ in numbers] if table.updates else [0] * len(numbers)
        total = sum(counts)
        delays = rng.choices(range(1, table.updates_within + 1), k=total)
        columns = [source.columns[name](rng, 0, total) for name in table.updated]
        changes = rows(table.updated, columns) if total else []
        operation, due, round_of, at = table.operation_field, self._due, source.rows.round_of, 0
        if operation is not None:
            for change in changes:
                change[operation] = "u"
        for number, key, row, end, count in zip(numbers, keys, values, ends, counts, strict=True):
            if count:
                born = round_of(number)
                for delay, change in zip(sorted(delays[at : at + count]), changes[at : at + count], strict=True):
                    if born + delay < end:
                        row = {**row, **change}
                        due[born + delay].append((index, _UPDATE, key, row))
                at += count
            if end != life.NEVER:
                due[end].append((index, _DELETE, key, None if operation is None else {**row, operation: "d"}))

    def _gather(self, round_: int, first: int, events: list[_Events], born: list[tuple[list[Any], list[Any]]]) -> None:
        """Put what happens in a round behind what happened before it in the block."""
        parts = []
        for source, own, (keys, values) in zip(self._sources, events, born, strict=True):
            low = high = 0
            if source.rows.rows is not None:
                before = source.rows.count_by(first - 1)
                low, high = source.rows.count_by(round_ - 1) - before, source.rows.count_by(round_) - before
                own.keys += keys[low:high]
                own.values += values[low:high]
            parts.append([high - low, 0, 0])
        for index, kind, key, row in sorted(self._due.pop(round_, ()), key=lambda event: event[:2]):
            own = events[index]
            for value in (row,) if kind == _UPDATE or row is None else (row, None):
                own.keys.append(key)
                own.values.append(value)
                parts[index][kind] += 1
        for own, (inserts, updates, deletes) in zip(events, parts, strict=True):
            own.parts.append((inserts, updates, deletes))

    def _finished(self, first: int, count: int, events: list[_Events]) -> _Block:
        for own in events:
            own.ends = [0, *itertools.accumulate(sum(parts) for parts in own.parts)]
        if self._times is not None:
            self._tell_time(first, count, events, self._times)
        return _Block(first, count, events)

    def _tell_time(self, first: int, count: int, events: list[_Events], times: Times) -> None:
        """Give each record its event time: those of a step are spread evenly over it, in the order of the step."""
        starts = [times.at(self.records_before(step)) for step in range(first, first + count + 1)]
        for place in range(count):
            start, span = starts[place], starts[place + 1] - starts[place]
            total, done = sum(sum(own.parts[place]) for own in events), 0
            for kind in (_INSERT, _UPDATE, _DELETE):
                for own in reversed(events) if kind == _DELETE else events:
                    if many := own.parts[place][kind]:
                        own.times += [start + span * number // total for number in range(done, done + many)]
                        done += many
        rng = random.Random(f"{self._seed}/times/{first}")
        for source, own in zip(self._sources, events, strict=True):
            own.times = times.some_late(own.times, rng)
            name = source.table.time_field
            if name is not None:
                for value, time in zip(own.values, own.times, strict=True):
                    if value is not None:
                        value[name] = EPOCH + dt.timedelta(milliseconds=time)


def _rows_of(
    table: model.Table,
    tables: dict[str, model.Table],
    compiled: dict[str, life.Rows],
    seed: int,
    task: int,
    tasks: int,
) -> life.Rows:
    references = [
        life.Reference(
            choice.field,
            choice.table,
            compiled[choice.table],
            model.pick_of(choice, table, tables[choice.table]),
            life.salt_of(seed, table.name, choice.field),
        )
        for choice in table.references
    ]
    return life.Rows(
        table.rows,
        max(0, table.count - task + tasks - 1) // tasks,
        table.deletes,
        table.deletes_within,
        life.salt_of(seed, table.name),
        references,
    )


def _schema(table: model.Table, tables: dict[str, model.Table]) -> Schema:
    fields = {table.key.field: table.key.schema}
    fields |= {choice.field: tables[choice.table].key.schema for choice in table.references}
    if table.record is not None:
        fields |= {name: avro.schema for name, avro in (table.record.fields or {}).items()}
    if table.time_field is not None:
        fields[table.time_field] = Schema.timestamp()
    if table.operation_field is not None:
        fields[table.operation_field] = STRING
    return Schema.struct(fields, name=table.name)


def _names(table: model.Table, columns: dict[str, Column]) -> tuple[str, ...]:
    added = [name for name in (table.time_field, table.operation_field) if name is not None]
    return (table.key.field, *(choice.field for choice in table.references), *columns, *added)


def _records(source: _Source, by_name: dict[str, _Source]) -> float:
    """Return the records that a round has of a table in the mean, where all rows go through all of it."""
    assert source.rows.rows is not None
    deletes = _share_deleted(source.table, by_name) * (2 if source.table.operation_field else 1)
    return float(source.rows.rows) * (1 + float(source.table.updates) + deletes)


def _share_deleted(table: model.Table, by_name: dict[str, _Source]) -> float:
    left = 1 - table.deletes
    for choice in table.references:
        left *= 1 - _share_deleted(by_name[choice.table].table, by_name)
    return 1 - left


def _keys(source: _Source, numbers: Sequence[int]) -> list[Any]:
    first, stride, prefix = source.first, source.stride, source.table.key.prefix
    if prefix is None:
        return [first + stride * number for number in numbers]
    return [f"{prefix}{first + stride * number}" for number in numbers]


def _batches(source: _Source, events: _Events, low: int, high: int) -> Iterator[Batch]:
    """Yield a table's records from `low` to below `high`; tombstones, which have no schema, in batches of their own."""
    if not source.rows.mortal:
        yield _batch(source, events, low, high)
        return
    for is_tombstone, run in itertools.groupby(range(low, high), key=lambda place: events.values[place] is None):
        places = list(run)
        yield _batch(source, events, places[0], places[-1] + 1, is_tombstone=is_tombstone)


def _batch(source: _Source, events: _Events, low: int, high: int, *, is_tombstone: bool = False) -> Batch:
    return Batch(
        source.topic,
        events.values[low:high],
        keys=events.keys[low:high],
        timestamps=[*events.times[low:high]] if events.times else None,
        key_schema=source.table.key.schema,
        value_schema=None if is_tombstone else source.schema,
    )
