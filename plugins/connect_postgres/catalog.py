"""What the catalog says: which tables there are, and each one's columns with their types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from connect_postgres.names import TableName

if TYPE_CHECKING:
    import asyncpg

#: Kinds of tables as JDBC calls them, and as pg_class.relkind has them.
TABLE_KINDS: Final = {
    "TABLE": (b"r",),
    "PARTITIONED TABLE": (b"p",),
    "VIEW": (b"v",),
    "MATERIALIZED VIEW": (b"m",),
    "FOREIGN TABLE": (b"f",),
}
#: A domain's columns are described by the type underneath, and so are an array's whose items are of a domain; its
#: checks stay the server's work.
_COLUMNS: Final = """
WITH RECURSIVE item(type, oid) AS (
    SELECT t.oid, e.typbasetype FROM pg_type t JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
    WHERE e.typtype = 'd'
    UNION
    SELECT i.type, t.typbasetype FROM item i JOIN pg_type t ON t.oid = i.oid WHERE t.typtype = 'd'
), above(oid) AS (
    SELECT to_regclass($1)::oid UNION SELECT i.inhparent FROM above a JOIN pg_inherits i ON i.inhrelid = a.oid
), base(domain, oid, modifier, dimensions) AS (
    SELECT a.atttypid, a.atttypid, -1, 0 FROM pg_attribute a WHERE a.attrelid = to_regclass($1)
    UNION
    SELECT b.domain, t.typbasetype, t.typtypmod, t.typndims
    FROM base b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
)
SELECT n.nspname AS schema_name, c.relname AS table_name, a.attname AS name,
       format_type(a.atttypid, a.atttypmod) AS declared,
       format_type(coalesce((
           SELECT nullif(e.typarray, 0) FROM item i JOIN pg_type e ON e.oid = i.oid
           WHERE i.type = t.oid AND e.typtype <> 'd' AND e.typcategory <> 'A'
       ), t.oid), NULL) AS type,
       CASE WHEN t.oid = a.atttypid THEN a.atttypmod ELSE b.modifier END AS modifier,
       CASE WHEN t.oid = a.atttypid THEN (
           -- a partition is not told how many its table declares
           SELECT max(p.attndims) FROM above JOIN pg_attribute p ON p.attrelid = above.oid WHERE p.attname = a.attname
       ) ELSE b.dimensions END AS dimensions,
       t.oid <> a.atttypid AS is_domain, a.attnotnull AS not_null,
       coalesce(to_jsonb(a)->>'attgenerated', '') <> '' AS generated,
       coalesce(to_jsonb(a)->>'attidentity', '') = 'a' AS identity_always,
       a.atthasdef OR coalesce(to_jsonb(a)->>'attidentity', '') <> ''
           OR (SELECT d.typdefault IS NOT NULL FROM pg_type d WHERE d.oid = a.atttypid) AS has_default,
       coalesce(to_jsonb(a)->>'attidentity', '') <> '' OR EXISTS (
           SELECT FROM pg_attrdef d WHERE (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
           AND pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%'
       ) AS is_numbered,
       c.relkind = 'v' AS is_view, c.relkind AS kind,
       c.relrowsecurity AND row_security_active(c.oid) AS has_policies,
       EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type = '3' AND r.ev_enabled <> 'D')
           AS has_rules,
       EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.condeferrable) AS has_deferrable
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN base b ON b.domain = a.atttypid
JOIN pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
WHERE c.oid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_TABLES: Final = """
SELECT n.nspname AS schema, c.relname AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = ANY($1::"char"[]) AND (NOT c.relispartition OR c.relname = ANY($4::text[]))
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
  AND ($2::text IS NULL OR n.nspname LIKE $2) AND ($3::text IS NULL OR current_database() LIKE $3)
ORDER BY 1, 2
"""
_KIND: Final = """
SELECT c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = $1 AND ($2::text IS NULL OR n.nspname = $2) ORDER BY n.nspname LIMIT 1
"""


#: By name and type, in order; what a driver has to know to write rows in binary.
_LAYOUT: Final = """
SELECT coalesce(string_agg(quote_ident(a.attname) || ' ' || a.atttypid, ',' ORDER BY a.attnum), '')
FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
"""


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column.

    Attributes:
        type: Its type as the catalog prints it, without length or precision: 'character varying', 'numeric',
            'integer[]'; for a domain, the type underneath.
        declared: As in CREATE TABLE, with length, precision or the domain's name; fit for a cast.
        modifier: pg_attribute.atttypmod: length, or precision and scale; -1 without.
        generated: Whether the server computes it, GENERATED ALWAYS AS (…).
        identity_always: GENERATED ALWAYS AS IDENTITY.
        has_default: Whether the server has a value for it where a row brings none: DEFAULT, identity or generated.
        as_text: Whether its values, of this one write, are staged as text and read by the server.
        as_literal: Whether its arrays, of this one write, are staged as one text each and read by the server.
        is_domain: Whether its type is a domain, which has checks of its own.
        is_numbered: Whether the server numbers it: serial or identity.
        dimensions: Of an array, how many are declared, 1 where that is not known; binds nobody in PostgreSQL.
    """

    name: str
    type: str
    declared: str
    not_null: bool = False
    modifier: int = -1
    generated: bool = False
    identity_always: bool = False
    has_default: bool = False
    as_text: bool = False
    is_domain: bool = False
    dimensions: int = 1
    as_literal: bool = False
    is_numbered: bool = False

    @property
    def bare_type(self) -> str:
        """The type for a cast or a staging column that must not cut or pad: one without a length takes any length."""
        return _BARE.get(self.type, self.type)


#: Without a length these two mean a length of 1; their other names do not.
_BARE: Final = {
    "character": "bpchar",
    "character[]": "bpchar[]",
    "bit": 'pg_catalog."bit"',
    "bit[]": 'pg_catalog."bit"[]',
}


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table and its columns in order.

    Attributes:
        takes_copy: Whether COPY may write into it: not into a view, nor where policies for rows are in force, nor where
            a rule says what an INSERT does, which COPY passes by.
        may_wait: Whether what is said of its rows may depend on rows that are written behind them: it has deferrable
            constraints or constraint triggers, or is a view of whatever table.
        kind: One of `TABLE_KINDS`; '' for what nothing is written into, such as a sequence.
        layout: As `layout_of` gives it; other columns, or columns of other types, make another.
    """

    name: TableName
    columns: tuple[ColumnInfo, ...]
    takes_copy: bool = True
    may_wait: bool = False
    kind: str = "TABLE"
    layout: str = ""

    def column(self, name: str) -> ColumnInfo | None:
        """Return a column by its exact name."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def column_names(self) -> list[str]:
        """The columns' names in order."""
        return [column.name for column in self.columns]


async def layout_of(connection: asyncpg.Connection, name: TableName) -> str:
    """Return a text that tells a table's columns and their types from others; '' where there is no table."""
    layout: str = await connection.fetchval(_LAYOUT, name.sql)
    return layout


async def describe_table(connection: asyncpg.Connection, name: TableName) -> TableInfo | None:
    """Look a table or view up; None when there is none of that name."""
    layout = await layout_of(connection, name)  # first: what is altered meanwhile makes it an old one
    rows = await connection.fetch(_COLUMNS, name.sql)
    if not rows:
        return None
    columns = tuple(_column(row) for row in rows)
    first = rows[0]
    takes_copy = not (first["is_view"] or first["has_policies"] or first["has_rules"])
    may_wait = first["is_view"] or first["has_deferrable"]
    kind = next((name for name, kinds in TABLE_KINDS.items() if first["kind"] in kinds), "")
    return TableInfo(TableName(first["table_name"], first["schema_name"]), columns, takes_copy, may_wait, kind, layout)


def _column(row: Any) -> ColumnInfo:
    return ColumnInfo(
        row["name"],
        row["type"],
        row["declared"],
        row["not_null"],
        row["modifier"],
        row["generated"],
        row["identity_always"],
        row["has_default"],
        is_domain=row["is_domain"],
        dimensions=max(row["dimensions"], 1),
        is_numbered=row["is_numbered"],
    )


async def find_tables(
    connection: asyncpg.Connection,
    kinds: Sequence[str],
    schema_pattern: str | None = None,
    catalog_pattern: str | None = None,
    named: Sequence[str] = (),
) -> list[TableName]:
    """Return all user tables of these kinds, sorted; partitions of a partitioned table only where they are named.

    Args:
        kinds: Keys of `TABLE_KINDS`. TABLE means partitioned ones too.
        schema_pattern: As in SQL's LIKE; None means every schema.
        catalog_pattern: The same for the database.
        named: Names that are asked for, without their schemas.
    """
    wanted = {kind for name in kinds for kind in TABLE_KINDS[name]}
    if "TABLE" in kinds:
        wanted.update(TABLE_KINDS["PARTITIONED TABLE"])
    rows = await connection.fetch(_TABLES, sorted(wanted), schema_pattern, catalog_pattern, list(named))
    return [TableName(row["name"], row["schema"]) for row in rows]


async def kind_of(connection: asyncpg.Connection, name: TableName) -> str | None:
    """Return the kind, a key of `TABLE_KINDS`, of what there is of a name in any schema; None where there is nothing,
    or something that is not read."""
    found = await connection.fetchval(_KIND, name.name, name.schema)
    return next((kind for kind, letters in TABLE_KINDS.items() if found in letters), None)
