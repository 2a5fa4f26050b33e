"""The sink's own rows after a lost answer; views, policies, generated columns; names that PostgreSQL would change."""

from __future__ import annotations

import logging

import pytest

from connect.api import ConfigError, DataError, RetriableError
from connect_postgres.names import TableName
from tests.support.factories import make_sink_batch
from tests.support.tasks import call, put

from .conftest import Database, Proxy, Start

pytestmark = pytest.mark.postgres
KAFKA = {"insert_mode": "insert", "pk_mode": "kafka"}
UPSERT = {"insert_mode": "upsert", "pk_mode": "record_value", "pk_fields": "id"}
COORDINATES = "__connect_topic text, __connect_partition int, __connect_offset bigint"


async def put_until_answered(task: object, *values: int, base_offset: int = 0) -> int:
    """Put as the runtime does, again after each outage; return how many tries it took."""
    for tries in range(1, 9):
        try:
            await put(task, make_sink_batch([{"id": value} for value in values], base_offset=base_offset))  # type: ignore[arg-type]
        except RetriableError:
            continue
        return tries
    raise AssertionError("not within 8 tries")


@pytest.mark.parametrize("constraint", ["", ", PRIMARY KEY (__connect_topic, __connect_partition, __connect_offset)"])
async def test_a_put_whose_commit_was_not_answered_is_recognised_and_not_written_again(
    database: Database, sink: Start, caplog: pytest.LogCaptureFixture, constraint: str
) -> None:
    await database.execute(f"CREATE TABLE orders ({COORDINATES}, id int{constraint})")
    async with Proxy.closed(database.url) as proxy:
        await proxy.open()
        task = await sink(connection_url=proxy.url, retry_backoff_ms="0", **KAFKA)
        await put(task, make_sink_batch([{"id": 0}]))
        proxy.answers = 0
        assert await put_until_answered(task, 1, 2, 3, base_offset=1) == 2
        await put(task, make_sink_batch([{"id": 4}], base_offset=4))
    assert await database.rows("SELECT __connect_offset, id FROM orders ORDER BY id") == [(n, n) for n in range(5)]
    assert "3 rows of table orders are there already" in caplog.text


async def test_rows_that_came_before_a_restart_are_recognised_and_new_ones_beside_them_written(
    database: Database, sink: Start
) -> None:
    await put(await sink(**KAFKA, auto_create="true"), make_sink_batch([{"id": 0}, {"id": 1}]))
    await put(await sink(**KAFKA), make_sink_batch([{"id": 0}, {"id": 1}, {"id": 2}]))
    assert await database.rows("SELECT id FROM orders ORDER BY id") == [(0,), (1,), (2,)]


async def test_another_unique_rule_is_still_a_data_error(database: Database, sink: Start) -> None:
    await database.execute(
        f"CREATE TABLE orders ({COORDINATES}, id int UNIQUE)", "INSERT INTO orders VALUES ('t', 0, 99, 1)"
    )
    with pytest.raises(DataError, match="orders_id_key"):
        await put(await sink(**KAFKA), make_sink_batch([{"id": 1}]))


@pytest.mark.parametrize("mode", ["upsert", "update"])
async def test_an_upsert_or_update_whose_commit_was_not_answered_comes_to_the_same(
    database: Database, sink: Start, mode: str
) -> None:
    await database.execute("CREATE TABLE orders (id int PRIMARY KEY, v text)", "INSERT INTO orders VALUES (1, 'old')")
    async with Proxy.closed(database.url) as proxy:
        await proxy.open()
        keys = {**UPSERT, "insert_mode": mode}
        task = await sink(connection_url=proxy.url, retry_backoff_ms="0", **keys)
        proxy.answers = 0
        batch = make_sink_batch([{"id": 1, "v": "new"}])
        with pytest.raises(RetriableError):
            await put(task, batch)
        await put(task, batch)
    assert await database.rows("SELECT * FROM orders") == [(1, "new")]


async def test_two_tables_of_one_put_are_written_together_or_not_at_all(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE a (id int)", "CREATE TABLE b (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    task = await sink()
    with pytest.raises(DataError, match=r"writing to table b, record b-0@1.*23505"):  # as late as at the commit
        await call(
            task.put_batches,
            [make_sink_batch([{"id": 1}], topic="a"), make_sink_batch([{"id": 1}, {"id": 1}], topic="b")],
        )
    assert await database.rows("SELECT * FROM a") == []
    await call(task.put_batches, [make_sink_batch([{"id": 1}], topic="a"), make_sink_batch([{"id": 1}], topic="b")])
    assert await database.rows("SELECT a.id, b.id FROM a, b") == [(1, 1)]


@pytest.mark.parametrize("mode", [{}, UPSERT], ids=["insert", "upsert"])
async def test_a_view_that_can_be_written_is_written(database: Database, sink: Start, mode: dict[str, str]) -> None:
    await database.execute(
        "CREATE TABLE base (id int PRIMARY KEY, v text, hidden int DEFAULT 7)",
        "CREATE VIEW orders AS SELECT id, v FROM base",
    )
    await put(await sink(**mode), make_sink_batch([{"id": 1, "v": "a"}]))
    assert await database.rows("SELECT * FROM base") == [(1, "a", 7)]


async def test_a_rule_holds_for_rows_with_and_without_bad_ones_among_them(database: Database, sink: Start) -> None:
    await database.execute(
        "CREATE TABLE orders (id int NOT NULL)",
        "CREATE TABLE seen (id int)",
        "CREATE RULE seen AS ON INSERT TO orders DO ALSO INSERT INTO seen VALUES (NEW.id)",
    )
    task = await sink()
    await put(task, make_sink_batch([{"id": 1}]))
    rows = make_sink_batch([{"id": 2}, {"id": None}, {"id": 3}, {"id": None}])
    with pytest.raises(DataError) as refused:
        await put(task, rows)
    assert [one.index for one in refused.value.failed] == [1, 3]
    await put(task, rows.select([True, False, True, False]))
    assert await database.rows("SELECT (SELECT array_agg(id) FROM orders), (SELECT array_agg(id) FROM seen)") == [
        ([1, 2, 3], [1, 2, 3])
    ]


async def test_what_to_do_about_one_bad_record_is_not_told_of_another_one(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE orders (id int NOT NULL)")
    task = await sink()
    await put(task, make_sink_batch([{"id": 1}]))
    with pytest.raises(DataError) as refused:
        await put(task, make_sink_batch([{"id": None}, {"id": 2, "more": 1}]))
    assert [one.index for one in refused.value.failed] == [0, 1]
    assert "23502" in refused.value.message
    assert "auto.evolve" not in (refused.value.hint or "")


async def test_a_table_with_policies_for_rows_is_written_and_its_policies_hold(database: Database, sink: Start) -> None:
    await database.execute(
        "CREATE ROLE bounded LOGIN",
        "CREATE TABLE orders (id int)",
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
        "GRANT ALL ON orders TO bounded",
        "CREATE POLICY small ON orders USING (true) WITH CHECK (id < 10)",
    )
    try:
        task = await sink(connection_user="bounded")
        await put(task, make_sink_batch([{"id": 1}]))
        with pytest.raises(DataError, match="row-level security policy"):
            await put(task, make_sink_batch([{"id": 11}]))
        assert await database.rows("SELECT id FROM orders") == [(1,)]
    finally:
        await database.disconnect_others()
        await database.execute("DROP OWNED BY bounded", "DROP ROLE bounded")


@pytest.mark.parametrize("mode", [{}, UPSERT], ids=["insert", "upsert"])
async def test_what_the_server_computes_is_left_out_and_said_once_and_an_identity_takes_the_value(
    database: Database, sink: Start, caplog: pytest.LogCaptureFixture, mode: dict[str, str]
) -> None:
    caplog.set_level(logging.INFO)
    await database.execute(
        "CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text, "
        "g int GENERATED ALWAYS AS (length(v)) STORED)"
    )
    task = await sink(**mode)
    await put(task, make_sink_batch([{"id": 5, "v": "abc", "g": 99}]))
    if mode:
        await put(task, make_sink_batch([{"id": 5, "v": "four", "g": 99}]))
    assert caplog.text.count("table public.orders: the server computes g, so the records' values are left out") == 1
    assert await database.rows("SELECT * FROM orders") == [(5, "four", 4) if mode else (5, "abc", 3)]


async def test_a_key_that_the_server_computes_is_refused_with_what_to_do(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE orders (v text, g int GENERATED ALWAYS AS (length(v)) STORED UNIQUE)")
    with pytest.raises(ConfigError, match=r"column g of table public\.orders is GENERATED") as raised:
        await put(await sink(**{**UPSERT, "pk_fields": "g"}), make_sink_batch([{"v": "abc", "g": 3}]))
    assert "pk.fields" in raised.value.hint


async def test_a_key_without_a_constraint_is_told_so_and_nothing_else_is(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE orders (id int)")
    with pytest.raises(ConfigError, match="42P10") as raised:
        await put(await sink(**UPSERT), make_sink_batch([{"id": 1}]))
    assert "UNIQUE constraint on exactly the columns of pk.fields" in raised.value.hint


LONG = "n" * 64


async def test_a_name_that_the_server_would_cut_is_refused(database: Database, sink: Start) -> None:
    task = await sink(auto_create="true", auto_evolve="true")
    with pytest.raises(ConfigError, match="it has 64 bytes, and PostgreSQL takes 63") as raised:
        await put(task, make_sink_batch([{"id": 1, LONG: "x"}]))
    assert "ReplaceField" in raised.value.hint
    for topic in (LONG, "ü" * 32):
        with pytest.raises(ConfigError, match="it has 64 bytes"):
            await put(task, make_sink_batch([{"id": 1}], topic=topic))
    await database.execute("CREATE TABLE orders (id int)")
    with pytest.raises(ConfigError, match="it has 64 bytes"):
        await put(task, make_sink_batch([{"id": 1, LONG: "x"}]))
    await put(task, make_sink_batch([{"id": 1, "n" * 63: "x"}]))


def test_a_name_of_63_bytes_is_taken() -> None:
    assert TableName("ü" * 31 + "n").sql == '"' + "ü" * 31 + 'n"'


async def test_names_without_quotes_are_read_as_the_server_reads_them(database: Database, sink: Start) -> None:
    await database.execute("CREATE TABLE d33 (id int PRIMARY KEY, name text, Ü text)")
    task = await sink(quote_sql_identifiers="never", insert_mode="upsert", pk_mode="record_value", pk_fields="ID")
    await put(task, make_sink_batch([{"ID": 1, "NAME": "x", "Ü": "y"}], topic="D33"))
    assert await database.rows("SELECT * FROM d33") == [(1, "x", "y")]
    with pytest.raises(DataError, match="two fields for column name"):
        await put(task, make_sink_batch([{"ID": 1, "NAME": "x", "name": "y"}], topic="D33"))


async def test_a_whitelist_that_names_no_field_is_a_config_error_with_the_fields(
    database: Database, sink: Start
) -> None:
    await database.execute("CREATE TABLE orders (id int)")
    with pytest.raises(
        ConfigError, match="fields.whitelist is ID,name, the value's fields are id, nAme".replace(",name", ", name")
    ):
        await put(await sink(fields_whitelist="ID,name"), make_sink_batch([{"id": 1, "nAme": "a"}]))


async def test_the_servers_words_are_shown_without_the_row(
    database: Database, sink: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await database.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, secret text)", "INSERT INTO orders VALUES (1, 'x')"
    )
    with pytest.raises(DataError) as raised:
        await put(await sink(), make_sink_batch([{"id": 1, "secret": "hush"}]))
    cause = raised.value.__cause__
    assert "(id)=(1)" not in f"{raised.value}{cause}"
    assert "hush" not in f"{raised.value}{cause}"
