"""What the catalog says of tables and columns."""

from __future__ import annotations

import pytest

from connect_postgres.catalog import ColumnInfo, describe_table, find_tables
from connect_postgres.names import TableName

from .conftest import Database

pytestmark = pytest.mark.postgres


async def test_a_tables_columns_come_in_order_with_their_types_and_what_the_server_does_with_them(
    database: Database,
) -> None:
    await database.execute(
        "CREATE DOMAIN cents AS numeric(9,2) CHECK (VALUE >= 0)",
        "CREATE DOMAIN price AS cents",
        'CREATE TABLE "Odd, name" (id bigint GENERATED ALWAYS AS IDENTITY, code character(3) NOT NULL, gone int, '
        'tags text[], cost price, twice int GENERATED ALWAYS AS (2) STORED, "at" timestamp(3) with time zone)',
        'ALTER TABLE "Odd, name" DROP COLUMN gone',
    )
    table = await describe_table(database.connection, TableName("Odd, name"))
    assert table is not None
    assert (table.name, table.takes_copy) == (TableName("Odd, name", "public"), True)
    assert table.columns == (
        ColumnInfo("id", "bigint", "bigint", not_null=True, identity_always=True, has_default=True, is_numbered=True),
        ColumnInfo("code", "character", "character(3)", not_null=True, modifier=7),
        ColumnInfo("tags", "text[]", "text[]"),
        ColumnInfo("cost", "numeric", "price", modifier=(9 << 16 | 2) + 4, is_domain=True),
        ColumnInfo("twice", "integer", "integer", generated=True, has_default=True),
        ColumnInfo("at", "timestamp with time zone", "timestamp(3) with time zone", modifier=3),
    )
    assert table.column("cost") is table.columns[3]
    assert table.column("Cost") is None
    assert table.column_names == ["id", "code", "tags", "cost", "twice", "at"]


async def test_the_kind_of_a_table_and_which_columns_have_a_value_of_their_own_are_known(database: Database) -> None:
    await database.execute(
        "CREATE DOMAIN coloured AS text DEFAULT 'red'",
        "CREATE TABLE orders (a int, b int DEFAULT 1, c coloured, d serial) PARTITION BY LIST (a)",
        "CREATE TABLE part PARTITION OF orders DEFAULT",
        "CREATE VIEW seen AS SELECT * FROM orders",
        "CREATE MATERIALIZED VIEW kept AS SELECT * FROM orders",
        "CREATE SEQUENCE numbers",
    )
    names = ("orders", "part", "seen", "kept", "numbers")
    found = {name: await describe_table(database.connection, TableName(name)) for name in names}
    kinds = [table.kind for table in found.values() if table is not None]
    assert kinds == ["PARTITIONED TABLE", "TABLE", "VIEW", "MATERIALIZED VIEW", ""]
    orders = found["orders"]
    assert orders is not None
    assert [column.has_default for column in orders.columns] == [False, True, True, True]


async def test_a_view_and_a_table_with_policies_or_rules_in_force_take_no_copy(database: Database) -> None:
    await database.execute(
        "CREATE TABLE orders (id int)",
        "CREATE VIEW seen AS SELECT id FROM orders",
        "CREATE TABLE guarded (id int)",
        "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE guarded FORCE ROW LEVEL SECURITY",
        "CREATE TABLE plain (id int)",
        "CREATE TABLE ruled (id int)",
        "CREATE RULE kept AS ON INSERT TO ruled DO ALSO INSERT INTO plain VALUES (NEW.id)",
        "CREATE TABLE changed (id int)",
        "CREATE RULE kept AS ON UPDATE TO changed DO ALSO INSERT INTO plain VALUES (NEW.id)",
    )
    names = ("seen", "guarded", "plain", "ruled", "changed")
    async with database.connection.transaction():
        await database.execute(
            "CREATE ROLE nobody_special", "GRANT ALL ON ALL TABLES IN SCHEMA public TO nobody_special"
        )
        await database.execute("SET LOCAL ROLE nobody_special")
        found = {name: await describe_table(database.connection, TableName(name)) for name in names}
        await database.execute("RESET ROLE", "DROP OWNED BY nobody_special", "DROP ROLE nobody_special")
    assert {name: table.takes_copy for name, table in found.items() if table} == {
        "seen": False,
        "guarded": False,
        "plain": True,
        "ruled": False,
        "changed": True,
    }
    assert await describe_table(database.connection, TableName("missing")) is None


async def test_what_is_said_of_a_row_may_wait_for_others_where_something_is_deferrable(database: Database) -> None:
    await database.execute(
        "CREATE TABLE plain (id int UNIQUE CHECK (id > 0))",
        "CREATE TABLE ranks (id int UNIQUE DEFERRABLE)",
        "CREATE TABLE parts (id int UNIQUE DEFERRABLE) PARTITION BY LIST (id)",
        "CREATE VIEW seen AS SELECT id FROM ranks",
    )
    names = ("plain", "ranks", "parts", "seen")
    found = [await describe_table(database.connection, TableName(name)) for name in names]
    assert [table is not None and table.may_wait for table in found] == [False, True, True, True]


async def test_tables_are_found_by_kind_and_schema_without_partitions_and_the_servers_own(database: Database) -> None:
    await database.execute(
        "CREATE TABLE b (id int)",
        "CREATE TABLE parts (id int) PARTITION BY LIST (id)",
        "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1)",
        "CREATE VIEW seen AS SELECT id FROM b",
        "CREATE SCHEMA sales_1",
        "CREATE TABLE sales_1.a (id int)",
    )
    find = database.connection
    assert [str(one) for one in await find_tables(find, ["TABLE"], None)] == ["public.b", "public.parts", "sales_1.a"]
    assert [str(one) for one in await find_tables(find, ["PARTITIONED TABLE"], None)] == ["public.parts"]
    assert [str(one) for one in await find_tables(find, ["VIEW", "TABLE"], "sales%")] == ["sales_1.a"]
    assert [str(one) for one in await find_tables(find, ["VIEW"], "public")] == ["public.seen"]


def test_a_type_whose_name_alone_means_a_length_of_one_has_another_for_a_cast() -> None:
    bare = {
        kind: ColumnInfo("a", kind, kind).bare_type for kind in ("character", "character[]", "bit", "text", "numeric")
    }
    assert bare == {
        "character": "bpchar",
        "character[]": "bpchar[]",
        "bit": 'pg_catalog."bit"',
        "text": "text",
        "numeric": "numeric",
    }
