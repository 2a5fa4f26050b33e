"""One table that cannot be read does not stop the others.

What reads changes nothing; standbys are told from primaries.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from bench.embedded_postgres import PostgresUnavailable, start_postgres
from connect.api import ConfigError, RetriableError
from connect_postgres import JdbcSourceConnector
from connect_postgres.query import describe_query
from connect_postgres.source_config import SourceConfig
from tests.support.tasks import call, connector, poll, source_task, stop

from .conftest import DEADLINE_S, Database, Start, drain, ids, until

pytestmark = pytest.mark.postgres
TWO = (
    "CREATE TABLE good (id int PRIMARY KEY)",
    "CREATE TABLE bad (id int PRIMARY KEY)",
    "INSERT INTO good VALUES (1), (2)",
    "INSERT INTO bad VALUES (7)",
)
BOTH = {"tables": "public.bad,public.good"}


async def polled(task: Any, count: int) -> list[tuple[str, int]]:
    return [(batch.topic, value["id"]) for batch in await drain(task, count) for value in batch.values]


async def test_a_table_without_rights_is_told_while_the_other_is_read_and_comes_when_it_may(
    database: Database, source: Start, caplog: pytest.LogCaptureFixture
) -> None:
    await database.execute(*TWO, "CREATE ROLE reader LOGIN", "GRANT SELECT ON good TO reader")
    try:
        task = await source(**BOTH, connection_user="reader")
        assert await polled(task, 2) == [("pg-good", 1), ("pg-good", 2)]
        assert "table public.bad cannot be read, and the others are read on; next try in 1 s" in caplog.text
        assert "permission denied" in caplog.text
        await database.execute("GRANT SELECT ON bad TO reader", "INSERT INTO good VALUES (3)")
        assert sorted(await polled(task, 2)) == [("pg-bad", 7), ("pg-good", 3)]
    finally:
        await database.disconnect_others()
        await database.execute("DROP OWNED BY reader", "DROP ROLE reader")


async def test_a_table_that_is_dropped_stops_no_other_and_comes_back_with_its_table(
    database: Database, source: Start
) -> None:
    await database.execute(*TWO)
    task = await source(**BOTH)
    await polled(task, 3)
    await database.execute("DROP TABLE bad", "INSERT INTO good VALUES (3)")
    assert await polled(task, 1) == [("pg-good", 3)]
    await database.execute("CREATE TABLE bad (id int PRIMARY KEY)", "INSERT INTO bad VALUES (8)")
    assert await polled(task, 1) == [("pg-bad", 8)]


async def test_a_row_that_cannot_be_read_stops_no_other_table(database: Database, source: Start) -> None:
    await database.execute(*TWO, "ALTER TABLE bad ADD d date DEFAULT 'infinity'")
    assert await polled(await source(**BOTH), 2) == [("pg-good", 1), ("pg-good", 2)]


async def test_when_no_table_is_left_the_task_fails_with_the_reason(database: Database, source: Start) -> None:
    await database.execute(*TWO)
    task = await source(**BOTH)
    await polled(task, 3)
    await database.execute("DROP TABLE bad, good")
    with pytest.raises(ConfigError, match=r"table public\.(good|bad) does not exist any more"):
        await drain(task, 1)


async def test_a_table_that_is_locked_lets_the_others_be_read(database: Database, source: Start) -> None:
    await database.execute(*TWO)
    name = database.url.rpartition("/")[2]
    await database.execute(f"ALTER DATABASE \"{name}\" SET lock_timeout = '50ms'")
    locker = await database.another()
    async with locker.transaction():
        await locker.execute("LOCK TABLE bad IN ACCESS EXCLUSIVE MODE")
        task = await source(**BOTH)
        with pytest.raises(RetriableError, match="SQLSTATE 55P03"):
            await poll(task)
        assert await polled(task, 2) == [("pg-good", 1), ("pg-good", 2)]
    await locker.close()
    assert await polled(task, 1) == [("pg-bad", 7)]


async def test_a_table_of_the_whitelist_that_is_missing_stops_no_other(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await database.execute(*TWO, "CREATE VIEW seen AS SELECT 1 AS id")
    given = {"connection.url": database.url, "mode": "bulk", "topic.prefix": "p", "table.whitelist": "good,seen"}
    made = await connector(JdbcSourceConnector, given)
    await call(made.start)
    await call(made.stop)
    assert [one["tables"] for one in made.task_configs(2)] == ["public.good"]
    assert "table seen does not exist" in caplog.text
    assert "table.types=TABLE" in caplog.text


async def test_a_pattern_that_fits_no_schema_is_named(database: Database) -> None:
    await database.execute(*TWO)
    made = await connector(
        JdbcSourceConnector,
        {
            "connection.url": database.url,
            "mode": "bulk",
            "topic.prefix": "p",
            "table.whitelist": "good",
            "schema.pattern": "nowhere",
        },
    )
    with pytest.raises(ConfigError, match=r"schema\.pattern=nowhere") as raised:
        await call(made.start)
    assert "schema.pattern" in raised.value.hint


async def test_a_table_that_comes_later_never_shares_the_topic_of_another(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await database.execute("CREATE SCHEMA z", "CREATE TABLE z.t (id int)")
    given = {"connection.url": database.url, "mode": "bulk", "topic.prefix": "p", "table.poll.interval.ms": "20"}
    made = await connector(JdbcSourceConnector, given)
    await call(made.start)
    try:
        await database.execute("CREATE SCHEMA a", "CREATE TABLE a.t (id int)", "CREATE TABLE a.u (id int)")
        await until(lambda: made.context.reconfigurations)
        await until(lambda: "a.u" in made.task_configs(1)[0]["tables"])
        assert made.task_configs(1)[0]["tables"] == "a.u,z.t"
        assert "tables a.t are not read" in caplog.text
    finally:
        await call(made.stop)


# -- columns that are found ----------------------------------------------------------------------------------------

NUMBERED = ["serial", "bigint GENERATED ALWAYS AS IDENTITY", "int GENERATED BY DEFAULT AS IDENTITY"]


@pytest.mark.parametrize("kind", NUMBERED)
async def test_the_column_that_the_server_numbers_is_the_incrementing_one(
    database: Database, source: Start, kind: str
) -> None:
    await database.execute(
        f"CREATE TABLE orders (other int, id {kind} NOT NULL)", "INSERT INTO orders VALUES (7, DEFAULT), (6, DEFAULT)"
    )
    task = await source(incrementing_column_name="")
    (batch,) = await drain(task, 2)
    assert ([value["id"] for value in batch.values], batch.source_offset) == ([1, 2], {"incrementing": 2})


async def test_a_table_without_a_column_that_the_server_numbers_is_named(database: Database, source: Start) -> None:
    await database.execute("CREATE TABLE orders (id int NOT NULL)")
    with pytest.raises(ConfigError, match=r"table public\.orders has no column that the server numbers .* it has id"):
        await poll(await source(incrementing_column_name=""))


async def test_tables_may_have_columns_of_their_own(database: Database, source: Start) -> None:
    await database.execute(
        "CREATE TABLE good (id int NOT NULL, gid int NOT NULL, a timestamp, b timestamp)",
        "CREATE TABLE bad (id int NOT NULL, t timestamp)",
        "INSERT INTO good VALUES (5, 1, null, '2024-01-01'), (4, 2, '2024-01-02', null)",
        "INSERT INTO bad VALUES (9, '2024-01-01')",
    )
    task = await source(
        **BOTH,
        mode="timestamp+incrementing",
        incrementing_column_name="",
        incrementing_column_mapping="public.good:gid,.*bad:id",
        timestamp_columns_mapping="good:[a|b],bad:[t]",
        validate_non_null="false",
    )
    batches = await drain(task, 3)
    assert [value["id"] for batch in batches for value in batch.values] == [9, 5, 4]
    assert [(batch.source_offset or {})["incrementing"] for batch in batches] == [9, 2]


async def test_a_partition_that_is_named_is_read_by_itself(database: Database) -> None:
    await database.execute(
        "CREATE TABLE whole (id int) PARTITION BY RANGE (id)", "CREATE TABLE part PARTITION OF whole DEFAULT"
    )
    given = {"connection.url": database.url, "mode": "bulk", "topic.prefix": "p"}
    for more, chosen in (({"table.whitelist": "part"}, "public.part"), ({}, "public.whole")):
        made = await connector(JdbcSourceConnector, {**given, **more})
        await call(made.start)
        await call(made.stop)
        assert [one["tables"] for one in made.task_configs(9)] == [chosen]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"table.whitelist": "seen"}, "But seen is a VIEW"),
        (
            {"table.whitelist": "good", "catalog.pattern": "nowhere"},
            "as far as catalog.pattern=nowhere and table",
        ),
    ],
)
async def test_a_table_that_is_there_and_not_chosen_is_told_with_the_reason(
    database: Database, keys: dict[str, str], told: str
) -> None:
    await database.execute(*TWO, "CREATE VIEW seen AS SELECT 1 AS id")
    given = {"connection.url": database.url, "mode": "bulk", "topic.prefix": "p"}
    made = await connector(JdbcSourceConnector, {**given, **keys})
    with pytest.raises(ConfigError) as raised:
        await call(made.start)
    assert told in raised.value.message


async def test_a_catalog_pattern_that_fits_the_database_chooses_its_tables(database: Database) -> None:
    await database.execute(*TWO)
    given = {"connection.url": database.url, "mode": "bulk", "topic.prefix": "p", "catalog.pattern": "te%"}
    made = await connector(JdbcSourceConnector, given)
    await call(made.start)
    await call(made.stop)
    assert [one["tables"] for one in made.task_configs(1)] == ["public.bad,public.good"]


# -- what is not read is told --------------------------------------------------------------------------------------


async def test_a_table_that_cannot_be_read_is_what_the_task_waits_for_until_it_can(
    database: Database, source: Start
) -> None:
    await database.execute(*TWO)
    task = await source(**BOTH)
    await polled(task, 3)
    assert task.context.waiting_for is None
    await database.execute("DROP TABLE bad", "INSERT INTO good VALUES (3)")
    await polled(task, 1)
    while task.context.waiting_for is None:
        await poll(task)
    assert "table public.bad cannot be read, and is tried again: table public.bad does not exist" in (
        task.context.waiting_for
    )
    await database.execute("CREATE TABLE bad (id int PRIMARY KEY)")
    deadline = time.monotonic() + DEADLINE_S
    while task.context.waiting_for is not None:
        await poll(task)
        assert time.monotonic() < deadline


async def test_rows_that_wait_for_an_open_transaction_are_what_the_task_waits_for(
    database: Database, source: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connect_postgres.table_reader.SETTLE_FIRST_WARNING_S", 0.05)
    await database.execute(
        "CREATE TABLE other (id int)",
        "CREATE TABLE orders (id int NOT NULL, changed timestamptz NOT NULL)",
        "INSERT INTO orders VALUES (1, now())",
    )
    writer = await database.another()
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute("INSERT INTO other VALUES (1)")
    task = await source(mode="timestamp", timestamp_column_name="changed")
    deadline = time.monotonic() + DEADLINE_S
    while task.context.waiting_for is None:
        assert await poll(task) == []
        assert time.monotonic() < deadline
    told = task.context.waiting_for
    assert "new rows of table public.orders have waited" in told
    assert f"server process {writer.get_server_pid()}" in told
    await transaction.rollback()
    assert await ids(task, 1) == [1]
    assert task.context.waiting_for is None
    await writer.close()


# -- what reads changes nothing ------------------------------------------------------------------------------------

HARM = "CREATE FUNCTION harm() RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM victim; RETURN 1; END'"


async def victim(database: Database) -> None:
    await database.execute(
        "CREATE TABLE victim (id int)", "INSERT INTO victim VALUES (1)", HARM, "CREATE SEQUENCE numbers"
    )


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1) AS a; DELETE FROM victim; SELECT * FROM (SELECT 1",
        "SELECT 1 AS id) AS a; COMMIT; DROP TABLE victim; SELECT * FROM (SELECT 2 AS id",
        "SELECT harm() AS id",
        "WITH gone AS (DELETE FROM victim RETURNING id) SELECT id FROM gone",
        "DELETE FROM victim RETURNING id",
        "SELECT nextval('numbers') AS id",
    ],
)
async def test_a_query_changes_nothing_when_it_is_looked_at_and_nothing_when_it_is_read(
    database: Database, source: Start, query: str
) -> None:
    await victim(database)
    reader = await database.another()
    with contextlib.suppress(asyncpg.PostgresError, ConfigError):
        await describe_query(reader, query)
    await reader.close()
    given = {"connection.url": database.url, "mode": "bulk", "topic.prefix": "p", "query": query}
    try:
        made = await connector(JdbcSourceConnector, given)
        await call(made.check)
        task = await source_task(JdbcSourceConnector, given)
    except ConfigError as error:
        assert "statements" in error.message
    else:
        with pytest.raises(ConfigError):
            await poll(task)
        await stop(task)
    assert await database.rows("SELECT count(*) FROM victim") == [(1,)]
    assert await database.rows("SELECT is_called FROM numbers") == [(False,)]


async def test_a_query_that_would_change_data_is_told_that_it_is_read_only(database: Database, source: Start) -> None:
    await victim(database)
    task = await source(query="SELECT id FROM victim FOR UPDATE", tables="", mode="bulk")
    with pytest.raises(ConfigError, match="SQLSTATE 25006") as raised:
        await poll(task)
    assert "read-only transaction" in raised.value.hint


async def test_a_semicolon_and_a_comment_at_the_end_of_a_query_do_no_harm(database: Database, source: Start) -> None:
    await victim(database)
    assert await ids(await source(query="SELECT id FROM victim; -- all of it", tables="", mode="bulk"), 1) == [1]


async def test_a_timeout_for_idle_transactions_holds_for_reads_alone(database: Database, source: Start) -> None:
    await database.execute("CREATE TABLE orders (id int NOT NULL)", "INSERT INTO orders SELECT generate_series(1, 10)")
    task = await source(batch_max_rows="2")
    await poll(task)
    connection = task._connection
    assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "5min"
    await drain(task, 8)
    assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "0"


# -- standbys ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def standby() -> Iterator[str]:
    """A server that is in recovery for good, with a table of two rows: a standby without a primary."""
    try:
        with tempfile.TemporaryDirectory(prefix="connect-test-") as directory:
            data = Path(directory) / "postgres"
            with start_postgres(data, settings={"fsync": "off"}) as url:
                asyncio.run(
                    _execute(url, "CREATE TABLE orders (id int NOT NULL)", "INSERT INTO orders VALUES (1), (2)")
                )
            (data / "standby.signal").touch()
            with start_postgres(data, settings={"fsync": "off"}) as url:
                yield url
    except PostgresUnavailable as error:
        pytest.skip(f"PostgreSQL: {error}")


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


def on(url: str, **keys: str) -> dict[str, str]:
    return {
        "connection.url": url,
        "mode": "incrementing",
        "incrementing.column.name": "id",
        "topic.prefix": "p-",
        **keys,
    }


async def test_a_mode_that_must_know_who_writes_is_refused_on_a_standby(standby: str) -> None:
    made = await connector(JdbcSourceConnector, on(standby))
    with pytest.raises(
        ConfigError, match="is a standby, where open transactions of the primary cannot be waited for"
    ) as raised:
        await call(made.start)
    assert "targetServerType=primary" in raised.value.hint
    [problem] = await call(made.check)
    assert (problem.key, "is a standby" in problem.message) == ("connection.url", True)
    with pytest.raises(ConfigError, match="is a standby"):
        await source_task(JdbcSourceConnector, on(standby, tables="public.orders"))


async def test_a_server_that_becomes_a_standby_is_a_failover_and_waited_for(
    database: Database, source: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def demoted(connection: asyncpg.Connection, config: SourceConfig) -> bool:
        return True

    await database.execute("CREATE TABLE good (id int PRIMARY KEY)", "INSERT INTO good VALUES (1)")
    task = await source(tables="public.good")
    assert await ids(task, 1) == [1]
    with monkeypatch.context() as patch:
        patch.setattr("connect_postgres.source.is_standby", demoted)
        await database.disconnect_others()
        await until(lambda: task._connection.is_closed())
        with pytest.raises(RetriableError, match="is a standby now; waiting for the primary"):
            await drain(task, 1)
    await database.execute("INSERT INTO good VALUES (2)")
    assert await ids(task, 1) == [2]


@pytest.mark.parametrize("keys", [{"mode": "bulk"}, {"open.transactions.wait.ms": "0"}], ids=["bulk", "no wait"])
async def test_other_reads_go_on_a_standby(standby: str, keys: dict[str, str]) -> None:
    task = await source_task(JdbcSourceConnector, on(standby, tables="public.orders", **keys))
    assert await ids(task, 2) == [1, 2]
    await stop(task)


async def test_the_primary_is_found_among_several_hosts_and_a_standby_if_that_is_wanted(
    database: Database, standby: str
) -> None:
    own = database.url.rpartition("/")[0] + "/postgres"
    await _execute(
        own, "CREATE TABLE IF NOT EXISTS orders (id int NOT NULL)", "TRUNCATE orders", "INSERT INTO orders VALUES (7)"
    )
    primary, other = own.rpartition("@")[2], standby.rpartition("@")[2].partition("/")[0]
    url = f"postgresql://postgres@{other},{primary}"
    task = await source_task(JdbcSourceConnector, on(f"{url}?targetServerType=primary", tables="public.orders"))
    assert await ids(task, 1) == [7]
    await stop(task)
    await _execute(own, "DROP TABLE orders")
    nowhere = f"postgresql://postgres@127.0.0.1:1,{other}/postgres"
    for kind in ("preferSecondary", "preferPrimary", "any"):
        task = await source_task(
            JdbcSourceConnector, on(f"{nowhere}?targetServerType={kind}", mode="bulk", tables="public.orders")
        )
        assert await ids(task, 2) == [1, 2]
        await stop(task)
    with pytest.raises(RetriableError, match="is of the kind that is asked for: primary"):
        await source_task(JdbcSourceConnector, on(f"{nowhere}?targetServerType=primary", tables="public.orders"))
