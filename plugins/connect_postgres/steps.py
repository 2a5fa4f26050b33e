"""What a batch comes to: the rows that are deleted and those that are written, one statement each.

Of a key that has a tombstone the row is deleted, and only what came behind its last tombstone is written. In upsert and
update the last of equal keys counts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connect.api import Batch, ConfigError, DataError
from connect_postgres.catalog import ColumnInfo, TableInfo
from connect_postgres.fields import Fields, fields_of, key_fields_of
from connect_postgres.names import TableName
from connect_postgres.sink_config import SinkConfig
from connect_postgres.tables import Tables
from connect_postgres.values import fit, misfits, unfit_rows
from connect_postgres.writes import Writer, copies

if TYPE_CHECKING:
    import asyncpg

#: Is told of a record that no statement is asked about, by its index in the batch.
Refused = Callable[[int, DataError], None]


@dataclass(frozen=True, slots=True)
class Step:
    """Rows of one batch, as one statement writes them.

    Attributes:
        mode: delete, insert, missing (insert what is not there yet), upsert, update.
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

    async def write(self, writer: Writer) -> int:
        """Write the rows; return how many of them were there already, which `missing` passes over."""
        table = self.table
        if self.mode == "insert":
            await writer.insert(table, self.columns, self.values)
        elif self.mode == "missing":
            return len(self.places) - await writer.insert_missing(table.name, self.columns, self.values, self.key)
        elif self.mode == "delete":
            await writer.delete(table.name, self.columns, self.values)
        else:
            write = writer.upsert if self.mode == "upsert" else writer.update
            await write(table.name, self.columns, self.values, self.key)
        return 0

    def of_rows(self, rows: Sequence[int]) -> Step:
        """Return some of the rows."""
        values = [list(map(column.__getitem__, rows)) for column in self.values]
        return Step(self.mode, self.table, self.columns, values, self.key, [self.places[row] for row in rows])


class Steps:
    """Takes batches apart, for one task."""

    def __init__(self, config: SinkConfig, tables: Tables) -> None:
        self._config = config
        self._tables = tables
        self._zone = config.zone

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
            DataError: A record is bad by itself.
            ConfigError: Table, records and config contradict each other.
        """
        places: Sequence[int] = range(len(batch))
        fields: Fields | None = None
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
        fields = fields or fields_of(batch, self._config)
        table = await self._tables.ready(connection, name, fields)
        mode = "missing" if recognise else self._config.write_mode
        step = self._fitted(mode, table, fields, places, refused)
        yield _last_of_equal_keys(step) if mode in ("upsert", "update") else step

    def _readable(self, batch: Batch, refused: Refused) -> tuple[Batch, Sequence[int], Fields | None]:
        """Leave the records out that cannot be taken apart; the fields of the others, where they are known then."""
        mask = [True] * len(batch)
        try:
            return batch, range(len(batch)), self._read(batch)
        except DataError:
            for index in range(len(batch)):
                try:
                    self._read(batch[index : index + 1])
                except DataError as error:
                    refused(index, error)
                    mask[index] = False
        return batch.select(mask), [index for index, kept in enumerate(mask) if kept], None

    def _read(self, batch: Batch) -> Fields | None:
        if self._config.delete_enabled:
            key_fields_of(batch, self._config)
            batch = batch.select([value is not None for value in batch.values])
        return fields_of(batch, self._config) if len(batch) else None

    async def _deletion(
        self,
        connection: asyncpg.Connection,
        name: TableName,
        batch: Batch,
        places: Sequence[int],
        refused: Refused | None,
    ) -> tuple[Step | None, list[bool]]:
        """Return what deletes the rows of tombstones, and which records are still to be written."""
        fields = key_fields_of(batch, self._config)
        keys = list(map(_hashable, fields.key_rows))
        last = {key: index for index, key in enumerate(keys) if batch.values[index] is None}
        mask = [index > last.get(key, -1) for index, key in enumerate(keys)]
        table = await self._tables.find(connection, name)
        if table is None:  # nothing was ever written under these keys
            return None, mask
        dead = Fields(key=fields.key)
        for column in fields.key:
            dead.add(column, [fields.columns[column][index] for index in last.values()], fields.schemas[column])
        return self._fitted("delete", table, dead, [places[index] for index in last.values()], refused), mask

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
        rest = Fields(key=fields.key)
        for name, given in fields.columns.items():
            rest.add(name, [given[row] for row in good], fields.schemas[name])
        return self._fitted(mode, table, rest, [places[row] for row in good], refused)


def _unfit(column: ColumnInfo, told: str) -> DataError:
    return DataError(told, details={"column": column.name})


def _writable(table: TableInfo, name: str) -> ColumnInfo:
    column = table.column(name)
    if column is None:
        raise ConfigError(
            f"table {table.name} has no column {name!r}; it has {', '.join(table.column_names)}",
            config_path="pk.fields",
        )
    if column.generated:
        raise ConfigError(
            f"column {name} of table {table.name} is GENERATED: the server computes it, and takes no value for it",
            config_path="fields.whitelist",
            hint="Leave the field out with fields.whitelist, or with the ReplaceField transform.",
        )
    return column


def _last_of_equal_keys(step: Step) -> Step:
    at = [index for index, column in enumerate(step.columns) if column.name in step.key]
    last = {_hashable(row): place for place, row in enumerate(zip(*(step.values[index] for index in at), strict=True))}
    return step if len(last) == len(step.places) else step.of_rows(list(last.values()))


def _hashable(row: tuple[Any, ...]) -> Any:
    try:
        hash(row)
    except TypeError:  # an array or object in a key
        return repr(row)
    return row
