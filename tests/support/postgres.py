"""A real PostgreSQL for tests: one server a run, one database a test."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from bench.embedded_postgres import PostgresUnavailable, start_postgres

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of the server's own database."""
    try:
        # Not pytest's own folder: that is closed to the user that the server runs as where the tests run as root.
        with (
            tempfile.TemporaryDirectory(prefix="connect-test-") as directory,
            start_postgres(Path(directory) / "postgres", settings={"fsync": "off"}) as url,
        ):
            yield url
    except PostgresUnavailable as error:
        pytest.skip(f"PostgreSQL: {error}")


@pytest.fixture
async def postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """The URL of a fresh database."""
    name = f"test_{next(_numbers)}"
    connection = await asyncpg.connect(postgres_server)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    yield postgres_server.rpartition("/")[0] + f"/{name}"
