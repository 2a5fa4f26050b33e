"""Getting rows into a table: COPY, and COPY into a staging table with one statement from there.

Staging tables are temporary, belong to the session, and are emptied by each commit; they are made once for each set of
columns, so that a long life leaves no trail in the catalog.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from connect.api import DataError, RetriableError
from connect_postgres.catalog import ColumnInfo, TableInfo, layout_of
from connect_postgres.names import TableName, quoted
from connect_postgres.values import staged_type, unfit

if TYPE_CHECKING:
    import asyncpg


#: Staged rows that are found by a look at all of them.
_SCANNED_MAX: Final = 100


class TableAlteredError(RetriableError):
    """A table has other columns than those that rows were made for; another look at it helps."""


class Writer:
    """Writes over one connection, inside the caller's transaction, one call after another.

    Columns are of one length. What fails or is cancelled half-way is the caller's to roll back.
    """

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._staging: dict[tuple[tuple[str, str], ...], str] = {}

    async def insert(self, table: TableInfo, columns: Sequence[ColumnInfo], values: Sequence[list[Any]]) -> None:
        """Add rows.

        Raises:
            TableAlteredError: The rows were written in the types that the table's columns had before.
        """
        if copies(table, columns):
            await self._copy(table.name.name, table.name.schema, columns, values)
            # In binary a column's bytes say nothing of their type: those of a bigint are a number for double precision,
            # another one. COPY has locked the table by now, so what it is stays what it is.
            if await layout_of(self._connection, table.name) != table.layout:
                raise TableAlteredError(f"table {table.name} was altered since it was looked up")
            return
        staging = await self._stage(columns, values)
        await self._connection.execute(insert_statement(table.name, columns, f"{staging} s"))

    async def insert_missing(
        self, table: TableName, columns: Sequence[ColumnInfo], values: Sequence[list[Any]], key: Sequence[str]
    ) -> int:
        """Add the rows whose key is not there yet; return how many those were. Keys are distinct."""
        staging = await self._stage(columns, values)
        status = await self._connection.execute(missing_statement(table, columns, f"{staging} s", key))
        return int(status.rpartition(" ")[2])

    async def upsert(
        self, table: TableName, columns: Sequence[ColumnInfo], values: Sequence[list[Any]], key: Sequence[str]
    ) -> None:
        """Add rows, or replace those of the same key. Keys are distinct."""
        staging = await self._stage(columns, values)
        await self._connection.execute(upsert_statement(table, columns, f"{staging} s", key))

    async def update(
        self, table: TableName, columns: Sequence[ColumnInfo], values: Sequence[list[Any]], key: Sequence[str]
    ) -> None:
        """Change the rows of known keys. Keys are distinct."""
        if all(column.name in key for column in columns):
            return
        staging = await self._stage(columns, values)
        await self._connection.execute(update_statement(table, columns, f"{staging} s", key))

    async def delete(self, table: TableName, columns: Sequence[ColumnInfo], values: Sequence[list[Any]]) -> None:
        """Delete the rows of these keys; `columns` are the key's."""
        staging = await self._stage(columns, values)
        await self._connection.execute(delete_statement(table, columns, f"{staging} s"))

    async def without_row(
        self, table: TableName, columns: Sequence[ColumnInfo], values: Sequence[list[Any]], key: Sequence[str]
    ) -> list[int]:
        """Return which of these rows, by their numbers from 0, are not there."""
        if not values or not values[0]:
            return []
        number = "__connect_row"
        while number in key:
            number += "_"
        at = [index for index, column in enumerate(columns) if column.name in key]
        keys = [columns[index] for index in at]
        staging = await self.stage_numbered(keys, [values[index] for index in at], number)
        there = f"SELECT FROM {table.sql} t WHERE {_matches(keys, key)}"
        rows = await self._connection.fetch(
            f"SELECT s.{quoted(number)} FROM {staging} s WHERE NOT EXISTS ({there}) ORDER BY 1"  # noqa: S608 - quoted
        )
        return [row[0] for row in rows]

    async def truncate(self, table: TableName) -> None:
        """Empty a table."""
        await self._connection.execute(f"TRUNCATE TABLE {table.sql}")

    async def stage_numbered(self, columns: Sequence[ColumnInfo], values: Sequence[list[Any]], number: str) -> str:
        """Stage rows with their numbers, from 0, in a column of this name, indexed where they are many; return the
        table's name.

        To be rolled back.
        """
        row = ColumnInfo(number, "integer", "integer")
        staging = await self._stage([row, *columns], [list(range(len(values[0]))), *values])
        if len(values[0]) > _SCANNED_MAX:
            index = staging.removeprefix("pg_temp.") + "_row"
            await self._connection.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {staging} ({quoted(number)})")
        return staging

    async def _stage(self, columns: Sequence[ColumnInfo], values: Sequence[list[Any]]) -> str:
        shape = tuple((column.name, staged_type(column) or column.bare_type) for column in columns)
        name = self._staging.setdefault(shape, _staging_name(shape))
        definitions = ", ".join(f"{quoted(column)} {kind}" for column, kind in shape)
        # Each time, since a transaction that failed took the table with it that it had made. Emptied before use too:
        # one transaction may stage the same shape twice. Where it has not, TRUNCATE would make new files for nothing.
        await self._connection.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ({definitions}) ON COMMIT DELETE ROWS; "  # noqa: S608 - our own
            f"DELETE FROM pg_temp.{name}"
        )
        await self._copy(name, "pg_temp", columns, values)
        return f"pg_temp.{name}"

    async def _copy(
        self, table: str, schema: str | None, columns: Sequence[ColumnInfo], values: Sequence[list[Any]]
    ) -> None:
        try:
            await self._connection.copy_records_to_table(
                table,
                schema_name=schema,
                columns=[column.name for column in columns],
                records=zip(*values, strict=True),
            )
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
            # The driver's encoders raise whatever a value makes them raise.
            raise DataError(unfit(columns, values) or f"a value does not fit its column: {error}") from error


def copies(table: TableInfo, columns: Sequence[ColumnInfo]) -> bool:
    """Return whether rows are copied straight into a table, in their order."""
    return table.takes_copy and all(staged_type(column) is None for column in columns)


def insert_statement(table: TableName, columns: Sequence[ColumnInfo], source: str) -> str:
    """Return the statement that adds rows; `source` is what they are in, under the name s."""
    return f"{_into(table, columns)} SELECT {_cast(columns)} FROM {source}"  # noqa: S608 - quoted identifiers only


def missing_statement(table: TableName, columns: Sequence[ColumnInfo], source: str, key: Sequence[str]) -> str:
    """Return the statement that adds the rows whose key is not there yet."""
    there = f"SELECT FROM {table.sql} t WHERE {_matches(columns, key)}"
    return f"{insert_statement(table, columns, source)} WHERE NOT EXISTS ({there})"


def upsert_statement(table: TableName, columns: Sequence[ColumnInfo], source: str, key: Sequence[str]) -> str:
    """Return the statement that adds rows, or replaces those of the same key."""
    changes = _assignments(columns, key, "EXCLUDED", cast=False)
    action = f"DO UPDATE SET {changes}" if changes else "DO NOTHING"
    # The WHERE tells ON CONFLICT from the ON of a join.
    return f"{insert_statement(table, columns, source)} WHERE true ON CONFLICT ({', '.join(map(quoted, key))}) {action}"


def update_statement(table: TableName, columns: Sequence[ColumnInfo], source: str, key: Sequence[str]) -> str:
    """Return the statement that changes the rows of known keys."""
    changes = _assignments(columns, key, "s", cast=True)
    return f"UPDATE {table.sql} t SET {changes} FROM {source} WHERE {_matches(columns, key)}"  # noqa: S608 - quoted


def delete_statement(table: TableName, columns: Sequence[ColumnInfo], source: str) -> str:
    """Return the statement that deletes the rows of keys."""
    matches = _matches(columns, [column.name for column in columns])
    return f"DELETE FROM {table.sql} t USING {source} WHERE {matches}"  # noqa: S608 - quoted identifiers only


def _staging_name(shape: tuple[tuple[str, str], ...]) -> str:
    # The same for the same columns wherever they are staged: a session that a pooler hands on may have one of them.
    return f"connect_staging_{hashlib.blake2b(repr(shape).encode(), digest_size=10).hexdigest()}"


def _into(table: TableName, columns: Sequence[ColumnInfo]) -> str:
    # As COPY does: a value that is given for a column GENERATED ALWAYS AS IDENTITY is taken.
    overriding = " OVERRIDING SYSTEM VALUE" if any(column.identity_always for column in columns) else ""
    return f"INSERT INTO {table.sql} ({_names(columns)}){overriding}"


def _names(columns: Sequence[ColumnInfo]) -> str:
    return ", ".join(quoted(column.name) for column in columns)


def _cast(columns: Sequence[ColumnInfo]) -> str:
    return ", ".join(map(source_of, columns))


def source_of(column: ColumnInfo) -> str:
    """Return a column's value of a row s that is staged."""
    return f"s.{quoted(column.name)}" + (f"::{column.bare_type}" if staged_type(column) else "")


def _assignments(columns: Sequence[ColumnInfo], key: Sequence[str], row: str, *, cast: bool) -> str:
    changed = [column for column in columns if column.name not in key]
    return ", ".join(f"{quoted(c.name)} = {source_of(c) if cast else f'{row}.{quoted(c.name)}'}" for c in changed)


def _matches(columns: Sequence[ColumnInfo], key: Sequence[str]) -> str:
    return " AND ".join(f"t.{quoted(column.name)} = {source_of(column)}" for column in columns if column.name in key)
