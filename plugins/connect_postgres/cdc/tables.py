"""Which tables are read, and how a snapshot reads each of them: as the publication has it, in the order of its key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from connect_postgres.cdc.catalog import Catalog, CatalogTable, FoundTable, all_tables
from connect_postgres.cdc.checks import signal_table_problems, table_refusals, unpublished
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.pgoutput import Relation, RelationColumn
from connect_postgres.cdc.shapes import Shape
from connect_postgres.cdc.slots import Published, ServerInfo, add_to_publication, make_publication, published
from connect_postgres.cdc.snapshot_state import KEY_READERS, KeyOrder
from connect_postgres.cdc.snapshots import TableToRead
from connect_postgres.failures import explained
from connect_postgres.names import TableName

if TYPE_CHECKING:
    import asyncpg


async def tables_to_read(
    control: asyncpg.Connection, server: ServerInfo, config: CdcConfig, warn: Callable[[str], None]
) -> list[tuple[FoundTable, Published]]:
    """Return the tables that are read, as the publication has them; make or extend it where that is wanted.

    Args:
        warn: Called with what a person should know of tables, or of the publication.
    """
    async with explained("looking for tables", config.target):
        there = await all_tables(control)
    # On a thread: the patterns are the user's.
    wanted = await asyncio.to_thread(lambda: [found for found in there if config.selects(found.name)])
    async with explained(f"looking at publication {config.publication_name}", config.target):
        has = await published(control, config.publication_name)
    to_publish = wanted + [found for found in there if config.is_signal_table(found.name) and found not in wanted]
    if has is None:
        await make_publication(control, config, server, _roots(to_publish))
        has = await published(control, config.publication_name) or []
    for text in [one.message for one in table_refusals(config, wanted)]:
        warn(text)
    names = {one.name for one in has}
    if config.publication_autocreate_mode == "filtered":
        late = [name for name in _roots(to_publish) if name not in names and not _covered(name, there, names)]
        if late:
            await add_to_publication(control, config, late)
            has = await published(control, config.publication_name) or []
    for problem in unpublished(config, wanted, has) + signal_table_problems(config, there, has):
        warn(problem.message)
    by_name = {found.name: found for found in there}
    chosen = await asyncio.to_thread(lambda: [one for one in has if config.selects(one.name)])
    return [(by_name[one.name], one) for one in chosen if one.name in by_name]


async def table_to_read(
    control: asyncpg.Connection, catalog: Catalog, config: CdcConfig, found: FoundTable, told: Published
) -> TableToRead | None:
    """Return a table as the first snapshot reads it; None where it is not to be read."""
    async with explained(f"looking at table {found.name}", config.target):
        table = await catalog.describe(control, found.oid)
    relation = relation_now(found.oid, found.name, found.identity, table, told.columns)

    def shaped() -> Shape | None:
        listed = config.snapshot_include_collection_list
        if listed and not config.matches("snapshot.include.collection.list", listed, str(found.name)):
            return None
        return Shape(relation, table, config)

    shape = await asyncio.to_thread(shaped)
    columns = [column.name for column in relation.columns]
    if shape is None or not columns:
        return None
    order = key_order(relation, table)
    kinds = [table.types[table.columns[name].type_oid].name for name in table.key] if order else []
    return TableToRead(found.name, shape, columns, order, kinds, not found.is_partitioned, told.filter)


def relation_now(
    oid: int, name: TableName, identity: str, table: CatalogTable, published_columns: Sequence[str] | None
) -> Relation:
    """Return a table as the stream would describe it now. `published_columns`: None for all."""
    in_identity = table.identity if identity == "i" else table.key
    columns = [
        RelationColumn(column.name, column.type_oid, column.modifier, column.name in in_identity)
        for column in table.columns.values()
        if not column.is_generated and (published_columns is None or column.name in published_columns)
    ]
    return Relation(oid, name.schema or "", name.name, identity, tuple(columns))


def key_order(relation: Relation, table: CatalogTable) -> KeyOrder | None:
    """Return how a table's key is ordered; None where Python does not order it as the server does."""
    if not table.has_primary_key:
        return None
    indexes = {column.name: index for index, column in enumerate(relation.columns)}
    kinds = []
    for name in table.key:
        column = table.columns.get(name)
        info = table.types.get(column.type_oid) if column else None
        if name not in indexes or info is None or info.name not in KEY_READERS or info.schema != "pg_catalog":
            return None
        assert column is not None, "its type is known"
        if info.name in ("text", "varchar") and not column.has_byte_order:
            return None
        kinds.append(KEY_READERS[info.name])
    return KeyOrder(tuple(indexes[name] for name in table.key), tuple(kinds))


def _roots(tables: Sequence[FoundTable]) -> list[TableName]:
    """Return what to name in a publication: partitions come with their table."""
    return [found.name for found in tables if not found.is_partition]


def _covered(name: TableName, there: Sequence[FoundTable], published_names: set[TableName]) -> bool:
    """Whether a partitioned table is in a publication by its partitions, which is how the server lists it."""
    found = next(one for one in there if one.name == name)
    return (
        found.is_partitioned
        and name not in published_names
        and any(one.is_partition and one.name in published_names for one in there)
    )
