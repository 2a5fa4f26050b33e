"""What the catalog adds to a relation of the stream: which columns take null, which are the key, and what types are.

The stream tells of a table as it was when a change was made; the catalog tells of now. So what the stream tells counts,
and what only the catalog knows is looked up by a column's name, and does without where there is none of it any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from connect_postgres.cdc.column_types import TypeInfo
from connect_postgres.names import TableName

if TYPE_CHECKING:
    import asyncpg

_COLUMNS: Final = """
WITH RECURSIVE above(oid) AS (
    SELECT $1::oid UNION SELECT i.inhparent FROM above a JOIN pg_inherits i ON i.inhrelid = a.oid
)
SELECT a.attname AS name, a.atttypid AS type_oid, a.atttypmod AS modifier, a.attnotnull AS not_null,
       -- a partition is not told how many its table declares
       (SELECT max(p.attndims) FROM above JOIN pg_attribute p ON p.attrelid = above.oid WHERE p.attname = a.attname)
           AS dimensions,
       coalesce((SELECT CASE WHEN l.collname = 'default' THEN d.datcollate ELSE l.collcollate END IN ('C', 'POSIX')
                 FROM pg_collation l, pg_database d
                 WHERE l.oid = a.attcollation AND d.datname = current_database()), false) AS has_byte_order,
       coalesce(to_jsonb(a)->>'attgenerated', '') <> '' AS generated
FROM pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
#: The columns of the primary key in its order, and of the index that is the replica identity.
_KEY: Final = """
SELECT a.attname, i.indisprimary, i.indisreplident, i.indimmediate
FROM pg_index i
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(number, place)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
WHERE i.indrelid = $1::oid AND (i.indisprimary OR i.indisreplident) AND k.place <= i.indnkeyatts
ORDER BY i.indisprimary DESC, k.place
"""
_TYPES: Final = """
SELECT t.oid, t.typname AS name, n.nspname AS schema, t.typtype::text AS kind,
       CASE WHEN EXISTS (SELECT FROM pg_type i WHERE i.oid = t.typelem AND i.typarray = t.oid) THEN t.typelem ELSE 0
       END AS item_oid,  -- int2vector and the like have items, and are printed otherwise
       t.typbasetype AS base_oid, t.typtypmod AS base_modifier, t.typndims AS dimensions, t.typdelim::text AS delimiter,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = ANY($1::oid[])
"""
_TABLES: Final = """
SELECT n.nspname AS schema, c.relname AS name, c.oid, c.relkind::text AS kind, c.relreplident::text AS identity,
       c.relispartition AS is_partition,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate) AS has_key,
       has_table_privilege(c.oid, 'SELECT') AS may_select, pg_has_role(c.relowner, 'USAGE') AS is_owned
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """A column as it is now. `has_byte_order`: its texts are ordered by their bytes."""

    name: str
    type_oid: int
    modifier: int
    not_null: bool
    dimensions: int
    is_generated: bool
    has_byte_order: bool


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table as it is now; without columns where it is gone.

    Attributes:
        key: The columns of the primary key, or else of the index that is the replica identity; () for neither.
        has_primary_key: Whether `key` is the primary key.
        types: All types that its columns, and those that the stream tells of, are made of.
        identity: The columns of the index that is the replica identity; () where none is named.
        is_deferrable: Whether two rows may have one primary key until a transaction ends.
    """

    columns: dict[str, CatalogColumn]
    key: tuple[str, ...]
    has_primary_key: bool
    types: dict[int, TypeInfo] = field(default_factory=dict)
    identity: tuple[str, ...] = ()
    is_deferrable: bool = False


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table that there is.

    Attributes:
        identity: pg_class.relreplident.
        has_key: Whether it has a primary key that can be a replica identity: none that is deferrable.
        may_select, is_owned: What the connection's role may do with it.
    """

    name: TableName
    oid: int
    is_partitioned: bool
    is_partition: bool
    identity: str
    has_key: bool
    may_select: bool
    is_owned: bool


class Catalog:
    """Looks things up; types are remembered, since they hardly change. `forget` them with the connection.

    Uses the connection that it is given, one call after another.
    """

    def __init__(self) -> None:
        self._types: dict[int, TypeInfo] = {}

    def forget(self) -> None:
        """Look every type up again."""
        self._types.clear()

    async def describe(self, connection: asyncpg.Connection, oid: int, type_oids: Iterable[int] = ()) -> CatalogTable:
        """Look a table up by pg_class.oid. `type_oids`: further types that are asked for."""
        rows = await connection.fetch(_COLUMNS, oid)
        columns = {
            row["name"]: CatalogColumn(
                row["name"],
                row["type_oid"],
                row["modifier"],
                row["not_null"],
                row["dimensions"],
                row["generated"],
                row["has_byte_order"],
            )
            for row in rows
        }
        key = await connection.fetch(_KEY, oid)
        is_primary = bool(key) and key[0]["indisprimary"]
        names = tuple(row["attname"] for row in key if row["indisprimary"] == is_primary)
        wanted = {column.type_oid for column in columns.values()} | set(type_oids)
        # Once each, though the primary key's index may be the identity's.
        identity = tuple(dict.fromkeys(row["attname"] for row in key if row["indisreplident"]))
        is_deferrable = is_primary and not key[0]["indimmediate"]
        return CatalogTable(columns, names, is_primary, await self.types(connection, wanted), identity, is_deferrable)

    async def types(self, connection: asyncpg.Connection, oids: Iterable[int]) -> dict[int, TypeInfo]:
        """Return types, with those that they are made of."""
        found, wanted = dict[int, TypeInfo](), set(oids)
        # An enum's labels may grow: those that were asked for are looked up each time.
        fresh = {oid for oid in wanted if (known := self._types.get(oid)) is None or known.kind == "e"}
        while wanted:
            if fresh:
                for row in await connection.fetch(_TYPES, sorted(fresh)):
                    self._types[row["oid"]] = _type(row)
            further = set[int]()
            for oid in wanted:
                if (info := self._types.get(oid)) is not None:
                    found[oid] = info
                    further |= {info.item_oid, info.base_oid} - {0}
            wanted = further - found.keys()
            fresh = {oid for oid in wanted if oid not in self._types or self._types[oid].kind == "e"}
        return found


async def all_tables(connection: asyncpg.Connection) -> list[FoundTable]:
    """Return all tables that the write-ahead log knows, sorted by name."""
    return [
        FoundTable(
            TableName(row["name"], row["schema"]),
            row["oid"],
            row["kind"] == "p",
            row["is_partition"],
            row["identity"],
            row["has_key"],
            row["may_select"],
            row["is_owned"],
        )
        for row in await connection.fetch(_TABLES)
    ]


def _type(row: Any) -> TypeInfo:
    return TypeInfo(
        row["oid"],
        row["name"],
        row["schema"],
        row["kind"],
        row["item_oid"],
        row["base_oid"],
        row["base_modifier"],
        tuple(row["labels"]),
        row["delimiter"],
        row["dimensions"],
    )
