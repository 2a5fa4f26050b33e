"""Chunks of an incremental snapshot: some rows of a table behind a key, with the snapshot of the server's they are of.

One read-only transaction for each, which first takes the table's lock that reading takes: so the snapshot shows the
table as it is described, and whatever alters or empties it is committed either in front of the snapshot or behind the
position that is noted at the end.

A condition is the user's SQL. It is prepared by itself, with and without parentheses around it, before it becomes part
of a statement: what is balanced, one expression and one statement stays so wherever it stands.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from connect_postgres.cdc.catalog import Catalog, CatalogTable
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.incremental_state import Target
from connect_postgres.cdc.lsn import parse_lsn
from connect_postgres.cdc.pgoutput import Relation
from connect_postgres.cdc.shapes import Shape
from connect_postgres.cdc.signals import refused
from connect_postgres.cdc.slots import Published
from connect_postgres.cdc.snapshots import BEGIN, SETTINGS
from connect_postgres.cdc.tables import relation_now
from connect_postgres.names import literal, quoted

if TYPE_CHECKING:
    import asyncpg

#: How long one chunk may take, and how long it waits for the table's lock, in seconds.
CHUNK_TIMEOUT_S: Final = 600
LOCK_TIMEOUT_S: Final = 10
#: Where a chunk ends though its rows are fewer than they might be.
CHUNK_BYTES: Final = 32 << 20
#: What a page of the write-ahead log begins with; where nothing else is in it, its beginning is as far as it goes.
_PAGE_BYTES: Final = 8192
_PAGE_HEADERS: Final = (24, 40)
_SNAPSHOT: Final = "SELECT {current}::text"
_LSN: Final = """
SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END)::text AS lsn,
       pg_is_in_recovery() AS is_standby
"""
_TABLE: Final = """
SELECT c.oid, c.relkind::text AS kind, c.relreplident::text AS identity,
       ARRAY(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
             AND a.attnum = ANY(i.indkey)
             WHERE i.indrelid = c.oid
             AND CASE c.relreplident WHEN 'i' THEN i.indisreplident WHEN 'd' THEN i.indisprimary END) AS identified_by
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')
"""
_IS_UNIQUE: Final = """
SELECT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
               WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
               AND i.indnkeyatts = 1 AND a.attname = $2)
"""


@dataclass(frozen=True, slots=True)
class Described:
    """A table as it was described in front of a chunk."""

    relation: Relation
    table: CatalogTable
    shape: Shape


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows.

    Attributes:
        text: As COPY writes them.
        snapshot: What shows in it, as pg_current_snapshot() prints it.
        lsn: All that shows was committed in front of it.
        identity: The columns of the replica identity, in the order of the relation's.
        key: The columns in whose order it was read.
        end: Their values as text in the last row that is to be read; None where there is no row at all.
        is_last: Whether no row follows.
    """

    target: Target
    described: Described
    text: bytes
    snapshot: str
    lsn: int
    identity: tuple[str, ...]
    key: tuple[str, ...]
    end: tuple[str, ...] | None
    is_last: bool


async def read_chunk(
    connection: asyncpg.Connection,
    config: CdcConfig,
    catalog: Catalog,
    target: Target,
    told: Published,
    known: Described | None,
    version: int,
) -> Chunk:
    """Read the next rows of a table.

    Args:
        told: The table as the publication has it.
        known: How it was described before.
        version: The server's.

    Raises:
        ConfigError: connector.signal_refused: it cannot be read in pieces.
        asyncpg.PostgresError: The server refuses it.
    """
    stop_waiting = asyncio.get_running_loop().call_later(CHUNK_TIMEOUT_S + 60, connection.terminate)
    try:
        async with _transaction(connection):
            return await _read(connection, config, catalog, target, told, known, version)
    finally:
        stop_waiting.cancel()


class _transaction:  # noqa: N801 - used as a statement
    """A read-only transaction, ended in any case; the driver's own would first ask what the session's default is."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def __aenter__(self) -> None:
        await self._connection.execute(BEGIN)

    async def __aexit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if error is None or isinstance(error, Exception):
            if not self._connection.is_closed():
                await self._connection.execute("ROLLBACK")
        else:
            self._connection.terminate()  # cancelled, maybe within a COPY


async def _read(
    connection: asyncpg.Connection,
    config: CdcConfig,
    catalog: Catalog,
    target: Target,
    told: Published,
    known: Described | None,
    version: int,
) -> Chunk:
    name = target.name
    await connection.execute(
        f"{SETTINGS}; SET LOCAL statement_timeout = '{CHUNK_TIMEOUT_S}s'; SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"
    )
    # In front of the first statement that takes a snapshot. Tables that inherit from it are none of its rows.
    await connection.execute(f"LOCK TABLE {name.sql} IN ACCESS SHARE MODE")
    current = "pg_current_snapshot()" if version >= 130_000 else "txid_current_snapshot()"
    snapshot = await connection.fetchval(_SNAPSHOT.format(current=current))
    row = await connection.fetchrow(_TABLE, name.schema, name.name)
    if row is None:
        raise refused(f"table {name} is not there any more, or no table any more")
    described, key = await _described(connection, config, catalog, target, told, known, row)
    relation, table = described.relation, described.table
    if target.key != key:
        target.begin_anew()
    source = f"{'' if row['kind'] == 'p' else 'ONLY '}{name.sql}"
    conditions = [f"({told.filter})"] if told.filter else []
    if target.condition is not None:
        await _check_condition(connection, source, target.condition)
        conditions.append(f"({target.condition}\n)")
    end = target.end
    if end is None:
        end = await _end(connection, source, key, conditions)
    text, is_last = b"", True
    if end is not None:
        listed = ", ".join(map(quoted, key))
        if target.last is not None:
            conditions.append(f"({listed}) > ({_values(table, key, target.last)})")
        conditions.append(f"({listed}) <= ({_values(table, key, end)})")
        columns = ", ".join(quoted(column.name) for column in relation.columns)
        limit = config.incremental_snapshot_chunk_size
        text, is_last = await _copy(
            connection,
            f"SELECT {columns} FROM {source} WHERE {' AND '.join(conditions)} ORDER BY {listed} LIMIT {limit}",  # noqa: S608
            limit,
        )
    place = await connection.fetchrow(_LSN)
    assert place is not None, "the statement gives one row"
    lsn = parse_lsn(place["lsn"])
    if place["is_standby"]:
        lsn += 1  # what is replayed just now may show already
    elif lsn % _PAGE_BYTES in _PAGE_HEADERS:
        lsn -= lsn % _PAGE_BYTES
    names = set(row["identified_by"])
    identity = tuple(c.name for c in relation.columns if row["identity"] == "f" or c.name in names)
    return Chunk(target, described, text, snapshot, lsn, identity, key, end, is_last)


async def _described(
    connection: asyncpg.Connection,
    config: CdcConfig,
    catalog: Catalog,
    target: Target,
    told: Published,
    known: Described | None,
    row: Any,
) -> tuple[Described, tuple[str, ...]]:
    """Describe a table, and say in which order it is read."""
    name = target.name
    table = await catalog.describe(connection, row["oid"])
    relation = relation_now(row["oid"], name, row["identity"], table, told.columns)
    here = {column.name for column in relation.columns}
    key = table.key
    if target.surrogate is not None:
        column = table.columns.get(target.surrogate)
        if column is None:
            raise refused(
                f"table {name} has no column {target.surrogate} for surrogate-key; it has {', '.join(table.columns)}"
            )
        if not column.not_null or not await connection.fetchval(_IS_UNIQUE, row["oid"], column.name):
            raise refused(
                f"column {column.name} of table {name} cannot be its surrogate-key: it has to be NOT NULL, with a "
                "UNIQUE index on it alone"
            )
        key = (column.name,)
    if not key:
        raise refused(
            f"table {name} has no primary key to read it in pieces by: name another column with surrogate-key, one "
            "that is NOT NULL and UNIQUE"
        )
    if missing := [column for column in key if column not in here]:
        raise refused(
            f"column {', '.join(missing)} of table {name}, in whose order it would be read, is not in publication "
            f"{config.publication_name}"
        )
    if known is not None and known.table == table and known.relation.is_like(relation):
        return known, key
    return Described(relation, table, await asyncio.to_thread(Shape, relation, table, config)), key


async def _check_condition(connection: asyncpg.Connection, source: str, condition: str) -> None:
    for text in (f"{condition}\n", f"({condition}\n)"):
        statement = await connection.prepare(f"SELECT 1 FROM {source} WHERE {text}")  # noqa: S608 - that is its purpose
        if statement.get_parameters():
            raise refused(f"the condition {condition!r} has parameters ($1); values are expected")


async def _end(
    connection: asyncpg.Connection, source: str, key: tuple[str, ...], conditions: list[str]
) -> tuple[str, ...] | None:
    """Return the key of the last row; None where there is no row."""
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    row = await connection.fetchrow(
        f"SELECT {', '.join(f'k.{quoted(name)}::text' for name in key)} FROM ("  # noqa: S608
        f"SELECT {', '.join(map(quoted, key))} FROM {source}{where} "
        f"ORDER BY {', '.join(f'{quoted(name)} DESC' for name in key)} LIMIT 1) AS k"
    )
    return None if row is None else tuple(row)


def _values(table: CatalogTable, key: tuple[str, ...], values: tuple[str, ...]) -> str:
    found = []
    for name, value in zip(key, values, strict=True):
        kind = table.types[table.columns[name].type_oid]
        found.append(f"{literal(value)}::{quoted(kind.schema)}.{quoted(kind.name)}")
    return ", ".join(found)


async def _copy(connection: asyncpg.Connection, sql: str, limit: int) -> tuple[bytes, bool]:
    """Return rows as COPY writes them, and whether there are no others behind them."""
    held = bytearray()
    is_cut = False

    async def take(data: bytes) -> None:
        nonlocal is_cut
        if is_cut:
            return  # read again, with the next chunk
        held.extend(data)
        if len(held) > CHUNK_BYTES and (end := held.rfind(b"\n") + 1):
            del held[end:]
            is_cut = True

    copy: Any = connection.copy_from_query  # the stubs take no coroutine
    await copy(sql, output=take)
    text = bytes(held)
    return text, not is_cut and text.count(b"\n") < limit
