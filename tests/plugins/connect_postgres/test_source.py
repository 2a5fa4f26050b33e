from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from connect.api import ConfigError, RetriableError
from connect.runtime.tasks.idling import IDLE_WAIT_MIN_S
from connect_postgres import JdbcSourceConnector
from connect_postgres.source import BETWEEN_POLLS_S
from tests.support.tasks import call, connector, poll, source_task

from .conftest import DEADLINE_S, Database, Proxy, Start, drain, ids, polls_nothing, until

pytestmark = pytest.mark.postgres
ORDERS = "CREATE TABLE orders (id bigint PRIMARY KEY, item text)"
CHANGES = "CREATE TABLE orders (id int NOT NULL, changed timestamptz NOT NULL)"
TIMED = {"mode": "timestamp", "timestamp_column_name": "changed"}
PARTITION = {"protocol": "1", "table": "public.orders"}


async def test_incrementing_mode_brings_each_row_once_and_resumes(database: Database, source: Start) -> None:
    await database.execute(ORDERS, "INSERT INTO orders SELECT i, 'item ' || i FROM generate_series(-5, 25) i")
    batches = await drain(await source(batch_max_rows="10"), 31)
    assert [value["id"] for batch in batches for value in batch.values] == list(range(-5, 26))
    assert (batches[0].topic, batches[0].source_partition) == ("pg-orders", PARTITION)
    assert [batch.source_offset for batch in batches] == [{"incrementing": i} for i in (4, 14, 24, 25)]
    await database.execute("INSERT INTO orders VALUES (26, 'new')")
    assert await ids(await source([(PARTITION, {"incrementing": 25})]), 1) == [26]


async def test_a_read_to_the_end_waits_for_the_poll_interval(database: Database, source: Start) -> None:
    await database.execute(ORDERS, "INSERT INTO orders VALUES (1, 'a')")
    task = await source(poll_interval_ms="60000")
    assert await ids(task, 1) == [1]
    await database.execute("INSERT INTO orders VALUES (2, 'b')")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(poll(task), 0.2)


async def test_a_table_is_read_when_the_poll_interval_is_over_however_long_nothing_came(
    database: Database, source: Start
) -> None:
    await database.execute(ORDERS)
    task = await source(poll_interval_ms="40")
    assert task.context.poll_wait_s <= IDLE_WAIT_MIN_S, "the runtime would wait longer each time"
    (reader,) = task._readers
    reads = 0
    while reads < 4:
        due = reader.due
        assert await poll(task) == []
        if reader.due == due:  # it waited, and left the read to the next poll
            assert time.monotonic() >= due - BETWEEN_POLLS_S
        else:
            assert time.monotonic() >= due
            reads += 1
        await asyncio.sleep(task.context.poll_wait_s)
    await database.execute("INSERT INTO orders VALUES (1, 'a')")
    assert await ids(task, 1) == [1]


async def test_bulk_mode_reads_the_whole_table_each_time_and_has_no_offset(database: Database, source: Start) -> None:
    await database.execute(ORDERS, "INSERT INTO orders SELECT i, 'x' FROM generate_series(1, 10) i")
    batches = await drain(await source(mode="bulk", batch_max_rows="5"), 20)
    assert sorted(v["id"] for b in batches for v in b.values) == sorted([*range(1, 11)] * 2)
    assert {len(batch) for batch in batches} == {5}
    assert all(batch.source_offset is None for batch in batches)


@pytest.mark.parametrize("mode", ["bulk", "incrementing"])
async def test_a_task_says_that_it_is_drained_once_each_table_was_read_and_takes_it_back(
    database: Database, source: Start, mode: str
) -> None:
    await database.execute(ORDERS, "INSERT INTO orders SELECT i, 'x' FROM generate_series(1, 10) i")
    await database.execute("CREATE TABLE empty (id bigint PRIMARY KEY, item text)")
    task = await source(mode=mode, batch_max_rows="5", poll_interval_ms="300", tables="public.orders,public.empty")
    said = []
    while not task.context.drained:
        said.append(sum(len(batch) for batch in await poll(task)))
    assert sum(said) == 10
    if mode == "incrementing":
        await database.execute("INSERT INTO orders VALUES (11, 'new')")
    while task.context.drained:
        await poll(task)
    assert not task.context.drained, "it reads again"


async def test_with_a_schedule_the_poll_interval_does_not_count(database: Database, source: Start) -> None:
    await database.execute(ORDERS, "INSERT INTO orders SELECT i, 'x' FROM generate_series(1, 10) i")
    task = await source(mode="bulk", poll_interval_ms="3600000", schedule_cron="0 2 * * *")
    assert len(await drain(task, 20)) == 2


async def test_a_row_of_equal_time_is_not_lost_at_the_edge_of_a_batch(database: Database, source: Start) -> None:
    second = "'2026-01-01T00:00:00Z'::timestamptz + (i / 4) * interval '1 second'"
    await database.execute(CHANGES, f"INSERT INTO orders SELECT i, {second} FROM generate_series(0, 19) i")
    batches = await drain(await source(**TIMED, batch_max_rows="6"), 20)
    assert sorted(v["id"] for b in batches for v in b.values) == list(range(20))
    for number, batch in enumerate(batches):  # as if the worker died behind each batch
        seen = {v["id"] for b in batches[: number + 1] for v in b.values}
        resumed = await source([(PARTITION, batch.source_offset)], **TIMED)
        left = 20 - len(seen)
        again = set(await ids(resumed, left)) if left else set()
        assert seen | again == set(range(20)), f"after batch {number}"


async def test_timestamp_and_incrementing_brings_new_and_changed_rows_once(database: Database, source: Start) -> None:
    await database.execute(
        "CREATE TABLE orders (id int NOT NULL, changed timestamp NOT NULL)",
        "INSERT INTO orders VALUES (1, '2026-01-01'), (2, '2026-01-01')",
    )
    task = await source(mode="timestamp+incrementing", timestamp_column_name="changed", batch_max_rows="1")
    batches = await drain(task, 2)
    assert batches[0].source_offset == {"incrementing": 1, "timestamp": 1767225600000, "timestamp_nanos": 0}
    await database.execute(
        "UPDATE orders SET changed = '2026-01-02' WHERE id = 1", "INSERT INTO orders VALUES (3, '2026-01-02')"
    )
    assert await ids(task, 2) == [1, 3]
    assert await ids(
        await source(
            [(PARTITION, batches[0].source_offset)], mode="timestamp+incrementing", timestamp_column_name="changed"
        ),
        3,
    ) == [2, 1, 3]


async def test_the_first_timestamp_that_is_not_null_counts(database: Database, source: Start) -> None:
    await database.execute(
        "CREATE TABLE orders (id int, changed timestamptz, made timestamptz NOT NULL)",
        "INSERT INTO orders VALUES (1, NULL, '2026-01-03'), (2, '2026-01-02', '2026-01-01')",
    )
    assert await ids(await source(mode="timestamp", timestamp_column_name="changed,made"), 2) == [2, 1]


async def test_microseconds_survive_in_the_offset(database: Database, source: Start) -> None:
    await database.execute(CHANGES, "INSERT INTO orders VALUES (1, '2026-01-01T00:00:00.123456Z')")
    task = await source(**TIMED)
    (batch,) = await drain(task, 1)
    assert batch.source_offset == {"timestamp": 1767225600123, "timestamp_nanos": 123456000}
    assert await polls_nothing(await source([(PARTITION, batch.source_offset)], **TIMED), times=3)


@pytest.mark.parametrize(
    "partition",
    [
        PARTITION,
        {"protocol": "1", "table": "DATABASE.public.orders"},
        {"protocol": "1", "table": "orders"},
        {"table": "orders"},
    ],
)
async def test_offsets_of_the_jdbc_connector_are_found(
    database: Database, source: Start, partition: dict[str, str]
) -> None:
    await database.execute(ORDERS, "INSERT INTO orders VALUES (1, 'a'), (2, 'b')")
    partition = {**partition, "table": partition["table"].replace("DATABASE", database.url.rpartition("/")[2])}
    (batch,) = await drain(await source([(partition, {"incrementing": 1})]), 1)
    assert (batch.values[0]["id"], batch.source_partition) == (2, partition)


@pytest.mark.parametrize(("initial", "expected"), [("1767225600000", [2]), ("-1", [])])
async def test_timestamp_initial_says_where_to_begin(
    database: Database, source: Start, initial: str, expected: list[int]
) -> None:
    await database.execute(CHANGES, "INSERT INTO orders VALUES (1, '2025-12-31'), (2, '2026-01-02')")
    task = await source(**TIMED, timestamp_initial=initial)
    assert await ids(task, len(expected)) == expected
    assert await polls_nothing(task)


async def test_rows_younger_than_the_delay_wait(database: Database, source: Start) -> None:
    await database.execute(CHANGES, "INSERT INTO orders VALUES (1, now() - interval '1 hour'), (2, now())")
    task = await source(**TIMED, timestamp_delay_interval_ms="600000")
    assert await ids(task, 1) == [1]
    assert await polls_nothing(task)


async def test_a_query_is_read_under_the_prefix_as_its_topic(database: Database, source: Start) -> None:
    await database.execute(ORDERS, "INSERT INTO orders VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    query = "SELECT id, upper(item) AS item FROM orders WHERE item <> 'b' -- not b"
    (batch,) = await drain(await source(query=query, tables="", topic_prefix="picked"), 2)
    assert batch.values == [{"id": 1, "item": "A"}, {"id": 3, "item": "C"}]
    assert (batch.topic, batch.source_partition, batch.source_offset) == (
        "picked",
        {"query": "query"},
        {"incrementing": 3},
    )


async def test_a_view_and_a_partitioned_table_are_read(database: Database, source: Start) -> None:
    await database.execute(
        "CREATE TABLE parts (id int NOT NULL) PARTITION BY RANGE (id)",
        "CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE high PARTITION OF parts FOR VALUES FROM (10) TO (20)",
        "INSERT INTO parts VALUES (11), (1)",
        "CREATE VIEW orders AS SELECT id FROM parts",
    )
    assert await ids(await source(validate_non_null="false"), 2) == [1, 11]
    assert await ids(await source(tables="public.parts"), 2) == [1, 11]


async def test_a_column_that_was_added_comes_with_the_next_read(database: Database, source: Start) -> None:
    await database.execute(ORDERS, "INSERT INTO orders VALUES (1, 'a')")
    task = await source()
    await ids(task, 1)
    await database.execute("ALTER TABLE orders ADD COLUMN extra int", "INSERT INTO orders VALUES (2, 'b', 5)")
    (batch,) = await drain(task, 1)
    assert batch.values == [{"id": 2, "item": "b", "extra": 5}]


async def test_several_tables_are_read_in_turn(database: Database, source: Start) -> None:
    for table in ("orders", '"Odd, name"'):
        await database.execute(
            f"CREATE TABLE {table} (id int NOT NULL)", f"INSERT INTO {table} SELECT generate_series(1, 7)"
        )
    task = await source(tables="public.orders,public.Odd%2C%20name", batch_max_rows="3")
    batches = await drain(task, 14)
    assert {batch.topic: max(v["id"] for v in batch.values) for batch in batches} == {"pg-orders": 7, "pg-Odd, name": 7}


async def test_a_lost_connection_is_retriable_and_loses_nothing(database: Database, source: Start) -> None:
    await database.execute(ORDERS, "INSERT INTO orders SELECT i, 'x' FROM generate_series(1, 30) i")
    task = await source(batch_max_rows="10")
    seen = await ids(task, 10)
    await database.disconnect_others()
    try:
        seen += await ids(task, 20)
    except RetriableError as error:
        assert error.code == "environment.unreachable"
        seen += await ids(task, 30 - len(seen))
    assert seen == list(range(1, 31))


# -- what is wrong outside -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "mentions"),
    [
        ({"incrementing_column_name": "no_such"}, "has no column 'no_such'; it has id, note, made"),
        ({"incrementing_column_name": "ID"}, "has no column 'ID'"),
        ({"incrementing_column_name": "note"}, "must be a column of whole numbers; 'note' is text"),
        ({"incrementing_column_name": "maybe"}, "incrementing column 'maybe' may be null"),
        ({"mode": "timestamp", "timestamp_column_name": "made"}, r"every timestamp column may be null \(made\)"),
        ({"mode": "timestamp", "timestamp_column_name": "id"}, "must be a timestamp; 'id' is integer"),
    ],
)
async def test_a_column_that_does_not_do_is_named(
    database: Database, source: Start, keys: dict[str, str], mentions: str
) -> None:
    await database.execute("CREATE TABLE orders (id int NOT NULL, note text, made timestamp, maybe int)")
    task = await source(**keys)
    with pytest.raises(ConfigError, match=mentions):
        await poll(task)


async def test_rows_with_null_are_left_out_where_that_was_agreed_to(database: Database, source: Start) -> None:
    await database.execute("CREATE TABLE orders (id int)", "INSERT INTO orders VALUES (NULL), (1)")
    assert await ids(await source(validate_non_null="false"), 1) == [1]


async def test_a_wrong_query_is_told_with_the_servers_words(database: Database, source: Start) -> None:
    task = await source(query="SELECT nothing FROM nowhere", tables="")
    with pytest.raises(ConfigError, match=r'reading the query: relation "nowhere" does not exist \(SQLSTATE 42P01\)'):
        await poll(task)


async def test_a_table_that_was_dropped_is_told(database: Database, source: Start) -> None:
    task = await source()
    with pytest.raises(ConfigError, match=r"table public\.orders does not exist any more"):
        await poll(task)


def failing(url: str) -> dict[str, str]:
    return {"connection.url": url, "mode": "bulk", "topic.prefix": "pg-", "tables": "public.orders"}


async def test_a_server_that_is_not_there_is_retriable_and_tells_no_password() -> None:
    with pytest.raises(
        RetriableError, match=r"PostgreSQL at postgresql://me:\[hidden\]@127.0.0.1:1/db cannot be reached"
    ) as raised:
        await source_task(JdbcSourceConnector, failing("postgresql://me:s3cret@127.0.0.1:1/db"))
    assert raised.value.code == "environment.unreachable"
    assert "s3cret" not in str(raised.value)


async def test_a_database_or_user_that_is_not_there_is_a_config_error(database: Database) -> None:
    for url in (database.url.rpartition("/")[0] + "/nowhere", database.url.replace("postgres@", "nobody:s3cret@")):
        with pytest.raises(ConfigError, match="refuses the connection") as raised:
            await source_task(JdbcSourceConnector, failing(url))
        assert raised.value.config_path == "connection.url"
        assert "s3cret" not in str(raised.value)


# -- the connector -------------------------------------------------------------------------------------------------


async def started(database: Database, **keys: str) -> Any:
    made = await connector(
        JdbcSourceConnector,
        {"connection.url": database.url, "mode": "bulk", "topic.prefix": "pg-", "connection.attempts": "1", **keys},
    )
    await call(made.start)
    await call(made.stop)
    return made


async def test_tables_are_divided_among_tasks(database: Database) -> None:
    await database.execute(*(f"CREATE TABLE t{number} (id int)" for number in range(5)))
    made = await started(database)
    assert [config["tables"] for config in made.task_configs(2)] == [
        "public.t0,public.t2,public.t4",
        "public.t1,public.t3",
    ]
    assert len(made.task_configs(9)) == 5


async def test_a_query_is_one_task(database: Database) -> None:
    made = await started(database, query="SELECT 1")
    assert len(made.task_configs(4)) == 1


async def test_a_table_that_does_not_exist_is_refused_with_those_there_are(database: Database) -> None:
    await database.execute("CREATE TABLE customers (id int)")
    with pytest.raises(ConfigError, match=r"table orders does not exist in .*; there are public.customers"):
        await started(database, **{"table.whitelist": "orders"})
    with pytest.raises(ConfigError, match=r"table ord\.\* does not exist"):
        await started(database, **{"table.include.list": "ord.*"})


async def test_two_tables_of_one_name_would_share_a_topic(database: Database) -> None:
    await database.execute(
        "CREATE SCHEMA a", "CREATE SCHEMA b", "CREATE TABLE a.t (id int)", "CREATE TABLE b.t (id int)"
    )
    with pytest.raises(ConfigError, match=r"tables a\.t, b\.t would share topic pg-t"):
        await started(database)
    assert (await started(database, **{"schema.pattern": "a"})).task_configs(1)[0]["tables"] == "a.t"


async def test_a_connector_whose_server_is_away_waits_for_it_and_then_finds_its_tables(database: Database) -> None:
    await database.execute("CREATE TABLE orders (id int)")
    async with Proxy.closed(database.url) as proxy:
        made = await connector(
            JdbcSourceConnector,
            {"connection.url": proxy.url, "mode": "bulk", "topic.prefix": "pg-", "connection.backoff.ms": "20"},
        )
        await call(made.start)
        try:
            assert made.task_configs(1) == []
            assert "cannot be reached" in (made.context.waiting_for or "")
            await proxy.open()
            await until(lambda: made.context.reconfigurations)
            assert made.context.waiting_for is None
            assert [one["tables"] for one in made.task_configs(1)] == ["public.orders"]
        finally:
            await call(made.stop)


async def test_a_look_for_tables_that_the_server_does_not_answer_is_an_outage(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await connector(JdbcSourceConnector, {"connection.url": database.url, "mode": "bulk", "topic.prefix": "pg-"})
    monkeypatch.setattr("connect_postgres.connection.LOOK_TIMEOUT_S", 0.05)
    monkeypatch.setattr("connect_postgres.catalog._TABLES", 'SELECT pg_sleep(60), $1::"char"[], $2::text')
    for look in (made._first_look, made._look):
        with pytest.raises(RetriableError, match=r"looking for tables: .*connection"):
            await asyncio.wait_for(look(), DEADLINE_S)


async def test_a_connector_that_waited_tells_what_its_start_would_have_told(database: Database) -> None:
    await database.execute("CREATE TABLE orders (id int)")
    async with Proxy.closed(database.url) as proxy:
        made = await connector(
            JdbcSourceConnector,
            {
                "connection.url": proxy.url,
                "mode": "bulk",
                "topic.prefix": "pg-",
                "connection.backoff.ms": "20",
                "table.whitelist": "nowhere",
            },
        )
        await call(made.start)
        try:
            await proxy.open()
            await until(lambda: made.context.errors)
            assert "table nowhere does not exist" in str(made.context.errors[0])
        finally:
            await call(made.stop)
