"""`check` of the sink: what is wrong with its tables, told with the mend before a record is written."""

from __future__ import annotations

import logging

import pytest

from connect.runtime.model import PluginKind
from connect.runtime.plugins import PluginDesc
from connect.runtime.validation.checking import check
from connect_postgres import JdbcSinkConnector
from tests.support.tasks import call, connector

from .conftest import Database

pytestmark = pytest.mark.postgres
SINK = PluginDesc(JdbcSinkConnector, PluginKind.SINK, "test")
TABLE = "CREATE TABLE orders (id bigint PRIMARY KEY, note text, changed timestamp)"
UPSERT = {"insert_mode": "upsert", "pk_mode": "record_value", "pk_fields": "id"}
UPDATE = {**UPSERT, "insert_mode": "update"}
DELETE = {**UPSERT, "pk_mode": "record_key", "delete_enabled": "true"}
KAFKA = {**UPSERT, "pk_mode": "kafka", "pk_fields": ""}


async def told(database: Database, **keys: str) -> list[tuple[str, str]]:
    config = {"name": "c", "connection.url": database.url, "topics": "orders"}
    found = await check(SINK, {**config, **{name.replace("_", "."): value for name, value in keys.items()}})
    return [(warning.key, warning.message) for warning in found]


@pytest.mark.parametrize("keys", [{}, UPSERT, UPDATE, DELETE, {"auto_evolve": "true"}, {"fields_whitelist": "id,note"}])
async def test_a_table_that_takes_what_is_written_is_fine(database: Database, keys: dict[str, str]) -> None:
    await database.execute(TABLE)
    assert await told(database, **keys) == []
    assert await told(database, **keys, delivery_guarantee="exactly-once") == []


@pytest.mark.parametrize(
    ("made", "keys", "key", "about"),
    [
        ("TABLE other (id int)", {}, "table.name.format", "table orders does not exist"),
        ('TABLE "Orders" (id int)', {}, "table.name.format", "there is public.Orders (names are compared with case)"),
        (
            "TABLE other (id int)",
            {"transforms": "route"},
            "table.name.format",
            "The connector's transforms may give topic orders another name",
        ),
        ("TABLE order_s (id int)", {}, "table.name.format", "there is public.order_s"),
        ("TABLE x (a int)", {"table_name_format": "a.b.c.d"}, "table.name.format", "TABLE or SCHEMA.TABLE"),
        ("TABLE x (a int)", {"table_name_format": "n" * 64}, "table.name.format", "it has 64 bytes"),
        ("TABLE x (a int)", {"table_name_format": "no.t", "auto_create": "true"}, "auto.create", "no schema no"),
        (
            TABLE[7:],
            {**UPSERT, "pk_fields": "id,region"},
            "pk.fields",
            "has no column region; it has id, note, changed",
        ),
        (TABLE[7:], KAFKA, "pk.fields", "has no column __connect_topic"),
        (TABLE[7:], {"fields_whitelist": "ID,note"}, "fields.whitelist", "has no column ID; it has id, note"),
        ("TABLE orders (id int)", UPSERT, "pk.fields", "there is none: ALTER TABLE"),
        (
            "TABLE orders (id int, b int, UNIQUE (id, b))",
            UPSERT,
            "pk.fields",
            "exactly (id) of public.orders; there are (id, b)",
        ),
        (
            "TABLE orders (id int UNIQUE DEFERRABLE)",
            UPSERT,
            "pk.fields",
            "(id) (partial, deferrable or of expressions)",
        ),
        (
            "TABLE orders (id int, g int GENERATED ALWAYS AS (id) STORED UNIQUE)",
            {**UPSERT, "pk_fields": "g"},
            "pk.fields",
            "is computed by the server",
        ),
        (
            "TABLE orders (id int, must text NOT NULL, d int NOT NULL DEFAULT 1)",
            {"fields_whitelist": "id"},
            "fields.whitelist",
            "column must of table public.orders is NOT NULL, has no default, and is not written",
        ),
        (
            "TABLE orders (doc int)",
            {"json_value_column_name": "doc"},
            "json.value.column.name",
            "is integer, and takes no JSON",
        ),
        ("TABLE orders (id int)", {"json_value_column_name": "doc"}, "json.value.column.name", "has no column doc"),
        (
            "TABLE orders (id int) PARTITION BY LIST (id)",
            {},
            "table.name.format",
            "has no partition, so it takes no row",
        ),
        ("MATERIALIZED VIEW orders AS SELECT 1 AS id", {}, "table.name.format", "nothing can be written into it"),
        ("VIEW orders AS SELECT 1 AS id", {}, "table.name.format", "view public.orders takes no INSERT"),
        ("VIEW orders AS SELECT 1 AS id", {"table_types": "TABLE"}, "table.types", "Add VIEW to table.types"),
    ],
)
async def test_what_does_not_go_together_is_told_with_its_key_and_the_mend(
    database: Database, made: str, keys: dict[str, str], key: str, about: str
) -> None:
    await database.execute(f"CREATE {made}")
    [(found, message)] = await told(database, **keys)
    assert found == key
    assert about in message


async def test_rules_and_upsert_do_not_go_together_and_rules_and_insert_do(database: Database) -> None:
    await database.execute(
        TABLE, "CREATE TABLE log (id bigint)", "CREATE RULE r AS ON UPDATE TO orders DO ALSO INSERT INTO log VALUES (1)"
    )
    assert await told(database) == []
    [(key, message)] = await told(database, **UPSERT)
    assert key == "insert.mode"
    assert "takes no ON CONFLICT" in message


@pytest.mark.parametrize(
    ("keys", "right"),
    [
        ({}, "INSERT"),
        (UPSERT, "INSERT, UPDATE, SELECT"),
        (UPDATE, "UPDATE, SELECT"),
        (DELETE, "INSERT, UPDATE, SELECT, DELETE"),
    ],
)
async def test_rights_that_are_lacking_are_told_as_the_statement_that_gives_them(
    database: Database, keys: dict[str, str], right: str
) -> None:
    role = f"bounded_{database.url.rpartition('_')[2]}"
    await database.execute(TABLE, f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    try:
        [(key, message)] = await told(database, connection_user=role, connection_password="x", **keys)
        assert key == "connection.user"
        assert message.endswith(f'GRANT {right} ON "public"."orders" TO {role}')
        await database.execute(message[message.index("GRANT") :])
        assert await told(database, connection_user=role, connection_password="x", **keys) == []
        [(key, message)] = await told(
            database, connection_user=role, connection_password="x", **keys, auto_evolve="true"
        )
        assert key == "auto.evolve"
        assert "by its owner alone" in message
    finally:
        await database.execute(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


async def test_a_role_that_may_not_make_tables_is_told_so_for_rows_offsets_and_staging(database: Database) -> None:
    role, name = f"bounded_{database.url.rpartition('_')[2]}", database.url.rpartition("/")[2]
    await database.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD 'x'",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC",
    )
    login = {"connection_user": role, "connection_password": "x"}
    try:
        found = await told(database, **login, **UPSERT, auto_create="true", delivery_guarantee="exactly-once")
        assert [key for key, _ in found] == ["connection.user", "auto.create", "offsets.table.name"]
        assert all("GRANT" in message for _, message in found)
        for _, message in found:
            await database.execute(message[message.index("GRANT") :])
        assert await told(database, **login, **UPSERT, auto_create="true", delivery_guarantee="exactly-once") == []
    finally:
        await database.execute(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


async def test_a_user_whose_transactions_are_read_only_is_told_so(database: Database) -> None:
    [(key, message)] = await told(
        database, connection_url=database.url + "?options=-c%20default_transaction_read_only=on"
    )
    assert key == "connection.url"
    assert "read-only" in message


async def test_several_topics_are_all_looked_at_and_one_table_once(database: Database) -> None:
    found = await told(database, topics="a,b")
    assert ["table a does" in message or "table b does" in message for _, message in found] == [True, True]
    assert len(await told(database, topics="a,b", table_name_format="one")) == 1


async def test_what_a_check_finds_is_logged_when_the_connector_starts(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    made = await connector(JdbcSinkConnector, {"connection.url": database.url, "topics": "orders"})
    await call(made.start)
    assert "table.name.format: table orders does not exist" in caplog.text


async def test_a_refused_login_is_told_without_the_password(database: Database) -> None:
    [(key, message)] = await told(database, topics="t", connection_user="nobody", connection_password="hush")
    assert key == "connection.url"
    assert "hush" not in message
