"""Which rows of a refused write are bad: the server looks for them, and tells of each what it says of it alone.

Theory of operation. The rows are staged with their numbers, and a block of PL/pgSQL writes them from there, piece by
piece, each piece in a subtransaction: what is refused is undone, and the block goes on. So one round trip finds all bad
rows, and nobody halves batches over the network.

A piece that fails is not halved either, where that can be had: each row draws a number from a sequence before it is
written, which no rollback takes back, so the last number tells which row was being written. It is put alone, since some
checks come behind the whole piece (foreign keys, AFTER triggers): there the number says nothing, and the piece is
halved. Behind a bad row the next piece is as long as the way to it suggests; each that is taken doubles the next.

Most bad rows can be told beforehand (`presumed.py`). Where the last ones could, the others are written first, as if
there were no bad one, and the presumed ones are put behind them, each alone. That is the same as all in their order
only where the server refuses each of them, and for what was presumed; else it is undone, and they are looked for as
above.

A value that is refused has a column, which the server seldom names. So the values of such a row are put into variables
of the columns' types, one by one, until one is refused alike.

All of it is for a transaction that is rolled back: it names the rows, and keeps none.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from connect.api import DataError
from connect_postgres.catalog import ColumnInfo
from connect_postgres.names import quoted
from connect_postgres.presumed import Cause, Presumptions, cause_of
from connect_postgres.steps import Step
from connect_postgres.values import staged_type, too_long
from connect_postgres.writes import (
    Writer,
    delete_statement,
    insert_statement,
    missing_statement,
    source_of,
    update_statement,
    upsert_statement,
)

if TYPE_CHECKING:
    import asyncpg


class _OtherwiseError(Exception):
    """The server did not do what was presumed."""


#: Rows of the least piece behind a bad one.
PIECE: Final = 64
_FOUND: Final = "pg_temp.connect_refused"
_MARK: Final = "pg_temp.connect_row_mark"
_MAKE: Final = (  # and empty it: another search of this transaction may have used it
    f"CREATE TEMPORARY TABLE IF NOT EXISTS {_FOUND.removeprefix('pg_temp.')} (row integer, sqlstate text, "  # noqa: S608 - our own names
    "message text, schema_name text, table_name text, column_name text, constraint_name text, place integer) "
    "ON COMMIT DELETE ROWS; "
    f"DELETE FROM {_FOUND}; "
    f"CREATE TEMPORARY SEQUENCE IF NOT EXISTS {_MARK.removeprefix('pg_temp.')}; "
)
_BLOCK: Final = """
#variable_conflict use_column
DECLARE
    _start int := 0; _stop int; _edge int; _count int := {count}; _size int := {size}; _wide int := {size};
    _drawn bigint; _is_taken boolean; _is_alone boolean := false; _last int := 0;
    _state text; _message text; _schema text; _table text; _column text; _constraint text;
BEGIN
    WHILE _start < _count LOOP
        _stop := least(_start + _size, coalesce(_edge, _count));
        PERFORM setval('{mark}', 1, false);
        BEGIN
            {statement};
            _is_taken := true;
        EXCEPTION WHEN assert_failure OR OTHERS THEN  -- the one that OTHERS leaves out, beside cancelling
            _is_taken := false;
            GET STACKED DIAGNOSTICS _state = RETURNED_SQLSTATE, _message = MESSAGE_TEXT, _schema = SCHEMA_NAME,
                _table = TABLE_NAME, _column = COLUMN_NAME, _constraint = CONSTRAINT_NAME;
        END;
        IF _is_taken THEN
            _start := _stop;
            IF _is_alone THEN                   -- and now the row that was being written
                _size := 1;
                _is_alone := false;
            ELSIF _edge IS NOT NULL AND _start < _edge THEN
                _size := greatest(1, (_edge - _start) / 2);
            ELSE
                _edge := NULL;
                _wide := least(_wide * 2, _count);
                _size := _wide;
            END IF;
        ELSIF _stop - _start = 1 THEN
            INSERT INTO {found} VALUES (_start, _state, _message, _schema, _table, _column, _constraint);
            _start := _stop;
            _edge := NULL;
            _is_alone := false;
            _wide := least(_wide, greatest({piece}, 2 * (_start - _last)));
            _last := _start;
            _size := _wide;
        ELSE
            SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO _drawn FROM {mark};
            _edge := _stop;
            IF _drawn BETWEEN 1 AND _stop - _start - 1 THEN
                _is_alone := _drawn > 1;
                _size := greatest(1, _drawn - 1);
            ELSE                                -- it was behind the last row: one of them is bad, or the last is
                _is_alone := false;
                _wide := {piece};
                _size := greatest(1, (_stop - _start) / 2);
            END IF;
        END IF;
    END LOOP;
END
"""

#: No right to write, or a policy for rows: only the function that raises it tells, which PL/pgSQL does not pass on.
_OF_TWO_MEANINGS: Final = ("42501",)
#: Rows without a column whose values are looked at.
_LOOKED_AT_MAX: Final = 1000
_COLUMNS: Final = """
#variable_conflict use_column
DECLARE
    _row int; _state text;
BEGIN
    FOR _row, _state IN
        SELECT row, sqlstate FROM {found} WHERE column_name = '' AND table_name = ''
            AND (sqlstate LIKE '22%' OR sqlstate IN ('23502', '23514')) ORDER BY row LIMIT {most}
    LOOP
        {tries}
    END LOOP;
END
"""
_TRY: Final = """
        BEGIN
            DECLARE
                _value {type} := (SELECT {value} FROM {staging} s WHERE {row} = _row);
            BEGIN
            END;
        EXCEPTION WHEN OTHERS THEN
            IF SQLSTATE = _state THEN
                UPDATE {found} SET place = {number} WHERE row = _row;
                CONTINUE;
            END IF;
        END;
"""


async def refused_rows(
    connection: asyncpg.Connection, writer: Writer, step: Step, presumptions: Presumptions | None = None
) -> list[tuple[int, asyncpg.PostgresError]]:
    """Write a step's rows without those that the server refuses; return these, each with what the server says of it.

    Within a transaction that is to be rolled back.

    Args:
        presumptions: Which rows are likely to be refused; learns what was. None: the rows are looked for.

    Raises:
        asyncpg.PostgresError: They cannot be looked for: the server has no PL/pgSQL, or the user no right to temporary
            tables.
    """
    if not step.places:
        return []
    if presumptions is None:
        return await _search(connection, writer, step)
    presumed = await presumptions.of(connection, step)
    if presumptions.are_right(step.table.name):
        found = await _as_presumed(connection, writer, step, presumed)
        if found is not None:
            return found
    found = await _search(connection, writer, step)
    await presumptions.learn(connection, step, presumed, found)
    return found


async def _as_presumed(
    connection: asyncpg.Connection, writer: Writer, step: Step, presumed: Mapping[int, set[Cause]]
) -> list[tuple[int, asyncpg.PostgresError]] | None:
    """Write the rows that are not presumed to be bad, and have the others refused; None where that is not what
    happens, and then nothing is written."""
    import asyncpg

    bad, good = sorted(presumed), [row for row in range(len(step.places)) if row not in presumed]
    try:
        async with connection.transaction():
            if good:
                await (step.of_rows(good) if bad else step).write(writer)
            if not bad:
                return []
            said = await _search(connection, writer, step.of_rows(bad), alone=True)
            found = [(bad[row], error) for row, error in said]
            if len(found) < len(bad) or any(cause_of(error) not in presumed[row] for row, error in found):
                raise _OtherwiseError
            return found
    except (asyncpg.PostgresError, DataError, _OtherwiseError):
        return None


async def _search(
    connection: asyncpg.Connection, writer: Writer, step: Step, *, alone: bool = False
) -> list[tuple[int, asyncpg.PostgresError]]:
    """Write a step's rows without those that are refused, and return these.

    Args:
        alone: Each row is written by itself.
    """
    import asyncpg

    number = "__connect_row"
    while any(column.name == number for column in step.columns):
        number += "_"
    staging = await writer.stage_numbered(step.columns, step.values, number)
    statement = _statement(step, _source(staging, number))
    if statement is None:
        return []
    count = len(step.places)
    size = 1 if alone else count
    block = _BLOCK.format(count=count, size=size, statement=statement, mark=_MARK, found=_FOUND, piece=PIECE)
    await _do(connection, block, after=_MAKE)
    looked_at = [column for column in step.columns if staged_type(column) is not None or column.is_domain]
    if looked_at:
        await _do(connection, _columns_block(looked_at, staging, number))
    found = []
    raised_by: dict[str, str | None] = {}
    for row in await connection.fetch(f"SELECT * FROM {_FOUND} ORDER BY row"):  # noqa: S608 - our own name
        if row["sqlstate"] in _OF_TWO_MEANINGS and row["message"] not in raised_by:
            of_row = _statement(step, _source(staging, number, row["row"], row["row"] + 1))
            raised_by[row["message"]] = of_row and await _raised_by(connection, of_row)
        column = row["column_name"] or _column_at(step, row["row"], row["sqlstate"])
        if column is None and row["place"] is not None:
            column = looked_at[row["place"]].name
        fields = {
            "C": row["sqlstate"],
            "M": row["message"],
            "s": row["schema_name"],
            "t": row["table_name"],
            "c": column,
            "n": row["constraint_name"],
            "R": raised_by.get(row["message"]),
        }
        found.append((row["row"], asyncpg.PostgresError.new({name: text for name, text in fields.items() if text})))
    return found


async def _do(connection: asyncpg.Connection, block: str, *, after: str = "") -> None:
    tag = f"$connect_{uuid.uuid4().hex}$"
    await connection.execute(f"{after}DO {tag}{block}{tag}")


def _columns_block(columns: Sequence[ColumnInfo], staging: str, number: str) -> str:
    """Return what finds the columns, of these, whose values are refused."""
    tries = [
        _TRY.format(
            type=column.declared,
            value=source_of(column),
            number=index,
            staging=staging,
            row=f"s.{quoted(number)}",
            found=_FOUND,
        )
        for index, column in enumerate(columns)
    ]
    return _COLUMNS.format(found=_FOUND, most=_LOOKED_AT_MAX, tries="".join(tries))


async def _raised_by(connection: asyncpg.Connection, statement: str) -> str | None:
    """Return which function of the server refuses a row that is refused."""
    import asyncpg

    try:
        async with connection.transaction():
            await connection.execute(statement)
    except asyncpg.PostgresError as error:
        return getattr(error, "server_source_function", None)
    return None


def _source(staging: str, number: str, start: int | str = "_start", stop: int | str = "_stop") -> str:
    row = f"r.{quoted(number)}"
    rows = f"SELECT r.* FROM {staging} r WHERE {row} >= {start} AND {row} < {stop} ORDER BY {row}"  # noqa: S608 - our own
    return f"(SELECT q.*, nextval('{_MARK}') FROM ({rows}) q) s"  # noqa: S608 - our own names


def _statement(step: Step, source: str) -> str | None:
    table = step.table.name
    if step.mode == "insert":
        return insert_statement(table, step.columns, source)
    if step.mode == "missing":
        return missing_statement(table, step.columns, source, step.key)
    if step.mode == "delete":
        return delete_statement(table, step.columns, source)
    if step.mode == "upsert":
        return upsert_statement(table, step.columns, source, step.key)
    if all(column.name in step.key for column in step.columns):
        return None  # an update that changes nothing
    return update_statement(table, step.columns, source, step.key)


def _column_at(step: Step, row: int, state: str) -> str | None:
    """Return the column that a value is too long or large for, where that can be told: the server does not say."""
    if state not in ("22001", "22003"):
        return None
    pairs = zip(step.columns, step.values, strict=True)
    return next((column.name for column, values in pairs if too_long(column, values[row])), None)
