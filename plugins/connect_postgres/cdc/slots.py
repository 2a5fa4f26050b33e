"""The server's side of change data capture: settings, the replication slot, and the publication.

    wal_level=logical ── the slot: how far we have come, and from where the server keeps its write-ahead log
                     └── the publication: which tables' changes are sent

A slot that is missing is made, and so is a publication where `publication.autocreate.mode` says so. What of it cannot
be, or is not as it should be, is told with the statement that mends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from connect.api import ConfigError, RetriableError, register_code
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.lsn import parse_lsn
from connect_postgres.cdc.replication import ReplicationStream
from connect_postgres.failures import explained
from connect_postgres.names import TableName, quoted

if TYPE_CHECKING:
    import asyncpg

WAL_LEVEL: Final = register_code(
    "postgres.wal_level",
    "The server writes too little into its write-ahead log for change data capture.",
    "Set wal_level=logical in the server's configuration (rds.logical_replication=1 on RDS) and restart it.",
)
SLOT: Final = register_code(
    "postgres.slot",
    "The replication slot cannot be used: another plugin's, another database's, or in use.",
    "Name another slot with slot.name, or free this one.",
)
SLOT_LOST: Final = register_code(
    "postgres.slot_lost",
    "The replication slot does not reach back to where the connector stopped: changes are lost.",
    "Take a snapshot anew with snapshot.mode=when_needed, or accept the gap with offset.mismatch.strategy=trust_slot.",
)
PUBLICATION: Final = register_code(
    "postgres.publication",
    "The publication is missing, or does not have the tables that are to be read.",
    "Make or alter the publication as the message says.",
)
#: From which version on pgoutput sends logical messages.
MESSAGES_VERSION: Final = 140_000
_SERVER: Final = """
SELECT current_setting('wal_level') AS wal_level, current_setting('server_version_num')::int AS version,
       pg_is_in_recovery() AS is_standby, current_database() AS database,
       (SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user) AS may_replicate,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
       current_user AS role, current_setting('max_replication_slots')::int AS slots_max,
       (SELECT count(*) FROM pg_replication_slots) AS slots,
       extract(epoch FROM current_setting('wal_sender_timeout')::interval) AS sender_timeout_s,
       coalesce(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn()
                                END, '0/0'), 0)::bigint AS wal_lsn
"""
_SLOT: Final = """
SELECT plugin, slot_type, database, active, active_pid, restart_lsn::text AS restart_lsn,
       confirmed_flush_lsn::text AS confirmed_lsn, to_jsonb(s)->>'wal_status' AS wal_status,
       to_jsonb(s)->>'invalidation_reason' AS reason, (to_jsonb(s)->>'conflicting')::bool AS conflicting,
       (to_jsonb(s)->>'safe_wal_size')::bigint AS safe_bytes,
       CASE WHEN restart_lsn IS NOT NULL THEN
           pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
                           restart_lsn)::bigint END AS held_bytes
FROM pg_replication_slots s WHERE slot_name = $1
"""
_ACTIVE: Final = "SELECT active FROM pg_replication_slots WHERE slot_name = $1"
_DROP: Final = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1"
#: How often, and how long in between, a slot that is to be dropped is looked at while its last reader ends. Seconds.
DROP_TRIES: Final = 20
DROP_WAIT_S: Final = 0.1
_PUBLICATION: Final = """
SELECT puballtables AS all_tables, pubinsert AS inserts, pubupdate AS updates, pubdelete AS deletes
FROM pg_publication WHERE pubname = $1
"""
_PUBLISHED: Final = """
SELECT schemaname AS schema, tablename AS name, to_jsonb(t)->'attnames' AS columns, to_jsonb(t)->>'rowfilter' AS filter
FROM pg_publication_tables t WHERE pubname = $1 ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The server, as far as it matters here. `version` is 160003 for 16.3, `wal_lsn` where its log ends."""

    wal_level: str
    version: int
    is_standby: bool
    database: str
    may_replicate: bool
    is_superuser: bool
    role: str
    slots_max: int
    slots: int
    sender_timeout_s: float
    wal_lsn: int


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot.

    Attributes:
        confirmed_lsn: Changes of transactions that were committed before are not sent any more.
        lost: Why the server has given it up; None where it has not.
        safe_bytes: How much may be written before the server gives it up; None without a limit.
        held_bytes: How much of the write-ahead log it keeps the server from removing.
    """

    name: str
    plugin: str | None
    kind: str
    database: str | None
    active_pid: int | None
    confirmed_lsn: int | None
    lost: str | None
    safe_bytes: int | None
    held_bytes: int | None


@dataclass(frozen=True, slots=True)
class Published:
    """A table as a publication has it. `columns`: None means all; `filter`: SQL, None means all rows."""

    name: TableName
    columns: tuple[str, ...] | None
    filter: str | None


@dataclass(frozen=True, slots=True)
class MadeSlot:
    """A slot that was just made: it begins at `lsn`, and `snapshot` shows exactly what was committed before."""

    lsn: int
    snapshot: str


async def look_at_server(connection: asyncpg.Connection) -> ServerInfo:
    """Ask the server what it is."""
    row = await connection.fetchrow(_SERVER)
    assert row is not None, "the statement gives one row"
    values: dict[str, Any] = dict(row)
    values["sender_timeout_s"] = float(values["sender_timeout_s"])
    return ServerInfo(**values)


def server_refusal(server: ServerInfo, config: CdcConfig) -> ConfigError | None:
    """Return what keeps this server from being read; None where nothing does."""
    if server.wal_level != "logical":
        return ConfigError(
            f"PostgreSQL at {config.target} has wal_level={server.wal_level}; change data capture needs logical",
            code=WAL_LEVEL,
            config_path="connection.url" if config.connection_url else "database.hostname",
        )
    if not server.may_replicate:
        return ConfigError(
            f"role {server.role} may not read the write-ahead log of PostgreSQL at {config.target}",
            code="postgres.refused",
            config_path="connection.user" if config.connection_url else "database.user",
            hint=f"Grant it: ALTER ROLE {quoted(server.role)} REPLICATION "
            f"(GRANT rds_replication TO {quoted(server.role)} on RDS).",
        )
    if server.is_standby and server.version < 160_000:
        return ConfigError(
            f"{config.target} is a standby of PostgreSQL {server.version // 10_000}, which has no logical slots",
            config_path="connection.url" if config.connection_url else "database.hostname",
            hint="Read from the primary: list the hosts with targetServerType=primary.",
        )
    if config.slot_failover and server.version < 170_000:
        return ConfigError(
            f"slot.failover=true needs PostgreSQL 17; {config.target} has {server.version // 10_000}",
            config_path="slot.failover",
            hint="Set slot.failover=false.",
        )
    return None


# -- the slot ------------------------------------------------------------------------------------------------------


async def find_slot(connection: asyncpg.Connection, name: str) -> Slot | None:
    """Look a slot up."""
    row = await connection.fetchrow(_SLOT, name)
    if row is None:
        return None
    lost = None
    if row["wal_status"] == "lost" or row["reason"]:
        lost = row["reason"] or "wal_removed"
    elif row["conflicting"]:
        lost = "it conflicted with recovery"
    confirmed = row["confirmed_lsn"]
    return Slot(
        name,
        row["plugin"],
        row["slot_type"],
        row["database"],
        row["active_pid"],
        parse_lsn(confirmed) if confirmed else None,
        lost,
        row["safe_bytes"],
        row["held_bytes"],
    )


def slot_refusal(slot: Slot, server: ServerInfo) -> ConfigError | None:
    """Return why a slot is not one for us, whoever uses it now; None where it is."""
    if slot.kind != "logical" or slot.plugin != "pgoutput":
        what = f"of plugin {slot.plugin}" if slot.kind == "logical" else "a physical one"
        return ConfigError(
            f"replication slot {slot.name} is {what}; one of pgoutput is expected",
            code=SLOT,
            config_path="slot.name",
            hint="Name another slot with slot.name; it is made where it is missing.",
        )
    if slot.database != server.database:
        return ConfigError(
            f"replication slot {slot.name} belongs to database {slot.database}, and not to {server.database}",
            code=SLOT,
            config_path="slot.name",
            hint="Name another slot with slot.name: each database needs its own.",
        )
    return None


def in_use(slot: Slot) -> RetriableError:
    """Return what is to be said of a slot that another session uses: it passes where that one ends."""
    return RetriableError(
        f"replication slot {slot.name} is in use by server process {slot.active_pid}",
        code=SLOT,
        hint="Stop the other reader, name another slot with slot.name, "
        f"or end that session: SELECT pg_terminate_backend({slot.active_pid}).",
    )


def lost(slot: Slot) -> ConfigError:
    """Return what is to be said of a slot that the server has given up."""
    return ConfigError(
        f"replication slot {slot.name} is lost ({slot.lost}): the server has removed write-ahead log that was not read",
        code=SLOT_LOST,
        config_path="slot.name",
        hint=f"Drop it (SELECT pg_drop_replication_slot('{slot.name}')) and start with snapshot.mode=when_needed; "
        "raise the server's max_slot_wal_keep_size.",
    )


async def make_slot(stream: ReplicationStream, config: CdcConfig, server: ServerInfo) -> MadeSlot:
    """Make the slot over a replication connection; its snapshot lives until the connection's next command.

    Waits for all transactions that are open in the whole server.

    Raises:
        RetriableError: They did not end in time.
        ConfigError: The server refuses it.
    """
    name = quoted(config.slot_name)
    options = "(SNAPSHOT 'export', FAILOVER true)" if config.slot_failover else "EXPORT_SNAPSHOT"
    command = f"CREATE_REPLICATION_SLOT {name} LOGICAL pgoutput {options}"
    try:
        async with explained(f"making replication slot {config.slot_name}", config.target):
            try:
                rows = await stream.query(command)
            except TimeoutError as error:
                raise RetriableError(
                    f"replication slot {config.slot_name} cannot be made on {config.target}: "
                    "transactions that are open do not end",
                    code=SLOT,
                    hint="End the oldest ones: SELECT pid, xact_start FROM pg_stat_activity ORDER BY xact_start.",
                ) from error
    except ConfigError as error:
        if server.slots >= server.slots_max:
            error.hint = (
                f"All {server.slots_max} slots of the server are taken: drop one that nobody needs, "
                "or raise max_replication_slots."
            )
        error.config_path = "slot.name"
        raise
    _, lsn, snapshot, _ = rows[0]
    assert lsn is not None
    assert snapshot is not None
    return MadeSlot(parse_lsn(lsn), snapshot)


async def drop_slot(connection: asyncpg.Connection, name: str) -> None:
    """Drop a slot if it is there. Its reader may be about to end: that is waited for a little."""
    for _ in range(DROP_TRIES):
        row = await connection.fetchrow(_ACTIVE, name)
        if row is None or not row["active"]:
            break
        await asyncio.sleep(DROP_WAIT_S)
    await connection.execute(_DROP, name)


# -- the publication -----------------------------------------------------------------------------------------------


async def published(connection: asyncpg.Connection, name: str) -> list[Published] | None:
    """Return the tables of a publication, sorted; None where there is no such publication."""
    if await connection.fetchrow(_PUBLICATION, name) is None:
        return None
    found = []
    for row in await connection.fetch(_PUBLISHED, name):
        columns = row["columns"]
        if isinstance(columns, str):
            import orjson

            columns = orjson.loads(columns)
        found.append(
            Published(TableName(row["name"], row["schema"]), tuple(columns) if columns else None, row["filter"])
        )
    return found


def no_publication(config: CdcConfig) -> ConfigError | None:
    """Return what is to be said where there is no publication, and none is to be made; None where one is."""
    if config.publication_autocreate_mode != "disabled":
        return None
    name = quoted(config.publication_name)
    return ConfigError(
        f"publication {config.publication_name} does not exist in {config.target}, "
        "and publication.autocreate.mode=disabled",
        code=PUBLICATION,
        config_path="publication.name",
        hint=f"Make it: CREATE PUBLICATION {name} FOR TABLE …; or set publication.autocreate.mode=filtered.",
    )


async def make_publication(
    connection: asyncpg.Connection, config: CdcConfig, server: ServerInfo, tables: Sequence[TableName]
) -> None:
    """Make the publication as `publication.autocreate.mode` says. `tables`: those that are read.

    Raises:
        ConfigError: It is not to be made, or the server refuses it.
    """
    mode, name = config.publication_autocreate_mode, quoted(config.publication_name)
    if (refusal := no_publication(config)) is not None:
        raise refusal
    what = {"all_tables": " FOR ALL TABLES", "no_tables": ""}.get(mode)
    if what is None:
        what = f" FOR TABLE {_listed(tables)}" if tables else ""
    root = " WITH (publish_via_partition_root = true)" if config.publish_via_partition_root else ""
    statement = f"CREATE PUBLICATION {name}{what}{root}"
    await _execute(connection, config, f"making publication {config.publication_name}", statement)


async def add_to_publication(connection: asyncpg.Connection, config: CdcConfig, tables: Sequence[TableName]) -> None:
    """Add tables to the publication.

    Raises:
        ConfigError: The server refuses it.
    """
    statement = f"ALTER PUBLICATION {quoted(config.publication_name)} ADD TABLE {_listed(tables)}"
    await _execute(connection, config, f"adding tables to publication {config.publication_name}", statement)


async def _execute(connection: asyncpg.Connection, config: CdcConfig, what: str, statement: str) -> None:
    try:
        async with explained(what, config.target):
            await connection.execute(statement)
    except ConfigError as error:
        error.hint = f"Grant the connector's user the right, or do it yourself: {statement}"
        error.config_path = "publication.name"
        raise


def _listed(tables: Iterable[TableName]) -> str:
    # ONLY would leave out partitions of a partitioned table that is published by its root.
    return ", ".join(table.sql for table in tables)
