"""Which rows of a write the server is likely to refuse, before it is asked: so the others are written once, together.

A presumption is no verdict. Whoever presumes rows to be bad has the server refuse each of them alone, and for the cause
that is presumed (`culprits.py`); where it does otherwise, for a trigger has mended the row, or another one is bad, the
presumption is dropped, and the rows are looked for without it. So nothing here has to be complete, or of today.

What columns refuse is known from the catalog: nulls, and values that are too long. What constraints refuse is asked of
the server, in one query over the columns of each constraint that has refused a row before: CHECK, keys, foreign keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from connect_postgres.catalog import ColumnInfo
from connect_postgres.names import TableName, quoted
from connect_postgres.steps import Step
from connect_postgres.values import staged_type, too_long
from connect_postgres.writes import source_of

if TYPE_CHECKING:
    import asyncpg

#: What a row is refused for: SQLSTATE, and the column or constraint where the server names one.
Cause = tuple[str, str | None]

_NULL: Final = "23502"
_TEXTS: Final = ("character varying", "character")
#: Constraints of one table that are asked about.
_CONSTRAINTS_MAX: Final = 8
_STATES: Final = {"c": "23514", "f": "23503", "u": "23505", "p": "23505"}
_ROW: Final = "__connect_asked_row"
_CONSTRAINT: Final = """
SELECT c.contype::text AS kind, pg_get_expr(c.conbin, c.conrelid) AS expression,
       ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(number, place)
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number ORDER BY place) AS columns,
       fn.nspname AS other_schema, f.relname AS other,
       ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(number, place)
             JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number ORDER BY place) AS other_columns
FROM pg_constraint c
JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_class f ON f.oid = c.confrelid LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
WHERE n.nspname = $1 AND t.relname = $2 AND c.conname = $3 AND c.contype IN ('c', 'f', 'u', 'p')
"""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint that has refused a row.

    Attributes:
        kind: c: CHECK, f: foreign key, u: UNIQUE, p: PRIMARY KEY.
        expression: Of a CHECK.
        other: The table that a foreign key refers to, and its columns.
    """

    kind: str
    name: str
    table: TableName
    columns: tuple[str, ...]
    expression: str | None = None
    other: TableName | None = None
    other_columns: tuple[str, ...] = ()

    @property
    def cause(self) -> Cause:
        """What it refuses a row for."""
        return _STATES[self.kind], self.name

    def question(self, columns: Sequence[ColumnInfo]) -> str:
        """Return the query for the rows that it refuses, counted from 0; its arguments are arrays, one a column."""
        arrays = ", ".join(f"${n}::{staged_type(column) or column.bare_type}[]" for n, column in enumerate(columns, 1))
        names = ", ".join(quoted(column.name) for column in columns)
        values = ", ".join(f"{source_of(column)} AS {quoted(column.name)}" for column in columns)
        given = f"unnest({arrays}) WITH ORDINALITY AS s({names}, {_ROW})"
        rows = f"(SELECT s.{_ROW} - 1 AS {_ROW}, {values} FROM {given}) s"  # noqa: S608 - quoted identifiers only
        return f"SELECT {_ROW} FROM {self._refused(rows)}"  # noqa: S608 - quoted identifiers, and the server's own words

    def _refused(self, rows: str) -> str:
        if self.kind == "c":
            return f"{rows} WHERE NOT ({self.expression})"
        own = [f"s.{quoted(name)}" for name in self.columns]
        is_whole = " AND ".join(f"{name} IS NOT NULL" for name in own)
        if self.other is not None:
            there = _there(self.other, self.other_columns, own)
            return f"{rows} WHERE {is_whole} AND NOT {there}"
        number = f"row_number() OVER (PARTITION BY {', '.join(own)} ORDER BY s.{_ROW}) AS connect_number"
        numbered = f"(SELECT s.*, {number} FROM {rows}) s"  # noqa: S608 - quoted identifiers only
        return f"{numbered} WHERE {is_whole} AND (connect_number > 1 OR {_there(self.table, self.columns, own)})"


def _there(table: TableName, columns: Sequence[str], values: Sequence[str]) -> str:
    same = " AND ".join(f"o.{quoted(name)} = {value}" for name, value in zip(columns, values, strict=True))
    return f"EXISTS (SELECT FROM {table.sql} o WHERE {same})"


class Presumptions:
    """What is known of the rows that tables refuse, for one task."""

    def __init__(self) -> None:
        self._constraints: dict[TableName, dict[str, Constraint]] = {}
        #: Tables of which the last rows that were refused were all presumed, and no others.
        self._right: set[TableName] = set()

    def are_right(self, table: TableName) -> bool:
        """Whether it pays to rely on them."""
        return table in self._right

    async def of(self, connection: asyncpg.Connection, step: Step) -> dict[int, set[Cause]]:
        """Return the rows that the server is likely to refuse, each with what for."""
        import asyncpg

        found: dict[int, set[Cause]] = {}
        for row, cause in _of_columns(step):
            found.setdefault(row, set()).add(cause)
        by_name = {column.name: (column, values) for column, values in zip(step.columns, step.values, strict=True)}
        known = self._constraints.get(step.table.name, {})
        for constraint in list(known.values()):
            given = [by_name[name] for name in constraint.columns if name in by_name]
            is_of_mode = constraint.kind not in ("u", "p") or step.mode == "insert"
            if len(given) < len(constraint.columns) or not is_of_mode:
                continue
            try:
                async with connection.transaction():
                    question = constraint.question([column for column, _ in given])
                    rows = await connection.fetch(question, *(values for _, values in given))
            except (asyncpg.PostgresError, asyncpg.DataError):
                del known[constraint.name]  # no right to read, or it is more than an expression over values
                continue
            for (row,) in rows:
                found.setdefault(row, set()).add(constraint.cause)
        return found

    async def learn(
        self,
        connection: asyncpg.Connection,
        step: Step,
        presumed: Mapping[int, set[Cause]],
        refused: Sequence[tuple[int, asyncpg.PostgresError]],
    ) -> None:
        """Take note of what was refused, and whether that was presumed."""
        name = step.table.name
        known = self._constraints.setdefault(name, {})
        before = len(known)
        if len(known) < _CONSTRAINTS_MAX:
            for named in {_constraint_of(error) for _, error in refused}:
                if named is not None and named[2] not in known:
                    await self._look_up(connection, step, *named)
        if presumed.keys() == {row for row, _ in refused} or len(known) > before:
            self._right.add(name)
        else:
            self._right.discard(name)

    async def _look_up(self, connection: asyncpg.Connection, step: Step, schema: str, table: str, name: str) -> None:
        row = await connection.fetchrow(_CONSTRAINT, schema, table, name)
        if row is None:  # a UNIQUE index that is no constraint, or one that a trigger has made up
            return
        columns = [step.table.column(column) for column in row["columns"]]
        if not columns or any(column is None or column.type.endswith("[]") for column in columns):
            return
        other = None if row["other"] is None else TableName(row["other"], row["other_schema"])
        if other == TableName(table, schema):  # to rows that are perhaps among these
            return
        self._constraints[step.table.name][name] = Constraint(
            row["kind"],
            name,
            TableName(table, schema),
            tuple(row["columns"]),
            row["expression"],
            other,
            tuple(row["other_columns"]),
        )


def cause_of(error: asyncpg.PostgresError) -> Cause:
    """Return what a row was refused for."""
    state = error.sqlstate or ""
    if state == _NULL:
        return state, getattr(error, "column_name", None)
    return state, getattr(error, "constraint_name", None)


def _constraint_of(error: asyncpg.PostgresError) -> tuple[str, str, str] | None:
    parts = [getattr(error, f"{part}_name", None) for part in ("schema", "table", "constraint")]
    return (parts[0], parts[1], parts[2]) if parts[0] and parts[1] and parts[2] else None


def _of_columns(step: Step) -> Iterator[tuple[int, Cause]]:
    """Give the values that their columns refuse, as the catalog has it."""
    for column, values in zip(step.columns, step.values, strict=True):
        if column.not_null and None in values:
            yield from ((row, (_NULL, column.name)) for row, value in enumerate(values) if value is None)
        if column.modifier < 4 or (column.type in _TEXTS and _are_short(values, column.modifier - 4)):
            continue
        state = "22001" if column.type in _TEXTS else "22003"
        yield from ((row, (state, None)) for row, value in enumerate(values) if too_long(column, value))


def _are_short(values: list[Any], length: int) -> bool:
    return all(map(length.__ge__, map(len, filter(None, values))))
