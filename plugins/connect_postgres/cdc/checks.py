"""`Connector.check` for change data capture: the server, the slot, the publication, and each table that is read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from connect.api import ConfigError, Problem
from connect_postgres.cdc.catalog import FoundTable, all_tables
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.slots import (
    Published,
    ServerInfo,
    Slot,
    find_slot,
    look_at_server,
    lost,
    published,
    server_refusal,
    slot_refusal,
)
from connect_postgres.failures import explained, problem_of
from connect_postgres.names import quoted

if TYPE_CHECKING:
    import asyncpg

#: A pattern that is the name of one table: letters, digits, and dots that may be escaped.
_ONE_NAME: Final = re.compile(r"\w+\\?\.\w+")


async def problems(connection: asyncpg.Connection, config: CdcConfig) -> list[Problem]:
    """Return what would keep the connector from its work, or part of it, with what mends it."""
    async with explained("looking at the server", config.target):
        server = await look_at_server(connection)
        slot = await find_slot(connection, config.slot_name)
        there = await all_tables(connection)
        has = await published(connection, config.publication_name)
    found = server_problems(config, server, slot)
    wanted = await asyncio.to_thread(lambda: [table for table in there if config.selects(table.name)])
    found += await asyncio.to_thread(missing_tables, config, there)
    if has is None:
        found += publication_problems(config, server, wanted)
    else:
        found += unpublished(config, wanted, has)
    found += signal_table_problems(config, there, has)
    return found + [problem_of(refusal) for refusal in table_refusals(config, wanted)]


def server_problems(config: CdcConfig, server: ServerInfo, slot: Slot | None) -> list[Problem]:
    """Return what is wrong with the server, and with the slot if there is one."""
    refusals = [server_refusal(server, config)]
    if slot is not None:
        refusals.append(slot_refusal(slot, server) or (lost(slot) if slot.lost else None))
    elif server.slots >= server.slots_max:
        refusals.append(
            ConfigError(
                f"slot {config.slot_name} is missing and cannot be made: all {server.slots_max} slots of "
                f"{config.target} are taken",
                config_path="slot.name",
                hint="Drop one that nobody needs, or raise max_replication_slots.",
            )
        )
    return [problem_of(refusal) for refusal in refusals if refusal is not None]


def missing_tables(config: CdcConfig, there: Sequence[FoundTable]) -> list[Problem]:
    """Return which names of table.include.list stand for no table. May take as long as its patterns may."""
    names = [str(table.name) for table in there]
    absent = [
        pattern
        for pattern in config.table_include_list
        if _ONE_NAME.fullmatch(pattern) and not any(config.matches("table.include.list", [pattern], n) for n in names)
    ]
    if not absent:
        return []
    known = ", ".join(names[:20]) or "none"
    return [
        Problem(
            "table.include.list",
            f"table {', '.join(absent)} does not exist in {config.target}; there are {known}. "
            "Correct table.include.list: names are SCHEMA.TABLE",
        )
    ]


def publication_problems(config: CdcConfig, server: ServerInfo, wanted: Sequence[FoundTable]) -> list[Problem]:
    """Return why a publication that is missing cannot be made."""
    mode, name = config.publication_autocreate_mode, config.publication_name
    if mode == "disabled":
        return [
            Problem(
                "publication.name",
                f"publication {name} does not exist in {config.target}, and publication.autocreate.mode=disabled: "
                f"make it with CREATE PUBLICATION {quoted(name)} FOR TABLE …",
            )
        ]
    if mode == "all_tables" and not server.is_superuser:
        return [
            Problem(
                "publication.autocreate.mode",
                f"publication {name} cannot be made for all tables by role {server.role}, which is no superuser: set "
                "publication.autocreate.mode=filtered and let the role own the tables, or have a superuser run "
                f"CREATE PUBLICATION {quoted(name)} FOR ALL TABLES",
            )
        ]
    foreign = [str(table.name) for table in wanted if not table.is_owned] if mode == "filtered" else []
    if foreign and not server.is_superuser:
        return [
            Problem(
                "publication.autocreate.mode",
                f"publication {name} cannot be made by role {server.role}, which does not own {', '.join(foreign)}: "
                f"have their owner run CREATE PUBLICATION {quoted(name)} FOR TABLE …",
            )
        ]
    return []


def unpublished(config: CdcConfig, wanted: Sequence[FoundTable], has: Sequence[Published]) -> list[Problem]:
    """Return which tables are to be read and are not in the publication."""
    if config.publication_autocreate_mode == "filtered" or not config.table_include_list:
        return []  # they are added, or whatever is published is what is read
    names = {one.name for one in has}
    roots = {table.name for table in wanted if table.is_partitioned}
    missing = [
        table.name
        for table in wanted
        if table.name not in names and not table.is_partition and not (table.name in roots and names)
    ]
    if not missing:
        return []
    listed = ", ".join(name.sql for name in missing)
    return [
        Problem(
            "publication.name",
            f"publication {config.publication_name} does not have table {', '.join(map(str, missing))}: run "
            f"ALTER PUBLICATION {quoted(config.publication_name)} ADD TABLE {listed}, "
            "or set publication.autocreate.mode=filtered",
        )
    ]


def signal_table_problems(
    config: CdcConfig, there: Sequence[FoundTable], has: Sequence[Published] | None
) -> list[Problem]:
    """Return what is wrong with the table of signals. `has`: None where the publication is still to be made."""
    name = config.signal_data_collection
    if not name or not config.takes_signals:
        return []
    found = next((table for table in there if config.is_signal_table(table.name)), None)
    if found is None:
        told = (
            f"table {name} of signals does not exist in {config.target}: make it with CREATE TABLE {name} "
            "(id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048) NULL)"
        )
        return [Problem("signal.data.collection", told)]
    if has is None or config.publication_autocreate_mode == "filtered" or found.name in {one.name for one in has}:
        return []
    told = (
        f"publication {config.publication_name} does not have table {name} of signals: run "
        f"ALTER PUBLICATION {quoted(config.publication_name)} ADD TABLE {found.name.sql}"
    )
    return [Problem("signal.data.collection", told)]


def table_refusals(config: CdcConfig, wanted: Sequence[FoundTable]) -> list[ConfigError]:
    """Return what is wrong with tables that are read: no replica identity, or no right to read them first."""
    found = []
    for table in wanted:
        if table.is_partitioned:
            continue
        if table.identity == "n" or (table.identity == "d" and not table.has_key):
            found.append(
                ConfigError(
                    f"table {table.name} has no replica identity: PostgreSQL refuses every UPDATE and DELETE of it "
                    "while it is published; a deferrable primary key is none",
                    config_path="table.include.list",
                    hint=f"Give it a primary key, or run ALTER TABLE {table.name.sql} REPLICA IDENTITY FULL; "
                    "or leave it out with table.exclude.list and publication.autocreate.mode=filtered.",
                )
            )
        if not table.may_select and config.snapshot_mode.lower() not in ("never", "no_data"):
            found.append(
                ConfigError(
                    f"table {table.name} cannot be read first: the connector's role may not SELECT from it",
                    config_path="table.include.list",
                    hint=f"Run GRANT SELECT ON {table.name.sql} TO the role, or set snapshot.mode=no_data.",
                )
            )
    return found
