"""The bundled connectors of PostgreSQL pass the certificate, on a real server."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import asyncpg
import pytest

from connect.api import INT64, STRING, Record, Schema
from connect.testing.suites import SinkSuite, SourceSuite
from connect_postgres import JdbcSinkConnector, JdbcSourceConnector

pytestmark = pytest.mark.postgres
ROW = Schema.struct({"id": INT64, "name": STRING}, name="row")


def statement(url: str, *statements: str, rows: bool = False) -> list[tuple[Any, ...]]:
    """Run statements in a session of their own; return the rows of the last one."""

    async def run() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(url)
        try:
            for each in statements[: -1 if rows else None]:
                await connection.execute(each)
            return [tuple(row) for row in await connection.fetch(statements[-1])] if rows else []
        finally:
            await connection.close()

    return asyncio.run(run())


def table_of(folder: Path) -> str:
    """The name of a table that is a folder's alone."""
    return "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:12]


class OnServer:
    """Has the server's address, one database for all: each folder has tables of its own."""

    url: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _server(self, postgres_server: str) -> None:
        type(self).url = postgres_server


class TestSource(OnServer, SourceSuite):
    connector = JdbcSourceConnector
    kills = 3

    def make_config(self, folder: Path) -> dict[str, str]:
        table = table_of(folder)
        statement(
            self.url,
            f"CREATE TABLE IF NOT EXISTS {table} (id bigint PRIMARY KEY, name text)",
            f"INSERT INTO {table} SELECT n, 'name ' || n FROM generate_series(1, 60) n ON CONFLICT DO NOTHING",
        )
        return {
            "connection.url": self.url,
            "mode": "incrementing",
            "incrementing.column.name": "id",
            "topic.prefix": "pg-",
            "poll.interval.ms": "50",
            "batch.max.rows": "7",
            "tables": f"public.{table}",
        }


class SinkOnServer(OnServer, SinkSuite):
    """Upserts rows by the key's or the value's id."""

    connector = JdbcSinkConnector
    is_idempotent = True
    kills = 3
    large = 2_000

    def make_config(self, folder: Path) -> dict[str, str]:
        table = table_of(folder)
        statement(
            self.url,
            *(
                f"CREATE TABLE IF NOT EXISTS {table}_{topic} (id bigint PRIMARY KEY, name text, "
                "seen bigint GENERATED ALWAYS AS IDENTITY)"
                for topic in (self.topic, self.other_topic)
            ),
        )
        return {
            "connection.url": self.url,
            "table.name.format": f"public.{table}_${{topic}}",
            "insert.mode": "upsert",
            "pk.mode": "record_value",
            "pk.fields": "id",
            "max.retries": "0",
            "offsets.table.name": f"{table}_offsets",
        }

    def make_record(self, number: int) -> Record:
        return Record(self.topic, {"id": number, "name": f"name {number}"}, value_schema=ROW, key=f"key {number}")

    def typed_record(self, schema: Schema | None, value: Any) -> Record:
        fields = None if schema is None else Schema.struct({"id": INT64, "name": schema}, name="row")
        return Record(self.topic, {"id": 1000, "name": value}, value_schema=fields, key="key")

    def bad_record(self) -> Record:
        return Record(self.topic, {"id": 7000, "name": "a\0b"}, value_schema=ROW, key="bad")

    def read(self, folder: Path) -> list[Any]:
        table = table_of(folder)
        found = []
        for topic in (self.topic, self.other_topic):
            found += statement(self.url, f"SELECT id, name FROM {table}_{topic} ORDER BY seen", rows=True)
        return found

    def as_read(self, record: Record) -> Any:
        value = record.value["name"]
        return record.value["id"], value.isoformat() if isinstance(value, dt.date) else value

    @contextmanager
    def target_down(self, folder: Path) -> Iterator[None]:
        """Nobody may write: as where the server is a standby."""
        user = statement(self.url, "SELECT current_user", rows=True)[0][0]
        statement(self.url, f"ALTER ROLE {user} SET default_transaction_read_only = on")
        terminate(self.url)
        yield
        statement(
            self.url,
            "SET default_transaction_read_only = off",
            f"ALTER ROLE {user} RESET default_transaction_read_only",
        )
        terminate(self.url)


def terminate(url: str) -> None:
    statement(
        url,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'",
    )


class TestSink(SinkOnServer):
    #: A column has one type: `TestTypes` has a column for each.
    test_records_of_every_type_come_back = None


class TestTypes(SinkOnServer):
    """Into tables that the sink makes, so that each type has its column."""

    def make_config(self, folder: Path) -> dict[str, str]:
        table = table_of(folder)
        return {
            "connection.url": self.url,
            "table.name.format": f"public.{table}_${{topic}}",
            "insert.mode": "upsert",
            "pk.mode": "record_value",
            "pk.fields": "id",
            "auto.create": "true",
        }

    def read(self, folder: Path) -> list[Any]:
        return statement(self.url, f"SELECT id, name FROM {table_of(folder)}_{self.topic}", rows=True)

    def as_read(self, record: Record) -> Any:
        return record.value["id"], record.value["name"]


for check in [check for check in dir(SinkSuite) if check.startswith("test_")]:
    if check != "test_records_of_every_type_come_back":
        setattr(TestTypes, check, None)
