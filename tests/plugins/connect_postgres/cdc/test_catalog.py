"""What the catalog adds to what the stream tells."""

from __future__ import annotations

import pytest

from connect_postgres.cdc.catalog import Catalog, CatalogTable, all_tables

from ..conftest import Database

pytestmark = pytest.mark.postgres


async def described(database: Database, table: str) -> CatalogTable:
    oid = await database.connection.fetchval("SELECT $1::regclass::oid", table)
    return await Catalog().describe(database.connection, oid)


async def test_the_key_is_the_primary_keys_columns_in_its_order(database: Database) -> None:
    await database.execute("CREATE TABLE t (a int, b int, c int NOT NULL, PRIMARY KEY (b, a))")
    table = await described(database, "t")
    assert (table.key, table.has_primary_key) == (("b", "a"), True)
    assert [name for name, column in table.columns.items() if column.not_null] == ["a", "b", "c"]


async def test_without_one_it_is_the_replica_identitys_index(database: Database) -> None:
    await database.execute(
        "CREATE TABLE t (a int NOT NULL, b int)",
        "CREATE UNIQUE INDEX i ON t (a) INCLUDE (b)",
        "ALTER TABLE t REPLICA IDENTITY USING INDEX i",
    )
    table = await described(database, "t")
    assert (table.key, table.has_primary_key, table.identity) == (("a",), False, ("a",))
    await database.execute("ALTER TABLE t ADD PRIMARY KEY (b)")
    table = await described(database, "t")
    assert (table.key, table.has_primary_key, table.identity) == (("b",), True, ("a",))


async def test_types_come_with_what_they_are_made_of(database: Database) -> None:
    await database.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')", "CREATE DOMAIN moods AS mood[]", "CREATE TABLE t (c moods)"
    )
    table = await described(database, "t")
    assert {info.name for info in table.types.values()} == {"moods", "_mood", "mood"}


async def test_a_vector_of_numbers_is_no_array_and_a_partition_has_the_dimensions_of_its_table(
    database: Database,
) -> None:
    await database.execute(
        "CREATE TABLE t (id int, v int2vector, w oidvector, p point, a int[][]) PARTITION BY RANGE (id)",
        "CREATE TABLE rest PARTITION OF t DEFAULT PARTITION BY RANGE (id)",
        "CREATE TABLE last PARTITION OF rest DEFAULT",
    )
    table = await described(database, "last")
    assert {info.name for info in table.types.values() if info.item_oid} == {"_int4"}
    assert table.columns["a"].dimensions == 2


async def test_labels_that_an_enum_got_since_are_seen(database: Database) -> None:
    await database.execute("CREATE TYPE mood AS ENUM ('sad')", "CREATE TABLE t (c mood)")
    oid = await database.connection.fetchval("SELECT 't'::regclass::oid")
    catalog = Catalog()
    await catalog.describe(database.connection, oid)
    await database.execute("ALTER TYPE mood ADD VALUE 'ok'")
    table = await catalog.describe(database.connection, oid)
    assert [info.labels for info in table.types.values()] == [("sad", "ok")]


async def test_a_table_that_is_gone_has_no_columns(database: Database) -> None:
    assert await Catalog().describe(database.connection, 1) == CatalogTable({}, (), False, {})


async def test_tables_are_found_with_what_matters_of_them(database: Database) -> None:
    await database.execute(
        "CREATE TABLE b (id int PRIMARY KEY)",
        "CREATE TABLE a (id int) PARTITION BY RANGE (id)",
        "CREATE TABLE a1 PARTITION OF a DEFAULT",
        "CREATE UNLOGGED TABLE u (id int)",
        "CREATE VIEW v AS SELECT 1",
        "ALTER TABLE b REPLICA IDENTITY FULL",
        "CREATE TABLE c (id int PRIMARY KEY DEFERRABLE)",
    )
    found = await all_tables(database.connection)
    assert [(t.name.name, t.is_partitioned, t.is_partition, t.identity, t.has_key) for t in found] == [
        ("a", True, False, "d", False),
        ("a1", False, True, "d", False),
        ("b", False, False, "f", True),
        ("c", False, False, "d", False),
    ]
    assert all(table.may_select and table.is_owned for table in found)


async def test_only_texts_that_are_ordered_by_their_bytes_say_so(database: Database) -> None:
    await database.execute('CREATE TABLE t (a text COLLATE "C", n int)')
    columns = (await described(database, "t")).columns
    assert (columns["a"].has_byte_order, columns["n"].has_byte_order) == (True, False)
