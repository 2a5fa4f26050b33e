"""Slots and publications on a real server."""

from __future__ import annotations

import pytest

from connect.api import ConfigError, RetriableError
from connect_postgres.cdc.config import CdcConfig
from connect_postgres.cdc.slots import (
    add_to_publication,
    drop_slot,
    find_slot,
    in_use,
    look_at_server,
    make_publication,
    published,
    server_refusal,
    slot_refusal,
)
from connect_postgres.names import TableName

from ..conftest import Database
from .conftest import keys_of

pytestmark = pytest.mark.postgres


def config(database: Database, **keys: str) -> CdcConfig:
    return CdcConfig.parse(keys_of(database.url, **keys))


async def test_a_slot_is_found_with_its_place(database: Database, slot: str) -> None:
    assert await find_slot(database.connection, slot) is None
    await database.execute(f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")
    found = await find_slot(database.connection, slot)
    assert found is not None
    assert (found.plugin, found.kind, found.database, found.active_pid, found.lost) == (
        "pgoutput",
        "logical",
        slot,
        None,
        None,
    )
    assert found.confirmed_lsn is not None
    assert found.held_bytes is not None
    assert slot_refusal(found, await look_at_server(database.connection)) is None
    await drop_slot(database.connection, slot)
    await drop_slot(database.connection, slot)
    assert await find_slot(database.connection, slot) is None


async def test_a_slot_in_use_passes_where_its_reader_ends(database: Database, slot: str) -> None:
    await database.execute(f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")
    found = await find_slot(database.connection, slot)
    assert found is not None
    assert isinstance(in_use(found), RetriableError)


async def test_the_server_is_fit(database: Database) -> None:
    server = await look_at_server(database.connection)
    assert (server.wal_level, server.is_standby, server.may_replicate) == ("logical", False, True)
    assert server_refusal(server, config(database)) is None


@pytest.mark.parametrize(("mode", "tables"), [("all_tables", ["a", "b"]), ("filtered", ["a"]), ("no_tables", [])])
async def test_a_publication_is_made_as_it_is_asked_for(database: Database, mode: str, tables: list[str]) -> None:
    await database.execute("CREATE TABLE a (id int PRIMARY KEY)", "CREATE TABLE b (id int PRIMARY KEY)")
    connection, asked = database.connection, config(database, publication_autocreate_mode=mode)
    server = await look_at_server(connection)
    assert await published(connection, "pub") is None
    await make_publication(connection, asked, server, [TableName("a", "public")])
    found = await published(connection, "pub")
    assert found is not None
    assert [one.name.name for one in found] == tables


async def test_tables_are_added_to_a_publication(database: Database) -> None:
    await database.execute("CREATE TABLE a (id int)", "CREATE TABLE b (id int)", "CREATE PUBLICATION pub FOR TABLE a")
    await add_to_publication(database.connection, config(database), [TableName("b", "public")])
    found = await published(database.connection, "pub")
    assert found is not None
    assert [str(one.name) for one in found] == ["public.a", "public.b"]


async def test_what_a_publication_leaves_out_is_seen(database: Database) -> None:
    await database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a text, b text)",
        "CREATE PUBLICATION pub FOR TABLE t (id, a) WHERE (id > 5)",
    )
    found = await published(database.connection, "pub")
    assert found is not None
    assert (found[0].columns, found[0].filter) == (("id", "a"), "(id > 5)")


async def test_one_that_is_refused_tells_the_statement(database: Database) -> None:
    with pytest.raises(ConfigError) as caught:
        await add_to_publication(database.connection, config(database), [TableName("nothere", "public")])
    assert "ALTER PUBLICATION" in str(caught.value.hint)
