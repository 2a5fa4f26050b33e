"""What check says before a start, each with the statement that mends it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from connect.api import ConfigError
from connect_postgres import PostgresCdcSource
from tests.support.tasks import connector

from ..conftest import Database
from .conftest import keys_of

pytestmark = pytest.mark.postgres


async def said(database: Database, **keys: str) -> list[tuple[str, str]]:
    made = await connector(PostgresCdcSource, keys_of(database.url, **keys))
    return [(problem.key, problem.message) for problem in await made.check()]


@pytest.fixture
async def role(database: Database) -> AsyncIterator[str]:
    """A role that may replicate, and nothing else."""
    await database.execute("DROP ROLE IF EXISTS checker", "CREATE ROLE checker LOGIN REPLICATION")
    yield "checker"
    await database.execute("DROP OWNED BY checker", "DROP ROLE checker")


async def test_all_is_well_with_a_table_that_has_a_key(database: Database) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    assert await said(database, table_include_list="public.t") == []
    assert await database.rows("SELECT count(*) FROM pg_publication") == [(0,)], "a check makes nothing"


async def test_a_missing_database_is_told_by_the_key_that_named_it(database: Database) -> None:
    by_parts = keys_of(database.url) | {"database.dbname": "nowhere"}
    by_url = {"connection.url": database.url + "_nowhere", "topic.prefix": "p"}
    for keys, key in ((by_parts, "database.dbname"), (by_url, "connection.url")):
        with pytest.raises(ConfigError, match="does not exist") as raised:
            await (await connector(PostgresCdcSource, keys)).check()
        assert (raised.value.config_path, key in (raised.value.hint or "")) == (key, True)


async def test_a_table_that_is_missing_is_named_with_those_that_are_there(database: Database) -> None:
    await database.execute("CREATE TABLE orders (id int PRIMARY KEY)")
    [(key, message)] = await said(database, table_include_list="public.order,public.ord.*")
    assert key == "table.include.list"
    assert "table public.order does not exist" in message
    assert "there are public.orders" in message


async def test_a_table_without_replica_identity_is_named(database: Database) -> None:
    await database.execute("CREATE TABLE t (id int)", "CREATE TABLE full_one (id int)")
    await database.execute("ALTER TABLE full_one REPLICA IDENTITY FULL")
    [(_, message)] = await said(database)
    assert "table public.t has no replica identity" in message
    assert 'ALTER TABLE "public"."t" REPLICA IDENTITY FULL' in message


async def test_a_publication_that_lacks_a_table_is_told(database: Database) -> None:
    await database.execute(
        "CREATE TABLE a (id int PRIMARY KEY)",
        "CREATE TABLE b (id int PRIMARY KEY)",
        "CREATE PUBLICATION pub FOR TABLE a",
    )
    [(key, message)] = await said(database, table_include_list="public.a,public.b")
    assert key == "publication.name"
    assert 'ALTER PUBLICATION "pub" ADD TABLE "public"."b"' in message
    assert await said(database, table_include_list="public.*", publication_autocreate_mode="filtered") == []


async def test_a_publication_that_cannot_be_made_is_told(database: Database, role: str) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", f"GRANT SELECT ON t TO {role}")
    [(key, message)] = await said(database, database_user=role)
    assert (key, "CREATE PUBLICATION" in message) == ("publication.autocreate.mode", True)
    [(_, message)] = await said(database, database_user=role, publication_autocreate_mode="filtered")
    assert "does not own public.t" in message
    [(key, _)] = await said(database, publication_autocreate_mode="disabled")
    assert key == "publication.name"


async def test_a_table_that_may_not_be_read_is_named(database: Database, role: str) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY)", "CREATE PUBLICATION pub FOR TABLE t")
    [(_, message)] = await said(database, database_user=role)
    assert 'GRANT SELECT ON "public"."t"' in message
    assert await said(database, database_user=role, snapshot_mode="no_data") == []


async def test_a_role_that_may_not_replicate_is_told(database: Database, role: str) -> None:
    await database.execute(f"ALTER ROLE {role} NOREPLICATION", "CREATE PUBLICATION pub")
    [(key, message)] = await said(database, database_user=role)
    assert (key, 'ALTER ROLE "checker" REPLICATION' in message) == ("database.user", True)


async def test_a_slot_of_another_database_is_told(database: Database, slot: str) -> None:
    other = database.url.rpartition("/")[0] + "/postgres"
    elsewhere = await asyncpg.connect(other)
    await elsewhere.execute(f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")
    try:
        [(key, message)] = await said(database)
        assert (key, "belongs to database postgres" in message) == ("slot.name", True)
    finally:
        await elsewhere.execute(f"SELECT pg_drop_replication_slot('{slot}')")
        await elsewhere.close()


async def test_failover_slots_need_a_server_that_has_them(database: Database) -> None:
    version = await database.connection.fetchval("SELECT current_setting('server_version_num')::int")
    found = await said(database, slot_failover="true")
    assert [key for key, _ in found] == (["slot.failover"] if version < 170_000 else [])
