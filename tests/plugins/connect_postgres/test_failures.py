"""Failures that no test can bring about at will, made as the driver makes them."""

from __future__ import annotations

import ssl

import asyncpg
import pytest
from asyncpg.exceptions import PostgresError

from connect.api import ConfigError, ConnectError, DataError, EnvironmentFault, RetriableError
from connect_postgres.failures import certificate_refused, explained, translated
from connect_postgres.names import TableName
from connect_postgres.source_config import SourceConfig
from connect_postgres.table_reader import SETTLE_FIRST_WARNING_S, SETTLE_WARNING_S, TableReader

from .conftest import Database


def made(state: str, message: str = "no", **more: str) -> PostgresError:
    error: PostgresError = PostgresError.new({"C": state, "M": message, **more})
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (made("23505", s="pg_catalog", t="pg_type"), RetriableError),  # two sessions made one table
        (made("23505", s="public", t="orders"), DataError),
        (made("XX000", "tuple concurrently updated"), RetriableError),
        (made("XX000", "cache lookup failed"), EnvironmentFault),
        (made("42501", R="aclcheck_error"), ConfigError),
        (made("42501", R="ExecWithCheckOptions"), DataError),
        (made("42804"), ConfigError),
        (made("42804", W="COPY orders, line 2, column v"), DataError),
        (made("0A000", W="COPY orders, line 2"), DataError),
        (made("57P04"), ConfigError),
        (made("25P02"), RetriableError),
    ],
)
def test_what_a_state_means_depends_on_where_it_comes_from(error: PostgresError, kind: type[ConnectError]) -> None:
    assert type(translated("writing", "db", error, writing=True)) is kind


def test_a_read_only_transaction_is_the_configs_where_it_is_read_and_an_outage_where_rows_are_written() -> None:
    assert isinstance(translated("reading", "db", made("25006")), ConfigError)
    assert isinstance(translated("writing", "db", made("25006"), writing=True), RetriableError)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("57014", "postgres.timed_out"),
        ("55P03", "postgres.timed_out"),
        ("25P03", "postgres.timed_out"),
        ("25P04", "postgres.timed_out"),
        ("57P01", "environment.unreachable"),
        ("53300", "environment.unreachable"),
    ],
)
def test_a_timeout_is_tried_again_and_is_told_from_a_server_that_is_away(state: str, code: str) -> None:
    told = translated("writing", "db", made(state), writing=True)
    assert isinstance(told, RetriableError)
    assert told.code == code
    assert ("at db" in told.message) is (code == "environment.unreachable")


def test_a_row_that_refers_to_none_is_told_with_the_statement_that_lets_its_key_wait() -> None:
    error = made("23503", "insert or update on table", s="Sales", t="lines", n="lines_order_fkey")
    told = translated("writing", "db", error, writing=True)
    wanted = 'ALTER TABLE "Sales"."lines" ALTER CONSTRAINT "lines_order_fkey" DEFERRABLE INITIALLY DEFERRED'
    assert wanted in (told.hint or "")
    assert "already" in (told.hint or "")
    gone = made("23503", "update or delete on table", s="Sales", t="lines", n="lines_order_fkey")
    assert "ALTER TABLE" not in (translated("writing", "db", gone, writing=True).hint or "")


def test_detail_which_quotes_the_row_is_not_shown_even_by_the_cause() -> None:
    cause = made("23514", D="Failing row contains (1, hush)")
    assert "hush" not in f"{translated('writing', 'db', cause, writing=True)}{cause}"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (asyncpg.DataError("invalid input for query argument $1"), DataError),
        (asyncpg.UnsupportedClientFeatureError("no"), ConfigError),
        (asyncpg.InterfaceError("connection is closed"), RetriableError),
        (asyncpg.InternalClientError("cannot switch to state 15"), RetriableError),
        (TimeoutError(), RetriableError),
        (ConnectionResetError("reset"), RetriableError),
    ],
)
async def test_the_drivers_own_failures_are_lost_connections_but_for_what_it_cannot_send(
    error: Exception, kind: type[ConnectError]
) -> None:
    with pytest.raises(kind):
        async with explained("reading", "db"):
            raise error


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (ssl.SSLCertVerificationError("self-signed"), True),
        (ssl.SSLError(1, "wrong version number"), True),
        (ssl.SSLEOFError(8, "EOF"), False),
        (ConnectionError("PostgreSQL server at h rejected SSL upgrade"), True),
        (ConnectionResetError("reset"), False),
        (TimeoutError(), False),
    ],
)
def test_tls_that_cannot_be_had_is_told_from_a_connection_that_broke(error: Exception, refused: bool) -> None:
    assert certificate_refused(error) is refused


@pytest.mark.postgres
async def test_a_wait_for_open_transactions_is_told_soon_and_then_each_minute(database: Database) -> None:
    await database.execute("CREATE TABLE orders (id int NOT NULL)")
    config = SourceConfig.parse(
        {"connection.url": database.url, "mode": "incrementing", "incrementing.column.name": "id", "topic.prefix": "p"}
    )
    table_reader = TableReader(config, TableName("orders", "public"), lambda partition: None)
    late, reader = await database.another(), await database.another()
    told = []
    async with late.transaction():
        await late.execute("INSERT INTO orders VALUES (1)")
        await database.execute("INSERT INTO orders VALUES (2)")
        for now in (
            0,
            SETTLE_FIRST_WARNING_S - 1,
            SETTLE_FIRST_WARNING_S,
            30,
            SETTLE_WARNING_S + SETTLE_FIRST_WARNING_S,
        ):
            assert await table_reader.poll(reader, now) is None
            told.append(len(table_reader.notes))
    assert told == [0, 0, 1, 1, 2]
    assert "have waited 5 s for open transactions to end (server process" in table_reader.notes[0][1]
    await late.close()
    await reader.close()


async def test_a_connection_that_ends_between_two_steps_of_the_driver_is_lost(database: Database) -> None:
    # asyncpg looks at what a statement came to, and has nothing: as after an end, so for a statement of nothing.
    with pytest.raises(RetriableError, match=r"looking: the connection to PostgreSQL at db was lost amid a step"):
        async with explained("looking", "db"):
            await database.connection.execute("")
    with pytest.raises(AttributeError, match="nope"):
        async with explained("looking", "db"):
            _ = object().nope  # type: ignore[attr-defined]
