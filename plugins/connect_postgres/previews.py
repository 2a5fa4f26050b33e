"""What a put would write, tried on temporary tables like the real ones, in a transaction that is rolled back.

Of a transaction on the real tables that is rolled back something stays: sequences have moved, and what triggers did
outside stays done. So each table has a temporary one in its place, with its columns, checks and unique indexes, with
defaults that touch nothing, and with the rows that are there where these are few. Foreign keys, and unique keys of
tables with many rows, are compared with the real tables by SELECTs. Triggers, rules and policies do not run, which is
said.

Everything is in the session's temporary schema and gone with the transaction. Nothing here ever writes to a real table:
`TemporaryTables` gives out temporary ones alone, and on no other connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from connect.api import DataError, FailedRecord, Preview, PreviewItem, RetriableError
from connect_postgres.catalog import ColumnInfo, TableInfo, describe_table
from connect_postgres.fields import Fields
from connect_postgres.names import TableName, quoted
from connect_postgres.sink_config import SinkConfig
from connect_postgres.steps import Step
from connect_postgres.tables import Tables
from connect_postgres.writes import (
    delete_statement,
    insert_statement,
    missing_statement,
    update_statement,
    upsert_statement,
)

if TYPE_CHECKING:
    import asyncpg

#: Of a table with more rows none is taken along.
ROWS_MAX: Final = 5000
#: How long a lock, or a statement, may take: a preview is not waited for longer.
LIMITS: Final = "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '10s'"
#: LIKE knows generated columns from here on.
VERSION_MIN: Final = 12
_NUMBERS: Final = "connect_preview_numbers"
#: Reading rows of anything else runs what it is made of: a view's functions, another server's.
_WITH_ROWS: Final = ("TABLE", "PARTITIONED TABLE")
#: Calls in a default that leave something behind, or may.
_EFFECTS: Final = re.compile(r"\b(nextval|setval|lo_\w+|pg_\w+|dblink\w*|query_to_xml\w*|set_config)\(", re.IGNORECASE)
_DEFAULTS: Final = """
SELECT a.attname AS name, a.attidentity <> '' AS is_identity, pg_get_expr(d.adbin, d.adrelid) AS text,
       EXISTS (
           SELECT FROM pg_depend p WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid
           AND (p.refclassid = 'pg_proc'::regclass
                OR (p.refclassid = 'pg_class'::regclass AND p.refobjid <> a.attrelid))
       ) AS calls, format_type(a.atttypid, NULL) AS type
FROM pg_attribute a LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  AND (d.oid IS NOT NULL OR a.attidentity <> '')
"""
_TRIGGERS: Final = """
SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass($1) AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY 1
"""
_FOREIGN: Final = """
SELECT k.conname AS name, k.confrelid = k.conrelid AS is_own, n.nspname AS schema, c.relname AS table,
       pg_get_constraintdef(k.oid) AS definition,
       (SELECT array_agg(a.attname::text ORDER BY o.place) FROM unnest(k.conkey) WITH ORDINALITY o(number, place)
        JOIN pg_attribute a ON (a.attrelid, a.attnum) = (k.conrelid, o.number)) AS columns,
       (SELECT array_agg(a.attname::text ORDER BY o.place) FROM unnest(k.confkey) WITH ORDINALITY o(number, place)
        JOIN pg_attribute a ON (a.attrelid, a.attnum) = (k.confrelid, o.number)) AS others
FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.conrelid = to_regclass($1) AND k.contype = 'f' AND k.conparentid = 0 ORDER BY 1
"""
_UNIQUE: Final = """
SELECT c.relname AS name,
       (SELECT array_agg(a.attname::text ORDER BY o.place)
        FROM unnest(i.indkey::int[]) WITH ORDINALITY o(number, place)
        JOIN pg_attribute a ON (a.attrelid, a.attnum) = (i.indrelid, o.number)
        WHERE o.place <= i.indnkeyatts) AS columns
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL ORDER BY 1
"""


class TemporaryTables(Tables):
    """Temporary tables in the place of the real ones, for one connection, inside the caller's transaction.

    Attributes:
        statements: What was made or altered, in order, as it would be of the real tables.
        notes: What is not tried.
    """

    def __init__(self, config: SinkConfig, connection: asyncpg.Connection) -> None:
        super().__init__(config)
        self.statements: list[str] = []
        self.notes: dict[str, None] = {}
        self._only = connection
        #: Of those that there are.
        self._real: dict[TableName, TableInfo] = {}
        self._temporary: dict[TableName, TableName] = {}
        self._large: set[TableName] = set()

    async def find(self, connection: asyncpg.Connection, name: TableName) -> TableInfo | None:
        if connection is not self._only:
            raise RetriableError("the connection of the preview was lost", code="environment.unreachable")
        if (known := self._known.get(name)) is not None:
            return known
        temporary = self._temporary.get(name)
        if temporary is None:
            real = await super().find(connection, name)
            self._known.pop(name, None)
            if real is None:
                return None
            temporary = await self._like(connection, real)
            self._real[name], self._temporary[name] = real, temporary
        await connection.reload_schema_state()
        found = await describe_table(connection, temporary)
        if found is None:  # it was made by what was rolled back
            del self._temporary[name]
            return None
        self._known[name] = found = self._as_real(name, found)
        return found

    def _as_real(self, name: TableName, found: TableInfo) -> TableInfo:
        """Return a temporary table with what decides how the real one is written."""
        real = self._real.get(name)
        if real is None:
            return found
        columns = tuple(self._column_as_real(real, column) for column in found.columns)
        return replace(found, columns=columns, takes_copy=real.takes_copy, may_wait=real.may_wait, kind=real.kind)

    def _column_as_real(self, real: TableInfo, column: ColumnInfo) -> ColumnInfo:
        own = real.column(column.name)
        return own if own is not None and own.declared == column.declared else column

    async def _create(self, connection: asyncpg.Connection, name: TableName, fields: Fields) -> None:
        temporary = TableName(name.name, "pg_temp")
        self._temporary[name] = temporary
        await super()._create(connection, temporary if self._config.creates_tables else name, fields)

    async def _alter(self, connection: asyncpg.Connection, statement: str) -> None:
        """Make or alter a temporary table, and take note of what that is of the real one."""
        await connection.execute(statement)
        told = self.of_real(statement)
        if told not in self.statements:
            self.statements.append(told)

    async def _take_turn(self, connection: asyncpg.Connection) -> None:
        """Nobody else sees these tables."""

    def real_name(self, table: TableName) -> TableName:
        """Return what a temporary table stands for."""
        for name, temporary in self._temporary.items():
            if temporary.name == table.name:
                real = self._real.get(name)
                return real.name if real is not None else name
        return table

    def of_real(self, text: str) -> str:
        """Return a statement or message with the real tables' names."""
        for name, temporary in self._temporary.items():
            real = self._real.get(name)
            shown = real.name if real is not None else name
            text = re.sub(rf'"?pg_temp(_\d+)?"?\.{re.escape(quoted(temporary.name))}', lambda _: shown.sql, text)  # noqa: B023
            text = re.sub(rf"pg_temp(_\d+)?\.{re.escape(temporary.name)}\b", lambda _: str(shown), text)  # noqa: B023
        return text

    # -- likenesses ----------------------------------------------------------------------------------------------------

    async def _like(self, connection: asyncpg.Connection, real: TableInfo) -> TableName:
        temporary = TableName(real.name.name, "pg_temp")
        if temporary in self._temporary.values():
            raise DataError(
                f"two tables called {real.name.name} in one preview", hint="Preview their topics one by one."
            )
        # Where it is looked up by its name alone, the temporary one is what is found from now on.
        defaults = await connection.fetch(_DEFAULTS, real.name.sql)
        triggers = [row[0] for row in await connection.fetch(_TRIGGERS, real.name.sql)]
        count = 0
        if real.kind in _WITH_ROWS:
            some = f"SELECT FROM {real.name.sql} LIMIT {ROWS_MAX + 1}"
            count = await connection.fetchval(f"SELECT count(*) FROM ({some}) s")  # noqa: S608 - quoted
        else:
            self._note(f"records were not compared with the rows of {real.name}, which is a {real.kind.lower()}")
        await connection.execute(
            f"CREATE TEMPORARY TABLE {quoted(temporary.name)} "
            f"(LIKE {real.name.sql} INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING GENERATED) ON COMMIT DROP"
        )
        for row in defaults:
            await self._give_default(connection, real, row)
        if triggers:
            self._note(f"triggers of {real.name} do not run ({', '.join(triggers)})")
        if not real.takes_copy:
            self._note(f"rules, views and policies of {real.name} do not apply")
        if count > ROWS_MAX:
            self._large.add(real.name)
        elif count:
            await self._take_rows(connection, real)
        return temporary

    async def _give_default(self, connection: asyncpg.Connection, real: TableInfo, row: Any) -> None:
        import asyncpg

        table, column = f"pg_temp.{quoted(real.name.name)}", quoted(row["name"])
        text = row["text"]
        if row["is_identity"] or (text and text.startswith("nextval(")):
            kind = "smallint" if row["type"] == "smallint" else "bigint"
            start = 30_000 if kind == "smallint" else 2_000_000_000
            sequence = f"{_NUMBERS}_{kind}"
            await connection.execute(f"CREATE TEMPORARY SEQUENCE IF NOT EXISTS {sequence} START {start}")
            text = f"nextval('pg_temp.{sequence}')"
        elif row["calls"] or _EFFECTS.search(text):
            self._note(f"the default of column {row['name']} of {real.name} is not computed")
            try:
                async with connection.transaction():
                    await connection.execute(f"ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL")
            except (
                asyncpg.PostgresError
            ):  # of a primary key: then a record without it is refused, as far as can be seen here
                self._note(f"column {row['name']} of {real.name} needs a value here")
            return
        await connection.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {text}")

    async def _take_rows(self, connection: asyncpg.Connection, real: TableInfo) -> None:
        """Take along the rows that are there."""
        import asyncpg

        listed = ", ".join(quoted(column.name) for column in real.columns if not column.generated)
        try:
            async with connection.transaction():
                await connection.execute(
                    f"INSERT INTO pg_temp.{quoted(real.name.name)} ({listed}) SELECT {listed} FROM {real.name.sql}"  # noqa: S608 - quoted
                )
        except asyncpg.PostgresError as error:  # a check that is not valid for old rows, or no right to read
            self._note(f"records were not compared with the rows of {real.name}: {type(error).__name__}")

    def _note(self, text: str) -> None:
        self.notes[text] = None

    # -- what is compared with the real tables -------------------------------------------------------------------------

    async def refused(
        self, connection: asyncpg.Connection, written: Sequence[tuple[Step, int]]
    ) -> tuple[list[FailedRecord], list[PreviewItem]]:
        """Return which of the records that were written the real tables would refuse, by their number over all batches;
        and what they would refuse without it being known of whom."""
        failed: dict[int, FailedRecord] = {}
        items: list[PreviewItem] = []
        for name, real in self._real.items():
            steps = [
                (step, before)
                for step, before in written
                if step.table.name.name == self._temporary[name].name and step.mode not in ("delete", "truncate")
            ]
            if not steps:
                continue
            for row in await connection.fetch(_FOREIGN, real.name.sql):
                await self._look(connection, real, row["columns"], self._dangling(real, row), row, steps, failed, items)
            if real.name not in self._large:
                continue
            for row in await connection.fetch(_UNIQUE, real.name.sql):
                if (query := self._taken(real, row["columns"], steps[0][0])) is not None:
                    await self._look(connection, real, row["columns"], query, row, steps, failed, items)
        return [failed[number] for number in sorted(failed)], items

    def _dangling(self, real: TableInfo, row: Any) -> str:
        other = TableName(row["table"], row["schema"])
        there = [other.sql]
        there += [f"pg_temp.{quoted(t.name)}" for n, t in self._temporary.items() if self._is(n, other)]
        there += [] if not row["is_own"] else [f"pg_temp.{quoted(real.name.name)}"]
        columns = list(zip(row["columns"], row["others"], strict=True))
        matches = " AND ".join(f"r.{quoted(theirs)} = t.{quoted(own)}" for own, theirs in columns)
        given = " AND ".join(f"t.{quoted(own)} IS NOT NULL" for own, _ in columns)
        missing = " AND ".join(f"NOT EXISTS (SELECT FROM {one} r WHERE {matches})" for one in dict.fromkeys(there))
        return f"{given} AND {missing}"

    def _is(self, name: TableName, other: TableName) -> bool:
        real = self._real.get(name)
        return real is not None and real.name == other

    def _taken(self, real: TableInfo, columns: Sequence[str], step: Step) -> str | None:
        matches = " AND ".join(f"r.{quoted(name)} = t.{quoted(name)}" for name in columns)
        if step.mode != "insert":
            if set(columns) == set(step.key) or not step.key:
                return None
            same = " AND ".join(f"r.{quoted(name)} = t.{quoted(name)}" for name in step.key)
            matches += f" AND NOT ({same})"
        return f"EXISTS (SELECT FROM {real.name.sql} r WHERE {matches})"

    async def _look(
        self,
        connection: asyncpg.Connection,
        real: TableInfo,
        columns: Sequence[str],
        condition: str,
        row: Any,
        steps: Sequence[tuple[Step, int]],
        failed: dict[int, FailedRecord],
        items: list[PreviewItem],
    ) -> None:
        import asyncpg

        listed = ", ".join(f"t.{quoted(name)}" for name in columns)
        try:
            async with connection.transaction():
                found = await connection.fetch(
                    f"SELECT DISTINCT {listed} FROM pg_temp.{quoted(real.name.name)} t WHERE {condition} LIMIT 200"  # noqa: S608 - quoted
                )
        except asyncpg.PostgresError as error:  # no right to read the other table
            self._note(f"{row['name']} of {real.name} was not looked at: {type(error).__name__}")
            return
        for values in found:
            is_foreign = "definition" in row.keys()  # noqa: SIM118 - a record of asyncpg is no mapping
            kind = "foreign key" if is_foreign else "unique"
            state = "23503" if is_foreign else "23505"
            told = ", ".join(f"{name}={value!r:.100}" for name, value in zip(columns, values, strict=True))
            message = f"table {real.name}: {told} violates {kind} constraint {row['name']}"
            details = {"sqlstate": state, "constraint": str(row["name"]), "table": str(real.name)}
            numbers = list(_records_with(steps, columns, list(values)))
            for number in numbers:
                failed.setdefault(number, FailedRecord(number, message, details))
            if not numbers:
                text = row["definition"] if is_foreign else f"UNIQUE ({', '.join(columns)})"
                items.append(PreviewItem(text, error=DataError(message, details=details)))


def _records_with(steps: Sequence[tuple[Step, int]], columns: Sequence[str], values: Sequence[Any]) -> Iterable[int]:
    """Yield the records of which rows have these values."""
    for step, before in steps:
        at = {column.name: index for index, column in enumerate(step.columns)}
        if not all(name in at for name in columns):
            continue
        for row, place in enumerate(step.places):
            given = [step.values[at[name]][row] for name in columns]
            if all(own == other or str(own) == str(other) for own, other in zip(given, values, strict=True)):
                yield before + place


def told(
    tables: TemporaryTables,
    written: Sequence[tuple[Step, int]],
    items: Sequence[PreviewItem],
    places: Sequence[int] | None,
) -> Preview:
    """Return what was written as it would be to the real tables.

    Args:
        places: Of each record its number among those that came; None: as they came.
    """
    found = [PreviewItem(statement) for statement in tables.statements]
    for step, before in written:
        numbers = [before + place for place in step.places]
        rows = [list(row) for row in zip(*step.values, strict=True)]
        found.append(
            PreviewItem(
                statement_of(step, tables.real_name(step.table.name)),
                rows if step.columns else None,
                numbers if places is None else [places[number] for number in numbers],
            )
        )
    if any(not step.is_copied and step.columns for step, _ in written):
        tables.notes["rows are copied into a temporary table, and one statement writes them all from there"] = None
    return Preview("statements", [*found, *items], "; ".join(tables.notes))


def statement_of(step: Step, table: TableName) -> str:
    """Return the statement that writes a step's rows, with a row's values as its parameters."""
    names = ", ".join(quoted(column.name) for column in step.columns)
    if step.mode == "truncate":
        return f"TRUNCATE TABLE {table.sql}"
    if step.is_copied:
        return f"COPY {table.sql} ({names}) FROM STDIN (FORMAT binary)"
    source = f"(VALUES ({', '.join(f'${number}' for number in range(1, len(step.columns) + 1))})) s ({names})"
    match step.mode:
        case "insert":
            return insert_statement(table, step.columns, source)
        case "missing":
            return missing_statement(table, step.columns, source, step.key)
        case "upsert":
            return upsert_statement(table, step.columns, source, step.key)
        case "delete":
            return delete_statement(table, step.columns, source)
    return update_statement(table, step.columns, source, step.key)
