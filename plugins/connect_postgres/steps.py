"""What a batch comes to: the rows that are deleted and those that are written, one statement each.

Of a key that has a tombstone the row is deleted, and only what came behind its last tombstone is written. In upsert and
update the last of equal keys counts.

A field that the table has no column for, a key that is no struct: such a contradiction between a record, the config and
the table is nobody's fault by itself. It is the record's where another of its topic has fitted, in this put or since
the task's start; where none has, it is the config's or the table's. So it is of a column that was written before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from connect.api import Batch, ConfigError, DataError
from connect_postgres.catalog import ColumnInfo, TableInfo
from connect_postgres.envelope import Truncation
from connect_postgres.fields import Fields, fields_of, key_fields_of
from connect_postgres.names import TableName
from connect_postgres.partial_rows import groups_of, hashable, missing_key, missing_row, with_nulls
from connect_postgres.sink_config import SinkConfig
from connect_postgres.tables import Tables
from connect_postgres.values import fit, misfits, staged_type, unfit_rows
from connect_postgres.writes import Writer, copies

if TYPE_CHECKING:
    import asyncpg

_STATEMENTS: Final = {"upsert": "INSERT ... ON CONFLICT", "update": "UPDATE", "patch": "UPDATE"}
#: Is told of a record that no statement is asked about, by its index in the batch.
Refused = Callable[[int, DataError], None]


@dataclass(frozen=True, slots=True)
class Step:
    """Rows of one batch, as one statement writes them.

    Attributes:
        mode: delete, insert, missing (insert what is not there yet), patch (update of rows that are there, in some
            columns), truncate, upsert, update.
        values: One list a column.
        key: Names of the columns that make the key.
        places: Of each row, the index of its record in the batch.
    """

    mode: str
    table: TableInfo
    columns: Sequence[ColumnInfo]
    values: Sequence[list[Any]]
    key: Sequence[str]
    places: Sequence[int]

    @property
    def is_copied(self) -> bool:
        """Whether its rows are copied straight into the table, so that COPY's lines are its rows."""
        return self.mode == "insert" and copies(self.table, self.columns)

    @property
    def way(self) -> str:
        """How its rows are written, for people."""
        if self.mode == "truncate":
            return f"table {self.table.name} is emptied, since a change event says so (TRUNCATE)"
        if self.mode == "delete":
            return f"rows of {self.table.name} are deleted by keys that are copied into a temporary table"
        if self.is_copied:
            return f"rows are copied straight into {self.table.name} (COPY)"
        if self.mode != "insert":
            statement = _STATEMENTS.get(self.mode, "INSERT")
            return (
                f"rows for {self.table.name} are copied into a temporary table, and written from there by {statement}"
            )
        read = [column.name for column in self.columns if staged_type(column) is not None]
        why = f"the server reads {', '.join(read)} from text"
        if not self.table.takes_copy:
            why = "COPY does not write into views, nor heed rules and policies for rows"
        return f"rows for {self.table.name} are copied into a temporary table, and written from there by INSERT: {why}"

    async def write(self, writer: Writer) -> int:
        """Write the rows; return how many of them were there already, which `missing` passes over."""
        table = self.table
        if self.mode == "insert":
            await writer.insert(table, self.columns, self.values)
        elif self.mode == "missing":
            return len(self.places) - await writer.insert_missing(table.name, self.columns, self.values, self.key)
        elif self.mode == "truncate":
            await writer.truncate(table.name)
        elif self.mode == "delete":
            await writer.delete(table.name, self.columns, self.values)
        else:
            write = writer.upsert if self.mode == "upsert" else writer.update
            await write(table.name, self.columns, self.values, self.key)
        return 0

    def placed(self, places: Sequence[int]) -> Step:
        """Return the same rows of a batch of which this one's was a part: there, record n was at `places[n]`."""
        return replace(self, places=[places[place] for place in self.places])

    def of_rows(self, rows: Sequence[int]) -> Step:
        """Return some of the rows."""
        values = [list(map(column.__getitem__, rows)) for column in self.values]
        return Step(self.mode, self.table, self.columns, values, self.key, [self.places[row] for row in rows])


class Steps:
    """Takes batches apart, for one task."""

    def __init__(self, config: SinkConfig, tables: Tables, say: Callable[[str], None] = lambda text: None) -> None:
        """`say` is told what users should know of how records are written, each time anew."""
        self._config = config
        self._say = say
        self._tables = tables
        self._zone = config.zone
        self._placeholder = config.placeholder
        #: Of each topic of which a record has fitted: the columns that were written.
        self._fitted_columns: dict[str, set[str]] = {}

    def forget(self) -> None:
        """Look every table up again: what a transaction has made is gone with it."""
        self._tables.forget()

    async def of(
        self,
        connection: asyncpg.Connection,
        name: TableName,
        batch: Batch,
        *,
        recognise: bool = False,
        refused: Refused | None = None,
    ) -> AsyncIterator[Step]:
        """Give the steps of a batch, each to be written before the next one is asked for. The table is made where that
        is allowed and needed.

        Args:
            recognise: Rows that are there already are passed over.
            refused: Is told of the records that are bad by themselves, which are left out; without it the first raises.

        Raises:
            DataError: A record is bad, by itself or beside the others of its topic.
            ConfigError: Table, records and config contradict each other.
        """
        places: Sequence[int] = range(len(batch))
        fields: Fields | None = None
        if isinstance(batch, Truncation):
            emptied = await self._tables.find(connection, name)
            if emptied is not None:
                yield Step("truncate", emptied, [], [], [], places)
            return
        if self._config.handle_tombstone and None in batch.values:
            mask = [value is not None for value in batch.values]
            if any(mask):
                async for part in self.of(
                    connection,
                    name,
                    batch.select(mask),
                    recognise=recognise,
                    refused=None if refused is None else _moved(refused, mask),
                ):
                    yield part.placed([place for place, kept in enumerate(mask) if kept])
            return
        if refused is not None:
            batch, places, fields = self._readable(batch, refused)
        if self._config.delete_enabled and None in batch.values:
            step, mask = await self._deletion(connection, name, batch, places, refused)
            if step is not None:
                yield step
            places = [place for place, kept in zip(places, mask, strict=True) if kept]
            batch, fields = batch.select(mask), None
        if not len(batch):
            return
        found = await self._tables.find(connection, name)
        fields = fields or self._apart(batch, fields_of)
        if found is not None and self._config.policy == "discard_row":
            mask = self._without_strangers(found, batch, fields)
            if not any(mask):
                return
            batch, places = batch.select(mask), [place for place, kept in zip(places, mask, strict=True) if kept]
            fields = fields.of_rows([row for row, kept in enumerate(mask) if kept])
        fields = self._takeable(found, fields)
        bad = self._at_fault(found, batch.topic, fields, len(batch))
        if bad:
            for row, error in bad.items():
                if refused is None:
                    raise error
                refused(places[row], error)
            mask = [row not in bad for row in range(len(batch))]
            batch, places = batch.select(mask), [place for place, kept in zip(places, mask, strict=True) if kept]
            if not len(batch):
                return
            fields = self._takeable(found, self._apart(batch, fields_of))
        if unavailable := self._unavailable(fields):
            async for part in self._partial(connection, name, batch.topic, fields, unavailable, places, refused):
                yield part
            return
        table = await self._tables.ready(connection, name, fields)
        table = await self._tables.widened(connection, table, fields)
        self._fitted_columns.setdefault(batch.topic, set()).update(fields.columns)
        mode = "missing" if recognise else self._config.write_mode
        step = self._fitted(mode, table, fields, places, refused)
        yield _last_of_equal_keys(step) if mode in ("upsert", "update") else step

    def _unavailable(self, fields: Fields) -> dict[str, list[int]]:
        """Return the columns, and their rows, whose value did not come, and stays what it is."""
        placeholder = self._placeholder
        if placeholder.is_none or self._config.write_mode == "insert":
            return {}
        found = {name: placeholder.rows(values, fields.schemas[name]) for name, values in fields.columns.items()}
        return {name: rows for name, rows in found.items() if rows}

    async def _partial(
        self,
        connection: asyncpg.Connection,
        name: TableName,
        topic: str,
        fields: Fields,
        unavailable: dict[str, list[int]],
        places: Sequence[int],
        refused: Refused | None,
    ) -> AsyncIterator[Step]:
        """Give the steps of records of which values did not come: whole rows, and then those with less by what they
        have."""

        def refuse(place: int, error: DataError) -> None:
            if refused is None:
                raise error
            refused(place, error)

        keyless = {row: column for column in fields.key for row in unavailable.get(column, ())}
        if keyless:
            for row, column in keyless.items():
                refuse(places[row], missing_key(column))
            kept = [row for row in range(len(places)) if row not in keyless]
            fields, places = fields.of_rows(kept), [places[row] for row in kept]
            unavailable = self._unavailable(fields)
        is_update = self._config.write_mode == "update"
        for group in groups_of(fields, unavailable):
            at = [places[row] for row in group.rows]
            table = await self._tables.find(connection, name)
            if table is None and group.left_out:
                if not is_update:  # which says better what is wrong than that there is no table
                    for place in at:
                        refuse(place, missing_row(name, group.left_out))
                    continue
                await self._tables.ready(connection, name, with_nulls(fields, unavailable))
            table = await self._tables.ready(connection, name, group.fields)
            table = await self._tables.widened(connection, table, group.fields, is_whole=not group.left_out)
            self._fitted_columns.setdefault(topic, set()).update(group.fields.columns)
            if is_update or not group.left_out:
                yield self._fitted(self._config.write_mode, table, group.fields, at, refused)
                continue
            step = self._fitted("patch", table, group.fields, at, refused)
            missing = await Writer(connection).without_row(table.name, step.columns, step.values, step.key)
            for row in missing:
                refuse(step.places[row], missing_row(table.name, group.left_out))
            yield step.of_rows(sorted(set(range(len(step.places))).difference(missing))) if missing else step

    def _readable(self, batch: Batch, refused: Refused) -> tuple[Batch, Sequence[int], Fields | None]:
        """Leave the records out that cannot be taken apart; the fields of the others, where they are known then."""
        mask = [True] * len(batch)
        try:
            return batch, range(len(batch)), self._read(batch)
        except (DataError, ConfigError):
            shapes: dict[int, ConfigError] = {}
            for index in range(len(batch)):
                try:
                    self._read(batch[index : index + 1])
                except (DataError, ConfigError) as error:
                    mask[index] = False
                    if isinstance(error, ConfigError):
                        shapes[index] = error
                    else:
                        refused(index, error)
            if shapes and not any(mask) and batch.topic not in self._fitted_columns:
                raise next(iter(shapes.values())) from None
            for index, shape in shapes.items():
                refused(index, _of_record(shape))
        return batch.select(mask), [index for index, kept in enumerate(mask) if kept], None

    def _read(self, batch: Batch) -> Fields | None:
        if self._config.delete_enabled:
            key_fields_of(batch, self._config)
            batch = batch.select([value is not None for value in batch.values])
        return fields_of(batch, self._config) if len(batch) else None

    def _apart(self, batch: Batch, take: Callable[[Batch, SinkConfig], Fields]) -> Fields:
        """Take a batch apart; what contradicts the config, as others of its topic do not, is bad."""
        try:
            return take(batch, self._config)
        except ConfigError as error:
            if batch.topic in self._fitted_columns or any(map(self._is_readable, _one_by_one(batch))):
                raise _of_record(error) from error
            raise

    def _is_readable(self, batch: Batch) -> bool:
        try:
            self._read(batch)
        except (DataError, ConfigError):
            return False
        return True

    async def look_at(self, connection: asyncpg.Connection, batches: Sequence[tuple[TableName, Batch]]) -> None:
        """Learn whether a record fits of topics that nothing was written of yet, and that have several batches, one for
        each schema: the first is no judge of all."""
        counts = Counter(batch.topic for _, batch in batches)
        for name, batch in batches:
            if counts[batch.topic] == 1 or batch.topic in self._fitted_columns:
                continue
            written = batch.select([value is not None for value in batch.values])
            if len(written) and self._is_readable(written):
                table = await self._tables.find(connection, name)
                fields = self._takeable(table, fields_of(written, self._config))
                if len(self._with_refused_fields(table, fields)) < len(written):
                    self._fitted_columns[batch.topic] = set()

    def _takeable(self, table: TableInfo | None, fields: Fields) -> Fields:
        """Leave out what the server computes, which takes no value and has its own, and what auto.evolve.policy
        discards. Not of the key, by which rows are found; and where nothing is left, nothing is left out."""
        if table is None:
            return fields
        others = [name for name in fields.columns if name not in fields.key]
        computed = [column.name for column in table.columns if column.generated and column.name in others]
        unknown = self._unknown(table, others) if self._config.policy.startswith("discard_") else []
        if (not computed and not unknown) or len(computed) + len(unknown) == len(fields.columns):
            return fields
        if computed:
            self._say(
                f"table {table.name}: the server computes {', '.join(computed)}, so the records' values are left out"
            )
        if unknown and self._config.policy == "discard_value":
            self._say(
                f"table {table.name} has no column {', '.join(unknown)}, so the records' values are left out "
                "(auto.evolve.policy=discard_value)"
            )
        return fields.without([*computed, *unknown])

    def _unknown(self, table: TableInfo, names: Iterable[str]) -> list[str]:
        return [name for name in names if table.column(name) is None]

    def _without_strangers(self, table: TableInfo, batch: Batch, fields: Fields) -> list[bool]:
        """Return which records have no value for a field that the table has no column for."""
        unknown = self._unknown(table, (name for name in fields.columns if name not in fields.key))
        mask = [True] * len(batch)
        for name in unknown:
            mask = [kept and value is None for kept, value in zip(mask, fields.columns[name], strict=True)]
        if not all(mask):
            self._say(
                f"records of topic {batch.topic} with a value for {', '.join(unknown)} are left out: "
                f"table {table.name} has no such column (auto.evolve.policy=discard_row)"
            )
        return mask

    def _with_refused_fields(
        self, table: TableInfo | None, fields: Fields, *, may_evolve: bool = True
    ) -> dict[int, list[str]]:
        """Return the rows that have fields which cannot be written, and these."""
        found: dict[int, list[str]] = {}
        if table is None and not self._config.creates_tables:
            return found  # nothing can be, which is said where the table is to be made
        for column in fields.columns:
            if self._tables.refusal(table, [column], may_evolve=may_evolve) is not None:
                for row in fields.rows_with(column):
                    found.setdefault(row, []).append(column)
        return found

    def _at_fault(
        self, table: TableInfo | None, topic: str, fields: Fields, count: int, *, may_evolve: bool = True
    ) -> dict[int, DataError]:
        """Return the rows, of so many, that have fields which cannot be written, where others of their topic have none.

        Raises:
            ConfigError: It is not for these rows.
        """
        rows = self._with_refused_fields(table, fields, may_evolve=may_evolve)
        if not rows:
            return {}
        columns = list(dict.fromkeys(column for names in rows.values() for column in names))
        fitted = self._fitted_columns.get(topic)
        gone = [column for column in columns if fitted is not None and column in fitted]
        if gone or (fitted is None and len(rows) == count):
            error = self._tables.refusal(table, gone or columns, may_evolve=may_evolve)
            assert error is not None, "each of them is refused"
            told = "which was written before" if gone else f"and each record of topic {topic} so far has that field"
            raise ConfigError(f"{error.message}; {told}", config_path=error.config_path, hint=error.hint)
        found: dict[int, DataError] = {}
        for row, names in rows.items():
            error = self._tables.refusal(table, names, may_evolve=may_evolve)
            assert error is not None, "each of them is refused"
            found[row] = _of_record(error, names[0])
        return found

    async def _deletion(
        self,
        connection: asyncpg.Connection,
        name: TableName,
        batch: Batch,
        places: Sequence[int],
        refused: Refused | None,
    ) -> tuple[Step | None, list[bool]]:
        """Return what deletes the rows of tombstones, and which records are still to be written."""
        fields = self._apart(batch, key_fields_of)
        keys = list(map(hashable, fields.key_rows))
        last = {key: index for index, key in enumerate(keys) if batch.values[index] is None}
        mask = [index > last.get(key, -1) for index, key in enumerate(keys)]
        table = await self._tables.find(connection, name)
        if table is None:  # nothing was ever written under these keys
            return None, mask
        told = list[int]()

        def tell(place: int, error: DataError) -> None:
            told.append(place)
            if refused is None:
                raise error
            refused(place, error)

        if len(self._with_refused_fields(table, fields, may_evolve=False)) < len(batch):
            self._fitted_columns.setdefault(batch.topic, set())
        rows = sorted(last.values())
        dead = self._apart(_some(batch, rows), key_fields_of)
        bad = self._at_fault(table, batch.topic, dead, len(rows), may_evolve=False)
        for row, error in bad.items():
            tell(places[rows[row]], error)
        if bad:
            rows = [index for row, index in enumerate(rows) if row not in bad]
            if rows:
                dead = self._apart(_some(batch, rows), key_fields_of)
        step = None
        if rows:
            self._fitted_columns.setdefault(batch.topic, set()).update(dead.columns)
            at = [places[index] for index in rows]
            step = self._fitted("delete", table, dead, at, None if refused is None else tell)
        if told:  # what is in front of one that is bad is not done with
            still = {keys[index] for index in last.values() if places[index] in told}
            mask = [
                kept or (keys[index] in still and batch.values[index] is not None) for index, kept in enumerate(mask)
            ]
        return step, mask

    def _fitted(
        self, mode: str, table: TableInfo, fields: Fields, places: Sequence[int], refused: Refused | None
    ) -> Step:
        columns, values, bad = list[ColumnInfo](), list[list[Any]](), dict[int, DataError]()
        for name in fields.columns:
            column, given, declared = _writable(table, name), fields.columns[name], fields.schemas[name]
            try:
                column, given = fit(given, column, self._zone, declared)
            except DataError:
                found = dict(misfits(given, column, self._zone, declared)) if refused is not None else {}
                if not found:
                    raise
                bad = {**found, **bad}
            columns.append(column)
            values.append(given)
        if refused is None:
            return Step(mode, table, columns, values, fields.key, places)
        if not bad:
            bad = {row: _unfit(column, told) for row, column, told in unfit_rows(columns, values)}
            if not bad:
                return Step(mode, table, columns, values, fields.key, places)
        for row, error in bad.items():
            refused(places[row], error)
        good = [row for row in range(len(places)) if row not in bad]
        return self._fitted(mode, table, fields.of_rows(good), [places[row] for row in good], refused)


def _unfit(column: ColumnInfo, told: str) -> DataError:
    return DataError(told, details={"column": column.name})


def _of_record(error: ConfigError, column: str | None = None) -> DataError:
    """Return the same, said of a record."""
    return DataError(error.message, hint=error.hint, details={} if column is None else {"column": column})


def _moved(refused: Refused, mask: Sequence[bool]) -> Refused:
    """Return what tells of the records of a part of a batch by their place in all of it."""
    places = [place for place, kept in enumerate(mask) if kept]
    return lambda index, error: refused(places[index], error)


def _some(batch: Batch, rows: Sequence[int]) -> Batch:
    """Return some records of a batch, in their order."""
    chosen = set(rows)
    return batch.select([row in chosen for row in range(len(batch))])


def _one_by_one(batch: Batch) -> Iterator[Batch]:
    return (batch[index : index + 1] for index in range(len(batch)))


def _writable(table: TableInfo, name: str) -> ColumnInfo:
    column = table.column(name)
    assert column is not None, "columns that it lacks were refused before"
    return column


def _last_of_equal_keys(step: Step) -> Step:
    at = [index for index, column in enumerate(step.columns) if column.name in step.key]
    last = {hashable(row): place for place, row in enumerate(zip(*(step.values[index] for index in at), strict=True))}
    return step if len(last) == len(step.places) else step.of_rows(list(last.values()))
