"""A real PostgreSQL for tests: one server a run, one database a test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from bench.embedded_postgres import PostgresUnavailable, start_postgres

_numbers = itertools.count()
#: A database takes some 8 MB: those of a run fit well into the memory of a machine that has this much to spare.
_MEMORY = Path("/dev/shm")
_MEMORY_FREE_MIN = 8 << 30


def memory_folder() -> str | None:
    """Where the server's files are: in memory where the system has some, since hundreds of databases are made."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _MEMORY_FREE_MIN
    return str(_MEMORY) if roomy else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of the server's own database."""
    try:
        # Not pytest's own folder: that is closed to the user that the server runs as where the tests run as root.
        with (
            tempfile.TemporaryDirectory(prefix="connect-test-", dir=memory_folder()) as directory,
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
    # Copying the template's files is quicker than its way through the write-ahead log, which nobody here replays.
    await connection.execute(f'CREATE DATABASE "{name}" STRATEGY FILE_COPY')
    await connection.close()
    yield postgres_server.rpartition("/")[0] + f"/{name}"
