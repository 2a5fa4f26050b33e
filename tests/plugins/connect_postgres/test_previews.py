"""Previews of sinks: what would be written, refused as the real tables would, and the database as it was."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from connect.api import INT64, DataError, Preview, Schema
from connect_postgres import JdbcSinkConnector
from tests.plugins.connect_postgres.conftest import Database
from tests.support.factories import make_sink_batch
from tests.support.tasks import SinkContext

pytestmark = pytest.mark.postgres
ORDER = Schema.struct({"id": INT64, "item": Schema("string", optional=True)}, name="order")
#: All that a preview could leave behind.
_STATE = """
SELECT 'relation', n.nspname || '.' || c.relname || ' ' || c.relkind::text || ' ' || c.oid
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_toast'
UNION ALL SELECT 'sequence', schemaname || '.' || sequencename || ' ' || coalesce(last_value::text, '-')
FROM pg_sequences
UNION ALL SELECT 'slot', slot_name::text || coalesce(confirmed_flush_lsn::text, '') FROM pg_replication_slots
UNION ALL SELECT 'publication', p.pubname || coalesce(t.tablename, '')
FROM pg_publication p LEFT JOIN pg_publication_tables t USING (pubname)
UNION ALL SELECT 'lock', locktype || mode FROM pg_locks WHERE pid <> pg_backend_pid() AND database = (
    SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY 1, 2
"""


async def state_of(database: Database, *tables: str) -> list[Any]:
    """Everything in a database, with the rows of tables."""
    rows: list[Any] = await database.rows(_STATE)
    for table in tables:
        rows += await database.rows(f"SELECT ctid::text, xmin::text, t::text FROM {table} t ORDER BY 1")
    return rows


async def preview(url: str, *batches: Any, **keys: str) -> Preview:
    config = {
        "connection.url": url,
        "topics": "orders",
        **{key.replace("_", "."): value for key, value in keys.items()},
    }
    task = JdbcSinkConnector.task_class()
    task.context = context = SinkContext()  # type: ignore[assignment]
    context.is_preview = True
    task.configure(JdbcSinkConnector.config_class.parse(config))
    found = await task.preview(batches)  # type: ignore[misc]
    task.close()
    return found


def orders(*values: dict[str, Any], **columns: Any) -> Any:
    return make_sink_batch(list(values), value_schema=ORDER, **columns)


async def test_a_table_that_would_be_made_is_told_with_its_statement_and_is_not_there(database: Database) -> None:
    before = await state_of(database)
    found = await preview(database.url, orders({"id": 1, "item": "a"}, {"id": 2, "item": None}), auto_create="true")
    assert [(item.text, item.parameters, list(item.records)) for item in found.items] == [
        ('CREATE TABLE IF NOT EXISTS "orders" ("id" bigint NOT NULL, "item" text)', None, []),
        ('COPY "orders" ("id", "item") FROM STDIN (FORMAT binary)', [[1, "a"], [2, None]], [0, 1]),
    ]
    assert await state_of(database) == before


async def test_an_upsert_is_told_with_the_real_table_and_leaves_its_rows(database: Database) -> None:
    await database.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, item text)", "INSERT INTO orders VALUES (1, 'old')"
    )
    before = await state_of(database, "orders")
    found = await preview(
        database.url,
        orders({"id": 1, "item": "new"}, {"id": 2, "item": "b"}),
        insert_mode="upsert",
        pk_mode="record_value",
        pk_fields="id",
    )
    (item,) = found.items
    assert item.text.startswith(
        'INSERT INTO "public"."orders" ("id", "item") SELECT s."id", s."item" FROM (VALUES ($1, $2))'
    )
    assert item.text.endswith('ON CONFLICT ("id") DO UPDATE SET "item" = EXCLUDED."item"')
    assert (item.parameters, list(item.records)) == ([[1, "new"], [2, "b"]], [0, 1])
    assert await state_of(database, "orders") == before


async def test_a_column_that_would_be_added_is_told(database: Database) -> None:
    await database.execute("CREATE TABLE orders (id bigint)")
    before = await state_of(database, "orders")
    found = await preview(database.url, orders({"id": 1, "item": "a"}), auto_evolve="true")
    assert found.items[0].text == 'ALTER TABLE "public"."orders" ADD COLUMN IF NOT EXISTS "item" text'
    assert await state_of(database, "orders") == before


async def test_sequences_stand_still_and_triggers_do_not_run(database: Database) -> None:
    await database.execute(
        "CREATE SEQUENCE numbers",
        "CREATE TABLE told (n bigint)",
        "CREATE FUNCTION numbered() RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('numbers') $$",
        """CREATE TABLE orders (id bigint NOT NULL, item text, serial bigserial PRIMARY KEY, a smallint NOT NULL
           GENERATED ALWAYS AS IDENTITY, c bigint NOT NULL DEFAULT numbered(), made timestamptz NOT NULL DEFAULT now(),
           twice bigint GENERATED ALWAYS AS (id * 2) STORED)""",
        """CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           INSERT INTO told SELECT nextval('numbers'); RETURN NEW; END $$""",
        "CREATE TRIGGER tells BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION tell()",
        "INSERT INTO orders (id) VALUES (7)",
    )
    before = await state_of(database, "orders", "told")
    found = await preview(database.url, orders({"id": 1, "item": "a"}, {"id": 2, "item": "b"}))
    assert len(found.items) == 1
    assert "triggers of public.orders do not run (tells)" in found.note
    assert "the default of column c of public.orders is not computed" in found.note
    assert await state_of(database, "orders", "told") == before


async def test_what_a_view_is_made_of_does_not_run(database: Database) -> None:
    await database.execute(
        "CREATE SEQUENCE numbers",
        "CREATE TABLE told (n bigint)",
        """CREATE FUNCTION tell() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
           PERFORM pg_notify('told', 'x'); INSERT INTO told VALUES (nextval('numbers')); RETURN 1; END $$""",
        "CREATE VIEW orders AS SELECT tell() AS id, 'a'::text AS item",
    )
    before = await state_of(database, "told")
    found = await preview(database.url, orders({"id": 1, "item": "a"}), insert_mode="insert")
    assert len(found.items) == 1
    assert "not compared with the rows of public.orders, which is a view" in found.note
    assert await state_of(database, "told") == before


@pytest.mark.parametrize(
    ("table", "value", "told"),
    [
        ("id bigint, item text NOT NULL", {"id": 2, "item": None}, "item"),
        ("id bigint CHECK (id < 2), item text", {"id": 2, "item": None}, "orders_id_check"),
        ("id bigint PRIMARY KEY, item text", {"id": 1, "item": "there"}, "orders_pkey"),
        ("id bigint REFERENCES people(id), item text", {"id": 2, "item": None}, "orders_id_fkey"),
        ("id smallint, item text", {"id": 70_000, "item": None}, "id"),
    ],
)
async def test_what_the_real_table_would_refuse_is_refused_by_name(
    database: Database, table: str, value: dict[str, Any], told: str
) -> None:
    await database.execute(
        "CREATE TABLE people (id bigint PRIMARY KEY)",
        "INSERT INTO people VALUES (0), (1)",
        f"CREATE TABLE orders ({table})",
        "INSERT INTO orders VALUES (1, 'there')",
    )
    before = await state_of(database, "orders", "people")
    with pytest.raises(DataError) as caught:
        await preview(database.url, orders({"id": 0, "item": "good"}, value))
    (bad,) = caught.value.failed
    assert bad.index == 1  # type: ignore[union-attr]
    assert told in bad.reason  # type: ignore[union-attr]
    assert "pg_temp" not in bad.reason + caught.value.message  # type: ignore[union-attr]
    assert await state_of(database, "orders", "people") == before


async def test_a_key_that_a_large_table_has_is_found(database: Database) -> None:
    await database.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, item text)",
        "INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 6000) n",
    )
    before = await state_of(database)
    with pytest.raises(DataError) as caught:
        await preview(database.url, orders({"id": 5000, "item": "there"}, {"id": 7000, "item": "new"}))
    assert [(bad.index, bad.details) for bad in caught.value.failed] == [  # type: ignore[union-attr]
        (0, {"sqlstate": "23505", "constraint": "orders_pkey", "table": "public.orders"})
    ]
    assert await state_of(database) == before


async def test_deletes_are_told_and_delete_nothing(database: Database) -> None:
    await database.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, item text)", "INSERT INTO orders VALUES (1, 'old')"
    )
    before = await state_of(database, "orders")
    batch = make_sink_batch([None], keys=[{"id": 1}], key_schema=Schema.struct({"id": INT64}))
    found = await preview(
        database.url, batch, delete_enabled="true", pk_mode="record_key", pk_fields="id", insert_mode="upsert"
    )
    (item,) = found.items
    assert item.text.startswith('DELETE FROM "public"."orders" t USING (VALUES ($1)) s ("id")')
    assert item.parameters == [[1]]
    assert await state_of(database, "orders") == before


async def test_with_offsets_in_the_target_none_are_stored(database: Database) -> None:
    await database.execute("CREATE TABLE orders (id bigint, item text)")
    before = await state_of(database, "orders")
    found = await preview(database.url, orders({"id": 1, "item": "a"}), delivery_guarantee="exactly-once")
    assert "offsets are not stored" in found.note
    assert await state_of(database, "orders") == before


async def test_a_preview_holds_no_lock_that_a_writer_waits_for(database: Database) -> None:
    await database.execute("CREATE TABLE orders (id bigint, item text)")
    other = await asyncpg.connect(database.url)
    try:
        async with other.transaction():
            await other.execute("INSERT INTO orders VALUES (1, 'mine')")
            found = await preview(database.url, orders({"id": 1, "item": "a"}))
        assert len(found.items) == 1
    finally:
        await other.close()
